//! Commands that wait until there is something under a key.

use super::list::{self, limit, side};
use super::{Call, Done, Mode};
use crate::blocking::{Blocked, Waiter, Waiting};
use crate::session::Wait;
use crate::value::list::{End, List};
use ringtail_protocol::command::{Command, lookup};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_f64;
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::{Args, OwnedRequest};
use ringtail_protocol::value::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How long a command waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeout(Option<Duration>);

/// Seconds, with fractions; 0 is for ever.
pub(super) fn seconds(text: &[u8]) -> Result<Timeout, Error> {
    let seconds = parse_f64(text).ok_or(errors::TIMEOUT_NOT_A_FLOAT)?;
    let millis = (seconds * 1000.0).ceil();
    if seconds < 0.0 {
        return Err(errors::TIMEOUT_NEGATIVE);
    }
    if millis.is_nan() || millis >= i64::MAX as f64 {
        return Err(errors::TIMEOUT_OUT_OF_RANGE);
    }
    Ok(Timeout::millis(millis as u64))
}

impl Timeout {
    /// Milliseconds; 0 is for ever.
    pub(super) fn millis(millis: u64) -> Self {
        Self((millis > 0).then(|| Duration::from_millis(millis)))
    }
}

/// What a command that begins to wait says of itself.
pub(super) struct Waits {
    /// For how long.
    pub timeout: Timeout,
    /// Redis's name of the type that its keys must have.
    pub wanted: &'static str,
    /// Whether it looks again when its key is deleted.
    pub even_missing: bool,
    /// Which of its keys it waits for.
    pub first_keys: usize,
    /// The request to run again, if it is another one (XREAD's `$`).
    pub request: Option<OwnedRequest>,
}

impl Waits {
    /// On all keys, which must have this type.
    pub(super) fn on(wanted: &'static str, timeout: Timeout) -> Self {
        Self { timeout, wanted, even_missing: false, first_keys: usize::MAX, request: None }
    }
}

impl Call<'_, '_> {
    /// Whether the command has to wait behind others who wait for the same key.
    pub(super) fn must_queue(&mut self, key: usize) -> bool {
        let (db, key) = (self.view.db, self.keys[key]);
        self.mode == Mode::Direct
            && self.view.with_group(key.group(), |slots| {
                slots.interest_if_any().is_some_and(|i| i.waiters(db, key.bytes).next().is_some())
            })
    }

    /// Waits until one of the keys has something, with the reply `timed_out` if none has in time. Where it may not wait,
    /// in a transaction or a script, that reply is given at once.
    pub(super) fn block(&mut self, waits: Waits, timed_out: impl FnOnce(&mut Reply<'_>)) -> Done {
        match self.mode {
            Mode::Nested => timed_out(&mut self.reply),
            Mode::Serving => self.still_waits = true,
            Mode::Direct => self.begin_to_wait(waits, timed_out),
        }
        Ok(())
    }

    fn begin_to_wait(&mut self, waits: Waits, timed_out: impl FnOnce(&mut Reply<'_>)) {
        let mut reply = Vec::new();
        timed_out(&mut Reply::new(&mut reply, self.session.resp));
        let waiting = Waiting {
            request: waits.request.unwrap_or_else(|| OwnedRequest::new(self.args.iter())),
            timed_out: reply,
            even_missing: waits.even_missing,
            wanted: waits.wanted,
            has_timeout: waits.timeout.0.is_some(),
            tracker: self.session.tracker(self.command),
        };
        let (client, db) = (&self.session.client, self.view.db);
        let (no_touch, users_seen) = (self.session.no_touch, self.session.identity.seen());
        let waiter = Arc::new(Waiter::new(client, self.command, db, no_touch, users_seen, waiting));
        for key in self.keys.iter().take(waits.first_keys) {
            self.view.with_interest(key, |interest| interest.wait(db, key.bytes, &waiter));
            if self.view.peek(key).is_some() {
                // Others who came before are to be served first.
                self.view.serve_later(key);
            }
        }
        *self.session.client.waiter() = Some(Arc::clone(&waiter));
        self.server.blocked.fetch_add(1, Relaxed);
        let until = waits.timeout.0.and_then(|timeout| Instant::now().checked_add(timeout));
        self.session.wait = Wait::Blocked(Blocked { waiter, until });
    }
}

/// BLPOP key [key ...] timeout, and BRPOP
pub(super) fn pop(c: &mut Call<'_, '_>, end: End) -> Done {
    let timeout = seconds(&c.args[c.args.len() - 1])?;
    let limit = limit(c);
    for i in 0..c.keys.len() {
        let key = c.keys[i];
        if c.view.write_as::<List>(&key)?.is_none() || c.must_queue(i) {
            continue;
        }
        let Some(list) = c.view.write_as::<List>(&key)? else { continue };
        c.reply.array(2);
        c.reply.bulk(key.bytes);
        let emptied = list::take(list, 1, end, limit, &mut c.reply);
        list::popped(c, &key, end, emptied);
        c.view.say(&key, &[list::pop_name(end), key.bytes]);
        return Ok(());
    }
    c.block(Waits::on("list", timeout), |reply| reply.null_array())
}

/// BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]
pub(super) fn multi_pop(c: &mut Call<'_, '_>) -> Done {
    let timeout = seconds(&c.args[1])?;
    if list::multi_pop_from(c, 2)? {
        return Ok(());
    }
    c.block(Waits::on("list", timeout), |reply| reply.null_array())
}

/// BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout
pub(super) fn r#move(c: &mut Call<'_, '_>) -> Done {
    let (from, to) = (side(&c.args[3])?, side(&c.args[4])?);
    move_or_wait(c, from, to, 5)
}

/// BRPOPLPUSH source destination timeout
pub(super) fn pop_push(c: &mut Call<'_, '_>) -> Done {
    move_or_wait(c, End::Tail, End::Head, 3)
}

fn move_or_wait(c: &mut Call<'_, '_>, from: End, to: End, timeout: usize) -> Done {
    let timeout = seconds(&c.args[timeout])?;
    if !c.must_queue(0) && list::move_one(c, from, to)? {
        return Ok(());
    }
    if c.mode == Mode::Nested {
        c.reply.null();
        return Ok(());
    }
    let waits = Waits { first_keys: 1, ..Waits::on("list", timeout) };
    // Whatever the command replies else, who waited in vain gets a null array.
    c.block(waits, |reply| reply.null_array())
}

/// The command that puts back what `command` took out with this reply, if it took something out for good.
pub(crate) fn undo(
    command: &Command,
    args: Args<'_>,
    reply: &[u8],
) -> Option<(&'static Command, OwnedRequest)> {
    let (back, is_list) = match command.full_name {
        "blpop" => ("lpush", true),
        "brpop" => ("rpush", true),
        "blmpop" if is_left(args) => ("lpush", true),
        "blmpop" => ("rpush", true),
        "bzpopmin" | "bzpopmax" | "bzmpop" => ("zadd", false),
        _ => return None,
    };
    let (Value::Array(parts), _) = Value::decode(reply).ok()?? else { return None };
    let mut words = Vec::new();
    parts.iter().skip(1).for_each(|part| flatten(part, &mut words));
    // Elements were taken one by one from the end that they go back to; scores stand behind their members.
    words.reverse();
    let key = parts.first()?.as_bytes()?.to_vec();
    let head = [back.as_bytes().to_vec(), key];
    let all: Vec<Vec<u8>> = head.into_iter().chain(words).collect();
    debug_assert!(is_list || all.len().is_multiple_of(2));
    Some((lookup(back.as_bytes())?, OwnedRequest::new(all.iter().map(Vec::as_slice))))
}

fn is_left(args: Args<'_>) -> bool {
    args.iter().any(|arg| arg.eq_ignore_ascii_case(b"LEFT"))
}

fn flatten(value: &Value, words: &mut Vec<Vec<u8>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, words)),
        Value::Double(n) => words.push(n.to_string().into_bytes()),
        other => words.extend(other.as_bytes().map(<[u8]>::to_vec)),
    }
}
