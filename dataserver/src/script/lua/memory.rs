//! What a virtual machine allocates, counted and bounded.

use super::state::Lua;
use mlua::ffi::{lua_State, lua_newstate};
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};

/// Lua wants memory aligned for any of its types.
const ALIGN: usize = 16;

/// The memory of one machine. It stays at its address for as long as the machine lives.
pub(in crate::script) struct Memory {
    /// Bytes that are allocated.
    pub used: Cell<usize>,
    /// Most bytes that a script may have.
    pub limit: Cell<usize>,
    /// A Rust function runs, above which no error may be raised: nothing is refused.
    pub lenient: Cell<bool>,
    /// What the functions of the machine share, see [`Lua::host`].
    pub host: Cell<*const c_void>,
}

impl Memory {
    /// Memory of at most `limit` bytes.
    pub(in crate::script) fn new(limit: usize) -> Self {
        Self {
            used: Cell::new(0),
            limit: Cell::new(limit),
            lenient: Cell::new(true),
            host: Cell::new(std::ptr::null()),
        }
    }

    /// A new Lua state in this memory; `None` when there is none left.
    ///
    /// # Safety
    /// `self` outlives the state and never moves.
    pub(in crate::script) unsafe fn new_state(&self) -> Option<NonNull<lua_State>> {
        // SAFETY: `allocate` keeps the contract of Lua's allocators, and finds this memory where it is.
        NonNull::new(unsafe { lua_newstate(allocate, (&raw const *self).cast_mut().cast()) })
    }

    /// Whether `more` bytes would be too many.
    #[inline]
    pub(super) fn is_full(&self, more: usize) -> bool {
        self.used.get().saturating_add(more) > self.limit.get()
    }
}

/// Lua's allocator: `new` 0 frees, a null `old` allocates.
unsafe extern "C" fn allocate(memory: *mut c_void, old: *mut c_void, was: usize, new: usize) -> *mut c_void {
    // SAFETY: `new_state` gave its own address.
    let memory = unsafe { &*memory.cast_const().cast::<Memory>() };
    let Ok(layout) = Layout::from_size_align(new, ALIGN) else { return null_mut() };
    let was = if old.is_null() { 0 } else { was };
    if new > was && !memory.lenient.get() && memory.is_full(new - was) {
        return null_mut();
    }
    // SAFETY: Lua gives back what it got, with the size that it asked for; no size is 0 in these calls.
    let got = unsafe {
        match (old.is_null() || was == 0, new) {
            (true, 0) => null_mut(),
            (true, _) => alloc(layout),
            (false, 0) => {
                dealloc(old.cast(), Layout::from_size_align_unchecked(was, ALIGN));
                null_mut()
            }
            (false, _) => realloc(old.cast(), Layout::from_size_align_unchecked(was, ALIGN), new),
        }
    };
    if new == 0 || !got.is_null() {
        memory.used.set(memory.used.get() + new - was);
    }
    got.cast()
}

impl Lua {
    /// Refuses to make `bytes` more when that is beyond the machine's limit.
    #[inline]
    pub(in crate::script) fn room(&self, bytes: usize) -> Result<(), super::Raise> {
        if self.memory().is_full(bytes) { Err(self.no_memory()) } else { Ok(()) }
    }

    #[cold]
    fn no_memory(&self) -> super::Raise {
        self.push_bytes(b"not enough memory");
        super::Raise
    }
}
