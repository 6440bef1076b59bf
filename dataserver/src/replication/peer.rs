//! What the servers of a member say of themselves to each other (RINGTAIL PEER).

use super::status::Link;
use super::{follow, leads};
use crate::server::Server;
use std::fmt;
use std::io;
use std::time::Duration;

/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// A server of the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// It takes writes.
    pub leads: bool,
    /// The name of its log.
    pub history: String,
    /// Where that ends.
    pub offset: u64,
    /// Whom it follows.
    pub follows: Option<String>,
    /// It has the log of whom it follows, as that goes on.
    pub is_up: bool,
}

impl Peer {
    /// What this server is.
    pub fn of(server: &Server) -> Self {
        let (history, offset) = match server.replication.is_partial() {
            true => ("?".to_owned(), 0),
            false => server.log.position(),
        };
        let followed = server.replication.followed();
        let is_up = followed.as_ref().is_some_and(|followed| followed.state.link() == Link::Up);
        let follows = followed.as_ref().map(|followed| followed.address.clone());
        Self { leads: leads(server), history, offset, follows, is_up }
    }

    /// What another one said of itself.
    ///
    /// # Errors
    /// It is no such line.
    pub fn read_from(line: &str) -> io::Result<Self> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, format!("it answered {line}"));
        Self::read(line).ok_or_else(odd)
    }

    fn read(line: &str) -> Option<Self> {
        let [role, history, offset, follows, link] = line.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        let leads = match role {
            "primary" => true,
            "replica" => false,
            _ => return None,
        };
        let follows = Some(follows.to_owned()).filter(|address| address != "-");
        Some(Self {
            leads,
            history: history.to_owned(),
            offset: offset.parse().ok()?,
            follows,
            is_up: link == "up",
        })
    }
}

/// `primary|replica history offset address|- up|down`
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.leads { "primary" } else { "replica" };
        let follows = self.follows.as_deref().unwrap_or("-");
        let link = if self.is_up { "up" } else { "down" };
        write!(f, "{role} {} {} {follows} {link}", self.history, self.offset)
    }
}

/// Asks the server at an address, and tells it which log this one leads.
///
/// # Errors
/// It does not answer.
pub async fn ask(server: &Server, address: &str) -> io::Result<Peer> {
    let own = if leads(server) { server.log.position().0 } else { "-".to_owned() };
    let mut unread = Vec::new();
    let asked = async {
        let mut stream = follow::connect(server, address, PATIENCE, &mut unread).await?;
        follow::ask(&mut stream, &[b"RINGTAIL", b"PEER", own.as_bytes()], &mut unread).await
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    Peer::read_from(&answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_read() {
        let peer = |leads, follows: Option<&str>, is_up| Peer {
            leads,
            history: "a".repeat(40),
            offset: 77,
            follows: follows.map(str::to_owned),
            is_up,
        };
        for peer in
            [peer(true, None, false), peer(false, Some("127.0.0.1:3000"), true), peer(false, None, false)]
        {
            assert_eq!(Peer::read(&peer.to_string()), Some(peer));
        }
        for line in ["", "primary", "king a 1 - up", "primary a x - up", "primary a 1 - up more"] {
            assert_eq!(Peer::read(line), None, "{line}");
        }
    }
}
