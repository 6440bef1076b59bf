//! What went wrong on the way to a member: whose fault it is, whether a retry is safe, and the one place where it becomes an error reply.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a member did not answer a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// No connection: the request was not sent.
    Down(Arc<str>),
    /// No answer within the deadline.
    Late(Duration),
    /// The connection broke between the request and the answer.
    Lost(String),
    /// All dedicated connections to it are in use: the request was not sent.
    Busy(Duration),
    /// The member has database 0 only.
    NoDatabase(u8),
}

impl Fault {
    /// The error reply's line without `-` and CR LF, for the member called `member`.
    pub(crate) fn text(&self, member: &str) -> String {
        format!("{} member {member} {self}", self.code())
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Down(_) => "MEMBERDOWN",
            Self::Late(_) => "TIMEOUT",
            Self::Lost(_) => "MEMBERLOST",
            Self::Busy(_) => "MEMBERBUSY",
            Self::NoDatabase(_) => "ERR",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(why) => write!(f, "is down: {why}; nothing was sent, a retry is safe"),
            Self::Late(time) => {
                write!(f, "did not answer within {} ms; it may still run the command", time.as_millis())
            }
            Self::Lost(why) => {
                write!(f, "broke off before it answered: {why}; it may have run the command or not")
            }
            Self::Busy(time) => {
                write!(
                    f,
                    "had no free connection within {} ms; nothing was sent, a retry is safe",
                    time.as_millis()
                )
            }
            Self::NoDatabase(db) => write!(f, "has no database {db}"),
        }
    }
}

/// The error reply of `text`, with `-` and CR LF.
pub(crate) fn line(text: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(text.len() + 3);
    line.push(b'-');
    line.extend(text.bytes().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
    line.extend_from_slice(b"\r\n");
    line
}
