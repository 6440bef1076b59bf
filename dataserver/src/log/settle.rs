//! Effects of changes that no command has put into words: by what is there afterwards.

use crate::rdb;
use crate::store::entry::Value;
use crate::store::view::View;
use crate::value::Object;

/// Notes effects of all changes that have none yet.
pub fn by_state(view: &mut View<'_>) {
    let Some(effects) = view.effects() else { return };
    if !effects.is_unsettled() {
        return;
    }
    for (db, bytes) in effects.take_changes() {
        view.in_db(db, |view| of_key(view, &bytes));
    }
}

/// Notes what is under a key now, whatever it was before.
pub fn of_key(view: &mut View<'_>, bytes: &[u8]) {
    let key = view.key(bytes);
    // What is over by now goes by itself, and is logged then.
    let own = std::mem::replace(&mut view.replays, true);
    let state =
        view.peek(&key).map(|entry| (entry.expiry().map(|at| at.to_string()), contents(&entry.value())));
    view.replays = own;
    match state {
        None => view.effect(&key, &[b"DEL", bytes]),
        Some((None, Contents::String(value))) => view.effect(&key, &[b"SET", bytes, &value]),
        Some((Some(at), Contents::String(value))) => {
            view.effect(&key, &[b"SET", bytes, &value, b"PXAT", at.as_bytes()]);
        }
        Some((at, Contents::Dumped(payload))) => {
            let at = at.unwrap_or_else(|| "0".to_owned());
            view.effect(&key, &[b"RESTORE", bytes, at.as_bytes(), &payload, b"REPLACE", b"ABSTTL"]);
        }
    }
}

enum Contents {
    String(Vec<u8>),
    Dumped(Vec<u8>),
}

fn contents(value: &Value<'_>) -> Contents {
    match value {
        Value::Bytes(bytes) => Contents::String(bytes.to_vec()),
        Value::Object(Object::Bytes(bytes)) => Contents::String(bytes.clone()),
        Value::Object(_) => Contents::Dumped(rdb::dump(value)),
    }
}
