//! Transactions: commands are queued after MULTI, and EXEC runs them under the locks of all their keys at once.

use super::Executor;
use crate::access;
use crate::command::{self, Call};
use crate::session::Session;
use crate::store::view::View;
use crate::store::{Key, Store};
use crate::transaction::{MAX_QUEUED, Queued, Transaction};
use ringtail_protocol::acl::Context;
use ringtail_protocol::command::{Command, CommandId, keys};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::{Args, OwnedRequest};
use std::sync::Arc;
use std::time::Instant;

/// Whether a command is not queued after MULTI.
pub(super) fn runs_at_once(command: &Command) -> bool {
    use CommandId::{Discard, Exec, Multi, Quit, Reset, Watch};
    use CommandId::{RingtailExec, RingtailLock, RingtailRelease, RingtailTrylock, RingtailUnlock};
    let of_slots = [RingtailExec, RingtailLock, RingtailRelease, RingtailTrylock, RingtailUnlock];
    let id = command.executes();
    matches!(id, Discard | Exec | Multi | Quit | Reset | Watch) || of_slots.contains(&id)
}

/// Puts a command behind those that wait for EXEC.
pub(super) fn queue(
    session: &mut Session,
    command: &'static Command,
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    if let Some(transaction) = &mut session.transaction {
        let request = OwnedRequest::new(args.iter());
        transaction.size += request.size() + size_of::<Queued>();
        if transaction.size > MAX_QUEUED {
            transaction.aborted = true;
            transaction.queued = Vec::new();
            return Err(errors::TRANSACTION_TOO_LARGE);
        }
        // An aborted one never runs: what follows need not be kept.
        if !transaction.aborted {
            transaction.queued.push(Queued { command, request });
        }
    }
    Reply::new(out, session.resp).simple("QUEUED");
    Ok(())
}

fn all_keys<'t>(store: &Store, transaction: &'t Transaction, watched: &'t [(u8, Box<[u8]>)]) -> Vec<Key<'t>> {
    let queued = transaction.queued.iter().flat_map(|queued| {
        let args = queued.request.args();
        keys(queued.command, &args).filter_map(move |i| args.get(i))
    });
    let watched = watched.iter().map(|(_, key)| &**key);
    queued.chain(watched).map(|bytes| store.key(bytes)).collect()
}

impl Executor {
    /// EXEC, and RINGTAIL EXEC: runs what was queued, unless a key that is watched was changed.
    pub(super) fn exec(
        &mut self,
        session: &mut Session,
        command: &'static Command,
        args: Args<'_>,
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let server = Arc::clone(&self.server);
        if command.executes() == CommandId::RingtailExec {
            self.check_lease(session, now)?;
        }
        let transaction = session.take_transaction().ok_or(errors::EXEC_WITHOUT_MULTI)?;
        let mut watches = std::mem::take(&mut session.watches);
        let watched: Vec<_> = watches.keys.iter().cloned().collect();
        let keys = all_keys(&server.store, &transaction, &watched);
        let counters = &server.counters[self.worker];
        let mut view = View::lock(&server.store, counters, now, session.db, !session.no_touch, &keys);
        view.client = session.client.id;
        if transaction.queued.iter().any(|queued| command::touches_all(queued.command)) {
            view.lock_all();
        }
        if !transaction.aborted && view.has_holds() && self.park(session, &mut view, &keys)? {
            drop(view);
            session.set_transaction(transaction);
            session.watches = watches;
            return Ok(());
        }
        for (db, key) in &watched {
            let key = server.store.key(key);
            // One whose time is over is changed by being removed here.
            view.in_db(*db, |view| view.peek(&key).is_some());
        }
        let dirty = watches.is_dirty();
        watches.clear(&mut view);
        let reply = Reply::new(out, session.resp);
        let mut call = Call::new(&mut view, &keys, args, reply, session, &server, command);
        let done = match transaction.aborted {
            true => Err(errors::EXEC_ABORT),
            false if dirty => {
                call.reply.null_array();
                Ok(())
            }
            false => run_queued(&mut call, &transaction),
        };
        let after = view.take_after();
        drop(view);
        if command.executes() == CommandId::RingtailExec
            && let Some(lease) = session.lease.take()
        {
            lease.release(&server.store);
        }
        if let Some(after) = after {
            self.finish(*after, now);
        }
        done
    }

    /// Whether the session still holds its slots.
    ///
    /// # Errors
    /// It never did, or its lease is over: then its transaction is given up.
    fn check_lease(&mut self, session: &mut Session, now: u64) -> Result<(), Error> {
        match &session.lease {
            None => Err(errors::NO_LEASE),
            Some(lease) if lease.until > Instant::now() => Ok(()),
            Some(_) => {
                session.take_transaction();
                self.give_up(session, now);
                Err(errors::LEASE_OVER)
            }
        }
    }
}

fn run_queued(call: &mut Call<'_, '_>, transaction: &Transaction) -> Result<(), Error> {
    let stance = &call.server.log.stance;
    if stance.is_restricted() {
        // It may have become a replica since they were queued.
        transaction.queued.iter().try_for_each(|queued| stance.check_write(queued.command))?;
    }
    call.reply.array(transaction.queued.len());
    for queued in &transaction.queued {
        let args = queued.request.args();
        // The user may have changed since.
        if let Err(denied) = call.session.may(queued.command, &args) {
            let (session, now) = (&*call.session, call.view.now);
            access::note(&call.server.access, session, Context::Multi, denied, queued.command, &args, now);
            call.reply.error(&denied.error_in_exec());
            continue;
        }
        let store = call.view.store();
        let keys: Vec<Key<'_>> =
            keys(queued.command, &args).filter_map(|i| args.get(i)).map(|bytes| store.key(bytes)).collect();
        command::run_nested(call, queued.command, args, &keys);
        if call.reply.is_too_long() {
            return Err(errors::REPLY_TOO_LONG);
        }
    }
    Ok(())
}
