//! From a request to where it is run: the proxy itself, one member, or several.

mod options;

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{Command, Found, PoolRule, find, keys};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::write_request;
use ringtail_protocol::request::{Args, is_http};

use crate::alias;
use crate::gather;
use crate::lane::{Lane, Refusal};
use crate::large;
use crate::local;
use crate::pending::Target;
use crate::pubsub;
use crate::retry;
use crate::script;
use crate::session::{Hold, Session, State};
use crate::transaction::{self, across};
use crate::worker::Worker;

const STARTING: Error = Error::fixed("ERR the proxy is starting; try again");

/// One request on its way through the proxy.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) command: &'static Command,
    pub(crate) args: Args<'a>,
    /// Its bytes as they came, if they can be passed on as they are.
    pub(crate) raw: Option<&'a [u8]>,
}

impl Request<'_> {
    /// Writes it as a member is to get it.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self.raw {
            Some(raw) => out.extend_from_slice(raw),
            None => write_request(out, self.args.iter()),
        }
    }
}

/// Runs the request or sends it on its way; an error when it has to wait, and what for.
#[inline]
pub(crate) fn route(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    args: Args<'_>,
    raw: Option<&[u8]>,
) -> Result<(), Hold> {
    if !state.has_room() {
        return Err(Hold::Window);
    }
    let command = match allowed(worker, state, args) {
        Ok(command) => command,
        Err(error) => {
            state.closing |= is_http(&args[0]);
            transaction::spoil(state);
            rejected(worker, state, args, &error);
            state.reply(worker, |reply| reply.error(&error));
            return Ok(());
        }
    };
    worker.eyes.begin(state.since, command, state.seen_as);
    let request = Request { command, args, raw };
    if alias::is_meant(&request) {
        return alias::route(worker, session, state, request);
    }
    route_spelled(worker, session, state, request)
}

/// The same for a request that is spelled as Redis spells it.
#[inline]
pub(crate) fn route_spelled(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
) -> Result<(), Hold> {
    if transaction::is_open(state) && !transaction::runs_at_once(&request) {
        if script::is_unknown(worker, &request) {
            return Err(own(state));
        }
        transaction::queue(worker, state, &request);
        return Ok(());
    }
    run(worker, session, state, request)
}

#[inline]
fn run(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
) -> Result<(), Hold> {
    worker.look_at(&request);
    match request.command.pool {
        PoolRule::Keys => to_owner(worker, session, state, request),
        PoolRule::Options if options::waits(&request) => Err(own(state)),
        PoolRule::Options => to_owner_unless_refused(worker, session, state, request),
        PoolRule::Waits | PoolRule::Script => Err(own(state)),
        PoolRule::Session => transaction::run(worker, session, state, &request),
        PoolRule::Split(join) => gather::split(worker, session, state, request, join),
        PoolRule::Channel => pubsub::publish(worker, session, state, request),
        PoolRule::Everywhere(_) | PoolRule::Own | PoolRule::Local | PoolRule::Refused => {
            local::run(worker, state, request)
        }
    }
}

/// For the session's task to do, when nothing of the session is on its way.
pub(crate) fn own(state: &State) -> Hold {
    if state.sequence.is_empty() { Hold::Pool } else { Hold::Drain }
}

/// Whether it waits by an option that it has.
pub(crate) fn blocks(request: &Request<'_>) -> bool {
    options::waits(request)
}

/// An error if it has an option that a pool can't serve.
pub(crate) fn check_options(request: &Request<'_>) -> Result<(), Error> {
    match request.command.pool {
        PoolRule::Options => options::check(request),
        _ => Ok(()),
    }
}

#[cold]
fn rejected(worker: &Worker, state: &State, args: Args<'_>, error: &Error) {
    let command = match find(&args) {
        Found::Command(command) => Some(command),
        Found::NoCommand | Found::NoSubcommand(_) => None,
    };
    worker.count_rejected(state, command, error.text());
}

/// The command that is asked for, if there is one and this session may run it.
#[inline]
fn allowed(worker: &Worker, state: &mut State, args: Args<'_>) -> Result<&'static Command, Error> {
    let command = match find(&args) {
        Found::Command(command) => command,
        Found::NoCommand => return Err(errors::unknown_command(&args[0], args.from(1).iter())),
        Found::NoSubcommand(parent) => {
            let name = args.get(1).unwrap_or_default();
            return Err(errors::unknown_subcommand(&parent.full_name.to_uppercase(), name));
        }
    };
    if !command.arity_ok(args.len()) {
        return Err(errors::wrong_arity(command.full_name));
    }
    if !state.gates.is_empty() {
        state.pass_gates(worker, command, &args)?;
    }
    if state.is_subscriber() {
        pubsub::check_subscriber(state, command)?;
    }
    state.client.command.store(command.id as u16, Relaxed);
    Ok(command)
}

/// To the one member that owns all keys.
#[inline]
fn to_owner(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
) -> Result<(), Hold> {
    match one_owner(worker, &request) {
        Some(slot) => to_slot(worker, session, state, request, slot),
        None if across::is_for(&request) => Err(own(state)),
        None => {
            worker.count_rejected(state, Some(request.command), errors::CROSS_SLOT.text());
            state.reply(worker, |reply| reply.error(&errors::CROSS_SLOT));
            Ok(())
        }
    }
}

/// The same for a command of which some options are not for a pool.
fn to_owner_unless_refused(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
) -> Result<(), Hold> {
    match options::check(&request) {
        Ok(()) => to_owner(worker, session, state, request),
        Err(error) => {
            worker.count_rejected(state, Some(request.command), error.text());
            state.reply(worker, |reply| reply.error(&error));
            Ok(())
        }
    }
}

/// The slot of all keys; any slot for a request that names none because it is malformed, since a member says best
/// what is wrong with it. `None` for keys of several slots.
#[inline]
pub(crate) fn one_slot(request: &Request<'_>) -> Option<u16> {
    let mut keys = keys(request.command, &request.args);
    let Some(first) = keys.next() else { return Some(0) };
    let first = slot_of(&request.args[first]);
    keys.all(|key| slot_of(&request.args[key]) == first).then_some(first)
}

/// A slot of the one member that owns all keys, likewise. `None` for keys of several members.
#[inline]
pub(crate) fn one_owner(worker: &Worker, request: &Request<'_>) -> Option<u16> {
    one_slot(request).or_else(|| one_owner_of_many(worker, request))
}

#[cold]
fn one_owner_of_many(worker: &Worker, request: &Request<'_>) -> Option<u16> {
    let topology = worker.topology();
    let mut slots = keys(request.command, &request.args).map(|key| slot_of(&request.args[key]));
    let first = slots.next()?;
    let owner = topology.owner_index(first);
    slots.all(|slot| topology.owner_index(slot) == owner).then_some(first)
}

/// To the owner of the slot.
#[inline]
pub(crate) fn to_slot(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
    slot: u16,
) -> Result<(), Hold> {
    if large::is_expected(worker, state, &request) {
        return Err(Hold::Large);
    }
    match state.lane_for(worker, &request, slot) {
        Some(lane) => to_lane(worker, session, state, request, &lane),
        None => {
            state.reply(worker, |reply| reply.error(&STARTING));
            Ok(())
        }
    }
}

/// To a member's lane, unless that can't take it.
#[inline]
pub(crate) fn to_lane(
    worker: &Worker,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
    lane: &Rc<Lane>,
) -> Result<(), Hold> {
    match lane.admits(state.db) {
        Ok(()) => {
            let ticket = state.sequence.take(state.muted());
            let mut target = Target::Session(Rc::clone(session), ticket, worker.sizes.trace_of(&request));
            if worker.retries() > 0 && state.tracking.is_none() {
                target = retry::target(worker, session, state, &request, target, |out| request.write(out));
            }
            state.announce(worker, lane);
            lane.push(worker, state.db, target, |out| request.write(out));
            Ok(())
        }
        Err(refusal) => refused(worker, session, state, lane, refusal),
    }
}

#[cold]
pub(crate) fn refused(
    worker: &Worker,
    session: &Rc<Session>,
    state: &mut State,
    lane: &Lane,
    refusal: Refusal,
) -> Result<(), Hold> {
    match refusal {
        Refusal::Full => {
            lane.wait_for_room(session);
            Err(Hold::Lane)
        }
        Refusal::Fault(fault) => {
            let error = lane.member.fault(&fault);
            let text = String::from_utf8_lossy(&error[1..]);
            worker.count_rejected(state, worker.eyes.mark().command(), &text);
            state.reply(worker, |reply| reply.raw(&error));
            Ok(())
        }
    }
}
