//! Opening the directory: its lock, its manifest, and the reading of what is there.

use super::Files;
use super::cut;
use super::disk::{Disk, DiskFile};
use super::errors::{Failure, OpenError};
use super::manifest::{Base, Earlier, History, Manifest};
use super::names;
use super::pending::Pending;
use super::reader::{Chunk, Next, Reader};
use super::recovery::{Found, Walk};
use super::segment::{Draft, HEADER, Header, Segment};
use std::io;
use std::path::{Path, PathBuf};

/// How a directory is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The history that a new directory begins.
    pub history: History,
    /// Bytes after which a new segment is begun.
    pub segment_size: u64,
    /// Whether what is damaged is left out, instead of being an error.
    pub recover: bool,
}

impl Options {
    /// Bytes of a segment, unless told otherwise.
    pub const SEGMENT_SIZE: u64 = 256 << 20;

    /// The usual ones.
    pub fn new(history: History) -> Self {
        Self { history, segment_size: Self::SEGMENT_SIZE, recover: false }
    }
}

/// A directory that is being read. First its base is to be loaded, if it has one, then each chunk of groups, and then it is finished.
pub struct Recovery<D: Disk> {
    disk: D,
    dir: PathBuf,
    lock: D::Lock,
    manifest: Manifest,
    /// Whether the manifest is on disk as it is here.
    written: bool,
    base: Option<PathBuf>,
    starts: Vec<u64>,
    segment_size: u64,
    walk: Walk<D>,
}

impl<D: Disk> Files<D> {
    /// Opens a directory, which is made if it is not there.
    ///
    /// # Errors
    /// Another server has it, the system refuses something, or what is there is no log of this program, or a damaged one.
    pub fn open(disk: D, dir: &Path, options: &Options) -> Result<Recovery<D>, OpenError> {
        disk.create_dir(dir).map_err(Failure::of("make", dir))?;
        let path = dir.join(names::LOCK);
        let lock = match disk.lock(&path).map_err(Failure::of("lock", &path))? {
            Ok(lock) => lock,
            Err(holder) => return Err(OpenError::Locked { dir: dir.to_owned(), holder }),
        };
        // A process that was killed may have renamed files and not come to this: what is seen now must not be gone tomorrow.
        disk.sync_dir(dir).map_err(Failure::of("sync", dir))?;
        let names = disk.list(dir).map_err(Failure::of("list", dir))?;
        let mut starts: Vec<_> = names.iter().filter_map(|name| names::segment_start(name)).collect();
        starts.sort_unstable();
        let (mut manifest, mut written) = manifest(&disk, dir, options, &names, &mut starts)?;
        if manifest.replaced {
            starts = finish_replacing(&disk, dir, &manifest, &starts).map_err(Failure::of("write", dir))?;
            (manifest.replaced, written) = (false, false);
        }
        starts = counting(&starts, manifest.first);
        let mut walk = Walk::new(disk.clone(), dir, &manifest, &starts, options.recover);
        let base = base(&mut walk, &manifest, dir, &names)?;
        let (dir, segment_size) = (dir.to_owned(), options.segment_size);
        Ok(Recovery { disk, dir, lock, manifest, written, base, starts, segment_size, walk })
    }
}

/// The directory's manifest, or the one of a new directory or of what is left of a damaged one; and whether it is on disk.
fn manifest<D: Disk>(
    disk: &D,
    dir: &Path,
    options: &Options,
    names: &[String],
    starts: &mut Vec<u64>,
) -> Result<(Manifest, bool), OpenError> {
    let path = dir.join(names::MANIFEST);
    let why = match Manifest::read(disk, dir).map_err(Failure::of("read", &path))? {
        Some(Ok(manifest)) => return Ok((manifest, true)),
        Some(Err(why)) => why,
        None if is_new(disk, dir, names, starts).map_err(Failure::of("read", dir))? => {
            let manifest = begin(disk, dir, &options.history).map_err(Failure::of("write", dir))?;
            *starts = vec![0];
            return Ok((manifest, true));
        }
        None => "it is missing, though there are files of a log".to_owned(),
    };
    if !options.recover {
        return Err(OpenError::Manifest { path, why });
    }
    let manifest = guess(disk, dir, options, names, starts).map_err(Failure::of("read", dir))?;
    Ok((manifest, false))
}

/// Whether nothing is there but what a first start may have left that was killed.
fn is_new<D: Disk>(disk: &D, dir: &Path, names: &[String], starts: &[u64]) -> io::Result<bool> {
    let untouched = match starts {
        [] => true,
        [0] => disk.open(&dir.join(names::segment(0)))?.size()? <= HEADER,
        _ => false,
    };
    Ok(untouched && !names.iter().any(|name| names::is_base(name)))
}

/// The segment comes first: so whatever a manifest counts was there.
fn begin<D: Disk>(disk: &D, dir: &Path, history: &History) -> io::Result<Manifest> {
    Draft::new(disk, dir, history, 0)?.install()?;
    let manifest = Manifest::new(history.clone(), None, 0);
    manifest.write(disk, dir)?;
    Ok(manifest)
}

/// What the files themselves say: the newest base, which was whole when it got its name, and all segments, by the names that they have.
fn guess<D: Disk>(
    disk: &D,
    dir: &Path,
    options: &Options,
    names: &[String],
    starts: &[u64],
) -> io::Result<Manifest> {
    let bases =
        names.iter().filter_map(|file| Some(Base { offset: names::base_offset(file)?, file: file.clone() }));
    let base = bases.max_by_key(|base| base.offset);
    let first =
        base.as_ref().map_or(0, |base| starts.first().map_or(base.offset, |&start| start.min(base.offset)));
    let (history, earlier) = histories(disk, dir, starts)?;
    let mut manifest = Manifest::new(history.unwrap_or_else(|| options.history.clone()), base, first);
    // Nobody knows: so nothing of it is dropped unseen.
    (manifest.earlier, manifest.led) = (earlier, true);
    Ok(manifest)
}

/// The log's last name, and those before, as the segments say them: each goes up to where its last one begins at least.
fn histories<D: Disk>(disk: &D, dir: &Path, starts: &[u64]) -> io::Result<(Option<History>, Vec<Earlier>)> {
    let mut names = Vec::<Earlier>::new();
    for &until in starts {
        let Some(header) = Header::read(&disk.open(&dir.join(names::segment(until)))?)? else { continue };
        match names.last_mut().filter(|last| last.history == header.history) {
            Some(last) => last.until = until,
            None => names.push(Earlier { history: header.history, until }),
        }
    }
    let last = names.pop().map(|last| last.history);
    Ok((last, names))
}

/// The segments that count: others are left of a base's installation that was cut short.
fn counting(starts: &[u64], first: u64) -> Vec<u64> {
    starts.iter().copied().filter(|&start| start >= first).collect()
}

/// Goes on where a replacement was cut short: removes what was replaced, and begins the log if that was not done. Returns where the
/// segments begin.
fn finish_replacing<D: Disk>(
    disk: &D,
    dir: &Path,
    manifest: &Manifest,
    starts: &[u64],
) -> io::Result<Vec<u64>> {
    let mut counting = Vec::new();
    for &start in starts {
        let path = dir.join(names::segment(start));
        match Header::read(&disk.open(&path)?)? {
            Some(header) if !manifest.has(&header.history, start) => disk.remove(&path)?,
            _ => counting.push(start),
        }
    }
    if counting.is_empty() {
        Draft::new(disk, dir, manifest.name_at(manifest.first), manifest.first)?.install()?;
        counting.push(manifest.first);
    }
    Ok(counting)
}

fn base<D: Disk>(
    walk: &mut Walk<D>,
    manifest: &Manifest,
    dir: &Path,
    names: &[String],
) -> Result<Option<PathBuf>, OpenError> {
    let Some(base) = &manifest.base else { return Ok(None) };
    if names.contains(&base.file) {
        return Ok(Some(dir.join(&base.file)));
    }
    walk.lose_base(base)?;
    Ok(None)
}

impl<D: Disk> Recovery<D> {
    /// The name of the sequence of changes that this is.
    pub fn history(&self) -> &History {
        &self.manifest.history
    }

    /// The histories that this one goes on from, the oldest first.
    pub fn earlier(&self) -> &[Earlier] {
        &self.manifest.earlier
    }

    /// The base and the offset that it is exact at; none if the log begins with nothing.
    pub fn base(&self) -> Option<(&Path, u64)> {
        let offset = self.manifest.base.as_ref()?.offset;
        Some((self.base.as_deref()?, offset))
    }

    /// About how many bytes of groups there are to read, to say how far it is.
    ///
    /// # Errors
    /// The system's.
    pub fn size(&self) -> Result<u64, OpenError> {
        let Some(&last) = self.starts.last() else { return Ok(0) };
        let path = self.dir.join(names::segment(last));
        let len = self.disk.open(&path).and_then(|file| file.size()).map_err(Failure::of("read", &path))?;
        let begin = self.manifest.base.as_ref().map_or(self.manifest.first, |base| base.offset);
        Ok((last + len.saturating_sub(HEADER)).saturating_sub(begin))
    }

    /// The next groups behind the base, or none at the log's end. Chunks are about a megabyte, or one group that is larger.
    ///
    /// # Errors
    /// The system refuses to read, or (unless it recovers) the log is damaged: then no chunk that follows may be used.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, OpenError> {
        self.walk.next()
    }

    /// Goes on to writing, where the log ends. Chunks that were not asked for are passed over.
    ///
    /// # Errors
    /// As of [`Self::next_chunk`], or the system refuses to write.
    pub fn finish(mut self) -> Result<(Files<D>, Found), OpenError> {
        while self.next_chunk()?.is_some() {}
        let Self { disk, dir, lock, manifest, written, starts, segment_size, walk, .. } = self;
        let (mut found, last) = walk.end();
        if let Some(torn) = found.torn.as_mut().filter(|torn| torn.kept.is_some()) {
            torn.kept = Some(cut::keep(&disk, &dir, &manifest, torn).map_err(Failure::of("write", &dir))?);
        }
        if !written {
            manifest.write(&disk, &dir).map_err(Failure::of("write", &dir.join(names::MANIFEST)))?;
        }
        let segment = segment(&disk, &dir, &manifest, &found, last).map_err(Failure::of("write", &dir))?;
        let starts =
            starts.into_iter().filter(|&start| start < segment.start).chain([segment.start]).collect();
        let files = Files {
            disk,
            dir,
            _lock: lock,
            manifest,
            manifest_due: false,
            segment_size,
            starts,
            segment,
            synced: found.end,
            pending: Pending::default(),
            syncing: false,
            prepares: false,
            prepared: None,
            failure: None,
        };
        // Of what is damaged nothing is thrown away before there is a new base.
        if found.lost.is_empty() {
            files.sweep();
        }
        Ok((files, found))
    }
}

/// The segment to write to. What the last one has that is not known to be on disk was read from memory, perhaps, and may
/// not be on disk even after a sync that succeeds, if one failed before: so it is written again.
fn segment<D: Disk>(
    disk: &D,
    dir: &Path,
    manifest: &Manifest,
    found: &Found,
    last: Option<(u64, u64)>,
) -> io::Result<Segment<D::File>> {
    let Some((start, durable)) = last else {
        return Draft::new(disk, dir, &manifest.history, found.end)?.install();
    };
    let path = dir.join(names::segment(start));
    let file = disk.open(&path)?;
    if !found.lost.is_empty() {
        // The damage stays where it is, and what could be read behind it.
        file.sync_data()?;
        if start == found.end {
            disk.rename(&path, &dir.join(names::damaged(start)))?;
        }
        return Draft::new(disk, dir, &manifest.history, found.end)?.install();
    }
    if durable == found.end && file.size()? == HEADER + found.end.saturating_sub(start) {
        let segment = Segment::reopened(file, start, found.end);
        segment.set_boot(disk.boot())?;
        return Ok(segment);
    }
    let mut draft = Draft::new(disk, dir, manifest.name_at(durable), durable)?;
    let mut reader = Reader::new(file, start, durable, found.end)?;
    while let Next::Chunk(chunk) = reader.next()? {
        draft.append(&chunk.bytes)?;
    }
    draft.install()
}
