//! The texts of scripts, by their SHA-1, which all workers share.

use super::functions::Flags;
use super::sha1::Sha;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

/// Scripts that EVAL left behind, and their bytes: beyond these the oldest are forgotten. Those of SCRIPT LOAD stay.
const MOST_SCRIPTS: usize = 10_000;
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// One script.
pub(crate) struct Script {
    pub sha: Sha,
    /// The same as text, by which errors call it.
    pub name: String,
    pub text: Box<[u8]>,
    /// Where Lua's part of the text begins.
    pub start: usize,
    /// What its first line says; `None`: it has none, and is treated as scripts were before there were flags.
    pub flags: Option<Flags>,
    /// It touches keys that it does not declare.
    pub roams: AtomicBool,
}

/// All scripts.
#[derive(Default)]
pub(crate) struct Cache {
    all: RwLock<Inner>,
    /// How often all were forgotten: what machines compiled is of an age.
    age: AtomicU64,
}

#[derive(Default)]
struct Inner {
    scripts: HashMap<Sha, Entry>,
    /// Those of EVAL, the oldest first.
    passing: VecDeque<Sha>,
    passing_bytes: usize,
}

struct Entry {
    script: Arc<Script>,
    stays: bool,
}

impl Cache {
    /// See the field.
    #[inline]
    pub(crate) fn age(&self) -> u64 {
        self.age.load(Relaxed)
    }

    pub(crate) fn find(&self, sha: &Sha) -> Option<Arc<Script>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.scripts.get(sha).map(|entry| Arc::clone(&entry.script))
    }

    /// Keeps a script; for ever when SCRIPT LOAD brought it. The one that is kept, which may have been there.
    pub(crate) fn keep(&self, script: Script, stays: bool) -> Arc<Script> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let (sha, bytes) = (script.sha, script.text.len());
        if let Some(entry) = all.scripts.get_mut(&sha) {
            let script = Arc::clone(&entry.script);
            if stays && !std::mem::replace(&mut entry.stays, true) {
                all.passing.retain(|other| *other != sha);
                all.passing_bytes -= bytes;
            }
            return script;
        }
        let script = Arc::new(script);
        all.scripts.insert(sha, Entry { script: Arc::clone(&script), stays });
        if !stays {
            all.passing.push_back(sha);
            all.passing_bytes += bytes;
            all.forget_some();
        }
        script
    }

    /// Forgets all.
    pub(crate) fn flush(&self) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = Inner::default();
        self.age.fetch_add(1, Relaxed);
    }

    /// How many there are, and the bytes of their texts.
    pub(crate) fn size(&self) -> (usize, usize) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        (all.scripts.len(), all.scripts.values().map(|entry| entry.script.text.len()).sum())
    }
}

impl Inner {
    /// The newest one stays however long it is.
    fn forget_some(&mut self) {
        while self.passing.len() > 1 && (self.passing.len() > MOST_SCRIPTS || self.passing_bytes > MOST_BYTES)
        {
            let Some(entry) = self.passing.pop_front().and_then(|sha| self.scripts.remove(&sha)) else {
                continue;
            };
            self.passing_bytes -= entry.script.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sha1::{hex, sha1};

    fn script(text: Vec<u8>) -> Script {
        let sha = sha1(&text);
        let roams = AtomicBool::new(false);
        Script { sha, name: hex(&sha), text: text.into(), start: 0, flags: None, roams }
    }

    #[test]
    fn what_eval_leaves_behind_is_bounded() {
        let cache = Cache::default();
        let loaded = cache.keep(script(b"loaded".to_vec()), true).sha;
        let first = cache.keep(script(b"first".to_vec()), false).sha;
        let kept = cache.keep(script(b"second".to_vec()), false).sha;
        cache.keep(script(b"second".to_vec()), true);
        for i in 0..40 {
            cache.keep(script(format!("{i}").repeat(1 << 19).into_bytes()), false);
        }
        assert!(cache.find(&loaded).is_some() && cache.find(&kept).is_some());
        assert!(cache.find(&first).is_none());
        assert!(cache.size().1 <= MOST_BYTES + 100, "{:?}", cache.size());
        let before = cache.age();
        cache.flush();
        assert!(cache.size() == (0, 0) && cache.age() != before);
    }
}
