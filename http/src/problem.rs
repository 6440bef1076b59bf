//! What goes wrong, as problem documents (RFC 9457), and the one table from the errors of Redis's protocol to statuses of HTTP.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;

use crate::account;
use crate::exchange::is_gone;

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The first word of the error, as in Redis's protocol.
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: Cow<'static, str>,
    /// Nothing more is to be asked on this connection.
    closes: bool,
}

/// By the first word of an error; all others are the client's fault.
const STATUSES: [(&str, StatusCode); 26] = [
    ("NOAUTH", StatusCode::UNAUTHORIZED),
    ("WRONGPASS", StatusCode::UNAUTHORIZED),
    ("NOPERM", StatusCode::FORBIDDEN),
    ("WRONGTYPE", StatusCode::CONFLICT),
    ("BUSYKEY", StatusCode::CONFLICT),
    ("BUSYGROUP", StatusCode::CONFLICT),
    ("NOGROUP", StatusCode::NOT_FOUND),
    ("NOSCRIPT", StatusCode::NOT_FOUND),
    ("RATELIMIT", StatusCode::TOO_MANY_REQUESTS),
    ("TOOLARGE", StatusCode::PAYLOAD_TOO_LARGE),
    ("OOM", StatusCode::SERVICE_UNAVAILABLE),
    ("LOADING", StatusCode::SERVICE_UNAVAILABLE),
    ("MASTERDOWN", StatusCode::SERVICE_UNAVAILABLE),
    ("CLUSTERDOWN", StatusCode::SERVICE_UNAVAILABLE),
    ("TRYAGAIN", StatusCode::SERVICE_UNAVAILABLE),
    ("NOREPLICAS", StatusCode::SERVICE_UNAVAILABLE),
    ("READONLY", StatusCode::SERVICE_UNAVAILABLE),
    ("MISCONF", StatusCode::SERVICE_UNAVAILABLE),
    ("BUSY", StatusCode::SERVICE_UNAVAILABLE),
    ("NOTPRIMARY", StatusCode::SERVICE_UNAVAILABLE),
    ("MEMBERDOWN", StatusCode::SERVICE_UNAVAILABLE),
    ("MEMBERBUSY", StatusCode::SERVICE_UNAVAILABLE),
    ("MEMBERLOST", StatusCode::BAD_GATEWAY),
    ("TIMEOUT", StatusCode::GATEWAY_TIMEOUT),
    ("EXECABORT", StatusCode::BAD_REQUEST),
    ("EXECPARTIAL", StatusCode::BAD_GATEWAY),
];

/// Errors without a word of their own, by how they begin.
const TEXTS: [(&str, StatusCode); 3] = [
    (account::FULL, StatusCode::SERVICE_UNAVAILABLE),
    ("ERR max number of clients", StatusCode::SERVICE_UNAVAILABLE),
    ("ERR internal error", StatusCode::INTERNAL_SERVER_ERROR),
];

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), closes: false }
    }

    /// The request is no good.
    pub(crate) fn bad(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ERR", detail)
    }

    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOTFOUND", detail)
    }

    /// The line of an error reply, without its `-`.
    pub(crate) fn of_error(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line).into_owned();
        let (code, detail) = text.split_once(' ').unwrap_or((&text, ""));
        let by_text = TEXTS.iter().find(|(begin, _)| text.starts_with(begin));
        let known = by_text.or_else(|| STATUSES.iter().find(|(known, _)| *known == code));
        let status = known.map_or(StatusCode::BAD_REQUEST, |(_, status)| *status);
        Self { status, code: code.to_owned().into(), detail: detail.to_owned().into(), closes: false }
    }

    /// The same of a step before what was asked for: nothing was changed by it.
    pub(crate) fn of_step(line: &[u8]) -> Self {
        if !is_gone(line) {
            return Self::of_error(line);
        }
        let problem = Self::of_error(line);
        let detail = match problem.is_no_room() {
            true => {
                "the proxy holds as much as it may (--max-in-flight): nothing was changed, try again later"
            }
            false => {
                "what is there is longer than --http-max-body, and can't be compared: nothing was changed"
            }
        };
        Self { detail: detail.into(), ..problem }
    }

    /// Whether there was no room for an answer.
    pub(crate) fn is_no_room(&self) -> bool {
        format!("{} {}", self.code, self.detail).starts_with(account::FULL)
    }

    /// The session ended before it answered.
    pub(crate) fn cut_off() -> Self {
        let detail =
            "the connection was closed by an operator, or because of a limit, before this was answered";
        // Whoever closes a client means the connection, too.
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "CLOSED", detail).and_close()
    }

    /// The session ended between two steps of a request, and what the second rests on with it.
    pub(crate) fn left() -> Self {
        let detail = "the session ended meanwhile: nothing was changed, try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TRYAGAIN", detail)
    }

    /// As the last on its connection.
    pub(crate) fn and_close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// As in Redis's protocol: the word and the text.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.code, self.detail)
    }

    /// With a body of another kind.
    pub(crate) fn answer(self, content: &'static str, body: Vec<u8>) -> Response<Body> {
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = self.status;
        let fields = answer.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
        if self.status == StatusCode::UNAUTHORIZED {
            // Not Basic: a browser would ask for a password, and show it to whatever page of others has it ask.
            fields.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ringtail\""));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            // A user has tokens for one second, so none is ever further away.
            fields.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.closes {
            fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl Problem {
    /// The document that says it.
    pub(crate) fn document(&self) -> Vec<u8> {
        let document = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        document.to_string().into_bytes()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let body = self.document();
        self.answer("application/problem+json", body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_status_of_its_kind() {
        for (line, status) in [
            ("WRONGTYPE Operation against a key", 409),
            ("NOAUTH Authentication required.", 401),
            ("NOPERM this user has no permissions", 403),
            ("ERR syntax error", 400),
            ("OOM command not allowed", 503),
            ("TIMEOUT member=a after 1s", 504),
            ("MEMBERLOST member=a broke off", 502),
            ("ERR max number of clients reached", 503),
            ("ERR internal error: this command failed", 500),
            ("RATELIMIT user u may run 3 commands a second: nothing was run, retry in 9 ms", 429),
            ("ERR the proxy holds as much as it may (--max-in-flight), and this request kept others", 503),
            ("SOMETHING new", 400),
            ("", 400),
        ] {
            assert_eq!(Problem::of_error(line.as_bytes()).status.as_u16(), status, "{line}");
        }
    }

    #[test]
    fn a_problem_keeps_the_words_of_the_error() {
        let problem = Problem::of_error(b"WRONGTYPE Operation against a key");
        assert_eq!((&*problem.code, &*problem.detail), ("WRONGTYPE", "Operation against a key"));
        assert_eq!(problem.line(), "WRONGTYPE Operation against a key");
    }
}
