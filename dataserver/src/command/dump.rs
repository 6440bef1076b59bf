//! DUMP and RESTORE.

use super::arguments::{int, is};
use super::{Call, Done};
use crate::event;
use crate::rdb::{self, Loaded, Refusal, Shape};
use crate::store::entry::Entry;
use crate::store::frequency;
use ringtail_protocol::errors::{self, Error};

const BUSY_KEY: Error = Error::fixed("BUSYKEY Target key name already exists.");
const BAD_TIME: Error = Error::fixed("ERR Invalid TTL value, must be >= 0");
const BAD_IDLE_TIME: Error = Error::fixed("ERR Invalid IDLETIME value, must be >= 0");
const BAD_FREQUENCY: Error = Error::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255");

/// The reply to a payload that is not taken.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::VersionOrChecksum => Error::fixed("ERR DUMP payload version or checksum are wrong"),
        Refusal::Format => Error::fixed("ERR Bad data format"),
    }
}

/// DUMP key
pub(super) fn dump(c: &mut Call<'_, '_>) -> Done {
    let payload = c.view.read(&c.keys[0]).map(|entry| rdb::dump(&entry.value()));
    c.reply.bulk_or_null(payload.as_deref());
    Ok(())
}

#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    /// Seconds.
    idle: Option<i64>,
    frequency: Option<i64>,
}

impl Options {
    fn read(c: &Call<'_, '_>) -> Result<Self, Error> {
        let (mut options, mut i) = (Self::default(), 4);
        while let Some(word) = c.args.get(i) {
            match c.args.get(i + 1) {
                _ if is(word, "REPLACE") => options.replace = true,
                _ if is(word, "ABSTTL") => options.absolute = true,
                Some(text) if is(word, "IDLETIME") && options.frequency.is_none() => {
                    options.idle = Some(int(text)?);
                    i += 1;
                }
                Some(text) if is(word, "FREQ") && options.idle.is_none() => {
                    options.frequency = Some(int(text)?);
                    i += 1;
                }
                _ => return Err(errors::SYNTAX),
            }
            if options.idle.is_some_and(|idle| idle < 0) {
                return Err(BAD_IDLE_TIME);
            }
            if options.frequency.is_some_and(|n| !(0..=255).contains(&n)) {
                return Err(BAD_FREQUENCY);
            }
            i += 1;
        }
        Ok(options)
    }
}

/// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
pub(super) fn restore(c: &mut Call<'_, '_>) -> Done {
    let options = Options::read(c)?;
    let (key, now) = (&c.keys[0], c.view.now);
    if !options.replace && c.view.peek(key).is_some() {
        return Err(BUSY_KEY);
    }
    let time = u64::try_from(int(&c.args[2])?).map_err(|_| BAD_TIME)?;
    let shape = Shape::new(c.view.hasher(), &c.server.settings.shapes);
    let value = rdb::restore(&c.args[3], &shape).map_err(refused)?;
    let at = match time {
        0 => None,
        _ if options.absolute => Some(time),
        _ => Some(now.saturating_add(time)),
    };
    c.reply.ok();
    if at.is_some_and(|at| at <= now) && !c.view.replays {
        c.view.delete(key);
        return Ok(());
    }
    // As in Redis the key is a new one, and nothing is said of the old one's end.
    c.view.clear(key);
    match value {
        Loaded::Bytes(bytes) => c.view.set_bytes_owned(key, bytes, at),
        Loaded::Object(object) => c.view.put(key, object, at),
    }
    let memory = &c.server.store.memory;
    if let Some(entry) = c.view.peek(key) {
        // As in Redis, what the policy does not go by is left out.
        match (options.idle, options.frequency) {
            (Some(idle), _) if !memory.policy().is_lfu() => set_idle(entry, idle, now),
            (_, Some(frequency)) if memory.policy().is_lfu() => {
                entry.set_used(frequency::packed(now, frequency as u8));
            }
            _ => {}
        }
    }
    c.view.changed(key, event::RESTORE);
    let (mut digits, payload) = (itoa::Buffer::new(), &c.args[3]);
    let at = digits.format(at.unwrap_or(0)).as_bytes();
    c.view.say(key, &[b"RESTORE", key.bytes, at, payload, b"REPLACE", b"ABSTTL"]);
    Ok(())
}

/// Makes an entry look unused for so many seconds.
fn set_idle(entry: &mut Entry, seconds: i64, now: u64) {
    let longest = i64::from(u32::MAX / 1000);
    entry.set_used((now as u32).wrapping_sub(seconds.min(longest) as u32 * 1000));
}
