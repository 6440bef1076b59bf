//! The stack of a running function.

use super::{CFunction, Memory, Raise};
use mlua::ffi;
use std::ffi::{CStr, c_int, c_void};

/// A Lua state in which a function runs.
pub(in crate::script) struct Lua(*mut ffi::lua_State);

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::script) enum Kind {
    None,
    Nil,
    Boolean,
    LightUserdata,
    Number,
    String,
    Table,
    Function,
    /// Userdata or a coroutine.
    Other,
}

impl Kind {
    /// Lua's name for it.
    pub(in crate::script) fn name(self) -> &'static str {
        match self {
            Self::None => "no value",
            Self::Nil => "nil",
            Self::Boolean => "boolean",
            Self::LightUserdata => "userdata",
            Self::Number => "number",
            Self::String => "string",
            Self::Table => "table",
            Self::Function => "function",
            Self::Other => "userdata",
        }
    }
}

/// Calls functions of Lua that the module's documentation argues for.
macro_rules! lua {
    ($self:ident, $name:ident $(, $arg:expr)*) => {
        // SAFETY: see the module: the state is the running one, the index is on its stack, and nothing is raised.
        unsafe { ffi::$name($self.0 $(, $arg)*) }
    };
}

impl Lua {
    /// # Safety
    /// `state` is alive, made in a [`Memory`], and nothing else uses its stack while this does.
    #[inline]
    pub(in crate::script) unsafe fn new(state: *mut ffi::lua_State) -> Self {
        Self(state)
    }

    /// The state itself.
    pub(in crate::script) fn raw(&self) -> *mut ffi::lua_State {
        self.0
    }

    /// The memory that the machine was made in.
    #[inline]
    pub(in crate::script) fn memory(&self) -> &Memory {
        let mut memory: *mut c_void = std::ptr::null_mut();
        lua!(self, lua_getallocf, &mut memory);
        // SAFETY: `Memory::new_state` gave the address of a memory that outlives the state.
        unsafe { &*memory.cast_const().cast() }
    }

    /// How many values are on the stack.
    #[inline]
    pub(in crate::script) fn top(&self) -> c_int {
        lua!(self, lua_gettop)
    }

    /// Cuts the stack, or fills it up with nil.
    #[inline]
    pub(in crate::script) fn set_top(&self, top: c_int) {
        lua!(self, lua_settop, top);
    }

    #[inline]
    pub(in crate::script) fn pop(&self, n: c_int) {
        self.set_top(-n - 1);
    }

    /// Makes sure of `n` free places; false when that is too much for Lua.
    #[inline]
    pub(in crate::script) fn check_stack(&self, n: c_int) -> bool {
        lua!(self, lua_checkstack, n) != 0
    }

    pub(in crate::script) fn insert(&self, index: c_int) {
        lua!(self, lua_insert, index);
    }

    pub(in crate::script) fn remove(&self, index: c_int) {
        lua!(self, lua_remove, index);
    }

    /// The type of the value at `index`.
    #[inline]
    pub(in crate::script) fn kind(&self, index: c_int) -> Kind {
        match lua!(self, lua_type, index) {
            ffi::LUA_TNONE => Kind::None,
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::LightUserdata,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            _ => Kind::Other,
        }
    }

    /// Lua's name of the type of the value at `index`.
    pub(in crate::script) fn kind_name(&self, index: c_int) -> &'static str {
        match lua!(self, lua_type, index) {
            ffi::LUA_TTHREAD => "thread",
            _ => self.kind(index).name(),
        }
    }

    /// Whether it is a number or a string that reads as one.
    #[inline]
    pub(in crate::script) fn is_number(&self, index: c_int) -> bool {
        lua!(self, lua_isnumber, index) != 0
    }

    /// Whether it is a string or a number.
    #[inline]
    pub(in crate::script) fn is_string(&self, index: c_int) -> bool {
        lua!(self, lua_isstring, index) != 0
    }

    /// The number, 0 for what is none.
    #[inline]
    pub(in crate::script) fn number(&self, index: c_int) -> f64 {
        lua!(self, lua_tonumber, index)
    }

    /// False for nil and false.
    #[inline]
    pub(in crate::script) fn boolean(&self, index: c_int) -> bool {
        lua!(self, lua_toboolean, index) != 0
    }

    /// The bytes of a string. A number is made a string in its place; anything else has none.
    #[inline]
    pub(in crate::script) fn bytes(&self, index: c_int) -> Option<&[u8]> {
        let mut len = 0;
        let start = lua!(self, lua_tolstring, index, &mut len);
        // SAFETY: Lua's strings neither move nor change, and this one lives for as long as it is on the stack; callers
        // leave it there while they look at it.
        (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
    }

    /// The address of a light userdata; null for what is none.
    pub(in crate::script) fn userdata(&self, index: c_int) -> *mut c_void {
        lua!(self, lua_touserdata, index)
    }

    /// The length of a table's array part, or of a string.
    pub(in crate::script) fn length(&self, index: c_int) -> usize {
        lua!(self, lua_objlen, index)
    }

    #[inline]
    pub(in crate::script) fn push_nil(&self) {
        lua!(self, lua_pushnil);
    }

    #[inline]
    pub(in crate::script) fn push_boolean(&self, yes: bool) {
        lua!(self, lua_pushboolean, yes.into());
    }

    #[inline]
    pub(in crate::script) fn push_number(&self, n: f64) {
        lua!(self, lua_pushnumber, n);
    }

    #[inline]
    pub(in crate::script) fn push_bytes(&self, bytes: &[u8]) {
        lua!(self, lua_pushlstring_, bytes.as_ptr().cast(), bytes.len());
    }

    pub(in crate::script) fn push_userdata(&self, address: *mut c_void) {
        lua!(self, lua_pushlightuserdata, address);
    }

    /// Pushes a function that takes `upvalues` values off the stack.
    pub(in crate::script) fn push_function(&self, function: CFunction, upvalues: c_int) {
        lua!(self, lua_pushcclosure, function, upvalues);
    }

    /// Pushes a copy of the value at `index`.
    #[inline]
    pub(in crate::script) fn push_value(&self, index: c_int) {
        lua!(self, lua_pushvalue, index);
    }

    /// Pushes a table with room for so many elements and fields.
    #[inline]
    pub(in crate::script) fn push_table(&self, elements: c_int, fields: c_int) {
        lua!(self, lua_createtable, elements, fields);
    }

    /// Replaces the key on top by its value in the table at `index`.
    #[inline]
    pub(in crate::script) fn raw_get(&self, index: c_int) {
        lua!(self, lua_rawget_, index);
    }

    /// Pushes an element of the table at `index`.
    #[inline]
    pub(in crate::script) fn raw_get_element(&self, index: c_int, element: c_int) {
        lua!(self, lua_rawgeti_, index, element);
    }

    /// Pushes a field of the table at `index`, which is not relative to the top.
    pub(in crate::script) fn raw_get_field(&self, index: c_int, name: &str) {
        let index = self.absolute(index);
        self.push_bytes(name.as_bytes());
        self.raw_get(index);
    }

    /// Sets a key (below the top) to a value (the top) in the table at `index`, and pops both. The key is neither nil
    /// nor NaN.
    #[inline]
    pub(in crate::script) fn raw_set(&self, index: c_int) {
        lua!(self, lua_rawset, index);
    }

    /// Sets an element to the value on top, and pops it.
    #[inline]
    pub(in crate::script) fn raw_set_element(&self, index: c_int, element: c_int) {
        lua!(self, lua_rawseti_, index, element);
    }

    /// Sets a field to the value on top, and pops it.
    pub(in crate::script) fn raw_set_field(&self, index: c_int, name: &str) {
        let index = self.absolute(index);
        self.push_bytes(name.as_bytes());
        self.insert(-2);
        self.raw_set(index);
    }

    /// An index that stays right when something is pushed.
    #[inline]
    pub(in crate::script) fn absolute(&self, index: c_int) -> c_int {
        if index < 0 && index > ffi::LUA_REGISTRYINDEX { self.top() + index + 1 } else { index }
    }

    /// Replaces the key on top by the next key of the table at `index` and its value; false, and nothing pushed, after
    /// the last. The key is nil or one of the table's.
    #[inline]
    pub(in crate::script) fn next(&self, index: c_int) -> bool {
        lua!(self, lua_next, index) != 0
    }

    /// Pushes the metatable of the value at `index`, if there is one.
    pub(in crate::script) fn push_metatable(&self, index: c_int) -> bool {
        lua!(self, lua_getmetatable, index) != 0
    }

    /// Makes the table on top the metatable of the value at `index`.
    pub(in crate::script) fn set_metatable(&self, index: c_int) {
        lua!(self, lua_setmetatable, index);
    }

    /// Calls a function in protected mode: its arguments are on top and the function below; false when it failed, with
    /// the error's value on top. Memory is bounded while it runs.
    pub(in crate::script) fn call(&self, arguments: c_int, results: c_int) -> bool {
        let was = self.memory().lenient.replace(false);
        let ok = lua!(self, lua_pcall, arguments, results, 0) == ffi::LUA_OK;
        self.memory().lenient.set(was);
        ok
    }

    /// The same for a function below which an error handler is.
    pub(in crate::script) fn call_with_handler(&self, arguments: c_int, results: c_int) -> bool {
        let was = self.memory().lenient.replace(false);
        let ok = lua!(self, lua_pcall, arguments, results, -arguments - 2) == ffi::LUA_OK;
        self.memory().lenient.set(was);
        ok
    }

    /// Makes the table on top the globals of what is loaded from now on, and pops it.
    pub(in crate::script) fn replace_globals(&self) {
        lua!(self, lua_replace, ffi::LUA_GLOBALSINDEX);
    }

    /// Collects all garbage; 0, as Lua's own function returns.
    pub(in crate::script) fn collect_garbage(&self) -> f64 {
        lua!(self, lua_gc, ffi::LUA_GCCOLLECT, 0).into()
    }

    /// Compiles a text, pushes the function or the error's text. The text is no byte code.
    pub(in crate::script) fn load(&self, text: &[u8], name: &CStr) -> bool {
        lua!(self, luaL_loadbuffer, text.as_ptr().cast(), text.len(), name.as_ptr()) == ffi::LUA_OK
    }

    /// Where the function at `level` of the call stack stands: source and line, and whether it is a C function.
    pub(in crate::script) fn position(&self, level: c_int) -> Option<Position> {
        // SAFETY: a zeroed record is what lua_getstack fills in.
        let mut record: ffi::lua_Debug = unsafe { std::mem::zeroed() };
        if lua!(self, lua_getstack, level, &mut record) == 0 {
            return None;
        }
        lua!(self, lua_getinfo, c"nSl".as_ptr(), &mut record);
        // SAFETY: Lua filled in texts that end with a zero byte, and live for as long as the function is on the stack.
        let text = |start: *const std::ffi::c_char| unsafe {
            if start.is_null() { Vec::new() } else { CStr::from_ptr(start).to_bytes().to_vec() }
        };
        Some(Position {
            is_c: text(record.what) == b"C",
            source: text(record.source),
            short: text(record.short_src.as_ptr()),
            name: text(record.name),
            is_method: text(record.namewhat) == b"method",
            line: record.currentline,
        })
    }

    /// An error with where it happened, as Lua's own libraries raise them.
    #[cold]
    pub(in crate::script) fn error(&self, text: &str) -> Raise {
        let mut whole = self.whereabouts(1);
        whole.extend_from_slice(text.as_bytes());
        self.push_bytes(&whole);
        Raise
    }

    /// `user_script:1: `, or nothing when the caller is no Lua function.
    fn whereabouts(&self, level: c_int) -> Vec<u8> {
        match self.position(level) {
            Some(at) if at.line > 0 => {
                let mut text = at.short;
                text.extend_from_slice(format!(":{}: ", at.line).as_bytes());
                text
            }
            _ => Vec::new(),
        }
    }
}

/// Where a function on the call stack stands.
pub(in crate::script) struct Position {
    /// It is not written in Lua.
    pub is_c: bool,
    /// `@user_script`
    pub source: Vec<u8>,
    /// The same as messages show it.
    pub short: Vec<u8>,
    /// The name that it was called by.
    pub name: Vec<u8>,
    /// It was called with a colon.
    pub is_method: bool,
    /// The current line, -1 when it is not known.
    pub line: c_int,
}

/// Values of Rust that functions carry with them.
impl Lua {
    /// Pushes the address of a cell that outlives the machine.
    pub(in crate::script) fn push_cell<T: Copy>(&self, cell: &std::cell::Cell<T>) {
        self.push_userdata((&raw const *cell).cast_mut().cast());
    }

    /// Pushes a cell of the machine's own, which lives for as long as something refers to it.
    pub(in crate::script) fn push_new_cell<T: Copy>(&self, value: T) {
        let place = lua!(self, lua_newuserdata, size_of::<std::cell::Cell<T>>());
        const { assert!(align_of::<T>() <= 8) };
        // SAFETY: Lua gave so many bytes, aligned for any of its types.
        unsafe { place.cast::<std::cell::Cell<T>>().write(std::cell::Cell::new(value)) };
    }

    /// The cell that is the running function's upvalue. The function was made with such a cell.
    pub(in crate::script) fn upvalue_cell<T: Copy>(&self, upvalue: c_int) -> &std::cell::Cell<T> {
        let place = self.userdata(ffi::lua_upvalueindex(upvalue));
        assert!(!place.is_null(), "the function has no such upvalue");
        // SAFETY: only functions that were made with a cell of this type ask for it, and scripts cannot change upvalues.
        unsafe { &*place.cast_const().cast() }
    }

    /// Pushes one of the running function's upvalues.
    pub(in crate::script) fn push_upvalue(&self, upvalue: c_int) {
        self.push_value(ffi::lua_upvalueindex(upvalue));
    }

    /// Keeps the value on top in the registry, pops it, and returns where it is.
    pub(in crate::script) fn keep(&self) -> Kept {
        Kept(lua!(self, luaL_ref, ffi::LUA_REGISTRYINDEX))
    }

    /// Pushes a value that was kept.
    #[inline]
    pub(in crate::script) fn push_kept(&self, kept: Kept) {
        self.raw_get_element(ffi::LUA_REGISTRYINDEX, kept.0);
    }

    /// Lets a kept value go.
    pub(in crate::script) fn forget(&self, kept: Kept) {
        lua!(self, luaL_unref, ffi::LUA_REGISTRYINDEX, kept.0);
    }
}

/// A place in the registry.
#[derive(Clone, Copy, Debug)]
pub(in crate::script) struct Kept(c_int);
