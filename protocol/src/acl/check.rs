//! Whether a user may run a request, and what to say if not.

use super::pattern::Permission;
use super::selector::Selector;
use super::user::User;
use crate::command::{Arguments, Command, Flags, KeyFlags, key_flags};
use crate::errors::{Error, printable};

/// What kind of thing is not allowed. In this order: where several selectors refuse a request, the one that came furthest is
/// right about why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The command.
    Command,
    /// A key.
    Key,
    /// The name and password.
    Auth,
    /// A channel.
    Channel,
}

/// Why a user may not run a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// What is not allowed.
    pub reason: Reason,
    /// The argument that is the key or channel; 0 for a command.
    pub argument: usize,
}

impl Denied {
    fn new(reason: Reason, argument: usize) -> Self {
        Self { reason, argument }
    }

    /// The error that the request is answered with.
    pub fn error(&self, user: &User, command: &Command) -> Error {
        Error::new(format!("NOPERM {}", self.text(user, command)))
    }

    /// The error that a script gets for a command that it calls.
    pub fn error_in_script(&self, user: &User, command: &Command) -> Error {
        Error::new(format!("ERR ACL failure in script: {}", self.text(user, command)))
    }

    /// The error in the place of a reply when the permission was lost between MULTI and EXEC.
    pub fn error_in_exec(&self) -> Error {
        let reason = match self.reason {
            Reason::Command => "no permission to execute the command or subcommand",
            Reason::Key => "no permission to touch the specified keys",
            Reason::Channel => "no permission to access one of the channels used as arguments to the command",
            Reason::Auth => "no permission",
        };
        Error::new(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
             This command is no longer allowed for the following reason: {reason}"
        ))
    }

    /// The refusal without a code.
    fn text(&self, user: &User, command: &Command) -> String {
        match self.reason {
            Reason::Key => "No permissions to access a key".into(),
            Reason::Channel => "No permissions to access a channel".into(),
            Reason::Command | Reason::Auth => format!(
                "User {} has no permissions to run the '{}' command",
                String::from_utf8_lossy(user.name()),
                command.full_name
            ),
        }
    }

    /// The same with the key or channel named, for ACL DRYRUN.
    pub(super) fn verbose(&self, user: &User, command: &Command, argument: &[u8]) -> String {
        let what = match self.reason {
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Command | Reason::Auth => return self.text(user, command),
        };
        let (user, argument) = (String::from_utf8_lossy(user.name()), printable(argument, argument.len()));
        format!("User {user} has no permissions to access the '{argument}' {what}")
    }
}

impl User {
    /// Whether the user may run this request, the command's name first in it. The number of arguments must have been checked.
    ///
    /// # Errors
    /// What of it is not allowed.
    #[inline]
    pub fn may<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> Result<(), Denied> {
        match self.root().check(command, request) {
            Ok(()) => Ok(()),
            Err(denied) if self.selectors().is_empty() => Err(denied),
            Err(denied) => self.may_by_selectors(denied, command, request),
        }
    }

    fn may_by_selectors<A: Arguments + ?Sized>(
        &self,
        mut denied: Denied,
        command: &Command,
        request: &A,
    ) -> Result<(), Denied> {
        for selector in self.selectors() {
            match selector.check(command, request) {
                Ok(()) => return Ok(()),
                Err(other) => denied = denied.max(other),
            }
        }
        Err(denied)
    }

    /// Whether the user may run this request and also do `needed` with any key, for what reaches keys that are not
    /// among its arguments (`SORT … BY`).
    pub fn may_with_every_key<A: Arguments + ?Sized>(
        &self,
        command: &Command,
        request: &A,
        needed: Permission,
    ) -> bool {
        self.all_selectors().any(|s| s.allows_every_key(needed) && s.check(command, request).is_ok())
    }

    /// Whether the user may do `needed` with this key, whatever the command.
    pub fn may_use_key(&self, key: &[u8], needed: Permission) -> bool {
        self.all_selectors().any(|selector| selector.allows_key(key, needed))
    }

    /// Whether every channel is the user's to use.
    pub fn may_use_all_channels(&self) -> bool {
        self.all_selectors().any(Selector::allows_all_channels)
    }

    /// Whether the user may use this channel, or subscribe to this pattern of channels.
    pub fn may_use_channel(&self, name: &[u8], is_pattern: bool) -> bool {
        self.all_selectors().any(|selector| selector.allows_channel(name, is_pattern))
    }
}

impl Selector {
    #[inline]
    fn check<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> Result<(), Denied> {
        if !self.allows_command(command, request) {
            return Err(Denied::new(Reason::Command, 0));
        }
        if !self.allows_all_keys() {
            self.check_keys(command, request)?;
        }
        if !self.allows_all_channels() && command.flags.contains(Flags::PUBSUB) {
            self.check_channels(command, request)?;
        }
        Ok(())
    }

    #[inline]
    fn check_keys<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> Result<(), Denied> {
        for spec in command.key_specs.iter().filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY)) {
            let needed = Permission::needed(key_flags(command, spec, request));
            for at in spec.indices(request) {
                if request.argument(at).is_some_and(|key| !self.allows_key(key, needed)) {
                    return Err(Denied::new(Reason::Key, at));
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn check_channels<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> Result<(), Denied> {
        let (last, is_pattern) = match command.full_name {
            "publish" | "spublish" => (1, false),
            "subscribe" | "ssubscribe" => (request.count(), false),
            "psubscribe" => (request.count(), true),
            // Whoever may not have a channel may still leave it.
            _ => return Ok(()),
        };
        let denied =
            |at: &usize| request.argument(*at).is_some_and(|name| !self.allows_channel(name, is_pattern));
        (1..=last).find(denied).map_or(Ok(()), |at| Err(Denied::new(Reason::Channel, at)))
    }
}
