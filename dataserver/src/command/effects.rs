//! What a command's changes are to the log: its own words where they say all that there is to say, else what is there afterwards.
//!
//! A command that knows better, since it chose at random, among keys or by the clock, says what it did by
//! [`View::say`](crate::store::view::View::say), and has nothing left to be settled here.

use super::Call;
use crate::log::settle;
use ringtail_protocol::command::CommandId;

/// By what the change of a command's only key is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The command's own words: run again on the same value, at the same time, they do the same. They depend on no chance, no other key and
    /// no setting, nor on what form a value has in memory.
    Words,
    /// When the key expires: nothing else has changed.
    Expiry,
    /// The whole value, which is as small, or all that was made.
    State,
}

const fn told(id: CommandId) -> Told {
    use CommandId as C;
    match id {
        C::Expire | C::Expireat | C::Getex | C::Persist | C::Pexpire | C::Pexpireat | C::Ttl => Told::Expiry,
        C::Append | C::Setrange | C::Setbit | C::Bitfield | C::Pfadd => Told::Words,
        C::Hdel
        | C::Hgetdel
        | C::Hincrby
        | C::Hincrbyfloat
        | C::Hmset
        | C::Hpersist
        | C::Hset
        | C::Hsetnx => Told::Words,
        C::Linsert | C::Lpop | C::Lpush | C::Lpushx | C::Lrem | C::Lset | C::Ltrim => Told::Words,
        C::Rpop | C::Rpush | C::Rpushx => Told::Words,
        C::Sadd | C::Srem => Told::Words,
        C::Zadd | C::Zincrby | C::Zrem | C::Geoadd => Told::Words,
        C::Xack | C::Xclaim | C::Xdel | C::Xsetid => Told::Words,
        C::XgroupCreate | C::XgroupCreateconsumer | C::XgroupDelconsumer => Told::Words,
        C::XgroupDestroy | C::XgroupSetid => Told::Words,
        _ => Told::State,
    }
}

/// Notes what the command that ran has changed.
pub(super) fn settle(call: &mut Call<'_, '_>, failed: bool) {
    let (command, args, now) = (call.command.executes(), call.args, call.view.now);
    let Some(effects) = call.view.effects() else { return };
    if effects.is_unsettled() {
        let own = effects.only_change().filter(|(_, key)| call.keys.first().is_some_and(|k| k.bytes == *key));
        let is_plain_set = command == CommandId::Set && args.len() == 3;
        match (own, told(command)) {
            // What failed half way would fail again.
            (Some((db, _)), told) if (told == Told::Words || is_plain_set) && !failed => {
                effects.add(now, db, args.iter());
                effects.forget_changes();
            }
            (Some(_), Told::Expiry) => {
                effects.forget_changes();
                settle::of_expiry(call.view, &call.keys[0]);
            }
            _ => settle::by_state(call.view),
        }
    }
    if let Some(at) = call.default_expiry() {
        note_expiries(call, at);
    }
}

/// Keys that are new may have got a lifetime that nobody asked for.
#[cold]
fn note_expiries(call: &mut Call<'_, '_>, default: u64) {
    for key in call.keys {
        if call.view.as_it_is(key).and_then(|entry| entry.expiry()) == Some(default) {
            call.view.effect(key, &[b"PEXPIREAT", key.bytes, itoa::Buffer::new().format(default).as_bytes()]);
        }
    }
}
