//! PING, ECHO, QUIT, RESET, SELECT.

use ringtail_protocol::errors::{DB_OUT_OF_RANGE, NOT_AN_INTEGER, wrong_arity};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Resp;

use super::{Call, Done};
use crate::limits::DATABASES;
use crate::replicas::ReadFrom;
use crate::session::ReplyMode;

pub(super) fn ping(call: &mut Call<'_>) -> Done {
    let args = call.request.args;
    if args.len() > 2 {
        return Err(wrong_arity("ping"));
    }
    if call.state.is_subscriber() && call.state.resp == Resp::V2 {
        call.state.reply(call.worker, |reply| {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(args.get(1).unwrap_or_default());
        });
        return Ok(());
    }
    call.state.reply(call.worker, |reply| match args.get(1) {
        Some(text) => reply.bulk(text),
        None => reply.simple("PONG"),
    });
    Ok(())
}

pub(super) fn echo(call: &mut Call<'_>) -> Done {
    let args = call.request.args;
    call.state.reply(call.worker, |reply| reply.bulk(&args[1]));
    Ok(())
}

pub(super) fn quit(call: &mut Call<'_>) -> Done {
    call.state.reply(call.worker, |reply| reply.ok());
    call.state.closing = true;
    Ok(())
}

/// As if it had just connected.
pub(super) fn reset(call: &mut Call<'_>) -> Done {
    let state = &mut *call.state;
    state.unsubscribe_all(call.worker);
    state.stop_tracking(call.worker);
    state.select(0);
    state.transaction = None;
    state.set_resp(Resp::V2);
    state.reply_mode = ReplyMode::On;
    state.begin_as_default(call.worker);
    state.read_from = call.worker.shared.settings.read_from;
    state.client.names().name.clear();
    state.client.no_evict.store(false, std::sync::atomic::Ordering::Relaxed);
    state.client.no_touch.store(false, std::sync::atomic::Ordering::Relaxed);
    state.reply(call.worker, |reply| reply.simple("RESET"));
    Ok(())
}

/// Reads of the session may go to replicas, or may not.
pub(super) fn read_from_replicas(call: &mut Call<'_>, allowed: bool) -> Done {
    let wanted = call.worker.shared.settings.read_from.with_replicas();
    call.state.read_from = if allowed { wanted } else { ReadFrom::Primary };
    if allowed {
        call.worker.want_replicas();
    }
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}

pub(super) fn select(call: &mut Call<'_>) -> Done {
    let index = parse_i64(&call.request.args[1]).ok_or(NOT_AN_INTEGER)?;
    let db = u8::try_from(index).ok().filter(|db| *db < DATABASES).ok_or(DB_OUT_OF_RANGE)?;
    call.state.select(db);
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}
