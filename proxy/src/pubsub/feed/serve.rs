//! A feed's task: open the link when something is wanted, read until it breaks, and again.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use ringtail_net::{RateLimited, Stream};
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::reply::Resp;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::{Ask, Core, Feed, Phase};
use crate::fault::Fault;
use crate::lane::{backoff, open};
use crate::leader::named;
use crate::limits;
use crate::link::{Link, Turned, closed};
use crate::pubsub::Kind;
use crate::shared::Counters;
use crate::worker::Worker;

/// Runs the feed's task, and again if it panics.
pub(super) async fn supervise(feed: Rc<Feed>, worker: Rc<Worker>) {
    while let Err(error) = spawn_local(run(Rc::clone(&feed), Rc::clone(&worker))).await {
        tracing::error!(member = feed.member.label(), "a subscriber link failed: {error}");
        feed.broke(&worker, &io::Error::other("an error of the proxy"));
        sleep(limits::RECONNECT_MOST).await;
    }
    worker.hub.ended(&feed);
    feed.member.forget_feed();
}

/// Runs until the member has left the topology and nothing of it is wanted any more.
async fn run(feed: Rc<Feed>, worker: Rc<Worker>) {
    let (mut failures, mut left) = (0u32, None);
    while feed.is_needed().await {
        match open(&feed.member, &worker, Resp::V2).await {
            Ok(link) => {
                let since = Instant::now();
                feed.core.borrow_mut().ask_all();
                let ended = feed.serve(&worker, Source::new(link), left.take()).await;
                failures = if since.elapsed() > limits::RECONNECT_MOST { 0 } else { failures + 1 };
                match ended {
                    Ok(turned) => {
                        let lost = feed.core.borrow_mut().reset(&feed.member.audience, Phase::Opening);
                        if turned.is_some() && lost > 0 {
                            feed.begin_gap(&worker);
                        }
                        left = turned;
                    }
                    Err(error) => feed.broke(&worker, &error),
                }
            }
            Err(why) => {
                failures += 1;
                feed.down(&why);
            }
        }
        sleep(backoff(failures.saturating_sub(u32::from(left.is_some())))).await;
    }
}

/// A server that messages come from.
struct Source {
    addr: Arc<str>,
    stream: Stream,
    /// What was read and not understood yet.
    unread: Vec<u8>,
    scanner: Scanner,
}

impl Source {
    fn new(link: Link) -> Self {
        let addr = Arc::clone(link.addr());
        let (stream, unread) = link.into_parts();
        Self { addr, stream, unread, scanner: Scanner::default() }
    }
}

impl Feed {
    /// Waits until something is wanted; no when the member has left instead.
    async fn is_needed(&self) -> bool {
        loop {
            if !self.core.borrow().is_empty() {
                return true;
            }
            if self.member.retired.get() {
                return false;
            }
            self.core.borrow_mut().phase = Phase::Opening;
            self.changed.notified().await;
        }
    }

    /// Reads what comes until the stream ends, nothing is wanted any more, or the member has another primary: then it is the source
    /// that is left, and read on (`left`) until the next one has confirmed all.
    async fn serve(
        &self,
        worker: &Rc<Worker>,
        mut source: Source,
        mut left: Option<Source>,
    ) -> io::Result<Option<Source>> {
        let mut pulse = interval_at(Instant::now() + worker.timeout(), worker.timeout());
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.write(worker, &mut source.stream).await?;
            tokio::select! {
                ready = source.stream.readable() => {
                    ready?;
                    if self.receive(worker, &mut source)? {
                        // There may be more to read: others first.
                        yield_now().await;
                    }
                }
                () = self.changed.notified() => {}
                () = self.read_left(worker, &mut left), if left.is_some() => {}
                _ = pulse.tick() => if self.core.borrow_mut().is_over()? { return Ok(None) },
            }
            if self.core.borrow().missing == 0 {
                left = None;
            }
            if source.addr != self.member.leader.now() {
                return Ok(Some(source));
            }
        }
    }

    /// Hands out what still comes from the server that led before.
    async fn read_left(&self, worker: &Worker, left: &mut Option<Source>) {
        let Some(source) = left else { return };
        let _ = source.stream.readable().await;
        let heard = source.receive(|frame| {
            self.deliver(worker, frame);
            Ok(())
        });
        if heard.is_err() {
            *left = None;
        }
    }

    async fn write(&self, worker: &Worker, stream: &mut Stream) -> io::Result<()> {
        let requests = self.core.borrow_mut().next_requests();
        if requests.is_empty() {
            return Ok(());
        }
        timeout(worker.timeout(), stream.write_all(&requests)).await.unwrap_or_else(|_| Err(silent()))
    }

    /// One read, and its messages handed out. Whether there may be more to read.
    fn receive(&self, worker: &Worker, source: &mut Source) -> io::Result<bool> {
        let full = source.receive(|frame| match self.deliver(worker, frame) {
            true => Ok(()),
            false => self.answered(worker, frame),
        });
        self.core.borrow_mut().heard = true;
        full
    }

    /// Hands out a message; whether it is one.
    fn deliver(&self, worker: &Worker, frame: &[u8]) -> bool {
        let mut words = Words(frame);
        let (first, second) = match frame[0] {
            b'*' | b'>' => (words.begin().and_then(|()| words.next()), words.next()),
            _ => (None, None),
        };
        let kind = match first {
            Some(b"message") => Kind::Channel,
            Some(b"pmessage") => Kind::Pattern,
            Some(b"smessage") => Kind::Shard,
            _ => return false,
        };
        worker.hub.deliver(worker, kind, second.unwrap_or_default(), frame);
        true
    }

    fn answered(&self, worker: &Worker, answer: &[u8]) -> io::Result<()> {
        if let Some(leads) = named(answer) {
            self.member.leader.heard(&self.member.leader.now(), leads);
            return Err(io::Error::other(Turned));
        }
        let refusal = answer.strip_prefix(b"-").map(String::from_utf8_lossy);
        let refusal = refusal.as_deref().map(str::trim_end);
        let core = &mut *self.core.borrow_mut();
        core.answered(&self.member, refusal)
            .ok_or_else(|| io::Error::other("it answered what was not asked"))?;
        if core.missing == 0
            && let Some(lost) = core.lost.take()
        {
            self.restored(worker, lost);
        }
        Ok(())
    }

    #[cold]
    fn restored(&self, worker: &Worker, lost: Instant) {
        static RESTORED: RateLimited = RateLimited::new();
        let (member, gap) = (self.member.label(), worker.turn.now().saturating_duration_since(lost));
        RESTORED.log(|suppressed| {
            tracing::info!(
                member,
                suppressed,
                "subscribed again: messages of {} ms are lost",
                gap.as_millis()
            );
        });
    }

    /// The link is gone, with what it had confirmed.
    #[cold]
    fn broke(&self, worker: &Worker, error: &io::Error) {
        static BROKE: RateLimited = RateLimited::new();
        let lost = self.core.borrow_mut().reset(&self.member.audience, Phase::Opening);
        if lost == 0 {
            return;
        }
        self.begin_gap(worker);
        let member = self.member.label();
        BROKE.log(|suppressed| {
            tracing::warn!(
                member,
                suppressed,
                "{lost} subscriptions are cut, messages are lost until it is back: {error}"
            );
        });
    }

    /// What had been confirmed is not in force from now on.
    fn begin_gap(&self, worker: &Worker) {
        self.core.borrow_mut().lost.get_or_insert_with(Instant::now);
        Counters::add(&worker.counters.pubsub_gaps, 1);
    }

    /// The link could not be opened: who waits for it hears so.
    fn down(&self, why: &str) {
        let core = &mut *self.core.borrow_mut();
        core.reset(&self.member.audience, Phase::Down(why.into()));
        let waiting = core.wanted.iter_mut().flat_map(|wanted| wanted.values_mut());
        let mut waiting = waiting.filter(|wanted| !wanted.waiting.is_empty()).peekable();
        if waiting.peek().is_some() {
            let outcome = Err(self.member.fault(&Fault::Down(why.into())));
            waiting.for_each(|wanted| wanted.answer(&outcome));
        }
    }
}

impl Core {
    /// A look once each `--timeout`: whether the link is of no use any more. A member that is silent is asked for a sign of life.
    fn is_over(&mut self) -> io::Result<bool> {
        let idle = self.asked.is_empty() && self.unsent.is_empty();
        if self.is_empty() && idle {
            return Ok(true);
        }
        self.silent = if std::mem::take(&mut self.heard) { 0 } else { self.silent + 1 };
        if self.silent > limits::HUNG_TIMEOUTS && !self.asked.is_empty() {
            return Err(silent());
        }
        if self.silent > 0 && idle {
            self.unsent.push_back(Ask::Ping);
        }
        Ok(false)
    }
}

impl Source {
    /// One read, of which `take` takes each frame. Whether there may be more to read.
    fn receive(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<bool> {
        let Self { stream, unread, scanner, .. } = self;
        unread.reserve(limits::READ);
        let read = match stream.try_read(unread, limits::READ) {
            Ok(0) => return Err(closed()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut at = 0;
        while at < unread.len() {
            let Some(len) = scanner.scan(&unread[at..]).map_err(garbage)? else { break };
            take(&unread[at..at + len])?;
            at += len;
        }
        unread.drain(..at);
        if unread.is_empty() {
            unread.shrink_to(limits::KEEP_BUFFER);
        }
        Ok(read == limits::READ)
    }
}

/// The strings of an array, from its start.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn begin(&mut self) -> Option<()> {
        let line = self.0.iter().position(|byte| *byte == b'\n')?;
        self.0 = &self.0[line + 1..];
        Some(())
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (word, rest) = crate::whole::bulk(self.0)?;
        self.0 = rest;
        Some(word)
    }
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it does not answer")
}

fn garbage(error: ringtail_protocol::frame::NotAReply) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
