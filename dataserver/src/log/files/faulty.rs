//! A file system in memory that fails when it is told to, and at a crash keeps what was synced and, of the rest, what chance says: by
//! sectors of files, and by single changes of the directory.

use super::disk::{Boot, Disk, DiskFile};
use fastrand::Rng;
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const SECTOR: usize = 512;
const EIO: i32 = 5;

/// What goes wrong. Steps are calls that change something.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// Steps that fail with EIO, having done some of what they should.
    pub(super) fail: Range<u64>,
    /// The step before which the process dies.
    pub(super) die: Option<u64>,
    /// Bytes that all files may have together.
    pub(super) capacity: Option<u64>,
    pub(super) read_only: bool,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// What a reader sees.
    cache: Vec<u8>,
    /// What is on disk, as long as it is there.
    disk: Vec<u8>,
    /// Sectors that are to be written.
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Add(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

type Names = BTreeMap<PathBuf, usize>;

#[derive(Debug)]
struct State {
    inodes: Vec<Inode>,
    names: Names,
    names_on_disk: Names,
    /// Since the directory was synced.
    changes: Vec<Change>,
    locked: bool,
    steps: u64,
    faults: Faults,
    rng: Rng,
    /// How often the machine was started.
    boot: u64,
}

#[derive(Clone, Debug)]
pub(super) struct FaultyDisk(Rc<RefCell<State>>);

#[derive(Debug)]
pub(super) struct FaultyFile(FaultyDisk, usize);

#[derive(Debug)]
pub(super) struct FaultyLock(FaultyDisk);

impl FaultyDisk {
    pub(super) fn new(seed: u64) -> Self {
        let none = BTreeMap::new;
        Self::with(Vec::new(), none(), Rng::with_seed(seed), 0)
    }

    fn with(inodes: Vec<Inode>, names: Names, rng: Rng, boot: u64) -> Self {
        let (names_on_disk, changes, faults) = (names.clone(), Vec::new(), Faults::default());
        let (locked, steps) = (false, 0);
        let state = State { inodes, names, names_on_disk, changes, locked, steps, faults, rng, boot };
        Self(Rc::new(RefCell::new(state)))
    }

    pub(super) fn set(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    pub(super) fn steps(&self) -> u64 {
        self.0.borrow().steps
    }

    /// The machine loses power: what a machine that is started again finds.
    pub(super) fn crash(&self) -> Self {
        let mut state = self.state();
        let mut rng = state.rng.fork();
        let inodes = state.inodes.iter().map(|inode| inode.crashed(&mut rng)).collect();
        let mut names = state.names_on_disk.clone();
        let mut chance = Chance::new(&mut rng);
        for change in &state.changes {
            if chance.happens(&mut rng) {
                change.apply(&mut names);
            }
        }
        Self::with(inodes, names, rng, state.boot + 1)
    }

    /// The machine is started again, after all was brought to disk.
    pub(super) fn reboot(&self) -> Self {
        let copy = self.copy();
        copy.state().boot += 1;
        copy
    }

    /// A disk with the same files, all of them on disk.
    pub(super) fn copy(&self) -> Self {
        let mut state = self.state();
        let mut inodes = state.inodes.clone();
        for inode in &mut inodes {
            inode.disk = inode.cache.clone();
            inode.dirty.clear();
        }
        let (names, rng) = (state.names.clone(), state.rng.fork());
        Self::with(inodes, names, rng, state.boot)
    }

    /// Changes a file behind everybody's back.
    pub(super) fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let inode = state.names[path];
        let inode = &mut state.inodes[inode];
        change(&mut inode.cache);
        inode.disk = inode.cache.clone();
    }

    pub(super) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.names[path]].cache.clone()
    }

    fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// One step, unless it is not to be: its error, and the state if it is done in part.
    fn step(&self) -> Result<RefMut<'_, State>, (io::Error, Option<RefMut<'_, State>>)> {
        let mut state = self.state();
        let step = state.steps;
        state.steps += 1;
        if let Err(error) = state.alive() {
            return Err((error, None));
        }
        if state.faults.read_only {
            return Err((ErrorKind::ReadOnlyFilesystem.into(), None));
        }
        if state.faults.fail.contains(&step) {
            return Err((io::Error::from_raw_os_error(EIO), Some(state)));
        }
        Ok(state)
    }
}

impl State {
    fn alive(&self) -> io::Result<()> {
        let dead = self.faults.die.is_some_and(|die| self.steps > die);
        if dead { Err(io::Error::other("the process is dead")) } else { Ok(()) }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or(ErrorKind::NotFound.into())
    }

    /// Bytes by which files may grow.
    fn room(&self) -> usize {
        let used: usize = self.names.values().map(|&inode| self.inodes[inode].cache.len()).sum();
        self.faults.capacity.map_or(usize::MAX, |most| (most as usize).saturating_sub(used))
    }

    fn write(&mut self, inode: usize, bytes: &[u8], at: u64) -> io::Result<()> {
        let at = at as usize;
        let most = self.inodes[inode].cache.len().saturating_add(self.room()).saturating_sub(at);
        let fit = bytes.len().min(most);
        self.inodes[inode].write(&bytes[..fit], at);
        if fit < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(path, inode) => _ = names.insert(path.clone(), *inode),
            Self::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            Self::Remove(path) => _ = names.remove(path),
        }
    }
}

impl Inode {
    fn write(&mut self, bytes: &[u8], at: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len();
        if end > self.cache.len() {
            self.set_len(end);
        }
        self.cache[at..end].copy_from_slice(bytes);
        self.dirty.extend(at / SECTOR..end.div_ceil(SECTOR));
    }

    fn set_len(&mut self, len: usize) {
        let (less, more) = (len.min(self.cache.len()), len.max(self.cache.len()));
        self.dirty.extend(less / SECTOR..more.div_ceil(SECTOR));
        self.cache.resize(len, 0);
    }

    fn sync(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        self.disk.resize(self.cache.len(), 0);
        dirty.into_iter().for_each(|sector| self.write_back(sector));
    }

    /// As Linux does it: what could not be written is not tried again.
    fn fail_sync(&mut self, rng: &mut Rng) {
        let dirty = std::mem::take(&mut self.dirty);
        if rng.bool() {
            self.disk.resize(self.cache.len(), 0);
        }
        for sector in dirty {
            if rng.bool() {
                self.write_back(sector);
            }
        }
    }

    fn write_back(&mut self, sector: usize) {
        let end = ((sector + 1) * SECTOR).min(self.cache.len()).min(self.disk.len());
        let start = (sector * SECTOR).min(end);
        self.disk[start..end].copy_from_slice(&self.cache[start..end]);
    }

    fn crashed(&self, rng: &mut Rng) -> Self {
        let (mut after, mut chance) = (self.clone(), Chance::new(rng));
        let (old, new) = (self.disk.len(), self.cache.len());
        let len = match rng.u8(..4) {
            0 => old,
            1 | 2 => new,
            _ => rng.usize(old.min(new)..=old.max(new)),
        };
        after.disk.resize(len, 0);
        for &sector in &self.dirty {
            if chance.happens(rng) {
                after.write_back(sector);
            }
        }
        after.cache.clone_from(&after.disk);
        after.dirty.clear();
        after
    }
}

/// How much of what was not synced is there after a crash: all, nothing, the first of it, or any of it.
struct Chance {
    often: u8,
    /// From the first that does not happen on, none does.
    in_order: bool,
    over: bool,
}

impl Chance {
    fn new(rng: &mut Rng) -> Self {
        Self { often: *rng.choice(&[0, 64, 128, 230, 255]).unwrap(), in_order: rng.bool(), over: false }
    }

    fn happens(&mut self, rng: &mut Rng) -> bool {
        let happens = !self.over && rng.u8(..255) < self.often;
        self.over |= self.in_order && !happens;
        happens
    }
}

impl Disk for FaultyDisk {
    type File = FaultyFile;
    type Lock = FaultyLock;

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.state().alive()
    }

    fn create(&self, path: &Path) -> io::Result<FaultyFile> {
        let mut state = self.step().map_err(|(error, _)| error)?;
        let inode = state.find(path).unwrap_or_else(|_| {
            state.inodes.push(Inode::default());
            let inode = state.inodes.len() - 1;
            state.change(Change::Add(path.to_owned(), inode));
            inode
        });
        state.inodes[inode].set_len(0);
        Ok(FaultyFile(self.clone(), inode))
    }

    fn open(&self, path: &Path) -> io::Result<FaultyFile> {
        let state = self.state();
        state.alive()?;
        Ok(FaultyFile(self.clone(), state.find(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step().map_err(|(error, _)| error)?;
        let inode = state.find(from)?;
        state.change(Change::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step().map_err(|(error, _)| error)?;
        state.find(path)?;
        state.change(Change::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut state = self.step().map_err(|(error, _)| error)?;
        state.names_on_disk = state.names.clone();
        state.changes.clear();
        Ok(())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive()?;
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Ok(state.names.keys().map(name).collect())
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn lock(&self, _: &Path) -> io::Result<Result<FaultyLock, String>> {
        let mut state = self.state();
        state.alive()?;
        if std::mem::replace(&mut state.locked, true) {
            return Ok(Err("another".to_owned()));
        }
        Ok(Ok(FaultyLock(self.clone())))
    }

    fn boot(&self) -> Option<Boot> {
        Some(u128::from(self.state().boot).to_be_bytes())
    }
}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.0.state();
        state.alive()?;
        let bytes = state.inodes[self.1].cache.get(at as usize..).unwrap_or_default();
        let read = bytes.len().min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        match self.0.step() {
            Ok(mut state) => state.write(self.1, bytes, at),
            Err((error, state)) => {
                if let Some(mut state) = state {
                    let part = state.rng.usize(..=bytes.len());
                    let _ = state.write(self.1, &bytes[..part], at);
                }
                Err(error)
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.0.step() {
            Ok(mut state) => {
                state.inodes[self.1].sync();
                Ok(())
            }
            Err((error, state)) => {
                if let Some(mut state) = state {
                    let mut rng = state.rng.fork();
                    state.inodes[self.1].fail_sync(&mut rng);
                }
                Err(error)
            }
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.step().map_err(|(error, _)| error)?;
        state.inodes[self.1].set_len(len as usize);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let state = self.0.state();
        state.alive()?;
        Ok(state.inodes[self.1].cache.len() as u64)
    }
}
