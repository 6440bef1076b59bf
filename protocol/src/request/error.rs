//! What breaks the protocol, and what the client is told of it.

#[cfg(doc)]
use crate::limits::{MAX_LINE, MAX_REQUEST};

/// What breaks the protocol: it is answered, and the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline line longer than [`MAX_LINE`].
    InlineTooLong,
    /// An inline line whose quotes don't close, or close inside a word.
    UnbalancedQuotes,
    /// A `*` header that doesn't end within [`MAX_LINE`].
    ArrayHeaderTooLong,
    /// A number of arguments that is no number, negative or above the limit.
    ArrayLength,
    /// More arguments than a client may send before it authenticated.
    ArrayLengthUnauthenticated,
    /// Something else where an argument's `$` should be.
    ExpectedBulk(u8),
    /// A `$` header that doesn't end within [`MAX_LINE`].
    BulkHeaderTooLong,
    /// An argument's length that is no number, negative or above the limit.
    BulkLength,
    /// A longer argument than a client may send before it authenticated.
    BulkLengthUnauthenticated,
    /// An argument that is not followed by CR LF: its length was wrong.
    BulkEnd,
    /// A request longer than [`MAX_REQUEST`] in all.
    RequestTooLong,
}

impl ProtocolError {
    /// The error reply, in Redis's words, without `-` and CR LF.
    pub fn text(self) -> String {
        let what = match self {
            Self::InlineTooLong => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::ArrayHeaderTooLong => "too big mbulk count string",
            Self::ArrayLength => "invalid multibulk length",
            Self::ArrayLengthUnauthenticated => "unauthenticated multibulk length",
            Self::ExpectedBulk(got) => return expected_bulk(got),
            Self::BulkHeaderTooLong => "too big bulk count string",
            Self::BulkLength => "invalid bulk length",
            Self::BulkLengthUnauthenticated => "unauthenticated bulk length",
            Self::BulkEnd => "expected CRLF after an argument",
            Self::RequestTooLong => "too big request",
        };
        format!("ERR Protocol error: {what}")
    }
}

fn expected_bulk(got: u8) -> String {
    let shown = if got.is_ascii_graphic() || got == b' ' { got as char } else { ' ' };
    format!("ERR Protocol error: expected '$', got '{shown}'")
}
