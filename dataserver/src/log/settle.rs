//! Effects of changes that no command has put into words: by what is there afterwards.

use super::effects::Written;
use crate::rdb;
use crate::store::Key;
use crate::store::entry::{Entry, Value};
use crate::store::view::View;
use crate::value::Object;

/// Notes effects of all changes that have none yet.
pub fn by_state(view: &mut View<'_>) {
    if view.effects().is_none_or(|effects| !effects.is_unsettled()) {
        return;
    }
    let Some(mut effects) = view.effects.take() else { return };
    let now = view.now;
    effects.settle(|db, name, out| {
        let key = view.key(name);
        view.in_db(db, |view| write(now, db, name, view.as_it_is(&key), out));
    });
    view.effects = Some(effects);
}

/// Notes what is under a key now, whatever it was before.
pub fn of_key(view: &mut View<'_>, key: &Key<'_>) {
    let Some(mut effects) = view.effects.take() else { return };
    let (now, db) = (view.now, view.db);
    write(now, db, key.bytes, view.as_it_is(key), effects.written());
    view.effects = Some(effects);
}

/// Notes when a key expires now, or that it is gone.
pub fn of_expiry(view: &mut View<'_>, key: &Key<'_>) {
    match view.as_it_is(key).map(|entry| entry.expiry()) {
        None => view.effect(key, &[b"DEL", key.bytes]),
        Some(None) => view.effect(key, &[b"PERSIST", key.bytes]),
        Some(Some(at)) => {
            view.effect(key, &[b"PEXPIREAT", key.bytes, itoa::Buffer::new().format(at).as_bytes()]);
        }
    }
}

fn write(now: u64, db: u8, key: &[u8], entry: Option<&Entry>, out: &mut Written) {
    let mut digits = itoa::Buffer::new();
    let Some(entry) = entry else {
        return out.add(now, db, [&b"DEL"[..], key].into_iter());
    };
    let at = entry.expiry().map(|at| digits.format(at).as_bytes());
    let value = entry.value();
    let string = match &value {
        Value::Bytes(bytes) => *bytes,
        Value::Object(Object::Bytes(bytes)) => bytes,
        Value::Object(_) => {
            let (at, payload) = (at.unwrap_or(b"0"), rdb::dump(&value));
            let words = [&b"RESTORE"[..], key, at, &payload, b"REPLACE", b"ABSTTL"];
            return out.add(now, db, words.into_iter());
        }
    };
    match at {
        None => out.add(now, db, [&b"SET"[..], key, string].into_iter()),
        Some(at) => out.add(now, db, [&b"SET"[..], key, string, b"PXAT", at].into_iter()),
    }
}
