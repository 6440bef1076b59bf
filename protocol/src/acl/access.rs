//! Who may do what, as all connections of a program share it: the users, and what was refused to them.
//!
//! Every connection keeps its user as an immutable value ([`Identity`](super::Identity)), so that a check takes no lock; a change
//! of users makes new values and a new version, and each connection compares the version once per batch.

use super::log::Log;
use super::user::User;
use super::users::Users;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};

/// What all connections share about users.
#[derive(Debug, Default)]
pub struct Access {
    users: RwLock<Users>,
    /// Another number after every change of `users`.
    version: AtomicU64,
    log: Mutex<Log>,
    /// `aclfile`
    file: OnceLock<PathBuf>,
    /// What ACL SAVE wrote last.
    saved: Mutex<Option<Vec<u8>>>,
}

impl Access {
    /// These users, and the file that they are of.
    pub fn new(users: Users, file: Option<PathBuf>) -> Self {
        let access = Self { users: RwLock::new(users), ..Self::default() };
        access.set_file(file);
        access
    }

    /// All users, as they are now. Not to be held for long: changes wait.
    pub fn users(&self) -> RwLockReadGuard<'_, Users> {
        self.users.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes users. Every connection sees it before its next batch; the one that asked has to
    /// [look](super::Identity::look).
    pub fn change<T>(&self, change: impl FnOnce(&mut Users) -> T) -> T {
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut users);
        self.version.fetch_add(1, Release);
        result
    }

    /// Whether users are as they were at this version.
    #[inline]
    pub fn is_at(&self, version: u64) -> bool {
        self.version.load(Relaxed) == version
    }

    /// The present version. Read before the users that it is to stand for.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// A connection's user as it is now, unless it is gone; `None` is the default user.
    pub fn current(&self, known: Option<&User>) -> Option<Arc<User>> {
        let users = self.users();
        match known {
            None => Some(Arc::clone(users.default_user())),
            Some(known) => users.get(known.name()).filter(|user| user.is_same(known)).cloned(),
        }
    }

    /// What was refused.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that ACL LOAD reads and ACL SAVE writes.
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.get()
    }

    /// The file is about to have this content: that is no news to anybody here.
    pub fn saves(&self, content: &[u8]) {
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(content.to_vec());
    }

    pub(super) fn is_saved(&self, content: &[u8]) -> bool {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(content)
    }

    /// Begins with these users, and perhaps with a file.
    pub fn begin(&self, users: Users, file: Option<PathBuf>) {
        self.change(|all| *all = users);
        self.set_file(file);
    }

    fn set_file(&self, file: Option<PathBuf>) {
        if let Some(file) = file {
            // Called once, before there are connections.
            let _ = self.file.set(file);
        }
    }
}
