//! The few things that the log asks of a file system, so that tests can put one underneath that fails and forgets.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

/// One run of a machine, from its start to its end.
pub type Boot = [u8; 16];

/// A file system. Names are whole paths; errors are the system's.
pub trait Disk: Clone {
    /// An open file.
    type File: DiskFile;
    /// Held for as long as it lives.
    type Lock;

    /// Makes a directory, and those above it, on disk when it returns; does nothing when it is there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes a file, empty, in the place of one that may be there.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    /// Opens a file that is there, to read and to write.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// Gives a file another name, in the place of one that may have it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Brings to disk which names are in a directory.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// How many bytes there is room for.
    fn free(&self, dir: &Path) -> io::Result<u64>;
    /// Locks a file for this process, or says what the one wrote into it that has it.
    fn lock(&self, path: &Path) -> io::Result<Result<Self::Lock, String>>;
    /// Which run of the machine this is, if the system tells: what was written in the same one is seen as it was written, synced or not.
    fn boot(&self) -> Option<Boot>;
}

/// An open file. Positions are in bytes from its start.
pub trait DiskFile {
    /// Reads what there is, at most as much as the buffer takes. Less than that is the end.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all bytes; after an error some of them may be there.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Brings bytes and length to disk.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file off, or adds zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// What is on disk of these bytes is not asked for soon: the system need not keep it in memory. No more than a hint.
    fn release(&self, _bytes: Range<u64>) {}
}

/// The system's.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    type File = File;
    type Lock = File;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
        above.map_or(Ok(()), |above| self.create_dir(above))?;
        // What clients stored is nobody else's business.
        DirBuilder::new().mode(0o700).create(dir)?;
        self.sync_dir(above.unwrap_or(Path::new(".")))
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        // Names that are no text are none of ours.
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default())).collect()
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        let stat = nix::sys::statvfs::statvfs(dir)?;
        Ok(stat.blocks_available() * stat.fragment_size())
    }

    fn lock(&self, path: &Path) -> io::Result<Result<File, String>> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(holder(&file))),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Ok(file))
    }

    fn boot(&self) -> Option<Boot> {
        parse_boot(&fs::read_to_string(BOOT_ID).ok()?)
    }
}

/// Where Linux has the name of its run.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The number that such a text is: 32 hex digits, with lines between.
fn parse_boot(text: &str) -> Option<Boot> {
    let digits: String = text.trim().split('-').collect();
    let is_hex = digits.len() == 2 * size_of::<Boot>() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes))?
}

/// Longest text of whoever has the lock that is told.
const HOLDER: u64 = 64;

fn holder(file: &File) -> String {
    let mut text = String::new();
    // It may be written just now: then nobody is named.
    let _ = file.take(HOLDER).read_to_string(&mut text);
    text.trim().to_owned()
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match FileExt::read_at(self, &mut buffer[read..], at + read as u64) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn release(&self, bytes: Range<u64>) {
        crate::unkept::release(self, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_machine_have_names() {
        let text = "00112233-4455-6677-8899-aabbccddeeff\n";
        assert_eq!(parse_boot(text).unwrap()[..3], [0, 0x11, 0x22]);
        for other in ["", "0011", &text.replace('0', "+"), &text.replace('a', "\u{e4}")] {
            assert_eq!(parse_boot(other), None, "{other}");
        }
        assert_eq!(RealDisk.boot(), RealDisk.boot());
    }
}
