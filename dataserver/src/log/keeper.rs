//! The thread of the log: takes what was committed, writes it, and says what is safe.

use super::faults::Fault;
use super::files::{Failure, Files, Preparing, RealDisk, Synced, Syncing};
use super::service::Log;
use super::waiting::stamp;
use crate::rest::rest;
use ringtail_net::RateLimited;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, park, park_timeout};
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
    Off,
    /// When the system likes: what it has not brought to disk is lost with the machine, not with the process.
    No,
    /// So often that no more than a second is lost.
    #[serde(rename = "everysec")]
    #[value(name = "everysec")]
    EverySecond,
    /// Before it is acknowledged.
    Always,
}

impl Policy {
    /// Those of a log that is written, as they are named in Redis's `appendfsync`.
    pub const WRITTEN: [(&str, Self); 3] =
        [("always", Self::Always), ("everysec", Self::EverySecond), ("no", Self::No)];

    /// From one sync to the next while nobody waits for it.
    fn interval(self) -> Duration {
        if self == Self::No { SYNC_SELDOM } else { SYNC_EVERY }
    }
}

/// How long what nobody waits for is left to become more.
const LINGER: Duration = Duration::from_millis(1);
/// With `everysec`, from one sync to the next: what is lost is at most that and the time that a sync takes.
const SYNC_EVERY: Duration = Duration::from_millis(500);
/// With `no`, where the system does it about as often. What is not synced is held in memory, to be written again should the disk fail.
const SYNC_SELDOM: Duration = Duration::from_secs(30);
/// So much of it has it synced before its time: what the next ones are held in is near the processor then.
const HELD_MOST: usize = 16 << 20;
/// From one try to heal to the next.
const HEAL_EVERY: Duration = Duration::from_secs(1);
/// The longest sleep.
const IDLE: Duration = Duration::from_millis(100);

/// The longest time that a sync waits for more to come.
const GATHER_MOST: Duration = Duration::from_millis(1);

/// From one try to prepare a file to the next.
const PREPARE_EVERY: Duration = Duration::from_millis(100);

/// What is done beside the thread that writes.
enum Job {
    Sync(Syncing<File>),
    Prepare(Preparing<RealDisk>),
}

/// Does that.
struct Syncer {
    begun: Sender<Job>,
    ended: Receiver<Synced>,
    prepared: Receiver<io::Result<File>>,
    running: bool,
    last: Instant,
    /// When what is synced was collected.
    of: u64,
}

impl Syncer {
    fn start(log: &Arc<Log>) -> io::Result<Self> {
        let (begun, todo) = channel::<Job>();
        let ((done, ended), (made, prepared)) = (channel(), channel());
        let log = Arc::downgrade(log);
        std::thread::Builder::new().name("log-sync".to_owned()).spawn(move || {
            while let Ok(job) = todo.recv() {
                let is_heard = match job {
                    Job::Sync(syncing) => done.send(syncing.run()).is_ok(),
                    Job::Prepare(preparing) => made.send(preparing.run()).is_ok(),
                };
                if !is_heard {
                    return;
                }
                // Somebody may wait for it.
                if let Some(log) = log.upgrade() {
                    log.intake().wake();
                }
            }
        })?;
        Ok(Self { begun, ended, prepared, running: false, last: Instant::now(), of: 0 })
    }
}

/// The log's thread.
pub struct Keeper {
    log: Arc<Log>,
    syncer: Syncer,
    healed: Instant,
    /// When a file for the next segment was asked for.
    asked: Instant,
    /// Healing has failed, and is tried again.
    fails: bool,
    bytes: Vec<u8>,
    /// When it was collected, in milliseconds of a clock that is never set.
    at: u64,
    /// How long the last sync took.
    took: Duration,
    /// Told how many bytes a restart would replay, again and again.
    on_growth: Box<dyn Fn(u64) + Send>,
}

impl Keeper {
    /// Starts the thread. It runs until it is [stopped](Running::stop).
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(log: &Arc<Log>, on_growth: Box<dyn Fn(u64) + Send>) -> io::Result<Running> {
        let (own, syncer) = (Arc::clone(log), Syncer::start(log)?);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            let healed = Instant::now();
            Self {
                log: own,
                syncer,
                healed,
                asked: healed,
                fails: false,
                bytes: Vec::new(),
                at: 0,
                took: Duration::ZERO,
                on_growth,
            }
            .run()
        })?;
        Ok(Running { log: Arc::clone(log), thread })
    }

    fn run(mut self) -> bool {
        let log = Arc::clone(&self.log);
        let _counted = log.memory().counted();
        log.intake().collect_here();
        loop {
            log.memory().publish();
            let stops = log.is_stopping();
            self.at = stamp();
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
                false if log.is_urgent() => self.gather(),
                false => rest(LINGER),
            }
        }
    }

    /// A sync serves all that came before it, so those that are about to come are let in: a yield brings workers of this processor to the end
    /// of their turn. It goes on while more come, for no longer than a sync takes.
    fn gather(&self) {
        let (intake, begun) = (self.log.intake(), Instant::now());
        let mut seen = intake.end();
        loop {
            std::thread::yield_now();
            let now = intake.end();
            if now == seen || begun.elapsed() >= self.took.min(GATHER_MOST) {
                return;
            }
            seen = now;
        }
    }

    /// Writes what was collected, and syncs when it is time.
    fn write(&mut self) {
        let log = Arc::clone(&self.log);
        let mut files = log.files();
        let Some(files) = &mut *files else { return self.bytes.clear() };
        // Whatever the writing comes to: nothing heals before the sync has ended.
        let ended = self.end_sync(files);
        let written = if self.bytes.is_empty() { Ok(()) } else { self.append(files) };
        if written.is_ok() && self.log.policy() == Policy::No {
            self.log.lateness.cover(self.at);
        }
        self.prepare(files);
        let synced = ended.and(written).and_then(|()| self.sync(files));
        if synced.is_err() || files.failure().is_some() {
            self.heal(files);
        } else {
            log.note_waiting(files.unsynced());
        }
        log.memory().set_unsynced(files.held());
        log.is_on_disk(files.synced_offset(), files.size_since_base());
        (self.on_growth)(files.size_since_base());
    }

    fn append(&mut self, files: &mut Files<RealDisk>) -> Result<(), Failure> {
        let begun = Instant::now();
        let written = files.append(&mut self.bytes);
        self.log.times.written(begun.elapsed());
        written
    }

    /// With `always` clients wait for each sync, so the next segment is made ready for quick ones.
    fn prepare(&mut self, files: &mut Files<RealDisk>) {
        if let Ok(made) = self.syncer.prepared.try_recv() {
            files.set_prepared(made);
        }
        if self.log.policy() == Policy::Always
            && self.asked.elapsed() >= PREPARE_EVERY
            && let Some(preparing) = files.prepare()
        {
            self.asked = Instant::now();
            let _ = self.syncer.begun.send(Job::Prepare(preparing));
        }
    }

    /// Ends the sync that runs beside this thread, if it has come to an end; with `always` it is waited for.
    fn end_sync(&mut self, files: &mut Files<RealDisk>) -> Result<(), Failure> {
        if !self.syncer.running {
            return Ok(());
        }
        let waits = self.log.policy() == Policy::Always;
        let synced = if waits { self.syncer.ended.recv().ok() } else { self.syncer.ended.try_recv().ok() };
        let Some(synced) = synced else { return Ok(()) };
        self.syncer.running = false;
        self.log.times.synced(synced.took());
        files.end_sync(synced)?;
        self.log.lateness.cover(self.syncer.of);
        // These syncs are seldom: a write for each costs nothing, and a start then knows what a crash can't have torn.
        if waits { Ok(()) } else { files.mark() }
    }

    fn sync(&mut self, files: &mut Files<RealDisk>) -> Result<(), Failure> {
        if files.unsynced() == 0 || self.syncer.running || self.log.settling.load(Relaxed) {
            return Ok(());
        }
        let policy = self.log.policy();
        if policy == Policy::Always {
            let begun = Instant::now();
            let synced = files.sync();
            self.took = begun.elapsed();
            self.log.times.synced(self.took);
            return synced.map(|()| self.log.lateness.cover(self.at));
        }
        let due = self.syncer.last.elapsed() >= policy.interval() || files.unsynced() > HELD_MOST;
        if (due || self.log.is_awaited()) && files.failure().is_none() {
            self.syncer.last = Instant::now();
            self.syncer.of = self.at;
            self.syncer.running = self.syncer.begun.send(Job::Sync(files.begin_sync()?)).is_ok();
        }
        Ok(())
    }

    /// Tries to get well, and says how it stands.
    #[cold]
    fn heal(&mut self, files: &mut Files<RealDisk>) {
        static FAILING: RateLimited = RateLimited::new();
        if self.fails && self.healed.elapsed() < HEAL_EVERY {
            return;
        }
        self.healed = Instant::now();
        match files.heal() {
            Ok(()) if self.fails => {
                tracing::info!("the log is written again");
                self.log.set_fault(Fault::Disk, None);
                self.fails = false;
            }
            Ok(()) => {}
            Err(failure) => {
                FAILING.log(|suppressed| {
                    tracing::error!(
                        suppressed,
                        "{failure}: writes are refused, it is tried again each second"
                    );
                });
                self.log.set_fault(Fault::Disk, Some(failure.to_string()));
                self.fails = true;
            }
        }
    }

    /// All is committed: brings it to disk, and says whether it is there.
    fn close(&mut self) -> bool {
        if self.syncer.running
            && let Ok(synced) = self.syncer.ended.recv()
            && let Some(files) = &mut *self.log.files()
        {
            let _ = files.end_sync(synced);
        }
        let Some(mut files) = self.log.files().take() else { return true };
        let closed = files.heal().and_then(|()| files.close());
        if let Err(failure) = &closed {
            tracing::error!("the end of the log may be lost: {failure}");
        }
        // What a replica has can be had again.
        let is_lost = self.log.wants_files() && !self.log.stance.is_read_only();
        if is_lost {
            tracing::error!("the files are as they were before this server led, and what came since is lost");
        }
        closed.is_ok() && !is_lost
    }
}

/// The log's thread, running.
pub struct Running {
    log: Arc<Log>,
    thread: JoinHandle<bool>,
}

impl Running {
    /// Ends it, once all that was committed is written; whether it is on disk.
    pub fn stop(self) -> bool {
        self.log.stop();
        self.thread.join().unwrap_or(false)
    }
}
