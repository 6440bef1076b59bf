//! Who one connection is.

use super::access::Access;
use super::user::User;
use super::users::DEFAULT_USER;
use std::sync::Arc;

/// A connection's user, and whether it showed that it is that user.
#[derive(Clone, Debug)]
pub struct Identity {
    user: Arc<User>,
    /// It showed a password, or there was none to show when it came.
    logged_in: bool,
    /// The version of all users that `user` was looked up in.
    seen: u64,
}

/// What became of a connection's user since it last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing.
    Same,
    /// It may be another one, with other permissions.
    Changed,
    /// It was deleted: the connection is to end.
    Gone,
}

impl Identity {
    /// A connection that just came: the default user.
    pub fn of_default(access: &Access) -> Self {
        let seen = access.version();
        let user = Arc::clone(access.users().default_user());
        Self { logged_in: user.is_open(), user, seen }
    }

    /// Becomes the user that this name and password let in, if they do.
    pub fn log_in(&mut self, access: &Access, name: &[u8], password: &[u8]) -> bool {
        let seen = access.version();
        let user = access.users().authenticate(name, password).cloned();
        let let_in = user.is_some();
        if let Some(user) = user {
            *self = Self { user, logged_in: true, seen };
        }
        let_in
    }

    /// Becomes this user without a password: somebody else vouches for it. `false` if there is no such user.
    pub fn become_vouched(&mut self, access: &Access, name: &[u8]) -> bool {
        let seen = access.version();
        let user = access.users().get(name).cloned();
        let is_known = user.is_some();
        if let Some(user) = user {
            *self = Self { user, logged_in: true, seen };
        }
        is_known
    }

    /// Looks again at its user if any has changed.
    #[inline]
    pub fn look(&mut self, access: &Access) -> Look {
        if access.is_at(self.seen) { Look::Same } else { self.look_again(access) }
    }

    #[cold]
    fn look_again(&mut self, access: &Access) -> Look {
        self.seen = access.version();
        let user = access.users().get(self.user.name()).filter(|user| user.is_same(&self.user)).cloned();
        match user {
            Some(user) => {
                self.user = user;
                Look::Changed
            }
            None => {
                self.logged_in = false;
                Look::Gone
            }
        }
    }

    /// The user.
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// The user, for others to see; `None` is the default one.
    pub fn named_user(&self) -> Option<Arc<User>> {
        (self.user.name() != DEFAULT_USER).then(|| Arc::clone(&self.user))
    }

    /// Whether it may run commands. Without a password for the default user everybody is let in, also who came before.
    pub fn is_authenticated(&self) -> bool {
        self.logged_in || (self.user.name() == DEFAULT_USER && self.user.is_open())
    }

    /// The version of all users that [`Self::user`] is of, for [`Access::is_at`].
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Makes it another user, for a command of a connection that is elsewhere.
    pub fn set_user(&mut self, user: Arc<User>) {
        self.user = user;
    }
}
