//! Looking requests up before they run: which command, where its keys are.

use super::Executor;
use crate::store::dict::Hash;
use crate::store::{Key, Store};
use ringtail_protocol::command::{Command, Flags, Found, find};
use ringtail_protocol::request::{Args, Batch};

/// Fewer requests than this are not worth prefetching for.
const PREFETCH_FROM: usize = 2;

/// Where a request's keys are.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// It has none.
    Keyless,
    /// Its only key is its first argument.
    First(Hash, u16),
    /// It has several, or they are elsewhere.
    Several,
}

/// A request that was looked up.
#[derive(Clone, Copy)]
pub(super) struct Prepared {
    pub(super) found: Found,
    pub(super) target: Target,
}

impl Executor {
    /// Looks every request up, and asks for the memory of their keys in three rounds, so that the waits overlap.
    #[inline]
    pub(super) fn prepare(&mut self, batch: &Batch, buf: &[u8]) {
        self.prepared.clear();
        let store = &*self.server.store;
        let many = batch.requests().len() >= PREFETCH_FROM;
        for request in batch.requests() {
            let prepared = prepare(store, batch.args(request, buf));
            if let (true, Target::First(hash, slot)) = (many, prepared.target) {
                store.prefetch_group(&Key { bytes: &[], hash, slot });
            }
            self.prepared.push(prepared);
        }
        if many {
            let targets = || {
                self.prepared.iter().filter_map(|p| match p.target {
                    Target::First(hash, slot) => Some(Key { bytes: &[], hash, slot }),
                    _ => None,
                })
            };
            targets().for_each(|key| store.prefetch_words(&key));
            targets().for_each(|key| store.prefetch_entry(&key));
        }
    }
}

#[inline]
fn prepare(store: &Store, args: Args<'_>) -> Prepared {
    let found = find(&args);
    let target = match found {
        Found::Command(command) if command.key_specs.is_empty() => Target::Keyless,
        Found::Command(command) if is_first(command, args.len()) => match args.get(1) {
            Some(bytes) => {
                let key = store.key(bytes);
                Target::First(key.hash, key.slot)
            }
            None => Target::Keyless,
        },
        Found::Command(_) => Target::Several,
        _ => Target::Keyless,
    };
    Prepared { found, target }
}

/// Whether a request of `count` arguments has one key, its first argument: `DEL k` too.
#[inline]
fn is_first(command: &Command, count: usize) -> bool {
    command.range.first == 1
        && (command.range.last == 1 || count == 2)
        && !command.flags.contains(Flags::MOVABLEKEYS)
}
