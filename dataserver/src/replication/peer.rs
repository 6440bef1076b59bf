//! What the servers of a member say of themselves to each other (RINGTAIL PEER).

use super::status::Link;
use super::{dial, hear_of, leads, promise};
use crate::log::history::{epoch_of, is_later};
use crate::server::Server;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// The log of one that has only a part of the keys: it may have acknowledged what it has no more.
const PART: &str = "?";

/// A server of the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// It takes writes.
    pub leads: bool,
    /// The name of its log; [`PART`] of one that has none.
    pub history: String,
    /// Where that ends.
    pub offset: u64,
    /// It has no key, and never had one: nobody follows it for its log's name.
    pub is_new: bool,
    /// Whom it follows.
    pub follows: Option<String>,
    /// It has the log of whom it follows, as that goes on.
    pub is_up: bool,
    /// The epoch for which it tries to take over; 0 = it does not.
    pub stands: u32,
    /// The epoch for which it has voted, if that binds it and the one that it voted for is away; else 0.
    pub promised: u32,
    /// Which servers' acknowledgements are sure to be in what it has.
    pub list: List,
}

/// The servers of a member, as a file has them, of whose acknowledged writes a server has all that there were when the file changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum List {
    /// It does not know: it was started a while ago, or is in no file.
    #[default]
    Unknown,
    /// Those of a file before this one: since then it has not heard of anybody who leads how far that one was.
    Earlier,
    /// Those of this name.
    These(String),
}

impl List {
    /// Of these servers, in whatever order.
    pub fn of(mut servers: Vec<String>) -> Self {
        servers.sort_unstable();
        // FNV-1a: the same in every build.
        let hash = servers.join(" ").bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::These(format!("{hash:016x}"))
    }

    fn read(word: &str) -> Self {
        match word {
            "-" => Self::Unknown,
            "?" => Self::Earlier,
            name => Self::These(name.to_owned()),
        }
    }
}

/// `-|?|name`
impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "-",
            Self::Earlier => "?",
            Self::These(name) => name,
        })
    }
}

impl Peer {
    /// What this server is.
    pub fn of(server: &Server) -> Self {
        // First: who ceases to stand leads by then, or never will.
        let stands = server.replication.stands.load(SeqCst);
        let promised = promise::open_epoch(server);
        let is_partial = server.replication.is_partial();
        let (history, offset) = if is_partial { (PART.to_owned(), 0) } else { server.log.position() };
        let is_new = !is_partial && offset == 0 && server.store.is_empty();
        let followed = server.replication.followed();
        let is_up = followed.as_ref().is_some_and(|followed| followed.state.link() == Link::Up);
        let follows = followed.as_ref().map(|followed| followed.address.clone());
        let list = server.replication.list().clone();
        Self { leads: leads(server), history, offset, is_new, follows, is_up, stands, promised, list }
    }

    /// Whether it has all of a log, and there is something in it.
    pub fn has_log(&self) -> bool {
        !self.is_partial() && !self.is_new
    }

    /// Whether it has only a part of the keys.
    pub fn is_partial(&self) -> bool {
        epoch_of(&self.history) == 0
    }

    /// Whether who has `own` would lose what somebody has acknowledged by following it.
    pub fn is_behind(&self, own: &Self) -> bool {
        own.has_log() && (!self.has_log() || is_later(&own.history, &self.history))
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
        let [role, history, offset, follows, link, stands, promised, list] =
            line.split(' ').collect::<Vec<_>>()[..]
        else {
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
            offset: if offset == "-" { 0 } else { offset.parse().ok()? },
            is_new: offset == "-",
            follows,
            is_up: link == "up",
            stands: stands.parse().ok()?,
            promised: promised.parse().ok()?,
            list: List::read(list),
        })
    }
}

/// `primary|replica history offset|- address|- up|down epoch|0 epoch|0 list`
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.leads { "primary" } else { "replica" };
        let follows = self.follows.as_deref().unwrap_or("-");
        let link = if self.is_up { "up" } else { "down" };
        let offset = if self.is_new { "-".to_owned() } else { self.offset.to_string() };
        let Self { history, stands, promised, list, .. } = self;
        write!(f, "{role} {history} {offset} {follows} {link} {stands} {promised} {list}")
    }
}

/// Asks the server at an address, and tells it which log this one has: who leads an earlier one was replaced, here or there.
///
/// # Errors
/// It does not answer.
pub async fn ask(server: &Server, address: &str) -> io::Result<Peer> {
    let own = Peer::of(server).history;
    let mut unread = Vec::new();
    let asked = async {
        let mut stream = dial::connect(server, address, PATIENCE, &mut unread).await?;
        dial::ask(&mut stream, &[b"RINGTAIL", b"PEER", own.as_bytes()], &mut unread).await
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let peer = Peer::read_from(&answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?)?;
    hear_of(server, &peer.history);
    Ok(peer)
}

/// Those that answer.
pub async fn ask_all(server: &Arc<Server>, addresses: Vec<String>) -> Vec<(String, Peer)> {
    let mut asked = JoinSet::new();
    for address in addresses {
        let server = Arc::clone(server);
        asked.spawn(async move { (ask(&server, &address).await, address) });
    }
    let mut answers = Vec::new();
    while let Some(answer) = asked.join_next().await {
        if let Ok((Ok(peer), address)) = answer {
            answers.push((address, peer));
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;
    use crate::log::history::{fresh, next};

    #[test]
    fn a_list_is_of_its_servers_in_any_order() {
        let of = |servers: [&str; 2]| List::of(servers.map(str::to_owned).to_vec());
        assert_eq!(of(["h:1", "h:2"]), of(["h:2", "h:1"]));
        assert_ne!(of(["h:1", "h:2"]), of(["h:1", "h:3"]));
    }

    #[test]
    fn nobody_follows_who_is_behind() {
        let peer = |log: &str| Peer::read(&format!("primary {log} - down 0 0 -")).unwrap();
        let own = fresh(5);
        for (leader, is_behind) in [
            (format!("{} 9", next(&own, 4)), true),
            (format!("{} 0", next(&own, 5)), false),
            (format!("{} 0", next(&own, 6)), false),
            (format!("{} 0", fresh(1)), false),
            (format!("{} -", next(&own, 6)), true),
            (format!("{PART} 0"), true),
        ] {
            let (leader, own) = (peer(&leader), peer(&format!("{own} 7")));
            assert_eq!(leader.is_behind(&own), is_behind, "{leader}");
            assert!(!leader.is_behind(&peer(&format!("{} -", fresh(9)))));
            assert!(!leader.is_behind(&peer(&format!("{PART} 0"))));
        }
    }

    #[test]
    fn one_that_never_had_a_key_says_so() {
        let mut harness = Harness::new();
        assert!(Peer::of(&harness.server).is_new && !Peer::of(&harness.server).has_log());
        assert_eq!(harness.run("SET k v"), "OK");
        assert!(Peer::of(&harness.server).has_log());
        harness.server.replication.set_partial(true);
        let peer = Peer::of(&harness.server);
        assert!(!peer.has_log() && !peer.is_new && peer.is_partial());
    }

    #[test]
    fn what_is_said_is_what_is_read() {
        let peer = |leads, follows: Option<&str>, is_up, list| Peer {
            leads,
            history: "a".repeat(40),
            offset: 77,
            is_new: false,
            follows: follows.map(str::to_owned),
            is_up,
            stands: 6,
            promised: 7,
            list,
        };
        let new = Peer { offset: 0, is_new: true, ..peer(true, None, false, List::Unknown) };
        for peer in [
            peer(true, None, false, List::of(vec!["h:1".to_owned()])),
            peer(false, Some("127.0.0.1:3000"), true, List::Earlier),
            peer(false, None, false, List::Unknown),
            new,
        ] {
            assert_eq!(Peer::read(&peer.to_string()), Some(peer));
        }
        for line in [
            "",
            "primary",
            "king a 1 - up 0 0 -",
            "primary a x - up 0 0 -",
            "primary a 1 - up 0 0",
            "primary a 1 - up 0 x -",
            "primary a 1 - up 0 0 - more",
        ] {
            assert_eq!(Peer::read(line), None, "{line}");
        }
    }
}
