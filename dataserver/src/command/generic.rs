//! Keys of any type: whether they are there, deleting, renaming, copying and moving them.

use super::arguments::{database, is};
use super::{Call, Done};
use crate::event;
use crate::store::Key;
use crate::store::entry::Value;
use crate::store::view::View;
use ringtail_protocol::errors::{self, Error};

/// DEL key …, UNLINK: what is large is freed off the path of requests either way.
pub(super) fn del(c: &mut Call<'_, '_>) -> Done {
    let deleted = c.keys.iter().filter(|key| c.view.delete(key)).count();
    c.reply.count(deleted);
    Ok(())
}

/// EXISTS key …
pub(super) fn exists(c: &mut Call<'_, '_>) -> Done {
    let there = c.keys.iter().filter(|key| c.view.look(key).is_some()).count();
    c.reply.count(there);
    Ok(())
}

/// TOUCH key …
pub(super) fn touch(c: &mut Call<'_, '_>) -> Done {
    let there = c.keys.iter().filter(|key| c.view.read(key).is_some()).count();
    c.reply.count(there);
    Ok(())
}

/// TYPE key
pub(super) fn type_of(c: &mut Call<'_, '_>) -> Done {
    let name = c.view.look(&c.keys[0]).map_or("none", |entry| entry.value().type_name());
    c.reply.simple(name);
    Ok(())
}

impl Value<'_> {
    /// Redis's name of the type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "string",
            Self::Object(object) => object.type_name(),
        }
    }
}

/// RENAME key newkey
pub(super) fn rename(c: &mut Call<'_, '_>) -> Done {
    if c.view.peek(&c.keys[0]).is_none() {
        return Err(errors::NO_SUCH_KEY);
    }
    if c.keys[0].bytes != c.keys[1].bytes {
        c.view.clear(&c.keys[1]);
        move_entry(c.view, &c.keys[0], &c.keys[1]);
    }
    c.reply.ok();
    Ok(())
}

/// RENAMENX key newkey
pub(super) fn rename_nx(c: &mut Call<'_, '_>) -> Done {
    if c.view.peek(&c.keys[0]).is_none() {
        return Err(errors::NO_SUCH_KEY);
    }
    let free = c.view.peek(&c.keys[1]).is_none();
    if free {
        move_entry(c.view, &c.keys[0], &c.keys[1]);
    }
    c.reply.flag(free);
    Ok(())
}

/// Gives the value, with its expiry, the name `to`, which is free.
fn move_entry(view: &mut View<'_>, from: &Key<'_>, to: &Key<'_>) {
    let db = view.db;
    // What is known of its use moves with it, this use included.
    view.write(from);
    if let Some(entry) = view.remove(from) {
        let used = entry.used();
        view.insert(to, entry.renamed(to.hash.tag(), db, to.bytes)).set_used(used);
        view.changed(from, event::RENAME_FROM);
        view.changed(to, event::RENAME_TO);
    }
}

/// MOVE key db
pub(super) fn move_key(c: &mut Call<'_, '_>) -> Done {
    let (key, to) = (&c.keys[0], database(&c.args[2])?);
    if to == c.view.db {
        return Err(errors::SAME_OBJECT);
    }
    let moves = c.view.peek(key).is_some() && !c.view.exists_in(key, to);
    if moves && let Some(mut entry) = c.view.remove(key) {
        entry.set_db(to);
        let used = entry.used();
        c.view.insert(key, entry).set_used(used);
        c.view.changed(key, event::MOVE_FROM);
        c.view.in_db(to, |view| view.changed(key, event::MOVE_TO));
    }
    c.reply.flag(moves);
    Ok(())
}

/// COPY source destination [DB db] [REPLACE]
pub(super) fn copy(c: &mut Call<'_, '_>) -> Done {
    let (db, replace) = copy_options(c)?;
    let (from, to) = (&c.keys[0], &c.keys[1]);
    if db == c.view.db && from.bytes == to.bytes {
        return Err(errors::SAME_OBJECT);
    }
    let copies = c.view.read(from).is_some() && (replace || !c.view.exists_in(to, db));
    if copies {
        let copy = c.view.peek(from).map(|entry| entry.copied(to.hash.tag(), db, to.bytes));
        c.view.in_db(db, |view| view.clear(to));
        if let Some(copy) = copy {
            c.view.insert(to, copy);
        }
        c.view.in_db(db, |view| view.changed(to, event::COPY_TO));
    }
    c.reply.flag(copies);
    Ok(())
}

fn copy_options(c: &Call<'_, '_>) -> Result<(u8, bool), Error> {
    let (mut db, mut replace, mut i) = (c.view.db, false, 3);
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            _ if is(option, "REPLACE") => replace = true,
            Some(number) if is(option, "DB") => {
                db = database(number)?;
                i += 1;
            }
            _ => return Err(errors::SYNTAX),
        }
        i += 1;
    }
    Ok((db, replace))
}
