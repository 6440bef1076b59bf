//! Who a request is from, by its `Authorization`.

use axum::http::{HeaderValue, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::host::Host;
use crate::problem::Problem;

/// A user's name and password.
#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) name: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

/// The user whom a password without a name is of.
const DEFAULT: &[u8] = b"default";

impl Credentials {
    /// `Basic`: name and password. `Bearer`: both with a colon between them if there is such a user, else the default user's password.
    pub(crate) fn of(header: &HeaderValue, host: &dyn Host) -> Result<Self, Problem> {
        let text = header.as_bytes();
        let space = text.iter().position(|&byte| byte == b' ').unwrap_or(text.len());
        let (scheme, token) = (&text[..space], text[space..].trim_ascii());
        if scheme.eq_ignore_ascii_case(b"basic") {
            let pair = STANDARD.decode(token).ok().and_then(|pair| split(&pair));
            let (name, password) = pair.ok_or_else(|| refused("no base64 of user:password"))?;
            let name = if name.is_empty() { DEFAULT.to_vec() } else { name };
            return Ok(Self { name, password });
        }
        if scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty() {
            let pair = split(token).filter(|(name, _)| host.has_user(name));
            let (name, password) = pair.unwrap_or_else(|| (DEFAULT.to_vec(), token.to_vec()));
            return Ok(Self { name, password });
        }
        Err(refused("neither Basic nor Bearer"))
    }
}

fn split(pair: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = pair.iter().position(|&byte| byte == b':')?;
    Some((pair[..colon].to_vec(), pair[colon + 1..].to_vec()))
}

fn refused(why: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "WRONGPASS", format!("the Authorization is {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Alice;

    impl Host for Alice {
        fn owner(&self, _: &[u8]) -> String {
            String::new()
        }

        fn has_user(&self, name: &[u8]) -> bool {
            name == b"alice"
        }

        fn is_open(&self) -> bool {
            false
        }

        fn hold(&self, _: usize) -> bool {
            true
        }

        fn release(&self, _: usize) {}
    }

    #[test]
    fn all_forms_of_showing_who_one_is() {
        for (header, user) in [
            ("Basic YWxpY2U6czpjcmV0", Some(("alice", "s:cret"))),
            ("basic OnB3", Some(("default", "pw"))),
            ("Bearer alice:secret", Some(("alice", "secret"))),
            ("bearer  bob:secret", Some(("default", "bob:secret"))),
            ("Bearer token", Some(("default", "token"))),
            ("Basic ???", None),
            ("Basic YWxpY2U=", None),
            ("Bearer ", None),
            ("Digest x", None),
            ("", None),
        ] {
            let found = Credentials::of(&HeaderValue::from_static(header), &Alice).ok();
            let found = found
                .map(|who| (String::from_utf8(who.name).unwrap(), String::from_utf8(who.password).unwrap()));
            assert_eq!(found, user.map(|(name, password)| (name.into(), password.into())), "{header}");
        }
    }
}
