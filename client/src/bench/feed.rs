//! Hands a thread's requests to its connections: each as soon as a connection asks, or when it is due.
//!
//! With a schedule, a request that is due goes to the connection that has waited longest. If none waits it is taken late, by the next one
//! that is free, and its latency is from when it was due all the same: who measured from the sending would leave out just those
//! requests that a stalled server kept from being sent (coordinated omission).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ringtail::measure::Timer;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::source::Source;

/// When requests are due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Schedule {
    /// As soon as a connection is free.
    Free,
    /// At fixed times after the start, in seconds.
    Every { first: f64, step: f64 },
    /// When the trace says.
    Trace,
}

impl Schedule {
    /// A thread's share of so many requests a second.
    pub(super) fn of_rate(rate: u64, thread: u32, threads: u32) -> Self {
        let step = 1.0 / rate as f64;
        Self::Every { first: step * f64::from(thread), step: step * f64::from(threads) }
    }
}

/// When the next request is due.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    Now,
    At(Instant),
    /// There is none.
    Never,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// From when its latency counts.
    pub(super) since: Instant,
    /// Its reply has an element for each key.
    pub(super) wide: bool,
    /// It is not of the warm-up.
    pub(super) counted: bool,
    pub(super) bytes: usize,
}

/// One thread's requests.
pub(super) struct Feed {
    source: RefCell<Source>,
    schedule: Schedule,
    start: Instant,
    counted_from: Instant,
    /// Requests that were handed out.
    taken: Cell<u64>,
    /// Requests that may still be counted.
    left: Cell<u64>,
    /// When the round ended: what is due later is not asked for.
    ended: Cell<Option<Instant>>,
    /// Connections that have nothing to do, the one that waits longest first.
    idle: RefCell<VecDeque<Rc<Notify>>>,
    arrived: Notify,
}

impl Feed {
    /// `requests` is how many are counted at most.
    pub(super) fn new(
        source: Source,
        schedule: Schedule,
        start: Instant,
        warmup: Duration,
        requests: u64,
    ) -> Self {
        Self {
            source: RefCell::new(source),
            schedule,
            start,
            counted_from: start + warmup,
            taken: Cell::new(0),
            left: Cell::new(requests),
            ended: Cell::new(None),
            idle: RefCell::default(),
            arrived: Notify::new(),
        }
    }

    /// Appends what is due to `out`, `most` requests at most, and waits until there is something; false at the end of all.
    pub(super) async fn take(
        &self,
        me: &Rc<Notify>,
        most: usize,
        out: &mut Vec<u8>,
        sent: &mut Vec<Sent>,
    ) -> bool {
        loop {
            self.fill(Instant::now(), most, out, sent);
            if !sent.is_empty() {
                return true;
            }
            if self.is_over() {
                return false;
            }
            self.idle.borrow_mut().push_back(Rc::clone(me));
            self.arrived.notify_one();
            me.notified().await;
        }
    }

    fn fill(&self, now: Instant, most: usize, out: &mut Vec<u8>, sent: &mut Vec<Sent>) {
        while sent.len() < most {
            let since = match self.due() {
                Due::Now => now,
                Due::At(due) if due <= now => due,
                _ => return,
            };
            let before = out.len();
            let wide = self.source.borrow_mut().write(out);
            let counted = since >= self.counted_from;
            self.taken.set(self.taken.get() + 1);
            self.left.set(self.left.get() - u64::from(counted));
            sent.push(Sent { since, wide, counted, bytes: out.len() - before });
        }
    }

    /// Whether there are no more requests.
    pub(super) fn is_over(&self) -> bool {
        self.due() == Due::Never
    }

    fn due(&self) -> Due {
        if self.left.get() == 0 {
            return Due::Never;
        }
        let source = self.source.borrow();
        let row = match &*source {
            Source::Drawn { .. } => None,
            Source::Replayed { trace, .. } => match trace.peek() {
                None => return Due::Never,
                row => row,
            },
        };
        let at = match (self.schedule, row) {
            (Schedule::Every { first, step }, _) => {
                let at = first + step * self.taken.get() as f64;
                Some(self.start + Duration::from_secs_f64(at))
            }
            (Schedule::Trace, Some(row)) => Some(self.start + row.at),
            _ => None,
        };
        match (self.ended.get(), at) {
            (Some(ended), Some(at)) if at > ended => Due::Never,
            (Some(_), None) => Due::Never,
            (_, Some(at)) => Due::At(at),
            (None, None) => Due::Now,
        }
    }

    /// Wakes connections when requests are due, until there are none.
    pub(super) async fn pace(&self) -> io::Result<()> {
        let timer = Timer::new()?;
        while let Due::At(due) = self.due() {
            if self.idle.borrow().is_empty() {
                self.arrived.notified().await;
                continue;
            }
            timer.sleep_until(due).await?;
            let next = self.idle.borrow_mut().pop_front();
            if let Some(next) = next {
                next.notify_one();
                // It takes its request now, so that the next one is another.
                yield_now().await;
            }
        }
        self.dismiss();
        Ok(())
    }

    /// No more requests become due. Those that are go on being handed out: a stall at the end is one as well.
    pub(super) fn close(&self, now: Instant) {
        self.ended.set(Some(now));
        self.dismiss();
    }

    /// How many requests were due and not handed out, of those that count. Call it once, at the end of all.
    pub(super) fn unsent(&self) -> u64 {
        let (Schedule::Every { first, step }, Some(ended)) = (self.schedule, self.ended.get()) else {
            return self.drained();
        };
        // The number of the first request that is due later than this.
        let due_by = |time: Instant| {
            let seconds = time.saturating_duration_since(self.start).as_secs_f64();
            if seconds < first { 0 } else { ((seconds - first) / step) as u64 + 1 }
        };
        let from = self.taken.get().max(due_by(self.counted_from));
        due_by(ended).saturating_sub(from).min(self.left.get())
    }

    fn drained(&self) -> u64 {
        let (mut out, mut sent, mut unsent) = (Vec::new(), Vec::new(), 0);
        loop {
            out.clear();
            sent.clear();
            self.fill(Instant::now(), 256, &mut out, &mut sent);
            if sent.is_empty() {
                return unsent;
            }
            unsent += sent.iter().filter(|sent| sent.counted).count() as u64;
        }
    }

    /// Requests that may still be counted.
    pub(super) fn left(&self) -> u64 {
        self.left.get()
    }

    fn dismiss(&self) {
        self.idle.borrow_mut().drain(..).for_each(|idle| idle.notify_one());
        self.arrived.notify_one();
    }

    /// How long the next request has been due.
    pub(super) fn behind(&self, now: Instant) -> Duration {
        match self.due() {
            Due::At(due) => now.saturating_duration_since(due),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn counted_from(&self) -> Instant {
        self.counted_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::keys::{Keys, Spread};
    use crate::bench::mix::Mix;
    use crate::bench::sizes::Stock;
    use crate::bench::template::{Fill, KeyLook};
    use std::sync::Arc;

    fn feed(schedule: Schedule, start: Instant, requests: u64) -> Feed {
        let look = KeyLook { prefix: String::new(), size: 2 };
        let fill =
            Fill { keys: Keys::new(Spread::Uniform, 1), sizes: "1".parse().unwrap(), stock: Stock::new(1) };
        let mix = Arc::new(Mix::new("ping", &look, None).unwrap());
        let source = Source::Drawn { mix, fill: Rc::new(fill), random: fastrand::Rng::with_seed(1) };
        Feed::new(source, schedule, start, Duration::from_secs(1), requests)
    }

    fn due_by(feed: &Feed, start: Instant, ms: u64, most: usize) -> Vec<(u128, bool)> {
        let mut sent = Vec::new();
        feed.fill(start + Duration::from_millis(ms), most, &mut Vec::new(), &mut sent);
        sent.iter().map(|sent| ((sent.since - start).as_millis(), sent.counted)).collect()
    }

    #[test]
    fn late_requests_count_from_when_they_were_due() {
        let start = Instant::now();
        let feed = feed(Schedule::of_rate(10, 0, 1), start, 100);
        assert_eq!(due_by(&feed, start, 250, 8), [(0, false), (100, false), (200, false)]);
        assert_eq!(due_by(&feed, start, 299, 8), []);
        assert_eq!(due_by(&feed, start, 5000, 2), [(300, false), (400, false)]);
        assert_eq!(feed.behind(start + Duration::from_millis(1500)), Duration::from_millis(1000));
        let rest = due_by(&feed, start, 1200, 99);
        assert_eq!((rest[4], rest[5], rest.len()), ((900, false), (1000, true), 8));
    }

    #[test]
    fn what_was_due_at_the_end_is_handed_out_or_counted() {
        let start = Instant::now();
        let feed = feed(Schedule::of_rate(10, 0, 1), start, 100);
        assert_eq!(due_by(&feed, start, 850, 99).len(), 9);
        feed.close(start + Duration::from_millis(2050));
        assert_eq!(due_by(&feed, start, 9000, 4), [(900, false), (1000, true), (1100, true), (1200, true)]);
        // 1300 to 2000.
        assert_eq!((feed.is_over(), feed.unsent()), (false, 8));
        assert_eq!(due_by(&feed, start, 9000, 99).len(), 8);
        assert_eq!((feed.is_over(), feed.unsent()), (true, 0));
    }

    #[test]
    fn threads_share_a_rate_evenly() {
        let start = Instant::now();
        let mut all: Vec<u128> = (0..3)
            .flat_map(|thread| due_by(&feed(Schedule::of_rate(100, thread, 3), start, 100), start, 119, 99))
            .map(|(at, _)| at)
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..12).map(|n| n * 10).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_counted_has_an_end_and_the_warm_up_is_not() {
        let start = Instant::now();
        let feed = feed(Schedule::Free, start, 3);
        assert_eq!(due_by(&feed, start, 500, 10), [(500, false); 10]);
        assert_eq!(due_by(&feed, start, 1500, 10), [(1500, true); 3]);
        assert_eq!(due_by(&feed, start, 1500, 10), []);
    }

    #[tokio::test]
    async fn who_waits_is_woken_when_something_is_due_and_at_the_end() {
        let feed = feed(Schedule::of_rate(50, 0, 1), Instant::now(), 100);
        let (begun, me) = (Instant::now(), Rc::new(Notify::new()));
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        let mut takes = 0;
        let taking = async {
            while feed.take(&me, 1, &mut out, &mut sent).await {
                sent.clear();
                takes += 1;
                if takes == 5 {
                    feed.close(Instant::now());
                }
            }
        };
        let (_taken, paced) = tokio::join!(taking, feed.pace());
        paced.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(75), "{:?}", begun.elapsed());
        assert_eq!(takes, 5);
    }
}
