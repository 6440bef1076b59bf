//! Who a client is, and what it may do: the same users, rules and files as the data server's (`ringtail_protocol::acl`).
//!
//! A session keeps its user, and looks for changes once per batch by comparing a number. What stands before its requests are
//! [`Gates`], of which a client that may do everything has none: its requests are asked one question.

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering::Relaxed;

use ringtail_net::{Problem, Secret, limits, read_bounded};
use ringtail_protocol::acl::{Context, Denied, Identity, Look, Origin, Reason, Users};
use ringtail_protocol::command::{Command, Flags, Group};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::request::Args;

use crate::clients::Client;
use crate::local::client_line;
use crate::options::Options;
use crate::session::State;
use crate::shared::unix_time;
use crate::worker::Worker;

bitflags::bitflags! {
    /// Why a session's requests may need a second look before they run.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Gates: u8 {
        /// It has not shown a password yet.
        const UNAUTHENTICATED = 1;
        /// Its user may not do everything.
        const RESTRICTED = 1 << 1;
    }
}

/// The users that the options describe: those of a file or of a list, and the default user's password.
pub(crate) fn users_of(options: &Options, password: Option<&Secret>) -> Result<Users, Problem> {
    let path = options.acl_file.as_deref();
    let file = path.map(|path| (path, read_bounded(path, limits::ACL_FILE)));
    let lines = options.users.as_deref();
    let origin = Origin { file, lines, password: password.map(Secret::expose) };
    Users::begin(origin).map_err(|refused| Problem::new(refused.what, refused.hint))
}

impl State {
    /// Whether it may run commands.
    #[inline]
    pub(crate) fn is_authenticated(&self) -> bool {
        !self.gates.contains(Gates::UNAUTHENTICATED)
    }

    /// Becomes the default user, as a client that just came.
    pub(crate) fn begin_as_default(&mut self, worker: &Worker) {
        self.identity = Identity::of_default(&worker.shared.access);
        self.note_identity();
    }

    /// Becomes the user that this name and password let in, or is told why not.
    pub(crate) fn log_in(
        &mut self,
        worker: &Worker,
        command: &'static Command,
        given: &[u8],
        (name, password): (&[u8], &[u8]),
    ) -> Result<(), Error> {
        let access = &worker.shared.access;
        if !self.identity.log_in(access, name, password) {
            self.note(worker, command, Reason::Auth, given, name);
            return Err(errors::WRONG_PASSWORD);
        }
        self.note_identity();
        Ok(())
    }

    /// Looks again at its user if any has changed. One whose user is gone is to end.
    #[inline]
    pub(crate) fn look_at_users(&mut self, worker: &Worker) {
        if !worker.shared.access.is_at(self.identity.seen()) {
            self.look_again(worker);
        }
    }

    #[cold]
    fn look_again(&mut self, worker: &Worker) {
        let look = self.identity.look(&worker.shared.access);
        self.note_identity();
        self.closing |= look == Look::Gone;
    }

    fn note_identity(&mut self) {
        self.client.names().user = self.identity.named_user();
        self.gates.set(Gates::UNAUTHENTICATED, !self.identity.is_authenticated());
        self.gates.set(Gates::RESTRICTED, !self.identity.user().is_unrestricted());
    }

    /// Whether its user may run this request.
    ///
    /// # Errors
    /// What of it is not allowed. For what is run later than it was asked for, in a transaction.
    pub(crate) fn may(&self, command: &Command, args: &Args<'_>) -> Result<(), Denied> {
        match self.gates.contains(Gates::RESTRICTED) {
            true => self.identity.user().may(command, args),
            false => Ok(()),
        }
    }

    /// What stands before a request, if the session has any [`Gates`].
    #[cold]
    pub(crate) fn pass_gates(
        &mut self,
        worker: &Worker,
        command: &'static Command,
        args: &Args<'_>,
    ) -> Result<(), Error> {
        if !self.is_authenticated() && !command.flags.contains(Flags::NO_AUTH) {
            return Err(errors::NO_AUTH);
        }
        self.check_permissions(worker, command, args)
    }

    fn check_permissions(
        &self,
        worker: &Worker,
        command: &'static Command,
        args: &Args<'_>,
    ) -> Result<(), Error> {
        let user = self.identity.user();
        if let Err(denied) = self.may(command, args) {
            let object = match denied.reason {
                Reason::Command => command.full_name.as_bytes(),
                _ => args.get(denied.argument).unwrap_or_default(),
            };
            self.note(worker, command, denied.reason, object, user.name());
            return Err(denied.error(user, command));
        }
        if command.group == Group::Scripting && self.gates.contains(Gates::RESTRICTED) {
            self.note(worker, command, Reason::Command, command.full_name.as_bytes(), user.name());
            return Err(no_scripts(user.name()));
        }
        Ok(())
    }

    /// Notes a refusal for ACL LOG and INFO.
    fn note(&self, worker: &Worker, command: &Command, reason: Reason, object: &[u8], user: &[u8]) {
        self.client.command.store(command.id as u16, Relaxed);
        let shared = &worker.shared;
        let line = client_line(&self.client, shared.millis(worker.turn.now()));
        let now = unix_time().as_millis() as u64;
        shared.access.log().add(reason, Context::Toplevel, object, user, line, now);
    }
}

/// A script's own commands run on a member, as the proxy: nothing would hold its user to the rules there.
fn no_scripts(user: &[u8]) -> Error {
    Error::new(format!(
        "NOPERM User {} may not do everything, and a script's commands can't be checked by the proxy: no scripts for it here",
        String::from_utf8_lossy(user)
    ))
}

/// Closes the clients, but for the one of number `own`, whose user (by its name) `is_gone`.
pub(crate) fn close_if(clients: &[std::sync::Arc<Client>], own: u64, is_gone: impl Fn(&[u8]) -> bool) {
    for client in clients.iter().filter(|client| client.id != own && is_gone(&client.user_name())) {
        client.kill();
    }
}
