//! CONFIG: what clients ask for, told truly; nothing can be changed while the proxy runs.

use ringtail_protocol::errors::{Error, SYNTAX};
use ringtail_protocol::glob;
use ringtail_protocol::limits::MAX_BULK;

use super::{Call, Done};
use crate::limits::DATABASES;
use crate::shared::Shared;

/// All settings, by Redis's names.
fn settings(shared: &Shared) -> Vec<(&'static str, String)> {
    let (settings, has_password) =
        (&shared.settings, !shared.access.users().default_user().needs_no_password());
    let tls = |port: u16, is_tls: bool| if is_tls { port } else { 0 }.to_string();
    let port = settings.addr.port();
    vec![
        ("appendonly", "no".to_owned()),
        ("bind", settings.addr.ip().to_string()),
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
    let name = args.get(2).map(|name| String::from_utf8_lossy(name).to_lowercase()).unwrap_or_default();
    let known = settings(&call.worker.shared).iter().any(|(known, _)| *known == name);
    let name = ringtail_protocol::errors::printable(name.as_bytes(), 128);
    Err(Error::new(match known {
        true => format!(
            "ERR CONFIG SET failed (possibly related to argument '{name}') - can't set immutable config"
        ),
        false => format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"),
    }))
}

pub(super) fn reset_stat(call: &mut Call<'_>) -> Done {
    call.worker.shared.reset_totals();
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}
