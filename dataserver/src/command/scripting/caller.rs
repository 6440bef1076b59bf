//! What a script's commands are checked for, and how they run.

use super::{Program, Progress, Started};
use crate::access;
use crate::command::{Call, Mode, run};
use crate::counters::PanicCount;
use crate::script::{Called, Caller};
use crate::session::Gates;
use crate::store::hold::Obstacle;
use crate::store::{GROUPS, Key};
use ringtail_protocol::acl::Context;
use ringtail_protocol::command::{Command, Flags, Found, find, keys};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::Args;
use std::time::Instant;

/// Runs the commands of one script, in the place of the one that runs the script.
pub(super) struct ScriptCaller<'r, 'a, 's> {
    pub(super) call: &'r mut Call<'a, 's>,
    pub(super) progress: &'r mut Progress,
}

/// Why a command does not run, or not now.
enum Refusal {
    Error(Error),
    Called(Called),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Caller for ScriptCaller<'_, '_, '_> {
    fn call(&mut self, args: Args<'_>, resp: Resp, out: &mut Vec<u8>) -> Called {
        match self.run(args, resp, out) {
            Ok(()) => Called::Replied,
            Err(Refusal::Called(called)) => called,
            Err(Refusal::Error(error)) => {
                out.clear();
                Reply::new(out, resp).error(&error);
                Called::Replied
            }
        }
    }

    fn allows(&mut self, args: Args<'_>) -> Option<bool> {
        match find(&args) {
            Found::Command(command) => Some(self.call.session.may(command, &args).is_ok()),
            _ => None,
        }
    }
}

impl ScriptCaller<'_, '_, '_> {
    pub(super) fn program(&self) -> Started {
        match &self.progress.program {
            Program::Script(compiled) => Started::Script(compiled.clone()),
            Program::Function(library, i) => Started::Function(std::sync::Arc::clone(library), *i),
        }
    }

    fn run(&mut self, args: Args<'_>, resp: Resp, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let command = self.admit(args)?;
        let _count = PanicCount(self.call.view.counters());
        let store = self.call.view.store();
        let range = command.range;
        if range.first == 1 && range.last == 1 && !command.flags.contains(Flags::MOVABLEKEYS) {
            let keys = [store.key(args.get(1).unwrap_or_default())];
            self.include(&keys)?;
            return self.execute(command, args, &keys, resp, out);
        }
        let keys: Vec<Key<'_>> =
            keys(command, &args).filter_map(|i| args.get(i)).map(|bytes| store.key(bytes)).collect();
        self.include(&keys)?;
        if crate::command::touches_all(command) && !self.call.view.has_all() {
            self.include_all()?;
        }
        self.execute(command, args, &keys, resp, out)
    }

    /// Whether a script may run this at all.
    fn admit(&mut self, args: Args<'_>) -> Result<&'static Command, Refusal> {
        let command = match find(&args) {
            Found::Command(command) if command.arity_ok(args.len()) => command,
            Found::Command(_) => {
                return Err(Error::fixed("ERR Wrong number of args calling Redis command from script").into());
            }
            _ => return Err(Error::fixed("ERR Unknown Redis command called from script").into()),
        };
        if command.flags.contains(Flags::NOSCRIPT) {
            return Err(Error::fixed("ERR This Redis command is not allowed from script").into());
        }
        self.check_user(command, args)?;
        if command.flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE).union(Flags::DENYOOM)) {
            self.admit_write(command)?;
        }
        Ok(command)
    }

    #[inline]
    fn check_user(&self, command: &'static Command, args: Args<'_>) -> Result<(), Error> {
        let session = &self.call.session;
        session.may(command, &args).map_err(|denied| {
            let error = denied.error_in_script(session.identity.user(), command);
            let (server, now) = (&self.call.server, self.call.view.now);
            access::note(&server.access, session, Context::Lua, denied, command, &args, now);
            error
        })
    }

    fn admit_write(&mut self, command: &'static Command) -> Result<(), Error> {
        if self.progress.read_only && command.flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE)) {
            return Err(Error::fixed("ERR Write commands are not allowed from read-only scripts."));
        }
        self.call.server.log.stance.check_write(command)?;
        if self.progress.full && !self.progress.wrote && command.flags.contains(Flags::DENYOOM) {
            return Err(errors::OUT_OF_MEMORY);
        }
        Ok(())
    }

    /// Makes sure that the groups of these keys are locked, and that nobody else holds their slots.
    #[inline]
    fn include(&mut self, keys: &[Key<'_>]) -> Result<(), Refusal> {
        for key in keys {
            let declared = self.call.keys.iter().take(8).any(|own| own.slot == key.slot);
            if !declared {
                self.include_undeclared(key)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn include_undeclared(&mut self, key: &Key<'_>) -> Result<(), Refusal> {
        let known = self.progress.slots.contains(&key.slot);
        let declared = || self.call.keys.iter().any(|own| own.slot == key.slot);
        if known || self.call.view.has_all() || declared() {
            return Ok(());
        }
        if !self.call.view.has_group(key.group()) {
            self.need_permit()?;
            self.call.view.add_group(key.group());
        }
        self.check_hold(std::slice::from_ref(key))?;
        self.progress.slots.push(key.slot);
        Ok(())
    }

    /// For a command that may touch any key.
    #[cold]
    fn include_all(&mut self) -> Result<(), Refusal> {
        self.need_permit()?;
        (0..GROUPS).for_each(|group| self.call.view.add_group(group));
        self.check_hold(&[])
    }

    /// Whether somebody else holds the slots of these keys, or of any when all groups are locked.
    fn check_hold(&mut self, keys: &[Key<'_>]) -> Result<(), Refusal> {
        if !self.call.view.has_holds() {
            return Ok(());
        }
        let (owner, now) = (self.call.session.client.id, Instant::now());
        match self.call.view.find_hold(keys, |holds, slots| holds.obstacle(owner, slots, now)) {
            None => Ok(()),
            Some(Obstacle::Busy { is_function }) => Err(errors::busy(is_function).into()),
            Some(Obstacle::Until(_)) => Err(Refusal::Called(Called::Wait)),
        }
    }

    /// Makes sure of the permission to lock what was not declared.
    fn need_permit(&mut self) -> Result<(), Refusal> {
        let progress = &mut *self.progress;
        if progress.permit.is_some() {
            return Ok(());
        }
        progress.permit = self.call.server.scripts.roaming.try_take();
        if progress.permit.is_some() {
            progress.program.roams().store(true, std::sync::atomic::Ordering::Relaxed);
            progress.waits_unlocked = false;
            return Ok(());
        }
        if !progress.acted {
            return Err(Refusal::Called(Called::Again));
        }
        if !progress.waits_unlocked {
            self.call.server.scripts.unisolated.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tracing::warn!(
                script = progress.program.name(),
                "it changed keys, then touched one that it had not declared while another script did the same: \
                 it waits for that one, and is not isolated from others this once"
            );
        }
        progress.waits_unlocked = true;
        Err(Refusal::Called(Called::Wait))
    }

    fn execute(
        &mut self,
        command: &'static Command,
        args: Args<'_>,
        keys: &[Key<'_>],
        resp: Resp,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if command.flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE)) {
            self.progress.acted = true;
            if command.flags.contains(Flags::WRITE) {
                self.progress.wrote = true;
                self.progress.flag.iter().for_each(|flag| flag.note_write());
            }
        }
        let call = &mut *self.call;
        call.view.db = call.session.db;
        call.session.resp = resp;
        if call.session.gates.contains(Gates::TRACKING) {
            call.session.track(command, call.view, keys);
        }
        let reply = Reply::new(out, resp);
        let mut inner = Call::new(call.view, keys, args, reply, call.session, call.server, command);
        inner.mode = Mode::Nested;
        let done = run(&mut inner);
        let too_long = inner.reply.is_too_long();
        done?;
        if too_long { Err(errors::REPLY_TOO_LONG.into()) } else { Ok(()) }
    }
}
