//! The scripts that went through the proxy, by their SHA-1: for members that have forgotten them, or never had them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringtail_protocol::sha1::{Sha, sha1};

use crate::limits;

/// All scripts that the proxy knows, for all workers.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    all: Mutex<Inner>,
    /// Scripts and libraries that were brought to a member that had them not.
    pub(crate) brought: AtomicU64,
    /// Scripts that made room for others.
    pub(crate) forgotten: AtomicU64,
    /// Until when, in milliseconds since the start, nobody looks for functions that no member had.
    pub(super) fruitless: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    bodies: HashMap<Sha, Body>,
    /// The oldest first.
    order: VecDeque<Sha>,
    bytes: usize,
}

#[derive(Debug)]
struct Body {
    text: Arc<[u8]>,
    /// Somebody asked for it since it was last about to be forgotten.
    used: bool,
}

impl Scripts {
    /// Keeps a script. One that is too long is not kept: its members have it.
    pub(crate) fn keep(&self, text: &[u8]) -> Sha {
        let sha = sha1(text);
        if text.len() <= limits::SCRIPT_BYTES / 4 {
            self.lock().keep(sha, text);
            self.forget_some();
        }
        sha
    }

    /// The script of this name.
    pub(crate) fn find(&self, sha: &Sha) -> Option<Arc<[u8]>> {
        let mut all = self.lock();
        let body = all.bodies.get_mut(sha)?;
        body.used = true;
        Some(Arc::clone(&body.text))
    }

    /// Forgets all.
    pub(crate) fn flush(&self) {
        let old = std::mem::take(&mut *self.lock());
        drop(old);
    }

    /// How many there are, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let all = self.lock();
        (all.bodies.len(), all.bytes)
    }

    fn forget_some(&self) {
        let mut all = self.lock();
        while all.bodies.len() > limits::SCRIPTS || all.bytes > limits::SCRIPT_BYTES {
            self.forgotten.fetch_add(u64::from(all.forget_one()), Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep(&mut self, sha: Sha, text: &[u8]) {
        if self.bodies.contains_key(&sha) {
            return;
        }
        self.bodies.insert(sha, Body { text: text.into(), used: false });
        self.order.push_back(sha);
        self.bytes += text.len();
    }

    /// Forgets the oldest, or gives it another chance if it was asked for: whether one is gone.
    fn forget_one(&mut self) -> bool {
        let Some(sha) = self.order.pop_front() else { return false };
        if let Some(body) = self.bodies.get_mut(&sha)
            && std::mem::take(&mut body.used)
        {
            self.order.push_back(sha);
            return false;
        }
        let gone = self.bodies.remove(&sha);
        self.bytes -= gone.as_ref().map_or(0, |body| body.text.len());
        gone.is_some()
    }
}
