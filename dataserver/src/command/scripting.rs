//! EVAL, EVALSHA, FCALL and their like: a script runs under the locks of the keys that it declared.
//!
//! A script that stays within its keys costs no more than that. One that touches others needs the permission to *roam*
//! ([`crate::script::Roaming`]): it locks them as it comes to them, and keeps all until its end, so that it sees and leaves
//! one state of the store. It is known from then on and asks for the permission first. The first time, if it has not
//! changed anything yet, it is run again from its start. If it has, and another script has the permission, it waits
//! without its locks: only then, once in its life and counted, is what it does not one step for others.
//!
//! After 2 ms a script pauses: its locks become holds ([`crate::store::hold`]) on the slots that it touched, and its
//! connection's task goes on with it in slices, so that the thread's other connections, and SCRIPT KILL, get their turns.

mod caller;
pub(crate) mod function;
pub(crate) mod long;
pub(super) mod script;

use super::{Call, Done, Mode};
use crate::script::{Compiled, Flags, Library, Permit, State, Vm, load_again, pool};
use crate::server::Server;
use crate::session::Wait;
use caller::ScriptCaller;
use ringtail_protocol::command::{Command, CommandId, Flags as CommandFlags};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::request::Args;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Where the first key stands in a request.
const FIRST_KEY: usize = 3;
/// How long a connection whose script waits for another one is left alone.
const PAUSE: Duration = Duration::from_millis(2);

/// What runs.
pub(crate) enum Program {
    /// A script.
    Script(Compiled),
    /// A function and its place in its library.
    Function(Arc<Library>, usize),
}

impl Program {
    /// What errors call it.
    fn name(&self) -> &str {
        match self {
            Self::Script(compiled) => &compiled.script.name,
            Self::Function(library, i) => &library.functions[*i].name,
        }
    }

    /// What it says of itself; `None` for a script from before there were flags.
    fn flags(&self) -> Option<Flags> {
        match self {
            Self::Script(compiled) => compiled.script.flags,
            Self::Function(library, i) => Some(library.functions[*i].flags),
        }
    }

    /// Whether it touches keys that it does not declare.
    fn roams(&self) -> &std::sync::atomic::AtomicBool {
        match self {
            Self::Script(compiled) => &compiled.script.roams,
            Self::Function(library, i) => &library.functions[*i].roams,
        }
    }
}

/// How far a program is.
pub(crate) struct Progress {
    program: Program,
    /// It may not change anything.
    read_only: bool,
    /// Commands that need memory are refused.
    full: bool,
    /// The script's database, which SELECT changes for it alone.
    db: u8,
    /// It did what cannot be taken back, so it cannot be run again.
    acted: bool,
    /// It changed a key, so it cannot be killed.
    wrote: bool,
    /// It may lock what it did not declare.
    permit: Option<Permit>,
    /// Slots that it did not declare, and has locked.
    slots: Vec<u16>,
    /// It waits for the permission and has given up its locks meanwhile.
    waits_unlocked: bool,
    /// What others see of it once it runs long.
    flag: Option<Arc<crate::script::Flag>>,
}

/// Whether what EVAL, EVALSHA or FCALL is to run says of itself that it changes nothing.
pub(crate) fn declares_no_writes(server: &Server, command: &Command, args: Args<'_>) -> bool {
    let Some(named) = args.get(1) else { return false };
    let flags = match command.executes() {
        CommandId::Eval => crate::script::flags_of(named),
        CommandId::Evalsha => {
            let sha = crate::script::parse_hex(named);
            sha.and_then(|sha| server.scripts.cache.find(&sha)?.flags)
        }
        CommandId::Fcall => {
            let found = server.scripts.libraries.find(named);
            found.map(|(library, i)| library.functions[i].flags)
        }
        _ => None,
    };
    flags.is_some_and(|flags| flags.contains(Flags::NO_WRITES))
}

/// EVAL script numkeys [key ...] [arg ...], and EVAL_RO
pub(super) fn eval(c: &mut Call<'_, '_>) -> Done {
    count_of_keys(c, errors::NOT_AN_INTEGER)?;
    let mut vm = pool::take()?;
    vm.be_of(c.server.scripts.cache.age());
    let found = match vm.with_text(&c.args[1]) {
        Some(compiled) => Ok(compiled.clone()),
        None => script::compile(&mut vm, &c.server.scripts, &c.args[1], false),
    };
    begin_with(c, vm, found.map(Program::Script))
}

/// EVALSHA sha1 numkeys [key ...] [arg ...], and EVALSHA_RO
pub(super) fn eval_sha(c: &mut Call<'_, '_>) -> Done {
    count_of_keys(c, errors::NOT_AN_INTEGER)?;
    let sha = crate::script::parse_hex(&c.args[1]).ok_or(errors::NO_SCRIPT)?;
    let mut vm = pool::take()?;
    vm.be_of(c.server.scripts.cache.age());
    let found = match vm.with_sha(&sha) {
        Some(compiled) => Ok(compiled.clone()),
        None => match c.server.scripts.cache.find(&sha) {
            Some(script) => vm.add(script),
            None => Err(errors::NO_SCRIPT),
        },
    };
    begin_with(c, vm, found.map(Program::Script))
}

/// FCALL function numkeys [key ...] [arg ...], and FCALL_RO
pub(super) fn call_function(c: &mut Call<'_, '_>) -> Done {
    let scripts = &c.server.scripts;
    let (library, i) = scripts.libraries.find(&c.args[1]).ok_or(Error::fixed("ERR Function not found"))?;
    count_of_keys(c, Error::fixed("ERR Bad number of keys provided"))?;
    let mut vm = pool::take()?;
    let loaded = load_again(&mut vm, &library, scripts.memory.load(Relaxed));
    begin_with(c, vm, loaded.map(|()| Program::Function(library, i)))
}

/// How many of the arguments are keys.
fn count_of_keys(c: &Call<'_, '_>, no_number: Error) -> Result<usize, Error> {
    let count = parse_i64(&c.args[2]).ok_or(no_number)?;
    match usize::try_from(count) {
        Ok(count) if count <= c.args.len() - FIRST_KEY => Ok(count),
        Ok(_) => Err(Error::fixed("ERR Number of keys can't be greater than number of args")),
        Err(_) => Err(Error::fixed("ERR Number of keys can't be negative")),
    }
}

fn begin_with(c: &mut Call<'_, '_>, vm: Box<Vm>, program: Result<Program, Error>) -> Done {
    let progress = program.and_then(|program| check(c, program));
    match progress {
        Ok(progress) => begin(c, vm, progress),
        Err(error) => {
            pool::give(vm);
            Err(error)
        }
    }
}

/// Whether a program may run as it is asked for.
fn check(c: &Call<'_, '_>, program: Program) -> Result<Progress, Error> {
    let asked_ro = c.command.flags.contains(CommandFlags::READONLY);
    let memory = &c.server.store.memory;
    let full = memory.limit() > 0 && memory.is_over();
    let flags = program.flags();
    if let Some(flags) = flags {
        let writes = !flags.contains(Flags::NO_WRITES);
        if asked_ro && writes {
            return Err(Error::fixed("ERR Can not execute a script with write flag using *_ro command."));
        }
        if full && writes && !flags.contains(Flags::ALLOW_OOM) {
            return Err(Error::fixed(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            ));
        }
    }
    let flags = flags.unwrap_or(Flags::empty());
    Ok(Progress {
        read_only: asked_ro || flags.contains(Flags::NO_WRITES),
        full: full && !flags.contains(Flags::ALLOW_OOM),
        db: c.session.db,
        acted: false,
        wrote: false,
        permit: None,
        slots: Vec::new(),
        waits_unlocked: false,
        flag: None,
        program,
    })
}

/// Runs a program until it ends, or pauses for the first time.
fn begin(c: &mut Call<'_, '_>, mut vm: Box<Vm>, mut progress: Progress) -> Done {
    let count = c.keys.len();
    let memory = c.server.scripts.memory.load(Relaxed);
    loop {
        if progress.program.roams().load(Relaxed) && !c.view.has_all() && !take_permit(c, &mut progress) {
            // Another one roams and is paused: this request is tried again later.
            pool::give(vm);
            c.session.wait = Wait::Parked(Some(Instant::now() + PAUSE));
            return Ok(());
        }
        if c.mode != Mode::Direct {
            let limit = match c.server.scripts.busy_after.load(Relaxed) {
                0 => crate::script::DEFAULT_BUSY,
                millis => millis,
            };
            vm.set_patience(Some(Duration::from_millis(limit)));
        }
        let args = c.args;
        let (keys, rest) = (args.from(FIRST_KEY).iter().take(count), args.from(FIRST_KEY + count).iter());
        let (home, resp) = (c.session.db, c.session.resp);
        let mut caller = ScriptCaller { call: c, progress: &mut progress };
        let state = match caller.program() {
            Started::Script(compiled) => vm.start_script(&compiled, keys, rest, memory, &mut caller),
            Started::Function(library, i) => vm.start_function(&library, i, keys, rest, memory, &mut caller),
        };
        leave_database(c, &mut progress, home, resp);
        match state {
            State::Again => {
                progress.program.roams().store(true, Relaxed);
                progress.slots.clear();
                progress.db = home;
            }
            State::Paused(why) => return long::pause(c, vm, progress, why),
            State::Ended => {
                let done = vm.reply(progress.program.name(), &mut c.reply);
                pool::give(vm);
                return done;
            }
        }
    }
}

/// What [`begin`] starts, without borrowing the progress.
enum Started {
    Script(Compiled),
    Function(Arc<Library>, usize),
}

/// What the script selected is its own: the session goes back to where it was.
fn leave_database(c: &mut Call<'_, '_>, progress: &mut Progress, home: u8, resp: Resp) {
    progress.db = c.session.db;
    if progress.db != home {
        c.session.select(home);
    }
    c.view.db = home;
    c.session.resp = resp;
}

/// Takes the permission to roam, with the locks of the keys; false when another script has it and is paused, or holds them.
fn take_permit(c: &mut Call<'_, '_>, progress: &mut Progress) -> bool {
    if progress.permit.is_some() {
        return true;
    }
    let roaming = &c.server.scripts.roaming;
    progress.permit = roaming.try_take();
    if progress.permit.is_some() {
        return true;
    }
    // Nobody waits for it while holding locks.
    c.view.unlock();
    progress.permit = roaming.take();
    let groups = long::groups_of(c.keys, &[]);
    c.view.lock_groups(&groups);
    progress.permit.is_some() && !is_held(c)
}

/// Whether a script that paused since the request was let in holds its keys.
fn is_held(c: &mut Call<'_, '_>) -> bool {
    let (owner, now) = (c.session.client.id, Instant::now());
    c.view.has_holds() && c.view.find_hold(c.keys, |holds, slots| holds.obstacle(owner, slots, now)).is_some()
}
