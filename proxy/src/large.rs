//! Requests and answers that are larger than `--large`: passed through as they come, on a connection of their own, so that they are
//! never whole in memory and never before somebody else's small request.
//!
//! A request shows its size before it is there. An answer does not, so the first large one comes on a shared lane (`lane::flow`
//! passes it through too); after that the worker knows the key, and the session what its answers are like.

mod pass;
mod sizes;

#[cfg(test)]
mod tests;

use ringtail_protocol::command::{CommandId, Flags, Found, PoolRule, find};
use ringtail_protocol::request::{Args, Begun};

use crate::route::Request;
use crate::session::State;
use crate::worker::Worker;

pub(crate) use pass::pass;
pub(crate) use sizes::Sizes;

/// Whether the request is large, or its answer is likely to be.
#[inline]
pub(crate) fn is_expected(worker: &Worker, state: &State, request: &Request<'_>) -> bool {
    // What tracks keys has connections of its own anyway. What was rewritten is not in the session's buffer, from where it would be passed on.
    let Some(raw) = request.raw.filter(|_| state.tracking.is_none()) else { return false };
    raw.len() >= worker.large() || (worker.sizes.is_learning() && is_known(worker, state, request))
}

#[cold]
fn is_known(worker: &Worker, state: &State, request: &Request<'_>) -> bool {
    let reads = request.command.flags.contains(Flags::READONLY);
    (state.reads_large && reads) || worker.sizes.is_large(Sizes::trace(request))
}

/// Whether the request that has been begun is large, and is one that can be sent before all of it is there: of one key, which is
/// known already, and nothing that the rest could change about where it goes.
pub(super) fn can_begin(worker: &Worker, state: &State, begun: &Begun<'_>) -> bool {
    begun.least >= worker.large() && begun.args.len() > 0 && goes_to_one_key(state, begun.args, begun.count)
}

fn goes_to_one_key(state: &State, args: Args<'_>, count: usize) -> bool {
    let Found::Command(command) = find(&args) else { return false };
    let (key, one) = (command.range.first, command.range.first == command.range.last);
    let key_is_known = usize::try_from(key).is_ok_and(|key| (1..args.len()).contains(&key));
    let plain = command.pool == PoolRule::Keys
        && command.alias_of.is_none()
        && !command.flags.intersects(Flags::MOVABLEKEYS | Flags::BLOCKING);
    // `SET key value 60` is rewritten first.
    let rewritten = command.executes() == CommandId::Set && count == 4;
    // What is not allowed is collected, and then refused like any other request.
    let allowed = state.is_authenticated() && command.arity_ok(count) && state.may(command, &args).is_ok();
    one && key_is_known && plain && !rewritten && allowed
}
