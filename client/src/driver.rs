//! The task that owns the connection: it takes requests from the queue, and connects again when it must.
//!
//! ```text
//! away --next request--> connecting --greeted--> serving --lost--> away
//!                          | failed: back off, try again while the request waits
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringtail_net::TlsClient;
use ringtail_protocol::value::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::connection::Connection;
use crate::error::Error;
use crate::handshake::{Session, open};
use crate::limits;
use crate::options::ConnectOptions;
use crate::requests::Requests;

/// What handles ask of the driver.
pub(crate) enum Job {
    Run(Work),
    /// Be connected now, and say whether that worked.
    Connect(oneshot::Sender<Result<(), Error>>),
    /// Give up the connection, and what it still owes.
    Disconnect,
}

/// Requests, and the one who waits for their answers.
pub(crate) struct Work {
    pub(crate) requests: Requests,
    pub(crate) deadline: Option<Instant>,
    /// Whether a connection is made for it.
    pub(crate) connects: bool,
    done: oneshot::Sender<Result<Vec<Value>, Error>>,
    /// Set when the requests were given to a connection, so they may have been sent.
    taken: Arc<AtomicBool>,
}

pub(crate) type Answers = oneshot::Receiver<Result<Vec<Value>, Error>>;

impl Work {
    /// The work, where its answers come, and whether it was taken.
    pub(crate) fn new(requests: Requests, deadline: Option<Instant>) -> (Self, Answers, Arc<AtomicBool>) {
        let (done, answers) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(false));
        (Self { requests, deadline, connects: true, done, taken: taken.clone() }, answers, taken)
    }

    /// Marks it as taken; false when nobody waits for it any more.
    pub(crate) fn take(&self) -> bool {
        self.taken.store(true, Ordering::Release);
        self.is_wanted()
    }

    pub(crate) fn is_wanted(&self) -> bool {
        !self.done.is_closed()
    }

    pub(crate) fn finish(self, answer: Result<Vec<Value>, Error>) {
        // Whoever waited may have stopped waiting.
        let _ = self.done.send(answer);
    }
}

pub(crate) struct Driver {
    pub(crate) options: Arc<ConnectOptions>,
    pub(crate) tls: Option<TlsClient>,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) connected: Arc<AtomicBool>,
    pub(crate) session: Session,
    pub(crate) backoff: Backoff,
}

impl Driver {
    /// Until no handle is left.
    pub(crate) async fn run(mut self) {
        while let Some(mut link) = self.connection_for_next().await {
            self.connected.store(true, Ordering::Release);
            let ended = self.exchange(&mut link).await;
            self.connected.store(false, Ordering::Release);
            match ended {
                Ok(()) => link.stream.shutdown().await,
                Err(error) => link.fail(&error.to_string()),
            }
        }
    }

    /// Until the connection is lost (the error), or nobody needs it.
    async fn exchange(&mut self, link: &mut Connection) -> io::Result<()> {
        let mut open = true;
        while open || !link.is_idle() {
            link.write()?;
            let deadline = link.deadline();
            tokio::select! {
                job = self.jobs.recv(), if open && link.has_room() => match job {
                    Some(job) => self.take(link, job)?,
                    None => open = false,
                },
                ready = link.stream.readable() => {
                    ready?;
                    link.read()?;
                    self.deliver(link)?;
                }
                ready = link.stream.writable(), if link.has_unsent() => ready?,
                () = until(deadline), if deadline.is_some() => return Err(overdue()),
            }
        }
        Ok(())
    }

    /// Takes a job and those that wait behind it, so that they are written together.
    fn take(&mut self, link: &mut Connection, first: Job) -> io::Result<()> {
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Run(work) => link.begin(work),
                Job::Connect(done) => {
                    let _ = done.send(Ok(()));
                }
                Job::Disconnect => return Err(io::Error::other("it was given up")),
            }
            next = if link.has_room() { self.jobs.try_recv().ok() } else { None };
        }
        Ok(())
    }

    fn deliver(&mut self, link: &mut Connection) -> io::Result<()> {
        let session = &mut self.session;
        if link.deliver(|effect| session.apply(effect))? {
            self.backoff.reset();
        }
        Ok(())
    }

    /// Waits for a request, and connects for it. `None` when no handle is left.
    async fn connection_for_next(&mut self) -> Option<Connection> {
        loop {
            match self.jobs.recv().await? {
                Job::Disconnect => {}
                Job::Connect(done) => {
                    let opened = self.open().await;
                    let (link, answer) =
                        opened.map_or_else(|error| (None, Err(error)), |link| (Some(link), Ok(())));
                    self.connected.store(link.is_some(), Ordering::Release);
                    let _ = done.send(answer);
                    if link.is_some() {
                        return link;
                    }
                }
                Job::Run(work) if !work.connects => {
                    let why = "it was lost before this was sent".into();
                    work.finish(Err(Error::Lost { safe_to_retry: true, why }));
                }
                Job::Run(work) => {
                    if let Some(link) = self.connect_for(work).await {
                        return Some(link);
                    }
                }
            }
        }
    }

    /// Tries to connect for as long as somebody waits for `work`.
    async fn connect_for(&mut self, mut work: Work) -> Option<Connection> {
        let mut attempts = 0;
        loop {
            tokio::select! {
                () = work.done.closed() => return None,
                () = sleep_until(self.backoff.not_before) => {}
            }
            let opened = tokio::select! {
                () = work.done.closed() => return None,
                opened = open(&self.options, self.tls.as_ref(), &self.session) => opened,
            };
            attempts += 1;
            match opened {
                Ok(mut link) => {
                    link.begin(work);
                    return Some(link);
                }
                Err(error) => {
                    self.backoff.failed();
                    if !is_passing(&error) || self.options.attempts.is_some_and(|most| attempts >= most) {
                        work.finish(Err(error));
                        return None;
                    }
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Connection, Error> {
        let opened = open(&self.options, self.tls.as_ref(), &self.session).await;
        if opened.is_err() {
            self.backoff.failed();
        }
        opened
    }
}

/// Whether another attempt may succeed without anybody doing anything.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Connect { kind, .. } if *kind != io::ErrorKind::InvalidInput)
}

async fn until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        sleep_until(deadline).await;
    }
}

fn overdue() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "an answer before it did not come in time")
}

/// How long to wait before the next attempt: doubling, with jitter so that many clients do not come at once.
pub(crate) struct Backoff {
    failures: u32,
    not_before: Instant,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { failures: 0, not_before: Instant::now() }
    }

    fn failed(&mut self) {
        self.not_before = Instant::now() + delay(self.failures, fastrand::f64());
        self.failures = self.failures.saturating_add(1);
    }

    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Half of the doubled wait at least, all of it at most; `chance` is from 0 to 1.
fn delay(failures: u32, chance: f64) -> Duration {
    let doubled = limits::BACKOFF_FIRST.saturating_mul(1 << failures.min(16));
    doubled.min(limits::BACKOFF_MOST).mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        assert_eq!(delay(0, 1.0), limits::BACKOFF_FIRST);
        assert_eq!(delay(1, 1.0), 2 * limits::BACKOFF_FIRST);
        assert_eq!(delay(3, 0.0), 4 * limits::BACKOFF_FIRST);
        for failures in [10, 40, u32::MAX] {
            assert_eq!(delay(failures, 1.0), limits::BACKOFF_MOST);
        }
    }
}
