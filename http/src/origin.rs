//! What a browser is not to be made to do: pages of others can send requests to any address that the browser reaches, and give a
//! name of their own to it (DNS rebinding). Where a password is wanted they get nowhere; where none is, this stops them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};

use crate::problem::Problem;

/// Whether a page asks, and of which site it is.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request whose `Host` is none, or that a page of another origin made.
///
/// # Errors
/// Which of it.
pub(crate) fn check(uri: &Uri, headers: &HeaderMap, is_open: impl Fn() -> bool) -> Result<(), Problem> {
    let host = host(uri, headers)?;
    let site = headers.get(&SITE).map(HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    // Browsers say at least one of them.
    if (site.is_none() && origin.is_none()) || !is_open() {
        return Ok(());
    }
    let site = site.unwrap_or(b"none");
    let same_origin = origin.is_none_or(|origin| is_of(origin, &host));
    if !same_origin || !matches!(site, b"none" | b"same-origin") {
        let detail = "a page of another origin asked for this, and no password is set";
        return Err(Problem::new(StatusCode::FORBIDDEN, "ORIGIN", detail));
    }
    if !is_own_name(&host) {
        let detail = "without a password, browsers may ask by address or as localhost alone";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "HOST", detail));
    }
    Ok(())
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

/// Whether no name server is asked for it.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(is_open: bool, fields: &[(&'static str, &'static str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        check(&Uri::from_static("/"), &headers, || is_open)
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
        let own = ("origin", "http://localhost:8080");
        assert_eq!(checked(true, &[("host", "localhost:8080"), own, ("sec-fetch-site", "same-origin")]), 200);
    }
}
