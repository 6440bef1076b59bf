//! Has this server be what servers.json says: its member's primary, or a replica of it.
//!
//! The file is obeyed once, when it changes: a later FAILOVER stands until the next edit, and so does a REPLICAOF of another server. Whatever it says, two primaries of a
//! member that meet agree: the one with the earlier log was replaced, and follows. Nobody follows one whose log is earlier than the own one: it is
//! told so instead.

mod book;
mod lists;
mod primary;
mod replica;

pub use book::{Book, Part, Told};

use super::peer::Peer;
use super::promise::{self, Promise};
use super::status::{Following, Link};
use super::{leads, role, switch};
use crate::log::history::epoch_of;
use crate::log::waiting::stamp;
use crate::server::Server;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// From one look to the next.
const LOOK: Duration = Duration::from_millis(100);
/// From one question to the other servers to the next.
const ASK: Duration = Duration::from_millis(500);
/// A replica may take over once it could not reach its primary for so long.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Heartbeats come more often than this.
const SILENCE: Duration = Duration::from_secs(2);
/// A replica may miss so many bytes when writes begin to be kept back for it.
const NEAR: u64 = 256 << 10;

/// How long writes may be kept back for a planned switch, and how long they go on at least before the next try.
const HOLD: Duration = Duration::from_secs(3);

/// Of those that lead, whom a server that is `own`, and has promised this, may follow, and the latest of them. Between equals `primary` decides, whom
/// the file has: not who happens to answer last.
fn leader_of<'a>(
    answers: &'a [(String, Peer)],
    own: &Peer,
    promise: Option<&Promise>,
    primary: Option<&str>,
) -> Option<&'a str> {
    let may_follow = |address: &str, peer: &Peer| {
        let is_free = promise.is_none_or(|promise| !promise.forbids(address, &peer.history));
        is_free && !peer.is_behind(own)
    };
    let leaders = answers.iter().filter(|(address, peer)| peer.leads && may_follow(address, peer));
    // Epochs of logs that have nothing say nothing.
    let rank = |address: &str, peer: &Peer| {
        let is_primary = Some(address) == primary;
        (!peer.is_new, peer.is_new && is_primary, epoch_of(&peer.history), is_primary)
    };
    leaders.max_by_key(|(address, peer)| rank(address, peer)).map(|(address, _)| &**address)
}

/// The thread that looks after it.
pub struct Steward {
    over: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Steward {
    /// Begins, once the server has begun as what it is.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(server: &Arc<Server>, book: Book, first: Part) -> std::io::Result<Self> {
        let (over, ends) = oneshot::channel();
        let server = Arc::clone(server);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("steward".to_owned()).spawn(move || {
            let mut work = Work {
                server,
                book,
                part: first,
                before: None,
                heir: None,
                target: None,
                is_due: true,
                taken: Instant::now(),
                in_touch: Instant::now(),
                asked: None,
                promise_asked: None,
                failed: None,
                number: 0,
                said: String::new(),
            };
            work.take(&Part::Nothing);
            // A takeover may wait long for others: it ends where it is.
            runtime.block_on(async {
                tokio::select! {
                    () = work.run() => {}
                    _ = ends => {}
                }
            });
        })?;
        Ok(Self { over, thread })
    }

    /// Ends it, and what it has begun.
    pub fn stop(self, server: &Server) {
        drop(self.over);
        let _ = switch::abort(server);
        if self.thread.join().is_err() {
            tracing::error!("the thread that looks after servers.json has panicked");
        }
    }
}

/// Whether a primary has said something of late, by whom is followed: that one may itself be a replica, of one that is away. While all keys come it
/// may be silent for as long as a script runs.
fn is_in_touch(following: &Following) -> bool {
    match following.link() {
        Link::Down => false,
        Link::Syncing => true,
        Link::Up => following.age_of_word(stamp()) < SILENCE.as_millis() as u64,
    }
}

struct Work {
    server: Arc<Server>,
    book: Book,
    part: Part,
    /// The member's other servers before the file changed, while something may be missing here that was acknowledged by these.
    before: Option<Vec<String>>,
    /// The file has this server no more, and this other one of its member is a primary.
    heir: Option<String>,
    /// The log, and how far it was, of one who leads by the file as it is now: what it had acknowledged before is in that.
    target: Option<(String, u64)>,
    /// The file has changed this server's part, and that is not so yet.
    is_due: bool,
    /// When the file changed.
    taken: Instant,
    /// When a primary was last heard, or the file changed.
    in_touch: Instant,
    /// When the others were asked.
    asked: Option<Instant>,
    /// When the one was asked that this server has voted for.
    promise_asked: Option<Instant>,
    /// When a planned switch, or a takeover, has come to nothing.
    failed: Option<Instant>,
    /// The number of the role that it decides by.
    number: u64,
    /// What was told last.
    said: String,
}

impl Work {
    async fn run(&mut self) {
        let mut changes = self.book.watcher.topologies().changes();
        loop {
            let part = self.book.part();
            if part != self.part {
                let before = std::mem::replace(&mut self.part, part);
                self.take(&before);
            }
            self.step().await;
            let _ = timeout(LOOK, changes.changed()).await;
        }
    }

    /// The file says something new.
    fn take(&mut self, before: &Part) {
        (self.is_due, self.taken, self.in_touch) = (true, Instant::now(), Instant::now());
        (self.asked, self.failed) = (None, None);
        self.server.replication.replaced.store(false, Relaxed);
        self.server.replication.is_named.store(self.part != Part::Nothing, Relaxed);
        self.note_list(before);
        self.heir = (self.part == Part::Nothing)
            .then(|| before.others().into_iter().find(|address| self.book.has_primary(address)))
            .flatten();
        if self.part == Part::Nothing {
            return self.leave(before);
        }
        let count = self.part.others().len() + 1;
        self.server.settings.members.store(count, Relaxed);
        self.server.log.set_copies(self.book.told.ack.copies(count));
        self.server.replication.replicas.count_only(self.part.others());
        self.server.replicas_changed();
        let file = self.book.file().display();
        match &self.part {
            Part::Replica(primary, _) => {
                tracing::info!(primary, servers = count, "{file}: this is a replica")
            }
            _ => tracing::info!(servers = count, "{file}: this is the primary"),
        }
    }

    /// The file has it in no member.
    fn leave(&self, before: &Part) {
        let (file, own) = (self.book.file().display(), &self.book.told.own);
        match &self.heir {
            Some(heir) => tracing::warn!(
                heir,
                "{file} has no member with a server at {own} any more: if this server leads, it hands over"
            ),
            None if *before == Part::Nothing => {
                tracing::warn!("{file} has no member with a server at {own}: this server stays what it is")
            }
            None => tracing::warn!(
                "{file} has no member with a server at {own} any more: this server stays what it is"
            ),
        }
    }

    async fn step(&mut self) {
        let (leads, followed) = self.look();
        if !leads && self.keep_promise(followed.as_ref().map(|(address, _)| &**address)).await {
            return;
        }
        match (self.part.clone(), followed) {
            (part, None) if leads => self.lead(part).await,
            (Part::Nothing, _) => {}
            (_, None) => self.begin().await,
            (Part::Primary(_), Some((address, in_touch))) => self.wait_to_lead(&address, in_touch).await,
            (Part::Replica(primary, _), Some((address, in_touch))) => {
                self.move_to(&primary, &address, in_touch).await;
                if in_touch && !self.is_settled() {
                    self.come_to_terms(&address).await;
                }
            }
        }
    }

    /// The one that leads, of those who have answered.
    fn leader<'a>(&self, answers: &'a [(String, Peer)]) -> Option<&'a str> {
        let promise = promise::of(&self.server);
        leader_of(answers, &Peer::of(&self.server), promise.as_ref(), self.part.primary())
    }

    /// Whether this server leads, and whom it follows, and whether that says anything. As of one moment: whatever is decided by it is done only if
    /// it is still so. Between the end of following and the begin of leading it would seem to do neither.
    fn look(&mut self) -> (bool, Option<(String, bool)>) {
        let replication = &self.server.replication;
        let number = replication.changing();
        self.number = *number;
        let followed = replication.followed();
        let followed = followed.as_ref().map(|it| (it.address.clone(), is_in_touch(&it.state)));
        (leads(&self.server), followed)
    }

    /// Whether it is time to ask again.
    fn may_ask(&mut self) -> bool {
        let due = self.asked.is_none_or(|asked| asked.elapsed() >= ASK);
        if due {
            self.asked = Some(Instant::now());
        }
        due
    }

    /// Says what hinders, once.
    fn say(&mut self, text: String) {
        if text != self.said {
            tracing::warn!("{text}");
            self.said = text;
        }
    }

    fn follow(&mut self, address: &str) {
        match role::follow_from(&self.server, address, &mut self.number) {
            Ok(false) => tracing::debug!(address, "not followed: this server has another role meanwhile"),
            Ok(true) => {
                self.is_due &= !matches!(&self.part, Part::Replica(primary, _) if primary == address);
                tracing::info!(primary = address, "this server follows from now on");
            }
            Err(error) => self.say(format!("no thread to follow {address} with: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::history::{fresh, next};

    /// Whoever else leads is told instead.
    #[test]
    fn the_latest_that_leads_is_followed_and_none_that_is_behind() {
        let own = fresh(5);
        let answers: Vec<_> = [
            ("earlier", format!("primary {} 9 - down 0 0 -", next(&own, 4))),
            ("same", format!("primary {own} 9 - down 0 0 -")),
            ("later", format!("primary {} 9 - down 0 0 -", next(&own, 6))),
            ("replica", format!("replica {} 9 - down 0 0 -", next(&own, 7))),
            ("empty", format!("primary {} - - down 0 0 -", next(&own, 8))),
        ]
        .map(|(address, line)| (address.to_owned(), Peer::read_from(&line).unwrap()))
        .to_vec();
        let of = |own: &str, range| {
            let own = Peer::read_from(&format!("replica {own} - down 0 0 -")).unwrap();
            leader_of(&answers[range], &own, None, None)
        };
        let full = format!("{own} 9");
        assert_eq!(of(&full, 0..5), Some("later"));
        assert_eq!(of(&full, 0..2), Some("same"));
        assert_eq!((of(&full, 0..1), of(&full, 3..5)), (None, None));
        let empty = format!("{own} -");
        assert_eq!((of(&empty, 0..1), of(&empty, 3..5)), (Some("earlier"), Some("empty")));
        assert_eq!(of(&empty, 0..5), Some("later"), "rather than one that has nothing");
    }

    /// Else those that led before the file had them could wait for each other.
    #[test]
    fn among_those_that_have_nothing_yet_the_file_says_who_is_followed() {
        let new = |epoch| Peer::read_from(&format!("primary {} - - down 0 0 -", fresh(epoch))).unwrap();
        for epochs in [[1, 1, 1], [1, 2, 3], [3, 1, 2]] {
            let addresses = ["first", "second", "last"];
            let answers: Vec<_> = addresses
                .iter()
                .zip(epochs)
                .map(|(address, epoch)| ((*address).to_owned(), new(epoch)))
                .collect();
            for (primary, own) in addresses.iter().flat_map(|primary| epochs.map(|own| (primary, own))) {
                assert_eq!(
                    leader_of(&answers, &new(own), None, Some(primary)),
                    Some(*primary),
                    "{epochs:?} {own}"
                );
            }
        }
    }
}
