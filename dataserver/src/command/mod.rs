//! The commands: one function each, from a [`Call`] to its reply. No sockets, no clock, no globals.

mod acl;
mod arguments;
mod backup;
mod bitmap;
mod blocking;
pub(crate) mod client;
pub(crate) mod config;
mod connection;
mod counter;
mod debug;
mod dispatch;
mod dump;
mod effects;
mod expire;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod info;
mod keyspace;
mod lcs;
mod list;
pub(crate) mod memory;
mod monitor;
mod object;
mod pause;
pub(crate) mod pubsub;
mod range;
mod replication;
mod ringtail;
mod scan;
pub(crate) mod scripting;
mod server;
mod set;
mod sets;
mod sort;
mod stream;
mod string;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tracking;
mod transaction;
mod waiting;
mod zset;

use crate::event::Event;
use crate::hub::Kind as Channels;
use crate::server::{Server, unix_micros};
use crate::session::{Gates, Session};
use crate::store::Key;
use crate::store::view::View;
use crate::ticks;
use crate::value::Kind;
use crate::value::list::End;
use ringtail_protocol::command::{Command, CommandId, Group};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::Args;

pub(crate) use blocking::undo;
pub use dispatch::run;

/// How a command came to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A client asked for it just now.
    Direct,
    /// Inside of another command: of EXEC, or of a script. It does not wait.
    Nested,
    /// It has waited, and is run again to see whether there is something for it now.
    Serving,
}

/// What a command is given.
pub struct Call<'a, 's> {
    /// The store, with the groups of its keys locked.
    pub view: &'a mut View<'s>,
    /// Its keys, in the order of its key specs.
    pub keys: &'a [Key<'a>],
    /// Its arguments, the name first.
    pub args: Args<'a>,
    /// Where its reply goes.
    pub reply: Reply<'a>,
    /// Who asks.
    pub session: &'a mut Session,
    /// What all workers share.
    pub server: &'s Server,
    /// Its row.
    pub command: &'static Command,
    /// How it came to run.
    pub mode: Mode,
    /// With [`Mode::Serving`]: there was still nothing for it.
    pub still_waits: bool,
}

impl<'a, 's> Call<'a, 's> {
    /// A command that a client asked for.
    #[inline]
    pub fn new(
        view: &'a mut View<'s>,
        keys: &'a [Key<'a>],
        args: Args<'a>,
        reply: Reply<'a>,
        session: &'a mut Session,
        server: &'s Server,
        command: &'static Command,
    ) -> Self {
        Self { view, keys, args, reply, session, server, command, mode: Mode::Direct, still_waits: false }
    }

    /// When a new key expires for which nobody said so. A log says it of each.
    fn default_expiry(&self) -> Option<u64> {
        if self.view.replays { None } else { self.server.settings.default_expiry(self.view.now) }
    }

    /// The collection under one of the keys, made when the key is missing, with the lifetime that new keys have.
    #[inline]
    fn made<T: Kind>(&mut self, key: usize) -> Result<&mut T, Error> {
        let expiry = self.default_expiry();
        self.view.object_or_insert(&self.keys[key], expiry)
    }

    /// Puts a value under one of the keys, whatever was there, and says so by `event`; without one the key is deleted.
    fn stored<T: Kind>(&mut self, key: usize, value: Option<T>, event: Event) {
        let key = &self.keys[key];
        let Some(value) = value else {
            self.view.delete(key);
            return;
        };
        let expiry = self.default_expiry();
        self.view.put(key, value.into_object(), expiry);
        self.view.changed(key, event);
    }

    /// Says that one of the keys was changed, see [`View::changed`].
    #[inline]
    fn changed(&mut self, key: usize, event: Event) {
        self.view.changed(&self.keys[key], event);
    }

    /// Frees what a value gave back, off the path of requests when it is large.
    #[inline]
    fn discard<T: Kind>(&self, rest: Option<T>) {
        if let Some(rest) = rest {
            self.view.discard_object(rest.into_object());
        }
    }
}

/// Runs a command inside of another one, under its locks: its reply, or its error, becomes a part of the other's.
pub fn run_nested(call: &mut Call<'_, '_>, command: &'static Command, args: Args<'_>, keys: &[Key<'_>]) {
    let start = call.reply.len();
    call.view.db = call.session.db;
    if call.session.gates.contains(Gates::TRACKING) {
        call.session.track(command, call.view, keys);
    }
    let mut inner =
        Call::new(call.view, keys, args, call.reply.reborrow(), call.session, call.server, command);
    inner.mode = Mode::Nested;
    let from = ticks::now();
    let done = run(&mut inner);
    let counters = call.view.counters();
    call.server.stats.ran(counters.worker, command, ticks::now().saturating_sub(from), 1);
    if call.server.monitors.is_on() {
        let from = match call.command.group {
            Group::Scripting => "lua".to_owned(),
            _ => call.session.client.peer.to_string(),
        };
        call.server.monitors.show(unix_micros(), call.session.db, &from, command, args);
    }
    if let Err(error) = done {
        counters.errors.add(1);
        call.server.stats.worker(counters.worker).failed(command);
        call.server.stats.worker(counters.worker).error(error.text());
        call.reply.truncate(start);
        call.reply.error(&error);
    }
    // HELLO may have changed it.
    call.reply.set_resp(call.session.resp);
}

/// Whether a command may look at any group at all, whatever its keys are: a script does when it roams, SORT by its patterns. TIME is
/// of its group and does not.
pub fn touches_all(command: &Command) -> bool {
    let by_group = matches!(command.group, Group::Generic | Group::Server);
    (command.key_specs.is_empty() && by_group && command.executes() != CommandId::Time)
        || command.group == Group::Scripting
        || matches!(command.executes(), CommandId::Sort | CommandId::SortRo)
}

/// How a command ends; an error takes back what it has replied so far.
pub type Done = Result<(), Error>;
