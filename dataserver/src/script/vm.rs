//! A virtual machine: it compiles scripts and loads libraries, and runs one of them at a time on a stack of its own.

#![allow(unsafe_code, reason = "the Lua state and the coroutine that it runs on; each use argues for itself")]

use super::cache::Script;
use super::convert::{self, Fields};
use super::functions::{Library, Registered};
use super::host::{Caller, Ending, Host, Pause, watch};
use super::lua::{Kept, Kind, Lua, RawState, Results, function};
use super::running::Flag;
use super::sandbox::Worlds;
use super::sha1::Sha;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use mlua::ffi;
use rapidhash::fast::RandomState;
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::Reply;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a script's stack: Lua allows for 200 nested calls of C functions. Only what is used takes memory.
const STACK: usize = 4 * 1024 * 1024;
/// Scripts that a machine keeps compiled.
const MOST_COMPILED: usize = 1000;
/// Bytes that a script may leave behind before the machine collects at once.
const LEFT_BEHIND: usize = 4 * 1024 * 1024;

/// A script that this machine has compiled.
#[derive(Clone)]
pub(crate) struct Compiled {
    pub script: Arc<Script>,
    function: Kept,
}

/// A library that this machine has run.
struct Loaded {
    id: u64,
    functions: Vec<Registered>,
}

/// How far a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its result, or its error, is there to be replied.
    Ended,
    /// It is to be resumed.
    Paused(Pause),
    /// It is to be run again from its start, with more locks.
    Again,
}

/// What a script came to: whether it ended well. Its value is on the Lua stack.
struct Ended(bool);

pub(crate) struct Vm {
    state: NonNull<RawState>,
    worlds: Worlds,
    fields: Fields,
    handler: Kept,
    by_text: HashMap<Box<[u8]>, Compiled, RandomState>,
    by_sha: HashMap<Sha, Compiled, RandomState>,
    libraries: HashMap<String, Loaded>,
    /// Of the scripts that are compiled, see `Cache::age`.
    age: u64,
    stack: Option<DefaultStack>,
    running: Option<Coroutine<(), Pause, Ended, DefaultStack>>,
    ended_well: bool,
    patience: Option<Duration>,
    /// Bytes that the pool has counted for it.
    pub(super) counted: i64,
    /// Bytes in use before the script.
    used_before: usize,
    /// The state lives in its memory, so it is freed last.
    host: Box<Host>,
}

impl Vm {
    /// A machine without scripts; `None` when there is no memory for it.
    pub(super) fn new() -> Option<Self> {
        let host = Host::new(usize::MAX);
        // SAFETY: the host is in a box that lives as long as the machine.
        let state = unsafe { host.memory.new_state() }?;
        let stack = DefaultStack::new(STACK).ok();
        // SAFETY: it was just made.
        let lua = unsafe { Lua::new(state.as_ptr()) };
        let worlds = Worlds::open(&lua);
        lua.push_function(function(handle_error), 0);
        let handler = lua.keep();
        watch(state.as_ptr());
        Some(Self {
            state,
            fields: Fields::new(&lua),
            worlds,
            handler,
            by_text: HashMap::default(),
            by_sha: HashMap::default(),
            libraries: HashMap::new(),
            age: 0,
            stack,
            running: None,
            ended_well: false,
            patience: None,
            counted: 0,
            used_before: 0,
            host,
        })
    }

    #[inline]
    fn lua(&self) -> Lua {
        // SAFETY: the state is alive, and nothing of it runs while this machine's methods do.
        unsafe { Lua::new(self.state.as_ptr()) }
    }

    /// Forgets scripts of another age.
    #[inline]
    pub(crate) fn be_of(&mut self, age: u64) {
        if self.age != age {
            self.forget_scripts();
            self.age = age;
        }
    }

    fn forget_scripts(&mut self) {
        let lua = self.lua();
        self.by_text.clear();
        self.by_sha.drain().for_each(|(_, compiled)| lua.forget(compiled.function));
    }

    #[inline]
    pub(crate) fn with_text(&self, text: &[u8]) -> Option<&Compiled> {
        self.by_text.get(text)
    }

    pub(crate) fn with_sha(&self, sha: &Sha) -> Option<&Compiled> {
        self.by_sha.get(sha)
    }

    /// Whether a script is Lua.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn compiles(&mut self, script: &Script) -> Result<(), Error> {
        let compiled = self.compile(&script.text[script.start..])?;
        self.lua().forget(compiled);
        Ok(())
    }

    fn compile(&mut self, text: &[u8]) -> Result<Kept, Error> {
        let lua = self.lua();
        lua.set_top(0);
        self.enter_world(self.worlds.scripts);
        // Byte code would be trusted: it is read as the text that it is not.
        let is_code = text.first() == Some(&ffi::LUA_SIGNATURE[0]);
        let loaded = match is_code {
            true => lua.load(&[b" ", text].concat(), c"@user_script"),
            false => lua.load(text, c"@user_script"),
        };
        if loaded {
            return Ok(lua.keep());
        }
        let why = lossy(lua.bytes(-1));
        lua.set_top(0);
        Err(Error::new(format!("ERR Error compiling script (new function): {why}")))
    }

    /// Compiles a script, and keeps it.
    ///
    /// # Errors
    /// It is no Lua.
    pub(crate) fn add(&mut self, script: Arc<Script>) -> Result<Compiled, Error> {
        if let Some(compiled) = self.by_sha.get(&script.sha) {
            return Ok(compiled.clone());
        }
        if self.by_sha.len() >= MOST_COMPILED {
            self.forget_scripts();
        }
        let function = self.compile(&script.text[script.start..])?;
        let compiled = Compiled { script: Arc::clone(&script), function };
        self.by_sha.insert(script.sha, compiled.clone());
        self.by_text.insert(script.text.clone(), compiled.clone());
        Ok(compiled)
    }

    fn enter_world(&self, world: Kept) {
        let lua = self.lua();
        lua.push_kept(world);
        lua.replace_globals();
    }

    /// Begins to run a script.
    pub(crate) fn start_script<'a>(
        &mut self,
        compiled: &Compiled,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        memory: usize,
        caller: &mut dyn Caller,
    ) -> State {
        self.begin(memory, false);
        let lua = self.lua();
        self.enter_world(self.worlds.scripts);
        lua.push_kept(self.worlds.script_globals);
        push_array(&lua, keys);
        lua.raw_set_field(-2, "KEYS");
        push_array(&lua, arguments);
        lua.raw_set_field(-2, "ARGV");
        lua.pop(1);
        lua.push_kept(self.handler);
        lua.push_kept(compiled.function);
        self.start(0, caller)
    }

    /// Begins to run a function of a library that is loaded.
    pub(crate) fn start_function<'a>(
        &mut self,
        library: &Library,
        function: usize,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        memory: usize,
        caller: &mut dyn Caller,
    ) -> State {
        self.begin(memory, true);
        let lua = self.lua();
        self.enter_world(self.worlds.functions);
        lua.push_kept(self.handler);
        match self.libraries.get(&library.name).and_then(|loaded| loaded.functions.get(function)) {
            Some(registered) => lua.push_kept(registered.callback),
            None => lua.push_nil(),
        }
        push_array(&lua, keys);
        push_array(&lua, arguments);
        self.start(2, caller)
    }

    /// Before the next script starts: it cannot pause, and may run for so long.
    pub(crate) fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    fn begin(&mut self, memory: usize, is_function: bool) {
        let lua = self.lua();
        lua.set_top(0);
        self.host.begin();
        self.host.is_function.set(is_function);
        self.host.patience.set(self.patience.take());
        self.used_before = self.host.memory.used.get();
        let most = if memory == 0 { usize::MAX } else { memory };
        self.host.memory.limit.set(self.used_before.saturating_add(most));
    }

    /// Runs what is on the Lua stack (error handler, function, arguments) until it ends or pauses.
    fn start(&mut self, arguments: i32, caller: &mut dyn Caller) -> State {
        let Some(stack) = self.stack.take().or_else(|| DefaultStack::new(STACK).ok()) else {
            self.lua().set_top(0);
            self.lua().push_bytes(b"no memory for the script's stack");
            self.ended_well = false;
            return State::Ended;
        };
        let (host, state) = (NonNull::from(&*self.host), self.state);
        let coroutine = Coroutine::with_stack(stack, move |yielder, ()| {
            // SAFETY: host and state outlive the coroutine, which is a field of the machine that has both.
            let (host, lua) = unsafe { (host.as_ref(), Lua::new(state.as_ptr())) };
            host.set_yielder(yielder);
            let ok = lua.call_with_handler(arguments, 1);
            host.clear_yielder();
            Ended(ok)
        });
        self.running = Some(coroutine);
        self.resume(caller)
    }

    /// Goes on with what was paused.
    pub(crate) fn resume(&mut self, caller: &mut dyn Caller) -> State {
        let Some(mut coroutine) = self.running.take() else { return State::Ended };
        match self.host.with_caller(caller, || coroutine.resume(())) {
            CoroutineResult::Yield(why) => {
                self.running = Some(coroutine);
                State::Paused(why)
            }
            CoroutineResult::Return(Ended(ok)) => {
                self.stack = Some(coroutine.into_stack());
                self.ended(ok)
            }
        }
    }

    fn ended(&mut self, ok: bool) -> State {
        self.ended_well = ok;
        self.host.set_flag(None);
        match self.host.ending() {
            None => State::Ended,
            Some(ending) => {
                // The machine was being watched closely.
                watch(self.state.as_ptr());
                if ending == Ending::Again { State::Again } else { State::Ended }
            }
        }
    }

    /// Lets the others see a script that is paused.
    pub(crate) fn set_flag(&mut self, flag: Arc<Flag>) {
        self.host.set_flag(Some(flag));
    }

    /// Replies what the script came to; `name` is what errors call it.
    ///
    /// # Errors
    /// The script's.
    pub(crate) fn reply(&mut self, name: &str, out: &mut Reply<'_>) -> Result<(), Error> {
        let lua = self.lua();
        let done = if self.ended_well {
            convert::reply(&lua, &self.fields, self.host.resp.get(), out);
            Ok(())
        } else {
            Err(failure(&lua, name))
        };
        lua.set_top(0);
        if self.host.memory.used.get() > self.used_before + LEFT_BEHIND {
            lua.collect_garbage();
        }
        done
    }

    /// Bytes that it has allocated.
    pub(super) fn bytes(&self) -> usize {
        self.host.memory.used.get()
    }

    /// Whether the machine has run this very library.
    pub(super) fn has_library(&self, library: &Library) -> bool {
        self.libraries.get(&library.name).is_some_and(|loaded| loaded.id == library.id)
    }

    /// Runs a library's text; what it registers is then called by [`start_function`](Self::start_function).
    ///
    /// # Errors
    /// It does not compile, it fails, or it takes too long.
    pub(super) fn load_library(
        &mut self,
        name: &str,
        id: u64,
        code: &[u8],
        memory: usize,
    ) -> Result<&[Registered], Error> {
        self.begin(memory, true);
        let lua = self.lua();
        self.enter_world(self.worlds.functions);
        self.read_functions_from(self.worlds.loading_globals);
        self.host.start_loading();
        let done = run_library(&lua, code);
        self.host.end_loading();
        self.read_functions_from(self.worlds.function_globals);
        watch(self.state.as_ptr());
        lua.set_top(0);
        let functions = self.host.registered.take();
        if let Err(error) = done {
            functions.iter().for_each(|registered| lua.forget(registered.callback));
            return Err(error);
        }
        self.forget_library(name);
        Ok(&self.libraries.entry(name.to_owned()).or_insert(Loaded { id, functions }).functions)
    }

    /// Lets a library go.
    pub(super) fn forget_library(&mut self, name: &str) {
        let lua = self.lua();
        if let Some(old) = self.libraries.remove(name) {
            old.functions.iter().for_each(|registered| lua.forget(registered.callback));
        }
    }

    /// Changes where the globals of functions are read from.
    fn read_functions_from(&self, globals: Kept) {
        let lua = self.lua();
        lua.push_kept(self.worlds.functions_meta);
        lua.push_kept(globals);
        lua.raw_set_field(-2, "__index");
        lua.pop(1);
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if let Some(mut coroutine) = self.running.take() {
            // SAFETY: the frames on its stack are Lua's, which need nothing, and those of functions here, which leave
            // behind at most what they have allocated. Nobody runs it any more.
            unsafe { coroutine.force_reset() };
        }
        // SAFETY: nothing of the state runs, and it is never used again.
        unsafe { ffi::lua_close(self.state.as_ptr()) };
    }
}

fn run_library(lua: &Lua, code: &[u8]) -> Result<(), Error> {
    if !lua.load(code, c"@user_function") {
        return Err(Error::new(format!("ERR Error compiling function: {}", lossy(lua.bytes(-1)))));
    }
    if lua.call(0, 0) {
        return Ok(());
    }
    let code = if lua.kind(-1) == Kind::Table { "" } else { "ERR " };
    if code.is_empty() {
        lua.raw_get_field(-1, "err");
    }
    Err(Error::new(format!("ERR Error registering functions: {code}{}", lossy(lua.bytes(-1)))))
}

fn push_array<'a>(lua: &Lua, items: impl ExactSizeIterator<Item = &'a [u8]>) {
    lua.push_table(items.len() as i32, 0);
    for (i, item) in (1..).zip(items) {
        lua.push_bytes(item);
        lua.raw_set_element(-2, i);
    }
}

/// Called with an error where it is raised: makes it a table that says where that was.
fn handle_error(l: &Lua) -> Results {
    let at = l.position(1).and_then(|at| if at.is_c { l.position(2) } else { Some(at) });
    if l.kind(1) != Kind::Table {
        let text = match l.kind(1) {
            Kind::Nil => b"ERR nil".to_vec(),
            Kind::Boolean if l.boolean(1) => b"ERR true".to_vec(),
            Kind::Boolean => b"ERR false".to_vec(),
            Kind::String | Kind::Number => [b"ERR ", l.bytes(1).unwrap_or_default()].concat(),
            _ => [b"ERR ", l.kind_name(1).as_bytes()].concat(),
        };
        super::api::push_error(l, &text);
    } else {
        l.push_value(1);
    }
    if let Some(at) = at {
        l.push_bytes(&at.source);
        l.raw_set_field(-2, "source");
        l.push_number(at.line.into());
        l.raw_set_field(-2, "line");
    }
    Ok(1)
}

/// The error reply for the error on top.
fn failure(lua: &Lua, name: &str) -> Error {
    if lua.kind(-1) != Kind::Table {
        let why = if lua.is_string(-1) { lossy(lua.bytes(-1)) } else { "execution failure".to_owned() };
        let short: String = why.chars().take(100).collect();
        return Error::new(format!("ERR Error running script {name}, {short}"));
    }
    let field = |field: &str| {
        lua.raw_get_field(-1, field);
        let text = lua.is_string(-1).then(|| lossy(lua.bytes(-1)));
        lua.pop(1);
        text
    };
    let text = field("err").unwrap_or_else(|| "ERR unknown error".to_owned());
    match (field("source"), field("line")) {
        (Some(source), Some(line)) => Error::new(format!("{text} script: {name}, on {source}:{line}.")),
        _ => Error::new(text),
    }
}

fn lossy(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
