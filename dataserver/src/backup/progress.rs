//! How far the loading at the start is.

use crate::server::unix_millis;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes of files, of how many that were there when it began.
#[derive(Debug, Default)]
pub struct Loading {
    /// When it began, in milliseconds since 1970.
    began: AtomicU64,
    total: AtomicU64,
    read: AtomicU64,
}

impl Loading {
    /// It begins, with so many bytes to read.
    pub fn expect(&self, bytes: u64) {
        self.began.store(unix_millis(), Relaxed);
        self.total.store(bytes, Relaxed);
    }

    /// More has been read.
    pub fn add(&self, bytes: u64) {
        self.read.fetch_add(bytes, Relaxed);
    }

    /// What is read from it counts.
    pub fn counted<R: Read>(&self, input: R) -> Counted<'_, R> {
        Counted { input, loading: self }
    }

    /// When it began, in milliseconds since 1970.
    pub fn began(&self) -> u64 {
        self.began.load(Relaxed)
    }

    /// Bytes read, and bytes to read in all.
    pub fn bytes(&self) -> (u64, u64) {
        let read = self.read.load(Relaxed);
        // Files may have grown since they were counted.
        (read, self.total.load(Relaxed).max(read))
    }
}

/// Counts what is read.
pub struct Counted<'l, R> {
    input: R,
    loading: &'l Loading,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(into)?;
        self.loading.add(n as u64);
        Ok(n)
    }
}
