//! Entity tags: a value's hash, so that the same bytes have the same tag wherever and whenever they are read.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::change::not_met;
use crate::door::empty;
use crate::problem::Problem;

/// How much of the hash a tag has, in bytes: enough that nobody makes two values with one tag.
const LENGTH: usize = 16;

/// The tag of a value, with its quotes.
pub(super) fn of(value: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(value)[..LENGTH]))
}

/// The tag as a field's value.
pub(super) fn field(tag: &str) -> HeaderValue {
    HeaderValue::from_str(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A value as it is, with its tag, unless the conditions are against it.
pub(super) fn answer(value: Vec<u8>, conditions: &Conditions) -> Result<Response<Body>, Problem> {
    let tag = of(&value);
    if conditions.match_.as_ref().is_some_and(|tags| !tags.match_value(Some(&tag), false)) {
        return Err(not_met());
    }
    let is_known = conditions.none_match.as_ref().is_some_and(|tags| tags.match_value(Some(&tag), true));
    let mut answer = if is_known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let mut answer = Response::new(Body::from(Bytes::from(value)));
        let kind = HeaderValue::from_static("application/octet-stream");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    };
    answer.headers_mut().insert(header::ETAG, field(&tag));
    Ok(answer)
}

/// What `If-Match` or `If-None-Match` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// `*`: any value.
    Any,
    /// One of these.
    These(Vec<String>),
}

impl Tags {
    /// Whether a key's value, `None` if it has none, is one that is meant. `weakly`: tags that are said to be weak count, too.
    pub(super) fn match_value(&self, tag: Option<&str>, weakly: bool) -> bool {
        let Some(tag) = tag else { return false };
        match self {
            Self::Any => true,
            Self::These(tags) => {
                tags.iter().any(|given| (if weakly { given.trim_start_matches("W/") } else { given }) == tag)
            }
        }
    }
}

/// The conditions of a request.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) match_: Option<Tags>,
    pub(super) none_match: Option<Tags>,
}

impl Conditions {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let (match_, none_match) =
            (tags(headers, &header::IF_MATCH)?, tags(headers, &header::IF_NONE_MATCH)?);
        Ok(Self { match_, none_match })
    }

    /// Refuses any, where none is judged: who sends one relies on it.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn none(headers: &HeaderMap) -> Result<(), Problem> {
        match headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH) {
            true => Err(Problem::bad(
                "If-Match and If-None-Match mean nothing here: /v1/keys/{key} and /v1/hashes/{key}/{field} take them",
            )),
            false => Ok(()),
        }
    }

    /// Whether there are any.
    pub(super) fn are_some(&self) -> bool {
        self.match_.is_some() || self.none_match.is_some()
    }

    /// Whether they can only be judged with the value at hand.
    pub(super) fn need_value(&self) -> bool {
        [&self.match_, &self.none_match].into_iter().flatten().any(|tags| matches!(tags, Tags::These(_)))
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let mut all = Vec::new();
    for field in headers.get_all(name) {
        let text = field.to_str().map_err(|_| bad(name))?.trim();
        if text == "*" {
            return Ok(Some(Tags::Any));
        }
        for tag in text.split(',').map(str::trim) {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let is_quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
            if !is_quoted {
                return Err(bad(name));
            }
            all.push(tag.to_owned());
        }
    }
    Ok(if all.is_empty() { None } else { Some(Tags::These(all)) })
}

fn bad(name: &HeaderName) -> Problem {
    Problem::bad(format!("{name} is * or a list of tags in quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(name: HeaderName, value: &'static str) -> Result<Conditions, Problem> {
        Conditions::of(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
    }

    #[test]
    fn tags_are_of_the_bytes() {
        assert_eq!(of(b"a"), of(b"a"));
        assert_ne!(of(b"a"), of(b"b"));
        assert_eq!(of(b"").len(), 24);
    }

    #[test]
    fn conditions_are_lists_or_a_star() {
        let tag = of(b"v");
        let any = conditions(header::IF_MATCH, "*").unwrap();
        assert!(!any.need_value() && any.match_.as_ref().unwrap().match_value(Some(&tag), false));
        assert!(!any.match_.unwrap().match_value(None, false));
        let list = conditions(header::IF_NONE_MATCH, "\"x\", W/\"y\"").unwrap();
        assert!(list.need_value());
        let list = list.none_match.unwrap();
        assert!(list.match_value(Some("\"y\""), true) && !list.match_value(Some("\"y\""), false));
        assert!(list.match_value(Some("\"x\""), false) && !list.match_value(Some(&tag), true));
        for bad in ["x", "\"x\",", "\"", ""] {
            assert!(conditions(header::IF_MATCH, bad).is_err(), "{bad:?}");
        }
    }
}
