//! Writes all keys out.

use crate::rdb::{Order, tell};
use crate::rest::rest;
use crate::script::Library;
use crate::server::{Server, unix_millis};
use crate::store::entry::Entry;
use crate::store::group::{Found, Slots};
use crate::store::view::View;
use crate::store::walks::{Walk, cursor};
use crate::store::{Key, SLOTS_PER_GROUP};
use ringtail_backup::{Block, Footer, Meta, Writer, Written};
use ringtail_cluster::SLOTS;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Keys that are taken under one lock.
const AT_ONCE: usize = 256;
/// Keys after which is looked whether these are enough.
const FEW: usize = 16;
/// Bytes after which no more keys are taken under the same lock.
const BYTES_AT_ONCE: usize = 256 << 10;
/// So few changed keys are written under all locks.
const LAST: usize = 500;
/// Passes over changed keys after which the rest is written under all locks, however much it is: commands change keys faster than
/// they can be written.
const PASSES: usize = 40;
/// The names of keys that were changed may take as much as the backlog, or so much where that is less: whoever follows waits for either.
const NOTES_LEAST: usize = 16 << 20;
/// When they take this part of it, those keys are written in the middle of the walk: only who is slower than that is given up.
const NOTES_PART: usize = 8;
/// Walks that begin again, because all keys changed at once, before one is given up.
const AGAIN: usize = 20;
/// From one look to the next whether scripts that run long have ended.
const SCRIPTS: Duration = Duration::from_millis(5);

/// The program in the files.
const PROGRAM: &str = concat!("ringtail-server ", env!("CARGO_PKG_VERSION"));

/// How far a walk has come, for those who ask.
#[derive(Debug, Default)]
pub struct Progress {
    /// Slots of 16384.
    pub slots: AtomicU64,
    /// Bytes before they were compressed.
    pub bytes: AtomicU64,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The name of the log ...
    pub history: String,
    /// ... and the offset that the keys are as of.
    pub offset: u64,
    /// How much.
    pub written: Written,
}

/// Why nothing was.
#[derive(Debug)]
pub enum Failed {
    /// What is written to refuses.
    Io(io::Error),
    /// All keys changed at once (FLUSHALL, SWAPDB): it has to begin again, with another file.
    Void,
    /// Keys changed so much faster than they were taken that there was no room left to note which.
    Overrun(usize),
    /// A first sync has not brought all keys yet.
    Partial,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Partial => f.write_str("the sync from the primary has not brought all keys yet"),
            Self::Overrun(most) => write!(
                f,
                "keys changed faster than they were taken: the names of those alone take more than {} MiB (--repl-backlog)",
                most >> 20
            ),
            Self::Void => f.write_str("all keys changed at once (FLUSHALL, SWAPDB), again and again"),
        }
    }
}

/// Writes all keys of a server.
///
/// # Errors
/// It can't be written, or all keys changed at once.
pub fn save<W: Write>(server: &Server, out: W, progress: &Progress) -> Result<(W, Saved), Failed> {
    save_with(server, out, progress, &|| ())
}

fn save_with<W: Write>(
    server: &Server,
    out: W,
    progress: &Progress,
    at_cut: &dyn Fn(),
) -> Result<(W, Saved), Failed> {
    let _counted = server.store.memory.counted();
    let walk = server.store.begin_walk(server.log.backlog_most().max(NOTES_LEAST));
    let ended = Saving { server, walk: &walk, block: Block::new(0), progress, at_cut }.run(out);
    server.store.end_walk(&walk);
    ended
}

/// The same, tried again with what `begin` makes when all keys changed at once.
///
/// # Errors
/// It can't be written.
pub fn save_again<W: Write>(
    server: &Server,
    begin: impl FnMut() -> io::Result<W>,
    progress: &Progress,
) -> Result<(W, Saved), Failed> {
    save_again_with(server, begin, progress, &|| ())
}

/// The same, and calls `at_cut` at the moment that the keys are as of, while nothing changes.
///
/// # Errors
/// It can't be written.
pub fn save_again_with<W: Write>(
    server: &Server,
    mut begin: impl FnMut() -> io::Result<W>,
    progress: &Progress,
    at_cut: &dyn Fn(),
) -> Result<(W, Saved), Failed> {
    for _ in 0..AGAIN {
        match save_with(server, begin()?, progress, at_cut) {
            Err(Failed::Void) => {}
            ended => return ended,
        }
    }
    Err(Failed::Void)
}

struct Saving<'s> {
    server: &'s Server,
    walk: &'s Arc<Walk>,
    block: Block,
    progress: &'s Progress,
    at_cut: &'s dyn Fn(),
}

/// What a writer of ours has to be told.
fn meta() -> Meta {
    Meta { time: unix_millis(), program: PROGRAM.to_owned() }
}

impl Saving<'_> {
    fn run<W: Write>(mut self, out: W) -> Result<(W, Saved), Failed> {
        let mut writer = Writer::new(out, &meta())?;
        for slot in 0..SLOTS as u16 {
            self.slot(slot, &mut writer)?;
            self.progress.slots.store(u64::from(slot) + 1, Relaxed);
            self.check()?;
            // Between two slots: what is written again comes behind all of its slot.
            if self.walk.bytes() > self.walk.most() / NOTES_PART {
                self.changes(&mut writer)?;
            }
        }
        for _ in 0..PASSES {
            if self.walk.changes() <= LAST {
                break;
            }
            self.changes(&mut writer)?;
        }
        let (history, offset) = self.last(&mut writer)?;
        let footer = Footer { time: unix_millis(), history: history.clone().into_bytes(), offset };
        let written = writer.written().clone();
        Ok((writer.finish(&footer)?, Saved { history, offset, written }))
    }

    /// # Errors
    /// What was written is of no use.
    fn check(&self) -> Result<(), Failed> {
        match self.walk {
            walk if walk.is_void() => Err(Failed::Void),
            walk if walk.is_overrun() => Err(Failed::Overrun(walk.most())),
            _ => Ok(()),
        }
    }

    /// Writes one slot, some keys at a time.
    fn slot<W: Write>(&mut self, slot: u16, writer: &mut Writer<W>) -> Result<(), Failed> {
        let (store, group) = (&*self.server.store, usize::from(slot) / SLOTS_PER_GROUP);
        let mut tag = Some(0);
        self.block.set_slot(slot, false);
        while let Some(from) = tag {
            let slots = store.lock(group);
            tag = take(&slots, slot, from, &mut self.block);
            let next = tag.map_or(cursor(slot, 0) + (1 << 16), |tag| cursor(slot, tag));
            self.walk.move_to(next);
            drop(slots);
            self.write(writer)?;
        }
        Ok(())
    }

    fn write<W: Write>(&mut self, writer: &mut Writer<W>) -> Result<(), Failed> {
        self.progress.bytes.fetch_add(self.block.len() as u64, Relaxed);
        self.server.store.memory.publish();
        Ok(writer.block(&mut self.block)?)
    }

    /// Writes what was changed meanwhile, each key under its lock.
    fn changes<W: Write>(&mut self, writer: &mut Writer<W>) -> Result<(), Failed> {
        let walk = Arc::clone(self.walk);
        for changed in walk.take_changes() {
            for (db, bytes) in &changed {
                let key = self.server.store.key(bytes);
                self.block.set_slot(key.slot, true);
                let slots = self.server.store.lock(key.group());
                put(&slots, *db, &key, &mut self.block);
                drop(slots);
                self.write(writer)?;
            }
            self.check()?;
        }
        Ok(())
    }

    /// Writes the rest while nothing changes, and says which offset that is.
    fn last<W: Write>(&mut self, writer: &mut Writer<W>) -> Result<(String, u64), Failed> {
        let server = self.server;
        let (mut rest, position, libraries) = loop {
            let _whole = server.log.applying();
            let mut view = View::lock(&server.store, &server.counters[0], unix_millis(), 0, false, &[]);
            view.lock_all();
            // In this order: a first sync that ends makes void what began before.
            if server.replication.is_partial() {
                return Err(Failed::Partial);
            }
            self.check()?;
            // A script between two slices has changed what is not logged yet.
            if !server.scripts.running.any_wrote() {
                let position = server.log.cut();
                (self.at_cut)();
                break (self.rest(&mut view), position, codes(server));
            }
            drop((view, _whole));
            rest(SCRIPTS);
        };
        rest.iter_mut().try_for_each(|block| writer.block(block))?;
        if !libraries.is_empty() {
            let mut block = Block::new(0);
            libraries.iter().for_each(|library| block.library(&library.code));
            writer.block(&mut block)?;
        }
        Ok(position)
    }

    /// The keys that were changed last, each in a block of its slot.
    fn rest(&mut self, view: &mut View<'_>) -> Vec<Block> {
        let (store, mut blocks) = (view.store(), Vec::new());
        for changed in self.walk.take_changes() {
            for (db, bytes) in &changed {
                let key = store.key(bytes);
                let mut block = Block::again(key.slot);
                view.with_group(key.group(), |slots| put(slots, *db, &key, &mut block));
                blocks.push(block);
            }
        }
        blocks
    }
}

fn codes(server: &Server) -> Vec<Arc<Library>> {
    server.scripts.libraries.read().iter().cloned().collect()
}

/// Takes some of a slot's entries from a tag on; the tag to go on with.
fn take(slots: &Slots, slot: u16, from: u16, block: &mut Block) -> Option<u16> {
    let (mut at, mut keys) = (from, 0);
    loop {
        let next = slots.dict(slot).walk(at, FEW, |entry| {
            keys += 1;
            entry_to(block, slots.db_of(entry), entry);
        });
        match next {
            Some(tag) if keys < AT_ONCE && block.len() < BYTES_AT_ONCE => at = tag,
            next => return next,
        }
    }
}

/// Writes what is under a key, or that nothing is.
fn put(slots: &Slots, db: u8, key: &Key<'_>, block: &mut Block) {
    // At the beginning of time nothing has expired.
    let found = match slots.look_up(key, db, 0) {
        Found::Live(place) => slots.at(key, place),
        _ => None,
    };
    match found {
        Some(entry) => entry_to(block, db, entry),
        None => block.gone(db.into(), key.bytes),
    }
}

fn entry_to(block: &mut Block, db: u8, entry: &Entry) {
    let mut sink = block.entry(db.into(), entry.key(), entry.expiry());
    // All of our values can be written.
    let told = tell(&entry.value(), Order::Forwards, &mut sink);
    debug_assert!(told.is_ok(), "a value could not be written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;

    /// Bytes of a long name.
    const NAME: usize = 12_000;

    /// Takes what is written so slowly that so many keys come and go meanwhile.
    struct Slow {
        clients: Harness,
        keys: u64,
        every: u64,
        writes: u64,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes += 1;
            for _ in 0..if self.writes.is_multiple_of(self.every) { self.keys } else { 0 } {
                self.clients.now += 1;
                let key = format!("{}:{}", "k".repeat(NAME), self.clients.now).into_bytes();
                self.clients.run_args(&[b"SET", &key, b"v"]);
                self.clients.run_args(&[b"DEL", &key]);
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn save_while(keys: u64, every: u64) -> Result<u64, Failed> {
        let mut clients = Harness::new();
        for key in 0..10_000 {
            clients.run(&format!("SET {key} v"));
        }
        let server = Arc::clone(&clients.server);
        server.log.set_backlog(1 << 20);
        let out = Slow { clients, keys, every, writes: 0 };
        save(&server, out, &Progress::default()).map(|(out, _)| out.writes / every * keys)
    }

    #[test]
    fn who_is_slow_has_room_for_so_many_names_and_is_given_up_beyond() {
        match save_while(50, 1) {
            Err(Failed::Overrun(most)) => assert_eq!(most, NOTES_LEAST),
            other => panic!("{:?}", other.map_err(|failed| failed.to_string())),
        }
        // Names that take more than there is room for at once: they are written as it goes.
        let names = save_while(1, 3).expect("all is written");
        assert!(names as usize * NAME > 3 * NOTES_LEAST, "{names} are too few to say anything");
    }
}
