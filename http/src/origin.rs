//! What a browser is not to be made to do: pages of others can send requests to any address that the browser reaches, and give a
//! name of their own to it (DNS rebinding). Where a password is wanted they get nowhere, unless the browser has one to show by itself;
//! where none is, this stops them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};

use crate::problem::Problem;

/// Whether a page asks, and of which site it is.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request whose `Host` is none, or that a page of another origin may have made. `open` says whether no password is wanted, and
/// `names` by which names the door is asked then beside addresses and localhost.
///
/// # Errors
/// Which of it.
pub(crate) fn check(
    uri: &Uri,
    headers: &HeaderMap,
    is_open: impl Fn() -> bool,
    names: &[String],
) -> Result<(), Problem> {
    let host = host(uri, headers)?;
    let is_open = is_open();
    if !is_open && !shows_basic(headers) {
        return Ok(());
    }
    let site = headers.get(&SITE).map_or(&b"none"[..], HeaderValue::as_bytes);
    let same_origin = headers.get(header::ORIGIN).is_none_or(|origin| is_of(origin.as_bytes(), &host));
    if !same_origin || !matches!(site, b"none" | b"same-origin") {
        let detail = "a page of another origin asked for this, without a token of its own";
        return Err(Problem::new(StatusCode::FORBIDDEN, "ORIGIN", detail));
    }
    // A page whose name was given another address is of the same origin, and its browser says nothing that others don't.
    if is_open && !is_own_name(&host, names) {
        let detail =
            "without a password, this is asked by address or as localhost, or by a name that --http-host has";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "HOST", detail));
    }
    Ok(())
}

/// Browsers keep such a password, and show it whoever has them ask.
fn shows_basic(headers: &HeaderMap) -> bool {
    let shown = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    shown.and_then(|shown| shown.get(..5)).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
}

/// The one authority that the request is for.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
    let bad = || Problem::bad("the Host field must be there once, and be a host with a port or without");
    let mut hosts = headers.get_all(header::HOST).iter();
    let given = match (hosts.next(), hosts.next()) {
        (Some(one), None) => one.to_str().map_err(|_| bad())?,
        // HTTP/1.0 has none.
        (None, None) => uri.authority().map_or("localhost", |authority| authority.as_str()),
        _ => return Err(bad()),
    };
    let authority: axum::http::uri::Authority = given.parse().map_err(|_| bad())?;
    match given.contains('@') {
        true => Err(bad()),
        false => Ok(authority.as_str().to_ascii_lowercase()),
    }
}

fn is_of(origin: &[u8], host: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let rest = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    rest == Some(host.as_bytes())
}

/// Whether no name server is asked for it, or the operator has said that it is ours.
fn is_own_name(host: &str, names: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost"
        || name.ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok()
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(is_open: bool, fields: &[(&'static str, &'static str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        check(&Uri::from_static("/"), &headers, || is_open, &["cache.internal".to_owned()])
            .map_or_else(|problem| problem.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_host_is_one_name() {
        for bad in ["a b", "a@b", "http://a/", "a/../b", "", "a:b:c"] {
            assert_eq!(checked(false, &[("host", bad)]), 400, "{bad}");
        }
        assert_eq!(checked(false, &[("host", "a"), ("host", "b")]), 400);
        for good in ["cache.internal:8080", "[::1]:80", "127.0.0.1"] {
            assert_eq!(checked(true, &[("host", good)]), 200, "{good}");
        }
    }

    #[test]
    fn pages_of_others_get_nowhere_without_a_password() {
        let evil = ("origin", "http://evil.example");
        assert_eq!(checked(true, &[("host", "127.0.0.1:80"), evil]), 403);
        assert_eq!(checked(false, &[("host", "127.0.0.1:80"), evil]), 200, "it has no password to show");
        assert_eq!(checked(true, &[("host", "localhost"), ("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(checked(true, &[("host", "evil.example"), evil]), 421, "rebinding");
        assert_eq!(checked(true, &[("host", "evil.example:8080")]), 421, "rebinding, and a GET says no more");
        assert_eq!(checked(true, &[("host", "Cache.internal:8080")]), 200, "a name of --http-host");
        let own = ("origin", "http://localhost:8080");
        assert_eq!(checked(true, &[("host", "localhost:8080"), own, ("sec-fetch-site", "same-origin")]), 200);
    }

    #[test]
    fn nor_with_one_that_the_browser_keeps() {
        let (kept, own) = (("authorization", "basic b3A6cHc="), ("authorization", "Bearer op:pw"));
        for page in [
            ("origin", "http://evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(checked(false, &[("host", "cache.example"), page, kept]), 403, "{page:?}");
            assert_eq!(checked(false, &[("host", "cache.example"), page, own]), 200, "{page:?}");
        }
        assert_eq!(
            checked(false, &[("host", "cache.example"), ("origin", "https://cache.example"), kept]),
            200
        );
    }
}
