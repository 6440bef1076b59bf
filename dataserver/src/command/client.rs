//! CLIENT: who is connected, and what this connection wants.

use super::arguments::{int, is};
use super::memory::client_memory;
use super::{Call, Done};
use crate::session::{Client, Mode, NO_COMMAND, ReplyMode, Session};
use ringtail_protocol::acl::DEFAULT_USER;
use ringtail_protocol::command::COMMANDS;
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// CLIENT ID
pub(super) fn id(c: &mut Call<'_, '_>) -> Done {
    c.reply.int(c.session.client.id as i64);
    Ok(())
}

/// CLIENT GETNAME
pub(super) fn get_name(c: &mut Call<'_, '_>) -> Done {
    let name = c.session.client.names().name.clone();
    c.reply.bulk_or_null(if name.is_empty() { None } else { Some(name.as_bytes()) });
    Ok(())
}

/// CLIENT SETNAME name
pub(super) fn set_name_command(c: &mut Call<'_, '_>) -> Done {
    set_name(c.session, &c.args[2])?;
    c.reply.ok();
    Ok(())
}

/// Gives a client its name.
pub(super) fn set_name(session: &Session, name: &[u8]) -> Done {
    let plain = plain_text(name)
        .ok_or(Error::fixed("ERR Client names cannot contain spaces, newlines or special characters."))?;
    session.client.names().name = plain;
    Ok(())
}

/// Text of visible ASCII alone, so that it can't break CLIENT LIST's lines.
fn plain_text(bytes: &[u8]) -> Option<String> {
    bytes.iter().all(u8::is_ascii_graphic).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// CLIENT SETINFO LIB-NAME | LIB-VER value
pub(super) fn set_info(c: &mut Call<'_, '_>) -> Done {
    let attribute = c.args[2].to_ascii_lowercase();
    let value = plain_text(&c.args[3]);
    let refused = || {
        let name = printable(&c.args[2], 128);
        Error::new(format!("ERR {name} cannot contain spaces, newlines or special characters."))
    };
    match &attribute[..] {
        b"lib-name" => c.session.client.names().library = value.ok_or_else(refused)?,
        b"lib-ver" => c.session.client.names().version = value.ok_or_else(refused)?,
        _ => {
            return Err(Error::new(format!("ERR Unrecognized option '{}'", printable(&c.args[2], 128))));
        }
    }
    c.reply.ok();
    Ok(())
}

/// CLIENT INFO
pub(super) fn info(c: &mut Call<'_, '_>) -> Done {
    note_command(c);
    let line = line(&c.session.client, c.view.now);
    c.reply.verbatim(&format!("{line}\n"));
    Ok(())
}

/// CLIENT LIST [TYPE normal|master|replica|pubsub] [ID id …]
pub(super) fn list(c: &mut Call<'_, '_>) -> Done {
    let wanted = list_options(c)?;
    note_command(c);
    let mut text = String::new();
    for client in c.server.clients.list().iter().filter(|client| wanted.includes(client)) {
        text.push_str(&line(client, c.view.now));
        text.push('\n');
    }
    c.reply.verbatim(&text);
    Ok(())
}

enum Wanted {
    All,
    None,
    Subscribed(bool),
    Ids(Vec<u64>),
}

impl Wanted {
    fn includes(&self, client: &Client) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Subscribed(is) => client.is_subscribed() == *is,
            Self::Ids(ids) => ids.contains(&client.id),
        }
    }
}

fn list_options(c: &Call<'_, '_>) -> Result<Wanted, Error> {
    match (c.args.get(2), c.args.len()) {
        (None, _) => Ok(Wanted::All),
        (Some(option), 4) if option.eq_ignore_ascii_case(b"TYPE") => {
            Ok(of_type(&c.args[3])?.map_or(Wanted::None, Wanted::Subscribed))
        }
        (Some(option), 4..) if option.eq_ignore_ascii_case(b"ID") => {
            let ids: Option<Vec<u64>> = c.args.from(3).iter().map(client_id).collect();
            ids.map(Wanted::Ids).ok_or(Error::fixed("ERR Invalid client ID"))
        }
        _ => Err(errors::SYNTAX),
    }
}

fn client_id(text: &[u8]) -> Option<u64> {
    parse_i64(text).and_then(|id| u64::try_from(id).ok())
}

/// The clients that a type names: `Some(true)` those with subscriptions, `Some(false)` those without, `None` nobody.
fn of_type(name: &[u8]) -> Result<Option<bool>, Error> {
    let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    match () {
        () if is(&"normal") => Ok(Some(false)),
        () if is(&"pubsub") => Ok(Some(true)),
        () if ["master", "slave", "replica"].iter().any(is) => Ok(None),
        () => Err(Error::new(format!("ERR Unknown client type '{}'", printable(name, 128)))),
    }
}

/// The command that asks is the client's last one already; to others it is so from the end of its batch on.
fn note_command(c: &Call<'_, '_>) {
    c.session.client.command.store(c.command.id as u16, Relaxed);
}

/// One client as CLIENT LIST shows it.
pub(crate) fn line(client: &Client, now: u64) -> String {
    let names = client.names().clone();
    let seconds = |since: u64| now.saturating_sub(since) / 1000;
    let query = client.query.load(Relaxed);
    let output = client.output.load(Relaxed) + client.outbox.bytes() as u64;
    let [channels, patterns, shards] = [0, 1, 2].map(|kind| client.subscriptions[kind].load(Relaxed));
    let mut text = format!("id={} addr={} laddr={} fd={}", client.id, client.peer, client.local, client.fd);
    let _ = write!(
        text,
        " name={} age={} idle={} flags={} db={} sub={channels} psub={patterns} ssub={shards} multi={} watch={} qbuf={query} qbuf-free=0 argv-mem=0 \
         multi-mem={} rbs=0 rbp=0 obl={output} oll=0 omem={output} tot-mem={} events={} cmd={} user={} \
         redir={} resp={} lib-name={} lib-ver={}",
        names.name,
        seconds(client.since),
        seconds(client.active.load(Relaxed)),
        flags(client),
        client.db.load(Relaxed),
        client.queued.load(Relaxed),
        client.watched.load(Relaxed),
        client.queued_bytes.load(Relaxed),
        client_memory(client),
        if output > 0 { "rw" } else { "r" },
        command_name(client.command.load(Relaxed)),
        String::from_utf8_lossy(names.user.as_ref().map_or(DEFAULT_USER, |user| user.name())),
        client.redirection(),
        client.resp.load(Relaxed),
        names.library,
        names.version,
    );
    text
}

fn flags(client: &Client) -> String {
    let tracking = client.tracking();
    let of = [
        ('O', client.monitors.load(Relaxed)),
        ('P', client.is_subscribed()),
        ('x', client.queued.load(Relaxed) >= 0),
        ('b', client.waiter().is_some()),
        ('t', tracking.contains(Mode::ON)),
        ('R', tracking.contains(Mode::BROKEN)),
        ('B', tracking.contains(Mode::BCAST)),
        ('c', client.is_killed()),
        ('e', client.no_evict.load(Relaxed)),
        ('T', client.no_touch.load(Relaxed)),
    ];
    let flags: String = of.into_iter().filter(|(_, is)| *is).map(|(flag, _)| flag).collect();
    if flags.is_empty() { "N".into() } else { flags }
}

fn command_name(row: u16) -> &'static str {
    if row == NO_COMMAND {
        "NULL"
    } else {
        COMMANDS.get(usize::from(row)).map_or("NULL", |row| row.full_name)
    }
}

/// Which clients CLIENT KILL means.
#[derive(Default)]
struct Filter {
    id: Option<u64>,
    peer: Option<String>,
    local: Option<String>,
    subscribed: Option<bool>,
    user: Option<Box<[u8]>>,
    /// Who came before this, in milliseconds since 1970.
    before: Option<u64>,
    none: bool,
    with_self: bool,
}

impl Filter {
    fn matches(&self, client: &Client, own: u64) -> bool {
        !self.none
            && (self.with_self || client.id != own)
            && self.subscribed.is_none_or(|is| is == client.is_subscribed())
            && self.id.is_none_or(|id| id == client.id)
            && self.before.is_none_or(|before| client.since <= before)
            && self.peer.as_ref().is_none_or(|peer| *peer == client.peer.to_string())
            && self.user.as_ref().is_none_or(|user| *user == client.user_name())
            && self.local.as_ref().is_none_or(|local| *local == client.local.to_string())
    }
}

/// CLIENT KILL ip:port | [ID id] [ADDR ip:port] [LADDR ip:port] [TYPE type] [USER name] [SKIPME yes|no] [MAXAGE seconds]
pub(super) fn kill(c: &mut Call<'_, '_>) -> Done {
    let old_form = c.args.len() == 3;
    let filter = if old_form {
        let peer = Some(String::from_utf8_lossy(&c.args[2]).into_owned());
        Filter { peer, with_self: true, ..Filter::default() }
    } else {
        kill_options(c)?
    };
    let own = c.session.client.id;
    let killed: Vec<Arc<Client>> =
        c.server.clients.list().into_iter().filter(|client| filter.matches(client, own)).collect();
    for client in &killed {
        if client.id == own {
            // It still gets its reply.
            c.session.closing = true;
        } else {
            client.kill();
        }
    }
    match (old_form, killed.is_empty()) {
        (true, true) => return Err(Error::fixed("ERR No such client")),
        (true, false) => c.reply.ok(),
        _ => c.reply.count(killed.len()),
    }
    Ok(())
}

fn kill_options(c: &Call<'_, '_>) -> Result<Filter, Error> {
    let mut filter = Filter::default();
    if !c.args.len().is_multiple_of(2) {
        return Err(errors::SYNTAX);
    }
    for i in (2..c.args.len()).step_by(2) {
        let (option, value) = (c.args[i].to_ascii_uppercase(), &c.args[i + 1]);
        let text = || Some(String::from_utf8_lossy(value).into_owned());
        match &option[..] {
            b"ID" => filter.id = Some(kill_id(value)?),
            b"MAXAGE" => filter.before = Some(c.view.now.saturating_sub(age(value)?.saturating_mul(1000))),
            b"ADDR" => filter.peer = text(),
            b"LADDR" => filter.local = text(),
            b"TYPE" => {
                filter.subscribed = of_type(value)?;
                filter.none |= filter.subscribed.is_none();
            }
            b"USER" if c.server.access.users().get(value).is_some() => filter.user = Some((*value).into()),
            b"USER" => return Err(Error::new(format!("ERR No such user '{}'", printable(value, 128)))),
            b"SKIPME" if value.eq_ignore_ascii_case(b"yes") => filter.with_self = false,
            b"SKIPME" if value.eq_ignore_ascii_case(b"no") => filter.with_self = true,
            _ => return Err(errors::SYNTAX),
        }
    }
    Ok(filter)
}

/// Seconds.
fn age(text: &[u8]) -> Result<u64, Error> {
    let age = parse_i64(text).ok_or(Error::fixed("ERR maxage is not an integer or out of range"))?;
    let age = u64::try_from(age).ok().filter(|&age| age > 0);
    age.ok_or(Error::fixed("ERR maxage should be greater than 0"))
}

fn kill_id(text: &[u8]) -> Result<u64, Error> {
    let id = parse_i64(text).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
    id.ok_or(Error::fixed("ERR client-id should be greater than 0"))
}

/// CLIENT REPLY ON | OFF | SKIP
pub(super) fn reply(c: &mut Call<'_, '_>) -> Done {
    match &c.args[2].to_ascii_uppercase()[..] {
        b"ON" => {
            c.session.reply_mode = ReplyMode::On;
            c.reply.ok();
        }
        b"OFF" => c.session.reply_mode = ReplyMode::Off,
        b"SKIP" if c.session.reply_mode != ReplyMode::Off => c.session.reply_mode = ReplyMode::SkipNext,
        b"SKIP" => {}
        _ => return Err(errors::SYNTAX),
    }
    Ok(())
}

/// CLIENT UNBLOCK client-id [TIMEOUT | ERROR]
pub(super) fn unblock(c: &mut Call<'_, '_>) -> Done {
    let id = int(&c.args[2])?;
    let error = match c.args.get(3) {
        None => false,
        Some(word) if is(word, "TIMEOUT") => false,
        Some(word) if is(word, "ERROR") => true,
        Some(_) => return Err(Error::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let waiter =
        u64::try_from(id).ok().and_then(|id| c.server.clients.get(id)).and_then(|c| c.waiter().clone());
    let reply = error.then(|| {
        let mut reply = Vec::new();
        Reply::new(&mut reply, Resp::V2).error(&errors::UNBLOCKED);
        reply
    });
    let ended = waiter.is_some_and(|waiter| waiter.end(reply));
    c.reply.flag(ended);
    Ok(())
}

/// CLIENT NO-EVICT ON | OFF
pub(super) fn no_evict(c: &mut Call<'_, '_>) -> Done {
    let on = on_or_off(&c.args[2])?;
    set_no_evict(c.session, on);
    c.reply.ok();
    Ok(())
}

/// Notes it for CLIENT LIST: this server disconnects no client to save memory.
pub(super) fn set_no_evict(session: &Session, on: bool) {
    session.client.no_evict.store(on, Relaxed);
}

/// CLIENT NO-TOUCH ON | OFF
pub(super) fn no_touch(c: &mut Call<'_, '_>) -> Done {
    let on = on_or_off(&c.args[2])?;
    set_no_touch(c.session, on);
    c.reply.ok();
    Ok(())
}

/// Whether this client's look-ups count as use.
pub(super) fn set_no_touch(session: &mut Session, on: bool) {
    session.no_touch = on;
    session.client.no_touch.store(on, Relaxed);
}

fn on_or_off(text: &[u8]) -> Result<bool, Error> {
    match &text.to_ascii_lowercase()[..] {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(errors::SYNTAX),
    }
}
