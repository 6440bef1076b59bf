//! Writes all keys out.

use crate::rdb::{Order, tell};
use crate::rest::rest;
use crate::script::Library;
use crate::server::{Server, unix_millis};
use crate::store::entry::Entry;
use crate::store::group::{Found, Slots};
use crate::store::view::View;
use crate::store::walks::{Changed, Walk, cursor};
use crate::store::{Key, SLOTS_PER_GROUP};
use ringtail_backup::{Block, Footer, Meta, Writer, Written};
use ringtail_cluster::SLOTS;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Keys that are taken under one lock.
const AT_ONCE: usize = 256;
/// Keys after which is looked whether these are enough.
const FEW: usize = 16;
/// Bytes after which no more keys are taken under the same lock.
const BYTES_AT_ONCE: usize = 64 << 10;
/// So few changed keys are written under all locks; twice as many, if more have come until all are locked.
const LAST: usize = 500;
/// So many bytes at most are, and one key beside, however large it is: commands on that one take as long.
const LAST_BYTES: usize = 2 << 20;
/// Passes over changed keys after which all is given up: commands change keys faster than they can be written.
const PASSES: usize = 40;
/// From this pass on, if large values change all the time, and in the last passes at any rate, the rest is taken into memory while all writes are
/// kept back, ...
const HOLD_FROM: usize = 8;
/// ... so often at most, ...
const HOLDS: usize = 3;
/// ... so much of it, and one key beside, ...
const HELD: usize = 128 << 20;
/// ... for no longer than this, and that key.
const HELD_MOST: Duration = Duration::from_millis(300);
/// From this pass on commands that change keys are slowed down, ...
const SLOW_FROM: usize = 3;
/// ... by so many microseconds of [each period](crate::pause::Brake) more with each pass.
const SLOWER: u64 = 700;
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
    /// Keys changed faster than they could be written, so many once more at the end, though whoever changed them was slowed down.
    Outrun(usize),
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
            Self::Outrun(left) => write!(f, "keys change faster than they can be written: {left} wait"),
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
    let ended = Saving::new(server, &walk, progress, at_cut).run(out);
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
    /// So few changed keys are written under all locks.
    few: usize,
    /// These were too large once.
    large: bool,
    /// So much is taken into memory while writes are kept back.
    held: usize,
    progress: &'s Progress,
    at_cut: &'s dyn Fn(),
}

/// What a writer of ours has to be told.
fn meta() -> Meta {
    Meta { time: unix_millis(), program: PROGRAM.to_owned() }
}

impl<'s> Saving<'s> {
    fn new(server: &'s Server, walk: &'s Arc<Walk>, progress: &'s Progress, at_cut: &'s dyn Fn()) -> Self {
        Self { server, walk, block: Block::new(0), few: LAST, large: false, held: HELD, progress, at_cut }
    }

    fn run<W: Write>(mut self, out: W) -> Result<(W, Saved), Failed> {
        let mut writer = Writer::new(out, &meta())?;
        // While nobody reads the log nothing is logged: many states would have one name.
        let is_logged = self.server.log.has_readers();
        for slot in 0..SLOTS as u16 {
            self.slot(slot, &mut writer)?;
            self.progress.slots.store(u64::from(slot) + 1, Relaxed);
            self.check()?;
            // Between two slots: what is written again comes behind all of its slot.
            if self.walk.bytes() > self.walk.most() / NOTES_PART {
                self.changes(&mut writer)?;
            }
        }
        let (history, offset) = self.passes(&mut writer)?;
        let name = if is_logged { history.clone().into_bytes() } else { Vec::new() };
        let (name, led) = (name, self.server.replication.led.load(Relaxed));
        let footer = Footer { time: unix_millis(), history: name, offset, led };
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

    /// Writes what was changed meanwhile, and what is changed while that is written, until all is as of one moment: says of which offset.
    fn passes<W: Write>(&mut self, writer: &mut Writer<W>) -> Result<(String, u64), Failed> {
        let (mut brake, mut holds) = (self.server.pause.brake(), 0);
        for pass in 0..PASSES {
            brake.press(SLOWER * (pass + 1).saturating_sub(SLOW_FROM) as u64);
            if self.walk.changes() > self.few {
                self.changes(writer)?;
            }
            let is_held = pass + HOLDS >= PASSES || (self.large && pass >= HOLD_FROM);
            holds += usize::from(is_held);
            if holds > HOLDS {
                break;
            }
            if (is_held || self.walk.changes() <= self.few)
                && let Some(position) = self.last(writer, is_held)?
            {
                return Ok(position);
            }
        }
        Err(Failed::Outrun(self.walk.changes()))
    }

    /// What was changed meanwhile, each key under its lock, while writes are kept back: into memory, since whoever reads may be slow.
    fn held_changes(&mut self) -> Vec<Block> {
        // Those that got past before are few.
        self.few = LAST;
        let (store, begun, mut bytes) = (&*self.server.store, Instant::now(), 0);
        let (mut blocks, mut left) = (Vec::new(), Vec::new());
        for (db, name) in self.walk.take_changes().flatten() {
            if bytes > self.held || begun.elapsed() > HELD_MOST {
                left.push((db, name));
                continue;
            }
            let key = store.key(&name);
            let mut block = Block::again(key.slot);
            put(&store.lock(key.group()), db, &key, &mut block);
            bytes += block.len();
            blocks.push(block);
        }
        self.walk.put_back(store, left);
        blocks
    }

    /// Writes the rest while nothing changes, and says which offset that is; `None` if that is too much for such a moment. Unless writes are kept
    /// back before, that is all that was changed and not written again.
    fn last<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        is_held: bool,
    ) -> Result<Option<(String, u64)>, Failed> {
        let (server, begun) = (self.server, Instant::now());
        let mut hold = is_held.then(|| server.pause.hold());
        let mut blocks = if is_held { self.held_changes() } else { Vec::new() };
        let (more, cut) = loop {
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
                break self.cut(&mut view);
            }
            drop((view, _whole));
            // It may go on for long.
            hold.take_if(|_| begun.elapsed() > HELD_MOST);
            rest(SCRIPTS);
        };
        drop(hold);
        self.large |= cut.is_none() && !more.is_empty();
        blocks.extend(more);
        blocks.iter_mut().try_for_each(|block| writer.block(block))?;
        let Some((position, libraries)) = cut else {
            self.few = (self.few / 2).max(1);
            return Ok(None);
        };
        if !libraries.is_empty() {
            let mut block = Block::new(0);
            libraries.iter().for_each(|library| block.library(&library.code));
            writer.block(&mut block)?;
        }
        Ok(Some(position))
    }

    /// Under all locks: the keys that were changed last, and which offset all is as of, unless these are too many or too large.
    fn cut(&self, view: &mut View<'_>) -> (Vec<Block>, Option<Cut>) {
        if self.walk.changes() > 2 * self.few {
            return (Vec::new(), None);
        }
        let (blocks, left) = self.rest(view);
        if !left.is_empty() {
            self.walk.put_back(view.store(), left);
            return (blocks, None);
        }
        let position = self.server.log.cut();
        (self.at_cut)();
        (blocks, Some((position, codes(self.server))))
    }

    /// The keys that were changed last, each in a block of its slot, and those for which this is not the moment.
    fn rest(&self, view: &mut View<'_>) -> (Vec<Block>, Vec<Changed>) {
        let (store, mut blocks, mut left) = (view.store(), Vec::new(), Vec::new());
        let (mut bytes, mut largest) = (0, 0);
        for (db, name) in self.walk.take_changes().flatten() {
            if bytes - largest > LAST_BYTES {
                left.push((db, name));
                continue;
            }
            let key = store.key(&name);
            let mut block = Block::again(key.slot);
            view.with_group(key.group(), |slots| put(slots, db, &key, &mut block));
            (bytes, largest) = (bytes + block.len(), largest.max(block.len()));
            blocks.push(block);
        }
        (blocks, left)
    }
}

/// The name of the log and the offset in it, and the libraries of functions by then.
type Cut = ((String, u64), Vec<Arc<Library>>);

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
mod tests;
