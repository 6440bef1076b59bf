//! Who a client is, and what it may do: the same users, rules and files as the data server's (`ringtail_protocol::acl`).
//!
//! A session keeps its user, and looks for changes once per batch by comparing a number. What stands before its requests are
//! [`Gates`], of which a client that may do everything has none: its requests are asked one question.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_net::{Problem, RateLimited, Secret, limits, read_bounded};
use ringtail_protocol::acl::{Context, Denied, Identity, Look, Origin, Reason, Users};
use ringtail_protocol::command::{Command, CommandId, Flags, Group};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::request::Args;

use crate::clients::Client;
use crate::local::client_line;
use crate::options::Options;
use crate::pass_through;
use crate::pubsub::Kind;
use crate::session::State;
use crate::shared::{Counters, Shared, unix_time};
use crate::transaction;
use crate::worker::Worker;

bitflags::bitflags! {
    /// Why a session's requests may need a second look before they run.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Gates: u8 {
        /// It has not shown a password yet.
        const UNAUTHENTICATED = 1;
        /// Its user may not do everything.
        const RESTRICTED = 1 << 1;
        /// It is not counted among its user's clients yet.
        const UNCOUNTED = 1 << 2;
        /// Its user has a rate.
        const RATED = 1 << 3;
    }
}

/// The users that the options describe: those of a file or of a list, and the default user's password.
pub(crate) fn users_of(options: &Options, password: Option<&Secret>) -> Result<Users, Problem> {
    let path = options.acl_file.as_deref();
    if options.acl_pass_through.unwrap_or(false) {
        return match path.is_some() || options.users.is_some() || password.is_some() {
            true => Err(Problem::new(
                "--acl-pass-through beside users of the proxy's own",
                "leave out --acl-file, users and --requirepass-file: the servers say who is let in",
            )),
            false => Ok(pass_through::users()),
        };
    }
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
        self.client.names().user = None;
        self.note_identity(worker);
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
        let let_in = match self.vouched.take() {
            Some(Err(error)) if error != errors::WRONG_PASSWORD => return Err(error),
            Some(Err(_)) => false,
            Some(Ok(_)) if self.is_bound() => return Err(NOT_NOW),
            Some(Ok(home)) => {
                self.moving = Some(home);
                self.identity.become_vouched(access, name)
            }
            None => self.identity.log_in(access, name, password),
        };
        if !let_in {
            self.note(worker, command, Reason::Auth, given, name);
            return Err(errors::WRONG_PASSWORD);
        }
        self.client.names().user = self.identity.named_user();
        self.note_identity(worker);
        Ok(())
    }

    /// Whether it has begun something that stays with the connections that it was begun on.
    fn is_bound(&self) -> bool {
        self.transaction.is_some() || self.is_subscriber() || self.tracking.is_some()
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
        let before = Arc::clone(self.identity.user());
        let look = self.identity.look(&worker.shared.access);
        self.note_identity(worker);
        if self.gates.contains(Gates::RESTRICTED) && !Arc::ptr_eq(&before, self.identity.user()) {
            // What it queued was let pass by other rules: EXEC runs nothing of it.
            transaction::spoil(self);
            self.closing |= !self.may_keep_subscriptions();
        }
        self.closing |= look == Look::Gone;
    }

    /// Whether all that it is subscribed to is still its user's to hear.
    fn may_keep_subscriptions(&self) -> bool {
        let user = self.identity.user();
        let may = |kind, name: &[u8]| user.may_use_channel(name, kind == Kind::Pattern);
        user.may_use_all_channels()
            || Kind::ALL
                .into_iter()
                .all(|kind| self.subscribed_names(kind).iter().all(|name| may(kind, name)))
    }

    fn note_identity(&mut self, worker: &Worker) {
        let name = self.identity.user().name();
        self.place.take_if(|place| **place.key() != *name);
        self.bucket = worker.shared.rates.bucket(name);
        self.seen_as = worker.shared.seen.users.number(&String::from_utf8_lossy(name));
        self.gates.set(Gates::UNCOUNTED, self.place.is_none());
        self.gates.set(Gates::RATED, self.bucket.is_some());
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
        self.check_permissions(worker, command, args)?;
        // Who is about to say who it is must not be kept from it by who it was.
        if command.flags.contains(Flags::NO_AUTH) {
            return Ok(());
        }
        self.be_counted(worker)?;
        self.take_token(worker, command)
    }

    /// Takes its place among its user's clients, once.
    fn be_counted(&mut self, worker: &Worker) -> Result<(), Error> {
        static REFUSALS: RateLimited = RateLimited::new();
        if self.place.is_some() {
            return Ok(());
        }
        let (shared, name) = (&worker.shared, self.identity.user().name());
        let most = shared.settings.live.max_clients_per_user.load(Relaxed);
        self.place = shared.by_user.take(name.into(), most);
        self.gates.set(Gates::UNCOUNTED, self.place.is_none());
        if self.place.is_some() {
            return Ok(());
        }
        Counters::add(&worker.counters.rejected_per_user, 1);
        let user = String::from_utf8_lossy(name);
        REFUSALS.log(|suppressed| {
            tracing::warn!(%user, suppressed, "a client is refused: --maxclients-per-user is reached");
        });
        Err(Error::new(format!("ERR max number of clients of user {user} reached")))
    }

    /// Takes one of its user's commands of this second; a request that was held back has taken its own before.
    fn take_token(&mut self, worker: &Worker, command: &Command) -> Result<(), Error> {
        static REFUSALS: RateLimited = RateLimited::new();
        let Some(bucket) = self.bucket.as_ref().filter(|_| !self.paid && !ends_something(command)) else {
            return Ok(());
        };
        let now = worker.shared.nanos(worker.turn.now());
        let Err(wait) = bucket.take(now) else {
            self.paid = true;
            return Ok(());
        };
        Counters::add(&worker.counters.rate_limited, 1);
        let name = self.identity.user().name();
        REFUSALS.log(|suppressed| {
            let user = String::from_utf8_lossy(name);
            tracing::warn!(%user, suppressed, "commands are refused: the user's --rate is reached");
        });
        Err(bucket.refusal(name, wait))
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
        let is_checked = worker.shared.settings.pass_through;
        if command.group == Group::Scripting && !is_checked && self.gates.contains(Gates::RESTRICTED) {
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
        let context = if transaction::is_open(self) { Context::Multi } else { Context::Toplevel };
        shared.access.log().add(reason, context, object, user, line, now);
    }
}

/// Subscriptions, copies and watched keys are where the session was.
const NOT_NOW: Error = Error::fixed(
    "ERR with --acl-pass-through, first end subscriptions, CLIENT TRACKING, WATCH and MULTI, and then become another user",
);

/// What ends something that its user has begun, and paid for.
fn ends_something(command: &Command) -> bool {
    matches!(command.id, CommandId::Exec | CommandId::Discard | CommandId::Unwatch)
}

/// A script's own commands run on a member, as the proxy: nothing would hold its user to the rules there.
fn no_scripts(user: &[u8]) -> Error {
    Error::new(format!(
        "NOPERM User {} may not do everything, and a script's commands can't be checked by the proxy: no scripts for it here",
        String::from_utf8_lossy(user)
    ))
}

/// Has clients with subscriptions look whether their users may keep them: they may not send anything for long.
pub(crate) fn wake_subscribers(clients: &[Arc<Client>]) {
    clients.iter().filter(|client| client.is_subscribed()).for_each(|client| client.wake());
}

/// The ACL file has changed: takes its users. Who is in it no more is disconnected.
pub(crate) fn reload(shared: &Shared, path: &Path) -> Result<(), Problem> {
    let taken = shared.access.reload(path, read_bounded(path, limits::ACL_FILE));
    if taken.map_err(|why| Problem::new(why, "correct the ACL file"))? {
        let clients = shared.clients.list();
        close_if(&clients, u64::MAX, |user| shared.access.users().get(user).is_none());
        wake_subscribers(&clients);
    }
    Ok(())
}

/// Closes the clients, but for the one of number `own`, whose user (by its name) `is_gone`.
pub(crate) fn close_if(clients: &[Arc<Client>], own: u64, is_gone: impl Fn(&[u8]) -> bool) {
    for client in clients.iter().filter(|client| client.id != own && is_gone(&client.user_name())) {
        client.kill();
    }
}
