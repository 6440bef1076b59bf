//! The thread of the log: takes what was committed, writes it, and says what is safe.

use super::files::{Failure, Files, RealDisk, Synced, Syncing};
use super::service::Log;
use ringtail_net::RateLimited;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{JoinHandle, park, park_timeout, sleep};
use std::time::{Duration, Instant};

/// When what was written is brought to disk.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Policy {
    /// Nothing is written.
    #[default]
    #[value(alias = "no")]
    Off,
    /// So often that no more than a second is lost.
    #[serde(rename = "everysec")]
    #[value(name = "everysec")]
    EverySecond,
    /// Before it is acknowledged.
    Always,
}

/// How long what nobody waits for is left to become more.
const LINGER: Duration = Duration::from_millis(1);
/// With `everysec`, from one sync to the next: what is lost is at most that and the time that a sync takes.
const SYNC_EVERY: Duration = Duration::from_millis(500);
/// From one try to heal to the next.
const HEAL_EVERY: Duration = Duration::from_secs(1);
/// The longest sleep.
const IDLE: Duration = Duration::from_millis(100);

/// Runs syncs beside the thread that writes.
struct Syncer {
    begun: Sender<Syncing<File>>,
    ended: Receiver<Synced>,
    running: bool,
    last: Instant,
}

impl Syncer {
    fn start() -> io::Result<Self> {
        let (begun, todo) = channel::<Syncing<File>>();
        let (done, ended) = channel();
        std::thread::Builder::new().name("log-sync".to_owned()).spawn(move || {
            while let Ok(syncing) = todo.recv() {
                if done.send(syncing.run()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { begun, ended, running: false, last: Instant::now() })
    }
}

/// The log's thread.
pub struct Keeper {
    log: Arc<Log>,
    policy: Policy,
    syncer: Syncer,
    healed: Instant,
    bytes: Vec<u8>,
    /// Told how many bytes a restart would replay.
    on_growth: Box<dyn Fn(u64) + Send>,
}

impl Keeper {
    /// Starts the thread. It runs until it is [stopped](Running::stop).
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(log: &Arc<Log>, policy: Policy, on_growth: Box<dyn Fn(u64) + Send>) -> io::Result<Running> {
        let (own, syncer) = (Arc::clone(log), Syncer::start()?);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            let healed = Instant::now();
            Self { log: own, policy, syncer, healed, bytes: Vec::new(), on_growth }.run();
        })?;
        Ok(Running { log: Arc::clone(log), thread })
    }

    fn run(mut self) {
        let log = Arc::clone(&self.log);
        log.intake().collect_here();
        loop {
            let stops = log.is_stopping();
            let ticket = log.collect(&mut self.bytes);
            let idle = self.bytes.is_empty();
            self.write();
            log.serve_waiters();
            if stops && idle {
                return self.close();
            }
            match idle {
                true if !log.has_readers() => park(),
                true if log.intake().may_sleep(ticket) => park_timeout(IDLE),
                true => std::thread::yield_now(),
                false if log.is_urgent() => {}
                false => sleep(LINGER),
            }
        }
    }

    /// Writes what was collected, and syncs when it is time.
    fn write(&mut self) {
        let log = Arc::clone(&self.log);
        let mut files = log.files();
        let Some(files) = &mut *files else { return self.bytes.clear() };
        let written = if self.bytes.is_empty() { Ok(()) } else { files.append(&self.bytes) };
        self.bytes.clear();
        let synced = written.and_then(|()| self.sync(files));
        if synced.is_err() || files.failure().is_some() {
            self.heal(files);
        }
        log.is_on_disk(files.synced_offset());
        (self.on_growth)(files.size_since_base());
    }

    fn sync(&mut self, files: &mut Files<RealDisk>) -> Result<(), Failure> {
        if self.policy == Policy::Always {
            return if files.unsynced() > 0 { files.sync() } else { Ok(()) };
        }
        match self.syncer.ended.try_recv() {
            Ok(synced) => {
                self.syncer.running = false;
                files.end_sync(synced)?;
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        let due = files.unsynced() > 0 && self.syncer.last.elapsed() >= SYNC_EVERY;
        if due && !self.syncer.running && files.failure().is_none() {
            self.syncer.last = Instant::now();
            self.syncer.running = self.syncer.begun.send(files.begin_sync()?).is_ok();
        }
        Ok(())
    }

    /// Tries to get well, and says how it stands.
    #[cold]
    fn heal(&mut self, files: &mut Files<RealDisk>) {
        static FAILING: RateLimited = RateLimited::new();
        let was = self.log.failing().is_some();
        if was && self.healed.elapsed() < HEAL_EVERY {
            return;
        }
        self.healed = Instant::now();
        match files.heal() {
            Ok(()) if was => {
                tracing::info!("the log is written again: writes are accepted");
                self.log.set_failing(None);
            }
            Ok(()) => {}
            Err(failure) => {
                FAILING.log(|suppressed| {
                    tracing::error!(
                        suppressed,
                        "{failure}: writes are refused, it is tried again each second"
                    );
                });
                self.log.set_failing(Some(failure.to_string()));
            }
        }
    }

    /// All is committed: brings it to disk.
    fn close(&mut self) {
        if self.syncer.running
            && let Ok(synced) = self.syncer.ended.recv()
            && let Some(files) = &mut *self.log.files()
        {
            let _ = files.end_sync(synced);
        }
        let Some(mut files) = self.log.files().take() else { return };
        let closed = files.heal().and_then(|()| files.close());
        if let Err(failure) = closed {
            tracing::error!("the end of the log may be lost: {failure}");
        }
    }
}

/// The log's thread, running.
pub struct Running {
    log: Arc<Log>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Ends it, once all that was committed is written.
    pub fn stop(self) {
        self.log.stop();
        let _ = self.thread.join();
    }
}
