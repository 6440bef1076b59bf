//! What can go wrong with a request, and whether it may be tried again.

use std::fmt;
use std::io;

/// Why there is no answer, or that the answer is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The server's answer is an error: `CODE text`.
    Reply(String),
    /// There is no connection. The request was not sent.
    Connect {
        /// The kind of the failure.
        kind: io::ErrorKind,
        /// What failed, beginning with the address.
        text: String,
    },
    /// The server refuses the user's name or password. The request was not sent.
    Auth(String),
    /// The options name a file that cannot be used.
    Options {
        /// What is wrong, with the file's name.
        text: String,
        /// What to do about it.
        hint: String,
    },
    /// The connection was lost before the answer came.
    Lost {
        /// The request was not sent, or only reads.
        safe_to_retry: bool,
        /// How it was lost.
        why: String,
    },
    /// No answer in time.
    Timeout {
        /// The request was not sent, or only reads.
        safe_to_retry: bool,
    },
    /// The request does not fit a connection that many tasks share, so it was not sent.
    Unsupported(&'static str),
}

impl Error {
    /// Whether the request can be sent again without the risk that it is executed twice.
    pub fn is_safe_to_retry(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Lost { safe_to_retry, .. } | Self::Timeout { safe_to_retry } => *safe_to_retry,
            Self::Reply(_) | Self::Auth(_) | Self::Options { .. } | Self::Unsupported(_) => false,
        }
    }

    /// The first word of an error reply: `WRONGTYPE`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Reply(text) | Self::Auth(text) => text.split(' ').next(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(text) | Self::Auth(text) | Self::Connect { text, .. } => f.write_str(text),
            Self::Options { text, hint } => write!(f, "{text}: {hint}"),
            Self::Lost { why, safe_to_retry } => {
                write!(f, "connection lost: {why}; {}", advice(*safe_to_retry))
            }
            Self::Timeout { safe_to_retry } => write!(f, "no answer in time; {}", advice(*safe_to_retry)),
            Self::Unsupported(text) => f.write_str(text),
        }
    }
}

fn advice(safe_to_retry: bool) -> &'static str {
    if safe_to_retry { "it is safe to try again" } else { "the command may have been executed" }
}

impl std::error::Error for Error {}
