//! A script that runs long: it pauses between slices, and holds its slots meanwhile.

use super::caller::ScriptCaller;
use super::{PAUSE, Progress, leave_database};
use crate::command::{Call, Done};
use crate::log::effects::Effects;
use crate::script::{Flag, Pause, State, Vm, pool};
use crate::session::{ReplyMode, Wait};
use crate::store::Key;
use crate::store::after::After;
use crate::store::hold::{Busy, bit};
use ringtail_protocol::command::Command;
use ringtail_protocol::request::OwnedRequest;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Holds end with the script; this is for ever.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A paused script.
pub struct Long {
    vm: Option<Box<Vm>>,
    progress: Progress,
    /// The command that runs it.
    pub(crate) command: &'static Command,
    pub(crate) request: Arc<OwnedRequest>,
    /// The time that it sees.
    pub(crate) now: u64,
    /// Groups that have a hold of it.
    held: Vec<usize>,
    /// What it did so far, for the log: all of it is one piece.
    effects: Option<Box<Effects>>,
    /// Keys for which somebody is to be served at its end.
    awaited: Vec<(u8, Box<[u8]>)>,
    /// Its reply is not to be sent.
    pub(crate) muted: bool,
    /// When it may go on.
    pub(crate) next: Option<Instant>,
}

/// The groups of these keys and slots, in ascending order.
pub(super) fn groups_of(keys: &[Key<'_>], slots: &[u16]) -> Vec<usize> {
    masks(keys, slots).into_keys().collect()
}

/// The slots of each group.
fn masks(keys: &[Key<'_>], slots: &[u16]) -> BTreeMap<usize, u16> {
    let mut masks = BTreeMap::new();
    for slot in keys.iter().map(|key| key.slot).chain(slots.iter().copied()) {
        *masks.entry(usize::from(slot) / crate::store::SLOTS_PER_GROUP).or_default() |= bit(slot);
    }
    masks
}

/// Pauses for the first time: the connection's task goes on with it.
#[cold]
pub(super) fn pause(c: &mut Call<'_, '_>, vm: Box<Vm>, progress: Progress, why: Pause) -> Done {
    let mut long = Box::new(Long {
        vm: Some(vm),
        progress,
        command: c.command,
        request: Arc::new(OwnedRequest::new(c.args.iter())),
        now: c.view.now,
        held: Vec::new(),
        effects: None,
        awaited: Vec::new(),
        muted: c.session.reply_mode != ReplyMode::On,
        next: None,
    });
    long.show(c);
    long.rest(c, why);
    c.session.wait = Wait::Script(long);
    Ok(())
}

/// What a script came to, and who is to be served without its locks.
pub(crate) type Ended = (Done, After);

/// Goes on with a script whose locks are taken again; `None` when it paused again, and is the session's.
pub(crate) fn go_on(c: &mut Call<'_, '_>, mut long: Box<Long>) -> Option<Ended> {
    if long.progress.waits_unlocked && long.is_kept_out(c) {
        long.rest(c, Pause::Wait);
        c.session.wait = Wait::Script(long);
        return None;
    }
    c.view.put_effects(long.effects.take());
    let mut vm = long.vm.take()?;
    if let Some(permit) = &long.progress.permit {
        permit.go_on();
    }
    let (home, resp) = (c.session.db, c.session.resp);
    if long.progress.db != home {
        c.session.select(long.progress.db);
    }
    let state = vm.resume(&mut ScriptCaller { call: c, progress: &mut long.progress });
    leave_database(c, &mut long.progress, home, resp);
    if let State::Paused(why) = state {
        long.vm = Some(vm);
        long.rest(c, why);
        c.session.wait = Wait::Script(long);
        return None;
    }
    // A script that was seen to run is not run again: it has answered with an error then.
    let done = vm.reply(long.progress.program.name(), &mut c.reply);
    pool::give(vm);
    long.awaited.append(&mut c.view.take_awaited());
    long.release(c);
    Some((done, After { awaited: std::mem::take(&mut long.awaited), ..After::default() }))
}

impl Long {
    /// Lets SCRIPT KILL and FUNCTION STATS see it.
    fn show(&mut self, c: &Call<'_, '_>) {
        let name = self.progress.program.name().to_owned();
        let is_function = matches!(self.progress.program, super::Program::Function(..));
        let command = self.request.args().iter().map(<[u8]>::to_vec).collect();
        let flag = Flag::new(name, command, is_function);
        if self.progress.wrote {
            flag.note_write();
        }
        c.server.scripts.running.add(Arc::clone(&flag));
        if let Some(vm) = &mut self.vm {
            vm.set_flag(Arc::clone(&flag));
        }
        self.progress.flag = Some(flag);
    }

    /// Makes holds of the locks, and notes when to go on.
    fn rest(&mut self, c: &mut Call<'_, '_>, why: Pause) {
        if let Some(permit) = &self.progress.permit {
            permit.pause();
        }
        self.next = (why == Pause::Wait).then(|| Instant::now() + PAUSE);
        self.awaited.append(&mut c.view.take_awaited());
        let owner = c.session.client.id;
        if self.progress.waits_unlocked {
            return self.release_holds(c);
        }
        self.effects = c.view.take_effects();
        let flag = self.progress.flag.as_ref();
        let since = flag.map_or_else(Instant::now, |flag| flag.since);
        let is_function = flag.is_some_and(|flag| flag.is_function);
        let busy = match c.server.scripts.busy_after.load(Relaxed) {
            0 => None,
            millis => Some(Busy { from: since + Duration::from_millis(millis), is_function }),
        };
        for (group, slots) in masks(c.keys, &self.progress.slots) {
            let until = since + FOR_EVER;
            c.view.with_group(group, |own| own.holds(|holds| holds.add(owner, slots, until, busy)));
            if !self.held.contains(&group) {
                self.held.push(group);
            }
        }
    }

    /// Whether others hold, by now, what it needs.
    fn is_kept_out(&self, c: &mut Call<'_, '_>) -> bool {
        let (owner, now) = (c.session.client.id, Instant::now());
        masks(c.keys, &self.progress.slots).into_iter().any(|(group, slots)| {
            c.view.with_group(group, |own| {
                own.has_holds() && own.holds(|holds| holds.obstacle(owner, slots, now).is_some())
            })
        })
    }

    fn release_holds(&mut self, c: &mut Call<'_, '_>) {
        let owner = c.session.client.id;
        for group in self.held.drain(..) {
            let parked = c.view.with_group(group, |own| own.holds(|holds| holds.remove(owner)));
            parked.iter().for_each(|client| client.unpark());
        }
    }

    /// Its end: it holds nothing, and is seen no more.
    fn release(&mut self, c: &mut Call<'_, '_>) {
        self.release_holds(c);
        self.progress.permit = None;
        if let Some(flag) = self.progress.flag.take() {
            c.server.scripts.running.remove(&flag);
        }
    }

    /// The groups that it needs.
    pub(crate) fn groups(&self, keys: &[Key<'_>]) -> Vec<usize> {
        groups_of(keys, &self.progress.slots)
    }
}

impl Drop for Long {
    fn drop(&mut self) {
        if let Some(vm) = self.vm.take() {
            pool::lose(vm);
        }
    }
}
