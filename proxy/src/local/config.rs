//! CONFIG: what clients ask for, told truly.

use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{Error, SYNTAX, printable};
use ringtail_protocol::glob;
use ringtail_protocol::limits::MAX_BULK;

use super::{Call, Done};
use crate::limits::DATABASES;
use crate::route::Request;
use crate::shared::Shared;

/// The one setting that the members have, and all of them the same.
const KEY_EVENTS: &[u8] = b"notify-keyspace-events";

/// The one setting that changes while the proxy runs.
const OUTPUT_LIMIT: &str = "client-output-buffer-limit";

/// All settings, by Redis's names.
fn settings(shared: &Shared) -> Vec<(&'static str, String)> {
    let (settings, has_password) =
        (&shared.settings, !shared.access.users().default_user().needs_no_password());
    let tls = |port: u16, is_tls: bool| if is_tls { port } else { 0 }.to_string();
    let port = settings.addr.port();
    vec![
        ("appendonly", "no".to_owned()),
        ("bind", settings.addr.ip().to_string()),
        (OUTPUT_LIMIT, shared.output_limits.text()),
        ("databases", DATABASES.to_string()),
        ("maxclients", settings.max_clients.to_string()),
        ("maxmemory", "0".to_owned()),
        ("maxmemory-policy", "noeviction".to_owned()),
        ("port", tls(port, !settings.tls)),
        ("proto-max-bulk-len", MAX_BULK.to_string()),
        // Never the password itself.
        ("requirepass", if has_password { "(set)" } else { "" }.to_owned()),
        ("save", String::new()),
        ("timeout", "0".to_owned()),
        ("tls-port", tls(port, settings.tls)),
        ("io-threads", settings.threads.to_string()),
    ]
}

pub(super) fn get(call: &mut Call<'_>) -> Done {
    let patterns: Vec<&[u8]> = call.request.args.iter().skip(2).collect();
    let all = settings(&call.worker.shared).into_iter();
    let found: Vec<_> = all.filter_map(|(name, value)| Some((asked_as(&patterns, name)?, value))).collect();
    call.state.reply(call.worker, |reply| {
        reply.map(found.len());
        for (name, value) in &found {
            reply.bulk(name);
            reply.bulk(value.as_bytes());
        }
    });
    Ok(())
}

/// Whether CONFIG GET or SET asks for what the members have each: which events of keys are published.
pub(super) fn is_of_members(request: &Request<'_>) -> bool {
    let wanted = match request.command.executes() {
        CommandId::ConfigGet => 3,
        CommandId::ConfigSet => 4,
        _ => return false,
    };
    request.args.len() == wanted && request.args[2].eq_ignore_ascii_case(KEY_EVENTS)
}

/// What a setting is answered as, if it is asked for: a name as it was written, as in Redis.
fn asked_as<'a>(patterns: &[&'a [u8]], name: &'static str) -> Option<&'a [u8]> {
    let written = patterns.iter().find(|text| text.eq_ignore_ascii_case(name.as_bytes()));
    let matches = |text: &&[u8]| glob::matches(&text.to_ascii_lowercase(), name.as_bytes());
    written.copied().or_else(|| patterns.iter().any(matches).then_some(name.as_bytes()))
}

pub(super) fn set(call: &mut Call<'_>) -> Done {
    let args = call.request.args;
    if !args.len().is_multiple_of(2) {
        return Err(SYNTAX);
    }
    let words: Vec<&[u8]> = args.iter().skip(2).collect();
    let other = |pair: &&[&[u8]]| !pair[0].eq_ignore_ascii_case(OUTPUT_LIMIT.as_bytes());
    if let Some(pair) = words.chunks(2).find(other) {
        return Err(not_set(call, pair[0]));
    }
    for pair in words.chunks(2) {
        let changed = call.worker.shared.output_limits.change(&String::from_utf8_lossy(pair[1]));
        changed.map_err(|why| failed(OUTPUT_LIMIT, why))?;
    }
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}

#[cold]
fn not_set(call: &Call<'_>, name: &[u8]) -> Error {
    let name = printable(name, 128).to_lowercase();
    match settings(&call.worker.shared).iter().any(|(known, _)| *known == name) {
        true => failed(&name, "can't set immutable config"),
        false => Error::new(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'")),
    }
}

fn failed(name: &str, why: &str) -> Error {
    Error::new(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
}

pub(super) fn reset_stat(call: &mut Call<'_>) -> Done {
    call.worker.shared.reset_totals();
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}
