//! A thread of a load with its share of the connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringtail::{ConnectOptions, Error};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::feed::{Feed, Schedule, Sent};
use super::lane::Lane;
use super::source::Source;
use super::tally::{LOST, SILENT, Tally, UNSENT};

/// How long the last replies may take after the end.
const LAST_REPLIES: Duration = Duration::from_secs(5);
/// Between two attempts to connect again.
const RECONNECT: Duration = Duration::from_millis(100);

/// What all threads of a round have counted so far, for whoever watches.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) replies: AtomicU64,
    pub(super) errors: AtomicU64,
}

/// A thread's part of a round.
pub(super) struct Job {
    pub(super) options: ConnectOptions,
    pub(super) clients: u32,
    pub(super) pipeline: usize,
    pub(super) schedule: Schedule,
    pub(super) warmup: Duration,
    /// How long it is measured, at most.
    pub(super) duration: Option<Duration>,
    /// How many requests are counted, at most.
    pub(super) requests: u64,
    /// The longest time without any reply, where no duration ends the round.
    pub(super) patience: Duration,
    pub(super) live: Arc<Live>,
    /// Whether the load is to end.
    pub(super) stop: watch::Receiver<bool>,
}

/// What a thread has measured.
pub(super) struct Done {
    pub(super) tally: Tally,
    /// From the end of the warm-up until the end of the round, or the last reply where nothing said when requests were due.
    pub(super) seconds: f64,
    /// How long the request that would have been next was due.
    pub(super) behind: Duration,
}

/// A thread that runs.
pub(super) struct Worker {
    /// When its connections are there, or why they are not.
    pub(super) ready: oneshot::Receiver<Result<(), Error>>,
    /// Says when the load begins.
    pub(super) go: oneshot::Sender<Instant>,
    pub(super) done: oneshot::Receiver<Done>,
}

impl Worker {
    /// Starts the thread; `source` makes its requests, there.
    pub(super) fn start(job: Job, source: impl FnOnce() -> Source + Send + 'static) -> io::Result<Self> {
        let (tell_ready, ready) = oneshot::channel();
        let (go, begin) = oneshot::channel();
        let (tell_done, done) = oneshot::channel();
        std::thread::Builder::new().name("bench".into()).spawn(move || {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
            else {
                // Whoever waits for it learns that it is gone.
                return;
            };
            runtime.block_on(async move {
                let (opened, stop) = (open(&job).await, job.stop.clone());
                let lanes = match opened {
                    Ok(lanes) => lanes,
                    Err(error) => return drop(tell_ready.send(Err(error))),
                };
                let _heard = tell_ready.send(Ok(()));
                if let Ok(start) = begin.await {
                    let _heard = tell_done.send(load(job, lanes, source(), start, stop).await);
                }
            });
        })?;
        Ok(Self { ready, go, done })
    }
}

async fn open(job: &Job) -> Result<Vec<Lane>, Error> {
    let mut lanes = Vec::new();
    for _ in 0..job.clients {
        lanes.push(Lane::new(job.options.open().await?));
    }
    Ok(lanes)
}

async fn load(
    job: Job,
    lanes: Vec<Lane>,
    source: Source,
    start: Instant,
    mut stop: watch::Receiver<bool>,
) -> Done {
    sleep(start.saturating_duration_since(Instant::now())).await;
    let feed = Rc::new(Feed::new(source, job.schedule, start, job.warmup, job.requests));
    let counts = Rc::new(Counts::new(job.live));
    let mut running = JoinSet::new();
    for lane in lanes {
        let client = Client {
            lane,
            feed: Rc::clone(&feed),
            counts: Rc::clone(&counts),
            options: job.options.clone(),
            pipeline: job.pipeline,
        };
        running.spawn_local(client.run());
    }
    let pacing = tokio::task::spawn_local({
        let feed = Rc::clone(&feed);
        async move { feed.pace().await }
    });
    let end = job.duration.map(|duration| start + job.warmup + duration);
    let ending = tokio::select! {
        () = all(&mut running) => Ending::Through,
        () = until(end) => Ending::Time,
        () = counts.hopeless(job.patience), if end.is_none() => Ending::GivenUp,
        _ = stop.wait_for(|stop| *stop) => Ending::Time,
    };
    // A timer may be late: what is due after the end is not asked for.
    let ended = end.map_or_else(Instant::now, |end| end.min(Instant::now()));
    let behind = feed.behind(ended);
    feed.close(ended);
    pacing.abort();
    let last_replies = if ending == Ending::GivenUp { Duration::ZERO } else { LAST_REPLIES };
    let silent = timeout(last_replies, all(&mut running)).await.is_err();
    // Nobody takes anything any more.
    running.abort_all();
    if silent {
        let text = match ending {
            Ending::GivenUp => format!("no reply for {} s", job.patience.as_secs_f64()),
            _ => format!("no reply within {} s after the end", LAST_REPLIES.as_secs()),
        };
        let mut tally = counts.tally.borrow_mut();
        tally.unanswered(SILENT, counts.waiting.get(), &text);
        let unsent = match ending {
            Ending::GivenUp if job.requests < u64::MAX => feed.left(),
            _ => feed.unsent(),
        };
        tally.unanswered(UNSENT, unsent, "it was due, and no connection was free to send it");
    }
    let tally = counts.tally.take();
    let last = match (ending, job.schedule, tally.last) {
        (Ending::Through, _, Some(last)) => last,
        (Ending::GivenUp, ..) => ended,
        // Each connection has sent its last batch, however long the reply took.
        (Ending::Time, Schedule::Free, Some(last)) => last.max(ended),
        // What was due until then took so long.
        (_, _, Some(last)) if !behind.is_zero() => last.max(ended),
        // It was asked for in that time.
        _ => ended,
    };
    Done { seconds: last.saturating_duration_since(feed.counted_from()).as_secs_f64(), tally, behind }
}

/// Why a round ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// There are no more requests.
    Through,
    Time,
    /// Nothing answers any more.
    GivenUp,
}

async fn all(running: &mut JoinSet<()>) {
    while running.join_next().await.is_some() {}
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end.into()).await,
        None => std::future::pending().await,
    }
}

/// What the connections of a thread count together.
struct Counts {
    tally: RefCell<Tally>,
    /// Requests that were sent and not answered.
    waiting: Cell<u64>,
    /// Connections that wait for replies, or for the server to come back.
    busy: Cell<u32>,
    /// When the last reply came, or nobody waited.
    heard: Cell<Instant>,
    live: Arc<Live>,
}

impl Counts {
    fn new(live: Arc<Live>) -> Self {
        let (waiting, busy) = (Cell::new(0), Cell::new(0));
        Self { tally: RefCell::default(), waiting, busy, heard: Cell::new(Instant::now()), live }
    }

    /// Until nobody has had a reply for so long, though somebody waits.
    async fn hopeless(&self, patience: Duration) {
        while self.heard.get().elapsed() <= patience {
            sleep(patience / 20).await;
            if self.busy.get() == 0 {
                self.heard.set(Instant::now());
            }
        }
    }
}

/// A connection's loop.
struct Client {
    lane: Lane,
    feed: Rc<Feed>,
    counts: Rc<Counts>,
    options: ConnectOptions,
    pipeline: usize,
}

impl Client {
    async fn run(mut self) {
        let (me, mut sent) = (Rc::new(Notify::new()), Vec::with_capacity(self.pipeline));
        while self.feed.take(&me, self.pipeline, &mut self.lane.output, &mut sent).await {
            self.counts.busy.set(self.counts.busy.get() + 1);
            let goes_on = self.exchange(&sent).await.is_ok() || self.connect_again().await;
            self.counts.busy.set(self.counts.busy.get() - 1);
            if !goes_on {
                return;
            }
            sent.clear();
        }
    }

    async fn exchange(&mut self, sent: &[Sent]) -> io::Result<()> {
        let counts = &self.counts;
        let counted = sent.iter().filter(|sent| sent.counted).count() as u64;
        let bytes: usize = sent.iter().filter(|sent| sent.counted).map(|sent| sent.bytes).sum();
        counts.waiting.set(counts.waiting.get() + counted);
        counts.tally.borrow_mut().sent_bytes += bytes as u64;
        let mut answered = 0;
        let result = self.lane.exchange(sent.len(), |at, reply, now| {
            let Sent { since, wide, counted, .. } = sent[at];
            counts.heard.set(now);
            if counted {
                answered += 1;
                let mut tally = counts.tally.borrow_mut();
                tally.reply(reply, wide, now - since);
                tally.last = Some(now);
            }
        });
        let result = result.await;
        counts.waiting.set(counts.waiting.get() - counted);
        counts.live.replies.fetch_add(answered, Ordering::Relaxed);
        if let Err(error) = &result {
            counts.tally.borrow_mut().unanswered(LOST, counted - answered, &error.to_string());
            counts.live.errors.fetch_add(counted - answered, Ordering::Relaxed);
        }
        result
    }

    /// Makes the connection anew, for as long as the load goes on; whether it is there.
    async fn connect_again(&mut self) -> bool {
        while !self.feed.is_over() {
            match self.options.open().await {
                Ok(stream) => {
                    self.lane = Lane::new(stream);
                    return true;
                }
                Err(_) => sleep(RECONNECT).await,
            }
        }
        false
    }
}
