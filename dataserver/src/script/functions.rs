//! Libraries of functions (FUNCTION LOAD), which all workers share as texts; each machine runs the text of a library
//! when it first needs it.

use super::lua::Kept;
use bitflags::bitflags;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

bitflags! {
    /// What a script or function says of itself.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Flags: u8 {
        /// It changes nothing.
        const NO_WRITES = 1;
        /// It may run when the memory is full.
        const ALLOW_OOM = 1 << 1;
        /// It may run where data may be old.
        const ALLOW_STALE = 1 << 2;
        /// Not in a cluster.
        const NO_CLUSTER = 1 << 3;
        /// Its keys may be of several slots.
        const ALLOW_CROSS_SLOT_KEYS = 1 << 4;
    }
}

const FLAG_NAMES: [(&str, Flags); 5] = [
    ("no-writes", Flags::NO_WRITES),
    ("allow-oom", Flags::ALLOW_OOM),
    ("allow-stale", Flags::ALLOW_STALE),
    ("no-cluster", Flags::NO_CLUSTER),
    ("allow-cross-slot-keys", Flags::ALLOW_CROSS_SLOT_KEYS),
];

impl Flags {
    /// The flag of this name.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        FLAG_NAMES.iter().find(|(of, _)| of.as_bytes() == name).map(|(_, flag)| *flag)
    }

    /// The names of those that are set.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        FLAG_NAMES.iter().filter(move |(_, flag)| self.contains(*flag)).map(|(name, _)| *name)
    }
}

/// What a library registered in one machine.
pub(super) struct Registered {
    pub name: String,
    pub flags: Flags,
    pub description: Option<String>,
    pub callback: Kept,
}

/// A function as all workers know it.
pub(crate) struct Function {
    pub name: String,
    pub flags: Flags,
    pub description: Option<String>,
    /// It touches keys that it does not declare.
    pub roams: AtomicBool,
}

/// A library as all workers know it.
pub(crate) struct Library {
    pub name: String,
    /// Its text, with the line that names it.
    pub code: Box<[u8]>,
    /// No other library has or had this number.
    pub id: u64,
    pub functions: Vec<Function>,
}

/// All libraries, and whose each function is.
#[derive(Default)]
pub(crate) struct Libraries {
    all: RwLock<Inner>,
    next: AtomicU64,
}

#[derive(Default, Clone)]
pub(crate) struct Inner {
    libraries: BTreeMap<String, Arc<Library>>,
    /// The library of a function and its place in it.
    functions: BTreeMap<String, (Arc<Library>, usize)>,
}

/// What names of libraries and functions are made of.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

impl Inner {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Library>> {
        self.libraries.values()
    }

    pub(crate) fn contains(&self, library: &str) -> bool {
        self.libraries.contains_key(library)
    }

    pub(crate) fn remove(&mut self, library: &str) -> bool {
        self.functions.retain(|_, (of, _)| of.name != library);
        self.libraries.remove(library).is_some()
    }

    /// Adds a library in the place of one of the same name.
    ///
    /// # Errors
    /// The name of a function that another library has.
    pub(crate) fn add(&mut self, library: Arc<Library>) -> Result<(), String> {
        let is_taken =
            |name: &String| self.functions.get(name).is_some_and(|(owner, _)| owner.name != library.name);
        if let Some(taken) = library.functions.iter().map(|f| &f.name).find(|name| is_taken(name)) {
            return Err(taken.clone());
        }
        self.remove(&library.name);
        for (i, function) in library.functions.iter().enumerate() {
            self.functions.insert(function.name.clone(), (Arc::clone(&library), i));
        }
        self.libraries.insert(library.name.clone(), library);
        Ok(())
    }
}

impl Libraries {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a library that is about to be loaded.
    pub(super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// The function of this name, and its library.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(Arc<Library>, usize)> {
        self.read().functions.get(std::str::from_utf8(name).ok()?).cloned()
    }

    /// How many libraries and functions there are.
    pub(crate) fn count(&self) -> (usize, usize) {
        let all = self.read();
        (all.libraries.len(), all.functions.len())
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.read().iter().map(|library| library.code.len()).sum()
    }

    /// Forgets all.
    pub(crate) fn flush(&self) {
        *self.write() = Inner::default();
    }
}
