//! What a command's changes are to the log: its own words where they say all that there is to say, else what is there afterwards.

use super::Call;
use crate::log::settle;
use ringtail_protocol::command::CommandId;

/// Whether the command's own words, run again on the same value, do the same: they depend on no clock, on no chance and on no other key.
const fn says_all(id: CommandId) -> bool {
    use CommandId as C;
    matches!(
        id,
        C::Append
            | C::Setrange
            | C::Setbit
            | C::Bitfield
            | C::Pfadd
            | C::Hset
            | C::Hsetnx
            | C::Hmset
            | C::Hdel
            | C::Hincrby
            | C::Hincrbyfloat
            | C::Lpush
            | C::Rpush
            | C::Lpushx
            | C::Rpushx
            | C::Lpop
            | C::Rpop
            | C::Lset
            | C::Lrem
            | C::Ltrim
            | C::Linsert
            | C::Sadd
            | C::Srem
            | C::Zadd
            | C::Zincrby
            | C::Zrem
            | C::Zpopmin
            | C::Zpopmax
            | C::Zremrangebylex
            | C::Zremrangebyrank
            | C::Zremrangebyscore
            | C::Geoadd
            | C::Xack
            | C::Xdel
            | C::Xsetid
    )
}

/// Notes what the command that ran has changed.
pub(super) fn settle(call: &mut Call<'_, '_>) {
    let (command, args, now) = (call.command, call.args, call.view.now);
    let Some(effects) = call.view.effects() else { return };
    if !effects.is_unsettled() {
        return;
    }
    let own = effects.only_change().filter(|(_, key)| call.keys.len() == 1 && *key == call.keys[0].bytes);
    let plain_set = command.executes() == CommandId::Set && args.len() == 3;
    match own {
        Some((db, _)) if says_all(command.executes()) || plain_set => {
            effects.add(now, db, args.iter());
            effects.forget_changes();
            if call.default_expiry().is_some() {
                note_expiry(call);
            }
        }
        _ => settle::by_state(call.view),
    }
}

/// The only key may be new, and have got a lifetime that nobody asked for.
#[cold]
fn note_expiry(call: &mut Call<'_, '_>) {
    let key = &call.keys[0];
    if let Some(at) = call.view.peek(key).and_then(|entry| entry.expiry()) {
        call.view.effect(key, &[b"PEXPIREAT", key.bytes, at.to_string().as_bytes()]);
    }
}
