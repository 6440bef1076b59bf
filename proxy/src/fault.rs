//! What went wrong on the way to a member: whose fault it is, whether a retry is safe, and the one place where it becomes an error reply.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ringtail_net::units::Time;

use crate::link::Turned;

/// What is said where the request did not leave the proxy.
const UNSENT: &str = "nothing was sent, a retry is safe";
/// What is said where it was refused as a whole.
const NOT_RUN: &str = "nothing was run, a retry is safe";
/// What is said where it may have arrived.
const SENT: &str = "a retry is safe for what may run twice, such as a read";

/// Why a member did not answer a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// No connection: the request was not sent.
    Down(Arc<str>),
    /// The member's breaker is open: the request was not sent.
    Open(Arc<str>),
    /// No answer within the deadline.
    Late(Duration),
    /// The connection broke between the request and the answer.
    Lost(String),
    /// The server leads the member no more, and has run nothing of the request.
    Turned,
    /// All dedicated connections to it are in use: the request was not sent.
    Busy(Duration),
    /// Its part of a transaction could not be prepared: no member has run anything.
    NotRun(String),
    /// The member has database 0 only.
    NoDatabase(u8),
}

impl Fault {
    /// What became of a request whose connection ended so.
    pub(crate) fn broken(error: &io::Error) -> Self {
        match error.get_ref().is_some_and(|inner| inner.is::<Turned>()) {
            true => Self::Turned,
            false => Self::Lost(error.to_string()),
        }
    }

    /// The error reply's line without `-` and CR LF, for the member of this name at this address: which member, what
    /// happened, and whether a retry is safe.
    pub(crate) fn text(&self, name: &str, addr: &str) -> String {
        let at = if name == addr { String::new() } else { format!(" ({addr})") };
        format!("{} member={name} {}", self.code(), self.said(&at))
    }

    /// What happened, without the member's name.
    pub(crate) fn why(&self) -> String {
        self.said("")
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Down(_) | Self::Open(_) | Self::Turned => "MEMBERDOWN",
            Self::Late(_) => "TIMEOUT",
            Self::Lost(_) => "MEMBERLOST",
            Self::Busy(_) => "MEMBERBUSY",
            Self::NotRun(_) => "EXECABORT",
            Self::NoDatabase(_) => "ERR",
        }
    }

    fn said(&self, at: &str) -> String {
        match self {
            Self::Down(why) => format!("is down{at}: {why}; {UNSENT}"),
            Self::Open(why) => format!("is not asked until it answers a probe{at}: {why}; {UNSENT}"),
            Self::Late(time) => format!("after {}{at}: it may still run the command; {SENT}", Time(*time)),
            Self::Lost(why) => {
                format!("broke off before it answered{at}: {why}; it may have run the command or not; {SENT}")
            }
            Self::Turned => format!("has no primary yet that takes the request{at}; {NOT_RUN}"),
            Self::Busy(time) => format!("had no free connection within {}{at}; {UNSENT}", Time(*time)),
            Self::NoDatabase(db) => format!("has no database {db}{at}"),
            Self::NotRun(why) => {
                format!("did not take its part{at}: {why}; {NOT_RUN}")
            }
        }
    }
}

/// A transaction over several members that is half done: which members ran their parts, and why the others did not or
/// may not have.
pub(crate) fn partial<S: AsRef<str>>(ran: &[S], others: &[(S, String)]) -> Vec<u8> {
    let ran: Vec<&str> = ran.iter().map(AsRef::as_ref).collect();
    let others: Vec<String> =
        others.iter().map(|(member, why)| format!("member {}: {why}", member.as_ref())).collect();
    line(&format!(
        "EXECPARTIAL the transaction may be half done: {} ran its part; {}",
        if ran.is_empty() { "no member".to_owned() } else { format!("member {}", ran.join(" and ")) },
        others.join("; ")
    ))
}

/// The error reply of `text`, with `-` and CR LF.
pub(crate) fn line(text: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(text.len() + 3);
    line.push(b'-');
    line.extend(text.bytes().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
    line.extend_from_slice(b"\r\n");
    line
}
