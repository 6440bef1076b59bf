//! Files that are written once and seldom read: the system's memory is for others.

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;

/// Bytes of a file that is written at length after which they are brought to disk.
const STEP: u64 = 8 << 20;

/// Has the system give up the memory of bytes that are on disk. It need not.
pub fn release(file: &File, bytes: Range<u64>) {
    let (from, length) = (bytes.start as i64, (bytes.end - bytes.start) as i64);
    let _ = posix_fadvise(file, from, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}

/// A file that is written from its start to its end, and takes up little of the system's memory meanwhile. What it leaves to be
/// synced at its end is little too, so it does not hold up others who sync.
#[derive(Debug)]
pub struct Unkept {
    file: File,
    written: u64,
    released: u64,
}

impl Unkept {
    /// Of a file that is empty.
    pub fn new(file: File) -> Self {
        Self { file, written: 0, released: 0 }
    }

    /// Brings all to disk.
    ///
    /// # Errors
    /// It is not there.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()?;
        release(&self.file, self.released..self.written);
        Ok(())
    }
}

impl Write for Unkept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        if self.written - self.released >= STEP {
            self.file.sync_data()?;
            release(&self.file, self.released..self.written);
            self.released = self.written;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_in_the_file() {
        let path = std::env::temp_dir().join(format!("ringtail-unkept-{}", std::process::id()));
        let mut out = Unkept::new(File::create(&path).unwrap());
        let piece: Vec<u8> = (0..=u8::MAX).cycle().take(3 << 20).collect();
        (0..4).for_each(|_| out.write_all(&piece).unwrap());
        assert!(out.released >= STEP);
        out.sync().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), piece.repeat(4));
        std::fs::remove_file(path).unwrap();
    }
}
