//! CLIENT INFO and CLIENT LIST.

use std::sync::atomic::Ordering::Relaxed;

use ringtail_protocol::command::COMMANDS;
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::number::parse_u64;
use ringtail_protocol::tracking::Mode;

use super::super::{Call, Done};
use crate::clients::Client;

pub(super) fn info(call: &mut Call<'_>) -> Done {
    let now = call.worker.shared.millis(call.worker.turn.now());
    let line = line(&call.state.client, now);
    call.state.reply(call.worker, |reply| reply.verbatim(&line));
    Ok(())
}

/// CLIENT LIST [TYPE normal|master|replica|pubsub] [ID id …]
pub(super) fn list(call: &mut Call<'_>) -> Done {
    let wanted = wanted(call)?;
    let now = call.worker.shared.millis(call.worker.turn.now());
    let clients = call.worker.shared.clients.list();
    let text: String =
        clients.iter().filter(|client| wanted.includes(client)).map(|client| line(client, now)).collect();
    call.state.reply(call.worker, |reply| reply.verbatim(&text));
    Ok(())
}

enum Wanted {
    All,
    Class(Class),
    Ids(Vec<u64>),
}

impl Wanted {
    fn includes(&self, client: &Client) -> bool {
        match self {
            Self::All => true,
            Self::Class(class) => class.includes(client),
            Self::Ids(ids) => ids.contains(&client.id),
        }
    }
}

fn wanted(call: &Call<'_>) -> Result<Wanted, Error> {
    let args = call.request.args;
    let Some(option) = args.get(2) else { return Ok(Wanted::All) };
    if option.eq_ignore_ascii_case(b"TYPE") && args.len() == 4 {
        return Ok(Wanted::Class(Class::parse(&args[3])?));
    }
    if option.eq_ignore_ascii_case(b"ID") && args.len() >= 4 {
        let ids: Option<Vec<u64>> = args.iter().skip(3).map(parse_u64).collect();
        return ids.map(Wanted::Ids).ok_or(Error::fixed("ERR Invalid client ID"));
    }
    Err(errors::SYNTAX)
}

/// Redis's types of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Normal,
    /// It is subscribed to something.
    Pubsub,
    /// Masters and replicas: none is here.
    Server,
}

impl Class {
    pub(super) fn parse(name: &[u8]) -> Result<Self, Error> {
        match &name.to_ascii_lowercase()[..] {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::Pubsub),
            b"master" | b"slave" | b"replica" => Ok(Self::Server),
            _ => Err(Error::new(format!("ERR Unknown client type '{}'", printable(name, 128)))),
        }
    }

    pub(super) fn includes(self, client: &Client) -> bool {
        match self {
            Self::Normal => !client.is_subscribed(),
            Self::Pubsub => client.is_subscribed(),
            Self::Server => false,
        }
    }
}

/// One client in Redis's form.
pub(crate) fn line(client: &Client, now: u64) -> String {
    let seconds = |since: u64| now.saturating_sub(since) / 1000;
    let names = client.names().clone();
    let (unread, unsent) = (client.unread.load(Relaxed), client.unsent.load(Relaxed) + client.outbox.bytes());
    let (age, idle) = (seconds(client.since), seconds(client.active.load(Relaxed)));
    let Client { id, peer, local, fd, .. } = client;
    let (db, resp) = (client.db.load(Relaxed), client.resp.load(Relaxed));
    let multi = client.queued.load(Relaxed);
    let queued = client.queued_bytes.load(Relaxed);
    let [sub, psub, ssub] = client.subscriptions.each_ref().map(|count| count.load(Relaxed));
    let command = COMMANDS.get(usize::from(client.command.load(Relaxed))).map_or("NULL", |row| row.full_name);
    format!(
        "id={id} addr={peer} laddr={local} fd={fd} name={} age={age} idle={idle} flags={} db={db} sub={sub} psub={psub} \
         ssub={ssub} multi={multi} qbuf={unread} qbuf-free=0 argv-mem=0 multi-mem={queued} rbs=0 rbp=0 obl={unsent} oll=0 \
         omem={unsent} tot-mem={} events={} cmd={command} user={} redir={} resp={resp} lib-name={} lib-ver={}\n",
        names.name,
        flags(client),
        size_of::<Client>() + unread + unsent + queued,
        if unsent > 0 { "rw" } else { "r" },
        String::from_utf8_lossy(&client.user_name()),
        client.redirection(),
        names.library,
        names.version,
    )
}

fn flags(client: &Client) -> String {
    let tracking = client.tracking();
    let flag = |set: bool, letter: char| set.then_some(letter);
    let flags = [
        flag(client.is_subscribed(), 'P'),
        flag(!tracking.is_empty(), 't'),
        flag(tracking.contains(Mode::BROKEN), 'R'),
        flag(tracking.contains(Mode::BCAST), 'B'),
        flag(client.queued.load(Relaxed) >= 0, 'x'),
        flag(client.is_blocked(), 'b'),
        flag(client.is_killed(), 'c'),
        flag(client.no_evict.load(Relaxed), 'e'),
        flag(client.no_touch.load(Relaxed), 'T'),
    ];
    let flags: String = flags.into_iter().flatten().collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}
