//! Scripts and functions: Lua 5.1 in a sandbox, with Redis's libraries and its tables of conversions.
//!
//! [`cache`] and [`functions`] have the texts, which all workers share; each worker has machines ([`vm`], [`pool`]) that
//! compile and run them. [`api`] is what scripts call, [`convert`] turns replies into values and back, [`host`] watches time and
//! memory, [`sandbox`] says what scripts find and that they cannot change it. What a script does to the store is
//! `command/scripting`'s.

mod api;
mod cache;
mod convert;
mod functions;
mod host;
mod library;
mod lua;
pub(crate) mod pool;
mod register;
mod roaming;
mod running;
mod sandbox;
mod shebang;
#[cfg(test)]
mod tests;
mod vm;

pub(crate) use cache::{Cache, Script};
pub(crate) use functions::{Flags, Function, Inner as LibrarySet, Libraries, Library};
pub(crate) use host::{Called, Caller, Pause};
pub(crate) use roaming::{Permit, Roaming};
pub(crate) use running::{Flag, Running};
pub(crate) use vm::{Compiled, State, Vm};

use ringtail_protocol::errors::Error;
use ringtail_protocol::sha1;
pub(crate) use ringtail_protocol::sha1::{hex, parse_hex, sha1};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// Bytes that a script may have unless `lua-memory-limit` says otherwise.
const DEFAULT_MEMORY: usize = 128 * 1024 * 1024;
/// Milliseconds after which others are refused what a script holds, as in Redis.
pub(crate) const DEFAULT_BUSY: u64 = 5000;

/// What all workers share of scripts.
pub struct Scripts {
    pub(crate) cache: Cache,
    pub(crate) libraries: Libraries,
    pub(crate) running: Running,
    /// Who may lock what it did not declare.
    pub(crate) roaming: Arc<Roaming>,
    /// `lua-memory-limit`, in bytes; 0 = no limit.
    pub(crate) memory: AtomicUsize,
    /// `busy-reply-threshold`, in milliseconds; 0 = never.
    pub(crate) busy_after: AtomicU64,
    /// How often a script gave up its isolation, because it changed something before it touched what it had not locked
    /// while another one did the same.
    pub(crate) unisolated: AtomicU64,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            cache: Cache::default(),
            libraries: Libraries::default(),
            running: Running::default(),
            roaming: Arc::default(),
            memory: AtomicUsize::new(DEFAULT_MEMORY),
            busy_after: AtomicU64::new(DEFAULT_BUSY),
            unisolated: AtomicU64::new(0),
        }
    }
}

/// A script of this text, with what its first line says.
///
/// # Errors
/// That line is wrong.
pub(crate) fn script(text: &[u8], sha: [u8; 20]) -> Result<Script, Error> {
    let (flags, start) = shebang::of_script(text)?;
    let roams = AtomicBool::new(false);
    Ok(Script { sha, name: hex(&sha), text: text.into(), start, flags, roams })
}

/// What the first line of a script of this text says of it; `None` if it says nothing, or nothing right.
pub(crate) fn flags_of(text: &[u8]) -> Option<Flags> {
    shebang::of_script(text).ok()?.0
}

/// A library of this text, which a machine runs to see what it registers.
///
/// # Errors
/// It names no library, does not compile, fails, or registers nothing.
pub(crate) fn library(vm: &mut Vm, scripts: &Scripts, code: &[u8]) -> Result<Library, Error> {
    let (name, start) = shebang::of_library(code)?;
    let id = scripts.libraries.next_id();
    let memory = scripts.memory.load(std::sync::atomic::Ordering::Relaxed);
    let registered = vm.load_library(&name, id, &code[start..], memory)?;
    let functions: Vec<Function> = registered
        .iter()
        .map(|one| Function {
            name: one.name.clone(),
            flags: one.flags,
            description: one.description.clone(),
            roams: AtomicBool::new(false),
        })
        .collect();
    if functions.is_empty() {
        return Err(Error::fixed("ERR No functions registered"));
    }
    Ok(Library { name, code: code.into(), id, functions })
}

/// The name of a library, by its first line.
pub(crate) fn library_name(code: &[u8]) -> Result<String, Error> {
    shebang::of_library(code).map(|(name, _)| name)
}

/// Has a machine run a library that another one has run before.
///
/// # Errors
/// It fails here.
pub(crate) fn load_again(vm: &mut Vm, library: &Library, memory: usize) -> Result<(), Error> {
    if vm.has_library(library) {
        return Ok(());
    }
    let (_, start) = shebang::of_library(&library.code)?;
    vm.load_library(&library.name, library.id, &library.code[start..], memory).map(drop)
}
