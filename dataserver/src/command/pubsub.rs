//! Publish and subscribe.

use super::{Call, Done, Mode};
use crate::hub::Kind;
use crate::session::Session;
use ringtail_protocol::command::{Command, CommandId};
use ringtail_protocol::errors;

/// SUBSCRIBE channel …, PSUBSCRIBE pattern …, SSUBSCRIBE shardchannel …
pub(super) fn subscribe(c: &mut Call<'_, '_>, kind: Kind) -> Done {
    let word = match kind {
        Kind::Channel => "subscribe",
        Kind::Pattern => "psubscribe",
        Kind::Shard => "ssubscribe",
    };
    for name in c.args.from(1).iter() {
        c.session.subscribe(&c.server.hub, kind, name);
        confirm(c, word, kind, Some(name));
    }
    Ok(())
}

/// UNSUBSCRIBE [channel …], PUNSUBSCRIBE [pattern …], SUNSUBSCRIBE [shardchannel …]
pub(super) fn unsubscribe(c: &mut Call<'_, '_>, kind: Kind) -> Done {
    let word = match kind {
        Kind::Channel => "unsubscribe",
        Kind::Pattern => "punsubscribe",
        Kind::Shard => "sunsubscribe",
    };
    if c.args.len() > 1 {
        for name in c.args.from(1).iter() {
            end(c, word, kind, name);
        }
        return Ok(());
    }
    let names = c.session.subscriptions.as_ref().map_or_else(Vec::new, |own| own.names(kind));
    names.iter().for_each(|name| end(c, word, kind, name));
    if names.is_empty() {
        confirm(c, word, kind, None);
    }
    Ok(())
}

fn end(c: &mut Call<'_, '_>, word: &str, kind: Kind, name: &[u8]) {
    c.session.unsubscribe(kind, name);
    // What came before the end must not be seen after its confirmation; but a transaction's reply is one.
    let outbox = &c.session.client.outbox;
    if outbox.is_pending() && c.mode != Mode::Nested {
        let mut waiting = Vec::new();
        outbox.drain(&mut waiting, usize::MAX);
        c.reply.raw(&waiting);
    }
    confirm(c, word, kind, Some(name));
}

fn confirm(c: &mut Call<'_, '_>, word: &str, kind: Kind, name: Option<&[u8]>) {
    c.reply.push(3);
    c.reply.bulk(word.as_bytes());
    c.reply.bulk_or_null(name);
    c.reply.count(c.session.subscriptions.as_ref().map_or(0, |own| own.count(kind)));
}

/// PUBLISH channel message, SPUBLISH shardchannel message
pub(super) fn publish(c: &mut Call<'_, '_>, kind: Kind) -> Done {
    let receivers = c.server.hub.publish(kind, &c.args[1], &c.args[2]);
    c.reply.count(receivers);
    Ok(())
}

/// PUBSUB CHANNELS [pattern], PUBSUB SHARDCHANNELS [pattern]
pub(super) fn channels(c: &mut Call<'_, '_>, kind: Kind) -> Done {
    if c.args.len() > 3 {
        return Err(errors::unknown_form("PUBSUB", &c.args[1]));
    }
    let names = c.server.hub.names(kind, c.args.get(2));
    c.reply.array(names.len());
    names.iter().for_each(|name| c.reply.bulk(name));
    Ok(())
}

/// PUBSUB NUMSUB [channel …], PUBSUB SHARDNUMSUB [shardchannel …]
pub(super) fn count_subscribers(c: &mut Call<'_, '_>, kind: Kind) -> Done {
    c.reply.array(2 * (c.args.len() - 2));
    for channel in c.args.from(2).iter() {
        c.reply.bulk(channel);
        c.reply.count(c.server.hub.count(kind, channel));
    }
    Ok(())
}

/// PUBSUB NUMPAT
pub(super) fn count_patterns(c: &mut Call<'_, '_>) -> Done {
    c.reply.count(c.server.hub.pattern_count());
    Ok(())
}

/// Whether the command's replies are messages, which CLIENT REPLY doesn't turn off.
pub(crate) fn answers_by_messages(id: CommandId) -> bool {
    matches!(
        id,
        CommandId::Subscribe
            | CommandId::Psubscribe
            | CommandId::Ssubscribe
            | CommandId::Unsubscribe
            | CommandId::Punsubscribe
            | CommandId::Sunsubscribe
    )
}

/// Refuses what a client with subscriptions can't ask for in RESP2, where replies and messages look alike.
pub(crate) fn check_subscriber(session: &Session, command: &Command) -> Done {
    let allowed = answers_by_messages(command.id)
        || matches!(command.id, CommandId::Ping | CommandId::Quit | CommandId::Reset);
    if allowed || !session.is_subscriber() {
        return Ok(());
    }
    Err(errors::subscribers_only(command.full_name))
}
