//! Reads all keys in.

use super::save::Progress;
use crate::rdb::{Builder, Loaded, Shape};
use crate::server::{Server, unix_millis};
use crate::store::view::View;
use ringtail_backup::{Contents, Damage, Error, Opened, Reader, Record, Sealed};
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Blocks that wait for a thread.
const AHEAD: usize = 4;

/// How it is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// What is damaged is left out.
    pub recover: bool,
    /// Keys whose time is over are left out. A log says itself when they go.
    pub without_expired: bool,
    /// Threads.
    pub threads: usize,
}

/// What was loaded.
#[derive(Debug, Default)]
pub struct Summary {
    /// The log whose state it is; empty for none.
    pub history: String,
    /// Where in that log.
    pub offset: u64,
    /// The server whose state it is took clients' writes.
    pub led: bool,
    /// When the file was finished.
    pub time: u64,
    /// Keys.
    pub keys: u64,
    /// Keys that were left out: their time was over.
    pub expired: u64,
    /// What could not be read.
    pub damage: Vec<Damage>,
}

/// What all threads count.
#[derive(Default)]
struct Counts {
    keys: AtomicU64,
    expired: AtomicU64,
    damage: Mutex<Vec<Damage>>,
}

impl Counts {
    fn note(&self, damage: Damage) {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).push(damage);
    }
}

/// Loads all that `input` has into the server, over what is there.
///
/// # Errors
/// It can't be read, is no backup, or damaged and not to be recovered.
pub fn load<R: Read>(server: &Server, input: R, how: How, progress: &Progress) -> Result<Summary, Error> {
    let _counted = server.store.memory.counted();
    let mut reader = Reader::open(input)?;
    let counts = Counts::default();
    let read = std::thread::scope(|scope| {
        let senders: Vec<SyncSender<Sealed>> = (0..how.threads.max(1))
            .map(|_| {
                let (sender, sealed) = sync_channel(AHEAD);
                let counts = &counts;
                scope.spawn(move || Thread { server, how, counts }.run(&sealed));
                sender
            })
            .collect();
        read_all(&mut reader, &senders, how, &counts, progress)
    });
    read?;
    let damage = counts.damage.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = damage.first().filter(|_| !how.recover) {
        return Err(Error::Damaged(first.clone()));
    }
    let footer = reader.footer().cloned().unwrap_or_default();
    Ok(Summary {
        history: String::from_utf8_lossy(&footer.history).into_owned(),
        offset: footer.offset,
        led: footer.led,
        time: footer.time,
        keys: counts.keys.into_inner(),
        expired: counts.expired.into_inner(),
        damage,
    })
}

/// Hands the blocks out: those of one slot to one thread, so that what was written later is read later.
fn read_all<R: Read>(
    reader: &mut Reader<R>,
    senders: &[SyncSender<Sealed>],
    how: How,
    counts: &Counts,
    progress: &Progress,
) -> Result<(), Error> {
    loop {
        let sealed = match reader.next() {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Ok(()),
            Err(Error::Damaged(damage)) if how.recover => {
                counts.note(damage);
                reader.skip_damaged()?;
                continue;
            }
            Err(error) => return Err(error),
        };
        progress.bytes.fetch_add(sealed.raw() as u64, Relaxed);
        let stops = !how.recover && !counts.damage.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        let thread = usize::from(sealed.slot()) % senders.len();
        if stops || senders[thread].send(sealed).is_err() {
            return Ok(());
        }
    }
}

/// One of the threads.
struct Thread<'s> {
    server: &'s Server,
    how: How,
    counts: &'s Counts,
}

impl Thread<'_> {
    fn run(&self, sealed: &Receiver<Sealed>) {
        let _counted = self.server.store.memory.counted();
        let shape = Shape::new(self.server.store.hasher(), &self.server.settings.shapes);
        let mut builder = Builder::new(&shape);
        for sealed in sealed {
            let loaded = sealed.open().and_then(|opened| self.block(&opened, &shape, &mut builder));
            if let Err(damage) = loaded {
                self.counts.note(damage);
                builder = Builder::new(&shape);
            }
            self.server.store.memory.publish();
        }
    }

    fn block<'h>(&self, block: &Opened, shape: &'h Shape, builder: &mut Builder<'h>) -> Result<(), Damage> {
        let now = unix_millis();
        for record in block.records() {
            let record = record?;
            if !record.continues {
                *builder = Builder::new(shape);
            }
            self.record(&record, block, builder, now)?;
        }
        Ok(())
    }

    fn record(
        &self,
        record: &Record<'_>,
        block: &Opened,
        builder: &mut Builder<'_>,
        now: u64,
    ) -> Result<(), Damage> {
        let store = &self.server.store;
        let db = u8::try_from(record.db).ok().filter(|db| *db < crate::store::DATABASES);
        let db = db.ok_or_else(|| block.corrupt())?;
        let key = store.key(record.key);
        let lock = || {
            let counters = &self.server.counters[0];
            let mut view = View::lock(store, counters, now, db, false, std::slice::from_ref(&key));
            view.replays = true;
            view
        };
        match &record.contents {
            Contents::Gone => {
                lock().clear(&key);
            }
            Contents::Library(code) => {
                if let Err(error) = crate::command::scripting::function::add_library(self.server, code) {
                    tracing::error!("a library of functions is left out: {}", error.text());
                }
            }
            _ => {
                record.tell(builder).map_err(|_| block.corrupt())?;
                if record.more {
                    return Ok(());
                }
                let value = builder.take().ok_or_else(|| block.corrupt())?;
                if self.how.without_expired && record.expiry.is_some_and(|at| at <= now) {
                    self.counts.expired.fetch_add(1, Relaxed);
                    lock().clear(&key);
                    return Ok(());
                }
                self.counts.keys.fetch_add(1, Relaxed);
                match value {
                    Loaded::Bytes(bytes) => lock().set_bytes_owned(&key, bytes, record.expiry),
                    Loaded::Object(object) => lock().put(&key, object, record.expiry),
                }
            }
        }
        Ok(())
    }
}
