//! From the requests of one read to their replies: look all of them up, bring their keys near, then run them.

mod exec;
mod keep_back;
mod prepare;
mod script;
mod serve;
mod told;

use prepare::{Prepared, Target};
pub use serve::NOW_A_REPLICA;
pub use told::Told;

use crate::access;
use crate::command::{self, Call};
use crate::counters::Counters;
use crate::log::waiting::tells_of_keys;
use crate::replication::bound;
use crate::replication::feed::Handover;
use crate::server::{Server, unix_micros, unix_millis};
use crate::session::wake::Turn;
use crate::session::{Gates, ReplyMode, Session, Wait};
use crate::store::Key;
use crate::store::evict::Evictor;
use crate::store::view::View;
use crate::ticks;
use crate::timer::Timer;
use ringtail_protocol::command::{Command, CommandId, Flags, Found, keys};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::{Args, Batch, is_http};
use ringtail_protocol::stats;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// With more output than this, the client has to take some of it before its next request runs.
pub const OUTPUT_HIGH: usize = 1024 * 1024;

/// A request of at most so many arguments does not take long if its command is fast.
const SHORT: usize = 4;

/// Runs batches of requests; one per worker.
pub struct Executor {
    server: Arc<Server>,
    worker: usize,
    evictor: Evictor,
    prepared: Vec<Prepared>,
    timer: Timer,
    /// The next request is timed together with the one that runs.
    more: bool,
    /// Of scripts that run long, and whose clients have left.
    orphans: Vec<Session>,
    /// Of the turn's output.
    pub told: Told,
    /// Whether the reply to the request that runs is of these.
    tells: bool,
}

impl Executor {
    /// For this worker.
    pub fn new(server: Arc<Server>, worker: usize) -> Self {
        Self {
            server,
            worker,
            evictor: Evictor::default(),
            prepared: Vec::new(),
            timer: Timer::new(worker),
            more: false,
            orphans: Vec::new(),
            told: Told::default(),
            tells: false,
        }
    }

    fn counters(&self) -> &Counters {
        &self.server.counters[self.worker]
    }

    /// Runs the batch's requests, found in `buf`, and appends their replies to `out`. Returns how many ran: fewer than all
    /// when the session is to close or to wait, or has more output than [`OUTPUT_HIGH`].
    pub fn run(&mut self, session: &mut Session, batch: &Batch, buf: &[u8], out: &mut Vec<u8>) -> usize {
        self.run_at(unix_millis(), session, batch, buf, out)
    }

    /// The same at the time `now`, in milliseconds since 1970.
    pub fn run_at(
        &mut self,
        now: u64,
        session: &mut Session,
        batch: &Batch,
        buf: &[u8],
        out: &mut Vec<u8>,
    ) -> usize {
        let _turn = Turn::begin();
        let _collecting = self.server.log.collecting();
        session.look_at_users(&self.server.access);
        if session.closing {
            return 0;
        }
        self.prepare(batch, buf);
        take_pushes(session, out);
        let mut ran = 0;
        let deep = Timer::by_stretches(&self.server.stats, batch.requests().len());
        self.timer.begin();
        for (i, request) in batch.requests().iter().enumerate() {
            let args = batch.args(request, buf);
            if session.bound.is_some() && self.is_for_the_primary(session, i) {
                break;
            }
            let more = deep && self.is_in_stretch(i, args.len());
            self.more = more;
            self.run_one(session, self.prepared[i], args, now, out);
            if self.more || !more {
                self.timer.settle(&self.server.stats);
            }
            take_pushes(session, out);
            if session.is_parked() {
                break;
            }
            ran += 1;
            if session.stops() || out.len() > OUTPUT_HIGH {
                break;
            }
        }
        self.timer.settle(&self.server.stats);
        self.note(session, ran, now);
        ran
    }

    /// Whether request `i` of a bound session is not run here, since this server leads no more: it is sent back, or kept back until there is
    /// a primary that it could go to.
    #[inline]
    fn is_for_the_primary(&self, session: &mut Session, i: usize) -> bool {
        self.server.log.stance.is_read_only() && self.gives_back(session, self.prepared[i].found)
    }

    #[cold]
    fn gives_back(&self, session: &mut Session, found: Found) -> bool {
        let anywhere = match found {
            Found::Command(command) => bound::runs_anywhere(command),
            _ => true,
        };
        if anywhere {
            return false;
        }
        session.client.take_unparked();
        if self.server.replication.switching.is_on() {
            self.server.blocked.fetch_add(1, Relaxed);
            session.wait = Wait::Parked(None);
        } else {
            session.handover = Some(Box::new(Handover::GiveBack));
        }
        true
    }

    /// Whether request `i` and the one after it may be timed together: the same fast command, on one key, with few arguments.
    #[inline]
    fn is_in_stretch(&self, i: usize, args: usize) -> bool {
        let row = |i: usize| match self.prepared.get(i) {
            Some(Prepared { found: Found::Command(command), target: Target::First(..) }) => Some(*command),
            _ => None,
        };
        let (Some(this), Some(next)) = (row(i), row(i + 1)) else { return false };
        args <= SHORT && this.id == next.id && this.flags.contains(Flags::FAST)
    }

    #[inline]
    fn run_one(
        &mut self,
        session: &mut Session,
        prepared: Prepared,
        args: Args<'_>,
        now: u64,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        self.tells = false;
        if session.reply_mode == ReplyMode::SkipNext {
            session.reply_mode = ReplyMode::Skip;
        }
        if let Err(error) = self.dispatch(session, prepared, args, now, out) {
            out.truncate(start);
            self.counters().errors.add(1);
            self.server.stats.worker(self.worker).error(error.text());
            Reply::new(out, session.resp).error(&error);
        }
        // One that is kept back has not run yet.
        if session.gates.contains(Gates::TRACKING) && !session.is_parked() {
            session.forget_caching(prepared.found);
        }
        match session.reply_mode {
            ReplyMode::On => {}
            _ if answers_by_messages(prepared.found) => {}
            ReplyMode::SkipNext | ReplyMode::Off => out.truncate(start),
            ReplyMode::Skip => {
                out.truncate(start);
                // The reply of one that waits comes later.
                if matches!(session.wait, Wait::No) {
                    session.reply_mode = ReplyMode::On;
                }
            }
        }
        if self.tells && out.len() > start {
            self.told.note(start..out.len());
        }
        if self.told.is_empty() {
            // Nothing of this turn ran under what it said before RINGTAIL ACK.
            session.copies_before = 0;
        }
    }

    /// Whether the request may run, or be queued.
    #[inline]
    fn admit(
        &mut self,
        session: &mut Session,
        found: Found,
        args: Args<'_>,
        now: u64,
    ) -> Result<&'static Command, Error> {
        let command = match found {
            Found::Command(command) if command.arity_ok(args.len()) => command,
            _ => return Err(refusal(found, session, args)),
        };
        if !session.gates.is_empty() {
            may_run(&self.server, session, command, &args, now)?;
        }
        if self.server.log.stance.is_restricted() {
            self.server.log.stance.check(command)?;
        }
        if session.ack.is_some() || self.server.log.stance.counts_copies() {
            self.server.log.stance.check_copies(command, session.copies(&self.server))?;
        }
        if command.flags.contains(Flags::DENYOOM) {
            self.make_room(now)?;
        }
        Ok(command)
    }

    #[inline]
    fn dispatch(
        &mut self,
        session: &mut Session,
        prepared: Prepared,
        args: Args<'_>,
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let command = match self.admit(session, prepared.found, args, now) {
            Ok(command) => command,
            Err(error) => {
                session.abort_transaction();
                if let Found::Command(command) = prepared.found {
                    self.server.stats.worker(self.worker).rejected(command);
                }
                return Err(error);
            }
        };
        if self.server.pause.is_on() && self.pauses(session, command, args) {
            return Ok(());
        }
        if session.gates.contains(Gates::MULTI) && !exec::runs_at_once(command) {
            return exec::queue(session, command, args, out);
        }
        // What was refused, or is only queued, has done nothing and seen nothing.
        self.tells = guards(&self.server, session) && tells_of_keys(command);
        if command.flags.contains(Flags::WRITE)
            && command.key_specs.is_empty()
            && self.is_held(session, now)?
        {
            return Ok(());
        }
        match prepared.target {
            Target::Keyless if matches!(command.executes(), CommandId::Exec | CommandId::RingtailExec) => {
                let start = self.timer.start();
                let done = self.exec(session, command, args, now, out);
                if !session.is_parked() {
                    self.ended(session, command, args, start, done.is_err(), now);
                }
                done
            }
            Target::Keyless => self.call(session, command, args, &[], now, out),
            Target::First(hash, slot) => self.call(
                session,
                command,
                args,
                &[Key { bytes: args.get(1).unwrap_or_default(), hash, slot }],
                now,
                out,
            ),
            Target::Several => {
                let keys = self.keys(command, args);
                self.call(session, command, args, &keys, now, out)
            }
        }
    }

    fn keys<'a>(&self, command: &Command, args: Args<'a>) -> Vec<Key<'a>> {
        keys(command, &args).filter_map(|i| args.get(i)).map(|bytes| self.server.store.key(bytes)).collect()
    }

    #[inline]
    fn call(
        &mut self,
        session: &mut Session,
        command: &'static Command,
        args: Args<'_>,
        keys: &[Key<'_>],
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let server = &*self.server;
        let counters = &server.counters[self.worker];
        let start = self.timer.start();
        let mut view = View::lock(&server.store, counters, now, session.db, !session.no_touch, keys);
        if view.has_holds() && self.park(session, &mut view, keys)? {
            return Ok(());
        }
        if server.log.stance.is_restricted() {
            // It may have become a replica while this waited for its keys.
            server.log.stance.check_write(command)?;
        }
        view.client = session.client.id;
        if session.gates.contains(Gates::TRACKING) {
            session.track(command, &mut view, keys);
        }
        let reply = Reply::new(out, session.resp);
        let mut call = Call::new(&mut view, keys, args, reply, session, server, command);
        let done = command::run(&mut call);
        let done = if call.reply.is_too_long() { Err(errors::REPLY_TOO_LONG) } else { done };
        let after = view.take_after();
        drop(view);
        self.ended(session, command, args, start, done.is_err(), now);
        if let Some(after) = after {
            self.finish(*after, now);
        }
        done
    }

    /// Counts a command that ran, and how long it took.
    #[inline]
    fn ended(
        &mut self,
        session: &Session,
        command: &'static Command,
        args: Args<'_>,
        start: u64,
        failed: bool,
        now: u64,
    ) {
        let (stats, more) = (&self.server.stats, std::mem::take(&mut self.more));
        if failed {
            stats.worker(self.worker).failed(command);
        }
        if let Some(ticks) = self.timer.ended(stats, command, start, more) {
            self.server.report_slow(&session.client, command, args, ticks, now);
        }
        if self.server.monitors.is_on() {
            self.server.monitors.show(
                unix_micros(),
                session.db,
                &session.client.peer.to_string(),
                command,
                args,
            );
        }
    }

    /// Before a command that may need memory.
    #[inline]
    fn make_room(&mut self, now: u64) -> Result<(), Error> {
        let store = &self.server.store;
        if store.memory.limit() == 0 {
            return Ok(());
        }
        store.memory.publish();
        if !store.memory.is_over() {
            return Ok(());
        }
        let start = ticks::now();
        let evicted = self.evictor.make_room(store, now);
        self.server.tell(&std::mem::take(&mut self.evictor.after));
        let micros = ticks::micros(ticks::now().saturating_sub(start));
        self.server.counters[self.worker].evict_micros.add(micros);
        self.server.latency.note(stats::EVICTION_CYCLE, now, micros);
        if let Ok(n) = evicted {
            self.server.counters[self.worker].evicted.add(n);
        }
        evicted.map(drop)
    }

    /// Notes what happened, once for the batch.
    #[inline]
    fn note(&mut self, session: &Session, ran: usize, now: u64) {
        self.counters().commands.add(ran as u64);
        self.server.store.memory.publish();
        if self.server.store.memory.is_over() {
            // A command that grew one key by much: the limit holds again before the next batch.
            let _ = self.make_room(now);
        }
        let client = &session.client;
        client.active.store(now, Relaxed);
        let transaction = session.transaction.as_ref();
        client.queued.store(transaction.map_or(-1, |t| t.queued.len() as i64), Relaxed);
        client.queued_bytes.store(transaction.map_or(0, |t| t.size as u64), Relaxed);
        client.watched.store(session.watches.keys.len() as u64, Relaxed);
        if let Some(Prepared { found: Found::Command(command), .. }) =
            ran.checked_sub(1).map(|i| self.prepared[i])
        {
            session.client.command.store(command.id as u16, Relaxed);
        }
    }
}

/// Whether replies may be kept back until what they acknowledge is safe.
#[inline]
pub fn guards(server: &Server, session: &Session) -> bool {
    session.ack.is_some() || server.log.stance.counts_copies() || server.log.waits_for_disk()
}

/// Puts what other threads have sent to the client between the replies.
#[inline]
fn take_pushes(session: &Session, out: &mut Vec<u8>) {
    let outbox = &session.client.outbox;
    if outbox.is_pending() {
        outbox.drain(out, OUTPUT_HIGH);
    }
}

/// Whether the session's state lets this command run.
fn may_run(
    server: &Server,
    session: &Session,
    command: &Command,
    args: &Args<'_>,
    now: u64,
) -> Result<(), Error> {
    if !session.is_authenticated() && !command.flags.contains(Flags::NO_AUTH) {
        return Err(errors::NO_AUTH);
    }
    if session.gates.contains(Gates::MULTI) && command.flags.contains(Flags::NO_MULTI) {
        return Err(errors::NOT_IN_MULTI);
    }
    session.may(command, args).map_err(|denied| {
        access::note(&server.access, session, session.context(), denied, command, args, now);
        denied.error(session.identity.user(), command)
    })?;
    command::pubsub::check_subscriber(session, command)
}

/// Whether the replies are sent even when CLIENT REPLY has turned them off.
#[cold]
fn answers_by_messages(found: Found) -> bool {
    matches!(found, Found::Command(command) if command::pubsub::answers_by_messages(command.id))
}

/// Why a request can't run at all.
#[cold]
fn refusal(found: Found, session: &mut Session, args: Args<'_>) -> Error {
    match found {
        Found::Command(command) => errors::wrong_arity(command.full_name),
        Found::NoSubcommand(parent) => {
            errors::unknown_subcommand(&parent.full_name.to_uppercase(), args.get(1).unwrap_or_default())
        }
        Found::NoCommand => {
            session.closing |= is_http(&args[0]);
            errors::unknown_command(&args[0], args.from(1).iter())
        }
    }
}
