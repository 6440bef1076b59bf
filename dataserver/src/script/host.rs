//! What the functions of one virtual machine share: the script that runs in it, its time and its memory.

#![allow(
    unsafe_code,
    reason = "addresses that outlive their use, and the hook that Lua calls; each argues for itself"
)]

use super::functions::Registered;
use super::library::cjson;
use super::library::random::Random;
use super::lua::{Lua, Memory, Raise, RawState};
use super::running::Flag;
use corosensei::Yielder;
use mlua::ffi;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::request::{Args, Span};
use std::cell::Cell;
use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Instructions between two looks at the clock.
const INSTRUCTIONS: c_int = 1000;
/// Steps of a library's function between two looks.
const STEPS: u32 = 4000;
/// A library may run for so long when it is loaded.
const LOADING: Duration = Duration::from_millis(500);
/// A script that runs longer than this lets others run in between.
const SLICE: Duration = Duration::from_millis(2);

/// Why a script is to end before its time. Nothing that it does can catch this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// SCRIPT KILL or FUNCTION KILL.
    Killed,
    /// It touched what it has not locked: it is to run again with more locks.
    Again,
    /// It took longer than it may where it cannot pause.
    TooLong,
}

/// What a nested command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// Its reply, or an error, was appended.
    Replied,
    /// It has to wait for others: ask again when the script is resumed.
    Wait,
    /// The script is to be run again from its start.
    Again,
}

/// What runs a script's commands.
pub(crate) trait Caller {
    /// Runs a command and appends its reply to `out`, in this version of the protocol.
    fn call(&mut self, args: Args<'_>, resp: Resp, out: &mut Vec<u8>) -> Called;
    /// Whether the user of the script may run this; `None`: there is no such command.
    fn allows(&mut self, args: Args<'_>) -> Option<bool>;
}

/// Why a script gave its thread up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Its slice is over.
    Slice,
    /// A command of it has to wait.
    Wait,
}

/// One machine's.
pub(super) struct Host {
    pub memory: Memory,
    pub random: Random,
    /// The settings of `cjson`, which every script finds as they are by default.
    pub json: Cell<cjson::Settings>,
    /// The version of the protocol in which commands answer the script.
    pub resp: Cell<Resp>,
    /// Functions are being registered (FUNCTION LOAD), commands can't run.
    pub loading: Cell<bool>,
    /// When it is set the script cannot pause: it may run for so long.
    pub patience: Cell<Option<Duration>>,
    /// What [`loading`](Self::loading) registered so far.
    pub registered: Cell<Vec<Registered>>,
    /// It is a function that runs, and no script: they are killed by different commands.
    pub is_function: Cell<bool>,
    buffer: Cell<Vec<u8>>,
    reply: Cell<Vec<u8>>,
    spans: Cell<Vec<Span>>,
    caller: Cell<Option<NonNull<dyn Caller>>>,
    yielder: Cell<*const Yielder<(), Pause>>,
    steps: Cell<u32>,
    slice: Cell<Option<Instant>>,
    ending: Cell<Option<Ending>>,
    /// Bytes in use after the last full collection.
    collected: Cell<usize>,
    flag: Cell<Option<Arc<Flag>>>,
}

impl Host {
    pub(super) fn new(memory: usize) -> Box<Self> {
        let host = Box::new(Self {
            memory: Memory::new(memory),
            random: Random::new(fastrand::i32(..)),
            json: Cell::default(),
            resp: Cell::default(),
            loading: Cell::new(false),
            patience: Cell::new(None),
            registered: Cell::default(),
            is_function: Cell::new(false),
            buffer: Cell::default(),
            reply: Cell::default(),
            spans: Cell::default(),
            caller: Cell::new(None),
            yielder: Cell::new(std::ptr::null()),
            steps: Cell::new(STEPS),
            slice: Cell::new(None),
            ending: Cell::new(None),
            collected: Cell::new(0),
            flag: Cell::new(None),
        });
        host.memory.host.set((&raw const *host).cast());
        host
    }

    /// The host of the machine whose function runs.
    #[inline]
    pub(super) fn of(l: &Lua) -> &Self {
        // SAFETY: every machine's memory is part of a host, which `new` noted in it and which outlives the machine.
        unsafe { &*l.memory().host.get().cast() }
    }

    /// Before a script runs: everything is as if it was the first one.
    #[inline]
    pub(super) fn begin(&self) {
        self.json.set(cjson::Settings::default());
        self.resp.set(Resp::V2);
        self.slice.set(None);
        self.ending.set(None);
        self.patience.set(None);
    }

    /// A buffer for what a function makes; [`give_buffer`](Self::give_buffer) it back.
    #[inline]
    pub(super) fn take_buffer(&self) -> Vec<u8> {
        self.buffer.take()
    }

    /// Keeps a buffer for the next function, unless it is large.
    #[inline]
    pub(super) fn give_buffer(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= 64 * 1024 {
            buffer.clear();
            self.buffer.set(buffer);
        }
    }

    /// A buffer for the reply of a command.
    #[inline]
    pub(super) fn take_reply(&self) -> Vec<u8> {
        self.reply.take()
    }

    /// Keeps it for the next command, unless it is large.
    #[inline]
    pub(super) fn give_reply(&self, mut reply: Vec<u8>) {
        if reply.capacity() <= 64 * 1024 {
            reply.clear();
            self.reply.set(reply);
        }
    }

    pub(super) fn take_spans(&self) -> Vec<Span> {
        self.spans.take()
    }

    pub(super) fn give_spans(&self, mut spans: Vec<Span>) {
        if spans.capacity() <= 4 * 1024 {
            spans.clear();
            self.spans.set(spans);
        }
    }

    /// Runs `run` with `caller` to run the script's commands.
    #[inline]
    pub(super) fn with_caller<T>(&self, caller: &mut (dyn Caller + '_), run: impl FnOnce() -> T) -> T {
        let caller: NonNull<dyn Caller + '_> = NonNull::from(caller);
        // SAFETY: only the lifetime is changed; the pointer is taken away again before `caller` ends.
        let caller = unsafe { std::mem::transmute::<NonNull<dyn Caller + '_>, NonNull<dyn Caller>>(caller) };
        self.caller.set(Some(caller));
        let done = run();
        self.caller.set(None);
        done
    }

    /// What runs commands now; none while functions are loaded.
    #[inline]
    #[expect(
        clippy::mut_from_ref,
        reason = "one function of the machine runs at a time, and lets it go before another does"
    )]
    pub(super) fn caller(&self) -> Option<&mut dyn Caller> {
        // SAFETY: `with_caller` took it from an exclusive reference, and runs now.
        self.caller.get().map(|caller| unsafe { &mut *caller.as_ptr() })
    }

    /// The coroutine on whose stack the machine runs from now on.
    pub(super) fn set_yielder(&self, yielder: &Yielder<(), Pause>) {
        self.yielder.set(yielder);
    }

    /// It ends.
    pub(super) fn clear_yielder(&self) {
        self.yielder.set(std::ptr::null());
    }

    /// Lets others run, and comes back when the script is resumed.
    pub(super) fn pause(&self, why: Pause) {
        let yielder = self.yielder.get();
        if !yielder.is_null() {
            self.caller.set(None);
            // SAFETY: `set_yielder` gave the yielder of the coroutine that runs this.
            unsafe { (*yielder).suspend(why) };
        }
        self.slice.set(None);
    }

    /// While a library is loaded, its time is short and it cannot pause.
    pub(super) fn start_loading(&self) {
        self.loading.set(true);
        self.patience.set(Some(LOADING));
    }

    pub(super) fn end_loading(&self) {
        self.loading.set(false);
        self.patience.set(None);
    }

    /// What others may see of a script that runs long.
    pub(super) fn set_flag(&self, flag: Option<Arc<Flag>>) {
        self.flag.set(flag);
    }

    /// Ends the script: from now on every instruction of it raises an error.
    pub(super) fn end(&self, l: &Lua, ending: Ending) -> Raise {
        self.ending.set(Some(ending));
        watch_closely(l.raw());
        self.push_ending(l, ending);
        Raise
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending.get()
    }

    #[cold]
    fn push_ending(&self, l: &Lua, ending: Ending) {
        let text = match ending {
            Ending::Killed if self.is_function.get() => "ERR Script killed by user with FUNCTION KILL.",
            Ending::Killed => "ERR Script killed by user with SCRIPT KILL.",
            Ending::TooLong if self.loading.get() => "ERR FUNCTION LOAD timeout",
            Ending::TooLong => {
                "ERR the script ran for longer than busy-reply-threshold inside of a transaction, which nobody can interrupt"
            }
            Ending::Again => "ERR the script runs again with more locks",
        };
        super::api::push_error(l, text.as_bytes());
    }

    /// The same for one that is worth so many steps.
    #[inline]
    pub(super) fn tick_many(&self, l: &Lua, steps: u32) -> Result<(), Raise> {
        self.steps.set(self.steps.get().saturating_sub(steps));
        self.tick(l)
    }

    /// A step of a function that may take many.
    #[inline]
    pub(super) fn tick(&self, l: &Lua) -> Result<(), Raise> {
        match self.steps.get().checked_sub(1) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => self.look(l),
        }
    }

    /// Looks at the clock, at the memory, and whether the script is to end.
    #[cold]
    pub(super) fn look(&self, l: &Lua) -> Result<(), Raise> {
        self.steps.set(STEPS);
        self.check_ending(l)?;
        let now = Instant::now();
        match self.slice.get() {
            None => self.slice.set(Some(now)),
            Some(start) if self.patience.get().is_some() => {
                if self.patience.get().is_some_and(|patience| now.duration_since(start) > patience) {
                    return Err(self.end(l, Ending::TooLong));
                }
            }
            Some(start) if now.duration_since(start) > SLICE => self.pause(Pause::Slice),
            Some(_) => {}
        }
        self.check_ending(l)
    }

    /// Whether the script is to end.
    #[inline]
    pub(super) fn check_ending(&self, l: &Lua) -> Result<(), Raise> {
        let ending = self.ending.get().or_else(|| self.killed());
        match ending {
            Some(ending) => Err(self.end(l, ending)),
            None => Ok(()),
        }
    }

    #[inline]
    fn killed(&self) -> Option<Ending> {
        let flag = self.flag.take()?;
        let killed = flag.is_killed();
        self.flag.set(Some(flag));
        killed.then_some(Ending::Killed)
    }

    /// Collects garbage when the memory is nearly used up: Lua itself would wait until twice as much is in use as
    /// after the last collection.
    fn collect(&self, l: *mut RawState) {
        let (used, limit) = (self.memory.used.get(), self.memory.limit.get());
        if used > limit / 4 * 3 && used > self.collected.get() + limit / 16 {
            // SAFETY: hooks may call any function, and no finalizer of a script's exists.
            unsafe { ffi::lua_gc(l, ffi::LUA_GCCOLLECT, 0) };
            self.collected.set(self.memory.used.get());
        }
    }
}

/// Has the machine looked at while it runs scripts. Coroutines inherit this.
pub(super) fn watch(l: *mut RawState) {
    // SAFETY: the state is alive.
    unsafe { ffi::lua_sethook(l, Some(on_count), ffi::LUA_MASKCOUNT, INSTRUCTIONS) };
}

/// The same at each instruction, so that a loop of `pcall` cannot go on between two looks.
fn watch_closely(l: *mut RawState) {
    // SAFETY: the state is alive.
    unsafe { ffi::lua_sethook(l, Some(on_count), ffi::LUA_MASKCOUNT, 1) };
}

unsafe extern "C-unwind" fn on_count(l: *mut RawState, _: *mut ffi::lua_Debug) {
    let raise = {
        // SAFETY: Lua calls this with its running state.
        let lua = unsafe { Lua::new(l) };
        let host = Host::of(&lua);
        let was = host.memory.lenient.replace(true);
        host.collect(l);
        let looked = host.look(&lua);
        host.memory.lenient.set(was);
        looked.is_err()
    };
    if raise {
        // SAFETY: the error's value is on top, and nothing here needs to be dropped.
        unsafe { ffi::lua_error(l) };
    }
}
