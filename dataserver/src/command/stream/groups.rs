//! Consumer groups: XGROUP and XACK.

use super::super::arguments::{int, is};
use super::super::{Call, Done};
use super::{ids, now, shown};
use crate::event;
use crate::value::Object;
use crate::value::stream::{Group, Id, Stream};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::request::Args;

const NO_KEY: Error = Error::fixed(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
);
const BUSY: Error = Error::fixed("BUSYGROUP Consumer Group name already exists");
const NEGATIVE_READ: Error = Error::fixed("ERR value for ENTRIESREAD must be positive or -1");

/// `NOGROUP` for the group and key that are named.
pub(super) fn no_group(group: &[u8], key: &[u8]) -> Error {
    Error::new(format!("NOGROUP No such consumer group '{}' for key name '{}'", shown(group), shown(key)))
}

/// Redis's answer to a form of a subcommand that there is not.
pub(super) fn no_such_form(args: Args<'_>) -> Error {
    Error::new(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
        errors::printable(&args[1], 128),
        shown(&args[0]).to_uppercase()
    ))
}

/// What XGROUP CREATE and SETID may have behind the id.
#[derive(Default)]
struct Options {
    make_stream: bool,
    read: Option<i64>,
}

fn options(c: &Call<'_, '_>, creates: bool) -> Result<Options, Error> {
    let (mut options, mut i) = (Options::default(), 5);
    while let Some(option) = c.args.get(i) {
        if creates && is(option, "MKSTREAM") {
            options.make_stream = true;
            i += 1;
        } else if let Some(number) = c.args.get(i + 1).filter(|_| is(option, "ENTRIESREAD")) {
            let read = int(number)?;
            if read < -1 {
                return Err(NEGATIVE_READ);
            }
            options.read = Some(read).filter(|&read| read >= 0);
            i += 2;
        } else {
            return Err(no_such_form(c.args));
        }
    }
    Ok(options)
}

/// The stream that a subcommand needs.
fn needed<'c>(c: &'c mut Call<'_, '_>) -> Result<&'c mut Stream, Error> {
    c.view.write_as::<Stream>(&c.keys[0])?.ok_or(NO_KEY)
}

/// The stream and the group that a subcommand needs.
fn needed_group<'c>(c: &'c mut Call<'_, '_>) -> Result<&'c mut Group, Error> {
    let args = c.args;
    let group = needed(c)?.groups.get_mut(&args[3]);
    group.ok_or_else(|| no_group(&args[3], &args[2]))
}

/// XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]
pub(in super::super) fn create(c: &mut Call<'_, '_>) -> Done {
    let (options, args) = (options(c, true)?, c.args);
    let there = match c.view.write_as::<Stream>(&c.keys[0])? {
        None if !options.make_stream => return Err(NO_KEY),
        stream => stream.map(|stream| stream.log.last),
    };
    if args.len() > 8 {
        return Err(no_such_form(c.args));
    }
    let last = if args[4] == *b"$" { there.unwrap_or(Id::MIN) } else { ids::strict(&args[4], 0)? };
    let groups = &mut c.made::<Stream>(0)?.groups;
    if groups.contains_key(&args[3]) {
        return Err(BUSY);
    }
    groups.insert(args[3].into(), Group::new(last, options.read));
    match there {
        None => c.view.changed(&c.keys[0], event::XGROUP_CREATE),
        Some(_) => {
            c.view.altered(&c.keys[0]);
            c.view.notify(&c.keys[0], event::XGROUP_CREATE);
        }
    }
    c.reply.ok();
    Ok(())
}

/// XGROUP SETID key group id|$ [ENTRIESREAD entries-read]
pub(in super::super) fn set_id(c: &mut Call<'_, '_>) -> Done {
    let (options, args) = (options(c, false)?, c.args);
    needed_group(c)?;
    if args.len() > 7 {
        return Err(no_such_form(c.args));
    }
    let last = if args[4] == *b"$" { needed(c)?.log.last } else { ids::any(&args[4], 0)? };
    let group = needed_group(c)?;
    (group.last, group.read) = (last, options.read);
    c.view.altered(&c.keys[0]);
    c.view.notify(&c.keys[0], event::XGROUP_SETID);
    c.reply.ok();
    Ok(())
}

/// XGROUP DESTROY key group
pub(in super::super) fn destroy(c: &mut Call<'_, '_>) -> Done {
    let args = c.args;
    let removed = needed(c)?.groups.remove_entry(&args[3]);
    c.reply.flag(removed.is_some());
    if let Some(group) = removed {
        // As the only group of a stream without entries, so that a large one is freed off the path.
        let stream = Stream { groups: [group].into(), ..Stream::default() };
        c.view.discard_object(Object::Stream(Box::new(stream)));
        c.view.altered(&c.keys[0]);
        c.view.notify(&c.keys[0], event::XGROUP_DESTROY);
        // Those who wait to read for the group are told that it is gone.
        c.view.serve_later(&c.keys[0]);
    }
    Ok(())
}

/// XGROUP CREATECONSUMER key group consumer
pub(in super::super) fn create_consumer(c: &mut Call<'_, '_>) -> Done {
    let (now, args) = (now(c), c.args);
    let name = &args[4];
    let group = needed_group(c)?;
    let is_new = group.find(name).is_none();
    if is_new {
        group.add(name, now);
        c.view.altered(&c.keys[0]);
        c.view.notify(&c.keys[0], event::XGROUP_CREATECONSUMER);
    }
    c.reply.flag(is_new);
    Ok(())
}

/// XGROUP DELCONSUMER key group consumer
pub(in super::super) fn delete_consumer(c: &mut Call<'_, '_>) -> Done {
    let args = c.args;
    let removed = needed_group(c)?.remove(&args[4]);
    if removed.is_some() {
        c.view.altered(&c.keys[0]);
        c.view.notify(&c.keys[0], event::XGROUP_DELCONSUMER);
    }
    c.reply.count(removed.unwrap_or(0));
    Ok(())
}

/// XACK key group id [id ...]
pub(in super::super) fn acknowledge(c: &mut Call<'_, '_>) -> Done {
    let args = c.args;
    let stream = c.view.write_as::<Stream>(&c.keys[0])?;
    let Some(group) = stream.and_then(|stream| stream.groups.get_mut(&args[2])) else {
        c.reply.int(0);
        return Ok(());
    };
    for text in args.from(3).iter() {
        ids::strict(text, 0)?;
    }
    let mut acknowledged = 0;
    for text in args.from(3).iter() {
        acknowledged += usize::from(group.acknowledge(ids::strict(text, 0)?));
    }
    if acknowledged > 0 {
        c.view.altered(&c.keys[0]);
    }
    c.reply.count(acknowledged);
    Ok(())
}
