//! The commands between MULTI and EXEC.

use std::ops::Range;

use ringtail_cluster::slot_of;
use ringtail_net::units::ByteSize;
use ringtail_protocol::command::{CommandId, Join, PoolRule, keys};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::write_request;

use crate::limits;
use crate::pubsub;
use crate::route::{self, Request};
use crate::script;
use crate::session::State;
use crate::worker::Worker;

/// Where a command is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// By the owner of the slot.
    Slot(u16),
    /// By the owner of all these slots, of which so many stand in the queue from there on.
    Together(usize, usize),
    /// By any member.
    Any,
    /// By the owners of its keys, each its part.
    Split(Join),
    /// Nowhere: it changes the database of those after it.
    Select,
}

/// One command.
pub(super) struct Queued {
    pub(super) place: Place,
    /// Its bytes among all.
    pub(super) bytes: Range<usize>,
    pub(super) db: u8,
}

/// The commands since MULTI, as the members are to get them.
pub(super) struct Queue {
    pub(super) commands: Vec<Queued>,
    pub(super) bytes: Vec<u8>,
    /// The slots of all keys, as they come.
    pub(super) slots: Vec<u16>,
    /// The database that is selected after the last one.
    pub(super) db: u8,
    /// One can't run, so none will.
    pub(super) aborted: bool,
    /// Scripts that an EVAL before brings to where they are asked for by name.
    brought: Vec<(Place, Vec<u8>)>,
}

impl Queue {
    pub(super) fn new(db: u8) -> Self {
        Self {
            commands: Vec::new(),
            bytes: Vec::new(),
            slots: Vec::new(),
            db,
            aborted: false,
            brought: Vec::new(),
        }
    }

    /// Whether all of it can be sent as it is to one member, if it owns all slots.
    pub(super) fn is_plain(&self) -> bool {
        self.commands.iter().all(|queued| queued.place != Place::Select)
    }

    /// Queues a command, unless one before it was refused: then nothing will run, so nothing is kept.
    pub(super) fn take(&mut self, worker: &Worker, request: &Request<'_>) -> Result<(), Error> {
        let added = if self.aborted { Ok(()) } else { self.add(worker, request) };
        self.aborted |= added.is_err();
        added
    }

    fn add(&mut self, worker: &Worker, request: &Request<'_>) -> Result<(), Error> {
        let place = self.place(worker, request)?;
        let begin = self.bytes.len();
        if place != Place::Select {
            self.write(worker, request, place);
        }
        self.commands.push(Queued { place, bytes: begin..self.bytes.len(), db: self.db });
        let most = limits::QUEUED.min(worker.shared.settings.live.longest_request());
        if self.bytes.len() > most || self.commands.len() > limits::QUEUED_COMMANDS {
            self.bytes = Vec::new();
            return Err(too_long(most));
        }
        Ok(())
    }

    fn write(&mut self, worker: &Worker, request: &Request<'_>, place: Place) {
        script::note(worker, request);
        match script::in_queue(worker, request) {
            Some((name, body)) if !self.brings(place, &request.args[1]) => {
                let mut words = vec![name, &body];
                words.extend(request.args.from(2).iter());
                write_request(&mut self.bytes, words.into_iter());
            }
            _ => request.write(&mut self.bytes),
        }
    }

    /// Whether the script has been brought there by a command before; it will have been.
    fn brings(&mut self, place: Place, name: &[u8]) -> bool {
        // Scripts of keys of several slots are few.
        let known = self.brought.iter().any(|(there, known)| *there == place && known == name);
        if !known {
            self.brought.push((place, name.to_vec()));
        }
        known
    }

    fn place(&mut self, worker: &Worker, request: &Request<'_>) -> Result<Place, Error> {
        route::check_options(request)?;
        match (request.command.pool, request.command.executes()) {
            (_, CommandId::Select) => self.select(request),
            (_, CommandId::Ping | CommandId::Echo | CommandId::Time | CommandId::Unwatch) => Ok(Place::Any),
            (_, CommandId::Publish | CommandId::Spublish) => Ok(self.at(slot_of(&request.args[1]))),
            // It would change what the shared connection is.
            (_, id) if pubsub::subscribes(id).is_some() => Err(Error::new(format!(
                "ERR {} can't be in a transaction through a proxy",
                request.command.full_name.to_uppercase()
            ))),
            (PoolRule::Split(join), _) => self.split(request, join),
            _ if has_keys(request) => self.of_keys(worker, request),
            (PoolRule::Script, _) => Ok(Place::Any),
            _ => Err(Error::new(format!(
                "ERR {} can't be in a transaction through a proxy: it is about no key",
                request.command.full_name.replace('|', " ").to_uppercase()
            ))),
        }
    }

    fn of_keys(&mut self, worker: &Worker, request: &Request<'_>) -> Result<Place, Error> {
        if let Some(slot) = route::one_slot(request) {
            return Ok(self.at(slot));
        }
        if route::one_owner(worker, request).is_none() {
            return Err(match request.command.pool {
                PoolRule::Script => script::cross_slot(worker, request),
                _ => errors::CROSS_SLOT,
            });
        }
        let from = self.slots.len();
        self.slots.extend(keys(request.command, &request.args).map(|key| slot_of(&request.args[key])));
        Ok(Place::Together(from, self.slots.len() - from))
    }

    fn at(&mut self, slot: u16) -> Place {
        self.slots.push(slot);
        Place::Slot(slot)
    }

    fn split(&mut self, request: &Request<'_>, join: Join) -> Result<Place, Error> {
        let width = usize::try_from(request.command.range.step).unwrap_or(1).max(1);
        if !(request.args.len() - 1).is_multiple_of(width) {
            return Err(errors::wrong_arity(request.command.full_name));
        }
        self.slots.extend(keys(request.command, &request.args).map(|key| slot_of(&request.args[key])));
        Ok(Place::Split(join))
    }

    fn select(&mut self, request: &Request<'_>) -> Result<Place, Error> {
        let index = parse_i64(&request.args[1]).ok_or(errors::NOT_AN_INTEGER)?;
        let db = u8::try_from(index).ok().filter(|db| *db < limits::DATABASES);
        self.db = db.ok_or(errors::DB_OUT_OF_RANGE)?;
        Ok(Place::Select)
    }
}

#[cold]
fn too_long(most: usize) -> Error {
    let (most, commands) = (ByteSize(most as u64), limits::QUEUED_COMMANDS);
    Error::new(format!(
        "ERR the transaction holds more than {most} or {commands} commands: give it up with DISCARD"
    ))
}

/// Whether its keys say where it belongs. A command that may have keys and has none may run anywhere.
fn has_keys(request: &Request<'_>) -> bool {
    matches!(request.command.pool, PoolRule::Keys | PoolRule::Options | PoolRule::Waits)
        || !keys(request.command, &request.args).is_empty()
}

/// Queues a command and answers so.
pub(crate) fn queue(worker: &Worker, state: &mut State, request: &Request<'_>) {
    let Some(queue) = state.transaction.as_mut().and_then(|transaction| transaction.queue.as_mut()) else {
        return;
    };
    let added = queue.take(worker, request);
    state.reply(worker, |reply| match &added {
        Ok(()) => reply.simple("QUEUED"),
        Err(error) => reply.error(error),
    });
}
