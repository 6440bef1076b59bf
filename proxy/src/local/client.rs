//! CLIENT: who is connected to this proxy, and what this connection wants.

mod kill;
mod list;

pub(crate) use list::line;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::number::parse_i64;

use super::{Call, Done};
use crate::clients::{Client, Unblock};
use crate::session::ReplyMode;
use crate::tracking;

pub(super) fn client(call: &mut Call<'_>) -> Done {
    match call.request.command.id {
        CommandId::ClientId => id(call),
        CommandId::ClientGetname => get_name(call),
        CommandId::ClientSetname => set_name(call),
        CommandId::ClientSetinfo => set_info(call),
        CommandId::ClientInfo => list::info(call),
        CommandId::ClientList => list::list(call),
        CommandId::ClientKill => kill::kill(call),
        CommandId::ClientReply => reply(call),
        CommandId::ClientUnblock => unblock(call),
        CommandId::ClientNoEvict => switch(call, |client| &client.no_evict),
        // Noted for CLIENT LIST: lanes are shared, so that the servers count its look-ups as use all the same.
        CommandId::ClientNoTouch => switch(call, |client| &client.no_touch),
        CommandId::ClientCaching => {
            tracking::caching(call.state, &call.request.args[2])?;
            ok(call)
        }
        CommandId::ClientGetredir => {
            let redirection = call.state.client.redirection();
            call.state.reply(call.worker, |reply| reply.int(redirection));
            Ok(())
        }
        CommandId::ClientTrackinginfo => {
            tracking::info(call.state, call.worker);
            Ok(())
        }
        _ => Err(errors::INTERNAL),
    }
}

fn ok(call: &mut Call<'_>) -> Done {
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}

fn id(call: &mut Call<'_>) -> Done {
    let id = call.state.client.id as i64;
    call.state.reply(call.worker, |reply| reply.int(id));
    Ok(())
}

fn get_name(call: &mut Call<'_>) -> Done {
    let name = call.state.client.names().name.clone();
    let name = (!name.is_empty()).then_some(name.as_bytes());
    call.state.reply(call.worker, |reply| reply.bulk_or_null(name));
    Ok(())
}

fn set_name(call: &mut Call<'_>) -> Done {
    let name = valid_name(&call.request.args[2], "Client names")?;
    call.state.client.names().name = name;
    ok(call)
}

/// Text of visible ASCII alone, so that it can't break the lines of CLIENT LIST; `what` begins the error.
pub(super) fn valid_name(name: &[u8], what: &str) -> Result<String, Error> {
    match name.iter().all(u8::is_ascii_graphic) {
        true => Ok(String::from_utf8_lossy(name).into_owned()),
        false => {
            Err(Error::new(format!("ERR {what} cannot contain spaces, newlines or special characters.")))
        }
    }
}

fn set_info(call: &mut Call<'_>) -> Done {
    let (attribute, value) = (&call.request.args[2], &call.request.args[3]);
    let name = printable(attribute, 128);
    match &attribute.to_ascii_lowercase()[..] {
        b"lib-name" => call.state.client.names().library = valid_name(value, &name)?,
        b"lib-ver" => call.state.client.names().version = valid_name(value, &name)?,
        _ => return Err(Error::new(format!("ERR Unrecognized option '{name}'"))),
    }
    ok(call)
}

fn reply(call: &mut Call<'_>) -> Done {
    let was = call.state.reply_mode;
    call.state.reply_mode = match &call.request.args[2].to_ascii_uppercase()[..] {
        b"ON" => {
            call.state.reply_mode = ReplyMode::On;
            return ok(call);
        }
        b"OFF" => ReplyMode::Off,
        b"SKIP" if was == ReplyMode::Off => was,
        b"SKIP" => ReplyMode::SkipNext,
        _ => return Err(errors::SYNTAX),
    };
    Ok(())
}

/// The one that waits may be answered by its member in this very moment: then the number says 1 all the same, as the member has
/// the last word.
fn unblock(call: &mut Call<'_>) -> Done {
    let args = call.request.args;
    let id = parse_i64(&args[2]).ok_or(errors::NOT_AN_INTEGER)?;
    let how = match args.get(3).map(<[u8]>::to_ascii_uppercase).as_deref() {
        None | Some(b"TIMEOUT") => Unblock::Timeout,
        Some(b"ERROR") => Unblock::Error,
        Some(_) => return Err(Error::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    if args.len() > 4 {
        return Err(errors::SYNTAX);
    }
    let client = u64::try_from(id).ok().and_then(|id| call.worker.shared.clients.find(id));
    let waits = client.is_some_and(|client| client.unblock(how));
    call.state.reply(call.worker, |reply| reply.int(i64::from(waits)));
    Ok(())
}

fn switch(call: &mut Call<'_>, which: fn(&Client) -> &AtomicBool) -> Done {
    let on = match &call.request.args[2].to_ascii_lowercase()[..] {
        b"on" => true,
        b"off" => false,
        _ => return Err(errors::SYNTAX),
    };
    which(&call.state.client).store(on, Relaxed);
    ok(call)
}
