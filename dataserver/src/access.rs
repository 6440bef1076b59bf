//! Who may do what: the users, and what was refused to them.
//!
//! Every session keeps its user as an immutable value, so that a check takes no lock; a change of users makes new values and a new
//! version, and each session compares the version once per batch.

mod file;

use crate::command::client;
use crate::session::{Client, Gates, Session};
use ringtail_protocol::acl::{Context, DEFAULT_USER, Denied, Log, Reason, User, Users};
use ringtail_protocol::command::{Arguments, Command};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};

pub use file::{read, users_of};

/// What all sessions share about users.
#[derive(Default)]
pub struct Access {
    users: RwLock<Users>,
    /// Another number after every change of `users`.
    version: AtomicU64,
    log: Mutex<Log>,
    /// `aclfile`
    file: OnceLock<PathBuf>,
}

impl Access {
    /// All users, as they are now. Not to be held for long: changes wait.
    pub fn users(&self) -> RwLockReadGuard<'_, Users> {
        self.users.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes users. Every session sees it before its next batch; this one has to [look](Session::look_at_users).
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

    /// A client's user as it is now, unless it is gone.
    pub fn user_of(&self, client: &Client) -> Option<Arc<User>> {
        let known = client.names().user.clone();
        let users = self.users();
        match known {
            None => Some(Arc::clone(users.default_user())),
            Some(known) => users.get(known.name()).filter(|user| user.is_same(&known)).cloned(),
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

    /// Begins with these users, and perhaps with a file.
    pub fn begin(&self, users: Users, file: Option<PathBuf>) {
        self.change(|all| *all = users);
        if let Some(file) = file {
            // Called once, before there are clients.
            let _ = self.file.set(file);
        }
    }

    /// Notes what was refused to a session at `now`, for ACL LOG and INFO.
    pub fn note<A: Arguments + ?Sized>(
        &self,
        session: &Session,
        context: Context,
        denied: Denied,
        command: &Command,
        request: &A,
        now: u64,
    ) {
        let object = match denied.reason {
            Reason::Command => command.full_name.as_bytes(),
            _ => request.argument(denied.argument).unwrap_or_default(),
        };
        self.note_as(session, context, denied.reason, object, session.user.name(), command, now);
    }

    /// Notes that a name and password were wrong; `given` is what AUTH or HELLO was called.
    pub fn note_bad_login(
        &self,
        session: &Session,
        context: Context,
        given: &[u8],
        user: &[u8],
        command: &Command,
        now: u64,
    ) {
        self.note_as(session, context, Reason::Auth, given, user, command, now);
    }

    #[expect(clippy::too_many_arguments, reason = "an entry has so many fields")]
    fn note_as(
        &self,
        session: &Session,
        context: Context,
        reason: Reason,
        object: &[u8],
        user: &[u8],
        command: &Command,
        now: u64,
    ) {
        session.client.command.store(command.id as u16, Relaxed);
        let line = client::line(&session.client, now);
        self.log().add(reason, context, object, user, line, now);
    }
}

impl Client {
    /// The name of its user.
    pub fn user_name(&self) -> Box<[u8]> {
        self.names().user.as_ref().map_or(DEFAULT_USER.into(), |user| user.name().into())
    }
}

impl Session {
    /// Whether its user may run this request. For what is not asked before a command runs: at EXEC, and in scripts.
    ///
    /// # Errors
    /// What of it is not allowed; [`Access::note`] is to be told.
    #[inline]
    pub fn may<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> Result<(), Denied> {
        if self.gates.contains(Gates::RESTRICTED) { self.user.may(command, request) } else { Ok(()) }
    }

    /// Where a command comes from that this client sends now.
    pub fn context(&self) -> Context {
        if self.gates.contains(Gates::MULTI) { Context::Multi } else { Context::Toplevel }
    }

    /// Becomes the default user, as a client that just came.
    pub fn begin_as_default(&mut self, access: &Access) {
        let seen = access.version.load(Acquire);
        let default = Arc::clone(access.users().default_user());
        let is_open = default.is_open();
        self.become_user(default, is_open, seen);
    }

    /// Becomes the user that this name and password let in, if they do.
    pub fn log_in(&mut self, access: &Access, name: &[u8], password: &[u8]) -> bool {
        let seen = access.version.load(Acquire);
        let user = access.users().authenticate(name, password).cloned();
        let let_in = user.is_some();
        if let Some(user) = user {
            self.become_user(user, true, seen);
        }
        let_in
    }

    fn become_user(&mut self, user: Arc<User>, logged_in: bool, seen: u64) {
        if user.name() != self.user.name() {
            let is_default = user.name() == DEFAULT_USER;
            self.client.names().user = (!is_default).then(|| Arc::clone(&user));
        }
        self.logged_in = logged_in;
        self.set_user(user, seen);
    }

    fn set_user(&mut self, user: Arc<User>, seen: u64) {
        // Without a password for the default user everybody is let in, also who came before.
        self.set_authenticated(self.logged_in || user.is_open());
        self.gates.set(Gates::RESTRICTED, !user.is_unrestricted());
        (self.user, self.users_seen) = (user, seen);
    }

    /// Looks again at its user if any has changed. One whose user is gone is to end.
    #[inline]
    pub fn look_at_users(&mut self, access: &Access) {
        if !access.is_at(self.users_seen) {
            self.look_again(access);
        }
    }

    #[cold]
    fn look_again(&mut self, access: &Access) {
        let seen = access.version.load(Acquire);
        let user = access.users().get(self.user.name()).filter(|user| user.is_same(&self.user)).cloned();
        match user {
            Some(user) => self.set_user(user, seen),
            None => {
                self.logged_in = false;
                self.set_authenticated(false);
                self.closing = true;
            }
        }
    }
}
