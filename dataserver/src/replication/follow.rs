//! The replica's end: a thread that connects, loads, applies, and tries again.

use super::aside;
use super::astray::{self, Unfinished};
use super::dial::{DIAL, ask, connect, odd, read};
use super::promise;
use super::role::{become_primary_after, begin_log, set_led};
use super::status::{Following, Link};
use super::wire::{self, Kind};
use crate::backup::load::{self, How};
use crate::backup::save::Progress;
use crate::log::apply::{Applier, Refused};
use crate::log::files::History;
use crate::log::record::{Damage, next_group};
use crate::log::waiting::stamp;
use crate::pause::HOLD_LOOK;
use crate::rest::{rest, step_back};
use crate::server::Server;
use ringtail_net::{Password, Stream, TlsClient};
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};

/// A primary that says nothing for so long is given up: it sends heartbeats. The same of one that is a replica, and has had no word of a primary.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// From one try to the next, at first and at most.
const FIRST: Duration = Duration::from_millis(2);
const MOST: Duration = Duration::from_secs(1);
/// Frames of a snapshot that wait to be loaded.
const AHEAD: usize = 8;
/// Without anything new the primary hears of us so often.
const ACK: Duration = Duration::from_millis(500);
/// While the log comes and the primary does not ask, it hears of us so often: each answer costs both ends as much as many writes.
const ACK_BUSY: Duration = Duration::from_millis(10);

/// How a primary is spoken to.
#[derive(Clone, Default)]
pub struct Access {
    /// By TLS, and whom to trust.
    pub tls: Option<TlsClient>,
    /// The user.
    pub user: Option<String>,
    /// What it shows.
    pub password: Option<Password>,
}

/// What the thread that follows does.
pub(super) struct Follower {
    server: Arc<Server>,
    state: Arc<Following>,
    address: String,
    applier: Applier,
    /// What came of the log and is no whole group yet.
    groups: Vec<u8>,
    unfinished: Unfinished,
    /// When the log began to come, by the clock of stamps.
    begun: u64,
    /// When the primary heard of us last, and how far we were.
    said: (Instant, u64),
    /// The last error that was told.
    told: String,
}

impl Follower {
    pub(super) fn new(server: Arc<Server>, state: Arc<Following>, address: String) -> Self {
        let applier = Applier::new(Arc::clone(&server), 0);
        let said = (Instant::now(), 0);
        let (groups, unfinished) = (Vec::new(), Unfinished::default());
        Self { server, state, address, applier, groups, unfinished, begun: 0, said, told: String::new() }
    }

    /// Follows until it is told to end.
    pub(super) async fn run(mut self) {
        let (mut pause, state) = (FIRST, Arc::clone(&self.state));
        while !self.is_over() {
            let begun = Instant::now();
            // What it has begun ends with it, whatever it waits for.
            let ended = tokio::select! {
                ended = self.once() => ended,
                () = state.changed.notified() => Ok(()),
            };
            self.state.set_link(Link::Down);
            if self.is_over() {
                break;
            }
            if let Err(error) = ended
                && !(pause < MOST && may_pass(&error))
            {
                self.tell(&error);
            }
            // One that is there and refuses is asked no more often than one that is away.
            pause = if begun.elapsed() > 2 * MOST { FIRST } else { (pause * 2).min(MOST) };
            tokio::select! {
                () = sleep(pause) => {}
                () = state.changed.notified() => {}
            }
        }
        tracing::info!(primary = self.address, "the primary is followed no more");
    }

    /// Says why it is not followed; once while that is the reason.
    fn tell(&mut self, error: &io::Error) {
        let text = error.to_string();
        if text != self.told {
            tracing::warn!(primary = self.address, "the primary is not followed: {text}");
            self.told = text;
        }
    }

    fn is_over(&self) -> bool {
        self.state.over.load(Relaxed) || self.server.shutdown.is_triggered()
    }

    async fn once(&mut self) -> io::Result<()> {
        let _ = astray::settle(&self.server);
        let mut unread = Vec::new();
        let mut stream = connect(&self.server, &self.address, DIAL, &mut unread).await?;
        let (history, offset) = match self.server.replication.is_partial() {
            // Known to nobody.
            true => ("?".to_owned(), 0),
            false => self.server.log.position(),
        };
        let (offset, listens) = (offset.to_string(), self.server.announced());
        let words: [&[u8]; 5] =
            [b"RINGTAIL", b"SYNC", history.as_bytes(), offset.as_bytes(), listens.as_bytes()];
        let answer = ask(&mut stream, &words, &mut unread).await?;
        let mut link = Connected { stream, unread };
        self.groups.clear();
        if let [_, history, _] = answer.split(' ').collect::<Vec<_>>()[..]
            && let Some(promise) = promise::against(&self.server, &self.address, history)
        {
            let (to, epoch) = (promise.to, promise.epoch);
            return Err(io::Error::other(format!(
                "its log is too early: this server has voted for {to} to lead, with epoch {epoch}"
            )));
        }
        match answer.split(' ').collect::<Vec<_>>()[..] {
            ["CONTINUE", history, at] if at == offset && History::new(history).is_some() => {
                tracing::info!(
                    primary = self.address,
                    offset = at,
                    "the primary is followed from where it was left"
                );
                self.server.log.rename(history);
                set_led(&self.server, false);
                // A server that was to be told what it is has waited for this.
                self.server.log.stance.set_loading(false);
            }
            ["FULL", history, common] if History::new(history).is_some() => {
                self.set_aside(common.parse().ok())?;
                self.load(&mut link, history).await?;
            }
            _ => return Err(io::Error::other(format!("the primary answered {answer}"))),
        }
        self.told.clear();
        self.server.replication.replaced.store(false, Relaxed);
        *self.server.replication.voted_for() = None;
        promise::note_followed(&self.server, &self.address, &self.server.log.position().0);
        self.state.set_link(Link::Up);
        self.stream(link).await
    }

    /// What this server has written for clients and the primary does not have is not dropped: it goes to a file first. Both have the same
    /// up to `common`, if the primary knows.
    fn set_aside(&self, common: Option<u64>) -> io::Result<()> {
        // What a sync that broke off has left is the primary's: before that began, what was here was set aside.
        if self.server.replication.led.load(Relaxed) && !self.server.replication.is_partial() {
            aside::set_aside(&self.server, common).map_err(|error| {
                io::Error::other(format!("what is here alone can't be set aside: {error}"))
            })?;
        }
        Ok(())
    }

    /// Takes all keys, in the place of those that are here. If that fails, those that came are shown to nobody.
    async fn load(&mut self, link: &mut Connected, history: &str) -> io::Result<()> {
        self.state.set_link(Link::Syncing);
        self.server.log.stance.set_loading(true);
        self.server.replication.set_partial(true);
        let summary = self.load_all(link).await?;
        if summary.history != history {
            return Err(io::Error::other("the primary's log has become another one meanwhile"));
        }
        let (keys, offset) = (summary.keys, summary.offset);
        // The files say otherwise until they have these keys.
        self.server.replication.led.store(false, Relaxed);
        self.server.replication.has_leftovers.store(false, Relaxed);
        begin_log(&self.server, history, offset);
        self.server.log.stance.set_loading(false);
        tracing::info!(primary = self.address, keys, offset, "all keys of the primary are here");
        Ok(())
    }

    async fn load_all(&mut self, link: &mut Connected) -> io::Result<load::Summary> {
        self.server.empty();
        let (sender, receiver) = channel(AHEAD);
        let server = Arc::clone(&self.server);
        let loading = tokio::task::spawn_blocking(move || {
            // Other servers of this machine may serve clients, the primary above all.
            step_back();
            let how = How { threads: server.counters.len(), ..How::default() };
            load::load(&server, Frames { receiver, bytes: Vec::new(), at: 0 }, how, &Progress::default())
        });
        let taken = self.take_snapshot(link, sender).await;
        let loaded = loading.await.map_err(io::Error::other)?;
        taken?;
        loaded.map_err(|error| io::Error::other(error.to_string()))
    }

    async fn take_snapshot(&self, link: &mut Connected, sender: Sender<Vec<u8>>) -> io::Result<()> {
        loop {
            let (kind, bytes) = link.next(self).await?;
            self.server.store.memory.publish();
            match kind {
                Kind::Snapshot if bytes.is_empty() => return Ok(()),
                Kind::Snapshot => {
                    // Who loads has given up: it says why.
                    if sender.send(bytes).await.is_err() {
                        return Ok(());
                    }
                }
                Kind::Heartbeat => {
                    let [_, _, age] = wire::numbers(&bytes)?;
                    self.state.hear_word(stamp(), age);
                }
                Kind::Log | Kind::Ack | Kind::Lead => return Err(odd()),
            }
        }
    }

    /// Follows the log.
    async fn stream(&mut self, mut link: Connected) -> io::Result<()> {
        self.begun = stamp();
        self.state.heard.store(self.begun, Relaxed);
        loop {
            let told = self.take_log(&mut link.unread)?;
            self.apply(&told)?;
            self.server.store.memory.publish();
            if told.leads {
                return self.lead();
            }
            let (at, offset) = self.said;
            let patience = if self.server.log.end() == offset { ACK } else { ACK_BUSY };
            let mut left = patience.saturating_sub(at.elapsed());
            if told.heartbeat.is_some() || left.is_zero() {
                self.ack(&mut link).await?;
                left = ACK;
            }
            let ready = timeout(left, link.ready()).await;
            if self.is_over() {
                return Ok(());
            }
            if let Ok(ready) = ready {
                ready?;
                link.read()?;
                self.state.heard.store(stamp(), Relaxed);
            } else if self.is_silent() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it says nothing"));
            }
        }
    }

    fn is_silent(&self) -> bool {
        let silent = stamp().saturating_sub(self.state.heard.load(Relaxed));
        silent > PATIENCE.as_millis() as u64
    }

    /// The primary hands over: all of its log is here.
    fn lead(&self) -> io::Result<()> {
        tracing::info!(primary = self.address, "the primary hands over: this server leads");
        let (server, state) = (Arc::clone(&self.server), Arc::clone(&self.state));
        // On another thread, which waits for the end of this one.
        let spawned = std::thread::Builder::new().name("failover".to_owned());
        spawned.spawn(move || become_primary_after(&server, &state)).map(drop)
    }

    /// Takes the frames that are whole; what they say besides the log.
    fn take_log(&mut self, unread: &mut Vec<u8>) -> io::Result<wire::Told> {
        let told = wire::take_log(unread, &mut self.groups)?;
        if let Some([end, stamp, age]) = told.heartbeat {
            self.state.primary_end.store(end, Relaxed);
            self.state.stamp.store(stamp, Relaxed);
            self.hear_word(age)?;
        }
        Ok(told)
    }

    /// A primary spoke so long ago.
    ///
    /// # Errors
    /// That is too long: the one that is followed has none above it, or they all follow each other.
    fn hear_word(&self, age: u64) -> io::Result<()> {
        let now = stamp();
        self.state.hear_word(now, age);
        let silent = self.state.age_of_word(now).min(now.saturating_sub(self.begun));
        if silent > PATIENCE.as_millis() as u64 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it has heard of no primary for too long"));
        }
        Ok(())
    }

    /// Applies the groups that are whole, unless what comes does not fit what is here: then that is no state of that log any more.
    fn apply(&mut self, told: &wire::Told) -> io::Result<()> {
        // Keys change here by the log alone: whoever writes them out could not keep up with that either.
        self.server.pause.slows().into_iter().for_each(rest);
        while self.server.pause.is_on() && self.server.pause.holds() {
            rest(HOLD_LOOK);
        }
        let one = self.server.log.applying();
        let (applied, ended) = apply_some(&mut self.applier, &self.groups);
        // As one piece: who cuts the log waits until both are done. Those before a group that fails have been done.
        self.server.log.append_applied(&self.groups[..applied]);
        drop(one);
        self.groups.drain(..applied);
        astray::settle(&self.server)?;
        let mut ended = ended.map_err(|stopped| io::Error::other(stopped.to_string()));
        if let (Ok(()), Some([end, ..])) = (&ended, told.heartbeat) {
            ended = self.unfinished.check(self.server.log.end(), end, &self.groups);
        }
        ended.inspect_err(|_| astray::leave_log(&self.server))
    }

    async fn ack(&mut self, link: &mut Connected) -> io::Result<()> {
        let (applied, on_disk) = self.server.log.applied();
        self.said = (Instant::now(), applied);
        let mut out = Vec::new();
        let numbers = [applied, on_disk, self.state.stamp.load(Relaxed)];
        wire::push(&mut out, Kind::Ack, &numbers.map(u64::to_le_bytes).concat());
        timeout(PATIENCE, link.stream.write_all(&out)).await.unwrap_or_else(|_| Err(odd()))
    }
}

/// Why no more groups were applied.
#[derive(Debug)]
pub enum Stopped {
    /// They are none.
    Damaged(Damage),
    /// One can't be done.
    Refused(Refused),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(damage) => damage.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

/// Applies the groups that are whole; how many bytes they have, and whether the next is bad.
pub fn apply_some(applier: &mut Applier, groups: &[u8]) -> (usize, Result<(), Stopped>) {
    let mut at = 0;
    loop {
        match next_group(&groups[at..]) {
            Err(damage) => return (at, Err(Stopped::Damaged(damage))),
            Ok(None) => return (at, Ok(())),
            Ok(Some((group, length))) => {
                if let Err(refused) = applier.apply(&group) {
                    return (at, Err(Stopped::Refused(refused)));
                }
                at += length;
            }
        }
    }
}

/// Whether it may be over in a moment: a server that is just becoming the primary is still following, or loading. It is told when it lasts.
fn may_pass(error: &io::Error) -> bool {
    let text = error.to_string();
    ["-NOMASTERLINK", "-LOADING"].iter().any(|code| text.contains(code))
}

/// A connection on which frames come.
struct Connected {
    stream: Stream,
    unread: Vec<u8>,
}

impl Connected {
    async fn ready(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    fn read(&mut self) -> io::Result<()> {
        read(&mut self.stream, &mut self.unread)
    }

    /// The next frame.
    async fn next(&mut self, follower: &Follower) -> io::Result<(Kind, Vec<u8>)> {
        loop {
            if let Some((kind, bytes, length)) = wire::frame(&self.unread)? {
                let bytes = bytes.to_vec();
                self.unread.drain(..length);
                return Ok((kind, bytes));
            }
            if follower.is_over() {
                return Err(io::Error::other("it is to be followed no more"));
            }
            let ready = timeout(PATIENCE, self.ready()).await;
            ready.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it says nothing"))??;
            self.read()?;
            follower.state.heard.store(stamp(), Relaxed);
        }
    }
}

/// The frames of a snapshot as one stream of bytes.
struct Frames {
    receiver: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.bytes.len() {
            match self.receiver.blocking_recv() {
                Some(bytes) => (self.bytes, self.at) = (bytes, 0),
                None => return Ok(0),
            }
        }
        let length = out.len().min(self.bytes.len() - self.at);
        out[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_switch_brings_for_a_moment_may_pass() {
        let may = |said: &str| super::may_pass(&std::io::Error::other(said));
        assert!(may("it answered -NOMASTERLINK Can't SYNC") && may("it answered -LOADING"));
        assert!(!may("it answered -NOAUTH no") && !may("the primary closed the connection"));
    }
}
