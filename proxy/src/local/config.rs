//! CONFIG: the proxy's own settings. What Redis has too stands under Redis's name, what else there is under its flag's.

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ringtail_cluster::Colocation;
use ringtail_net::config::{Changes, Live};
use ringtail_net::logging;
use ringtail_net::units::{ByteSize, Time};
use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{Error, SYNTAX};
use ringtail_protocol::limits::MAX_BULK;
use ringtail_protocol::parameters::{self, Parameter};

use super::{Call, Done};
use crate::limits::DATABASES;
use crate::options::Options;
use crate::rates;
use crate::route::Request;
use crate::shared::Shared;

/// The one setting that the members have, and all of them the same.
const KEY_EVENTS: &[u8] = b"notify-keyspace-events";

/// What stands for a password that is set, which is told to nobody.
const HIDDEN: &str = "(set)";

/// A number of clients.
macro_rules! clients {
    ($name:literal, $field:ident, $least:literal) => {
        Parameter::live(
            $name,
            |s: &Shared| s.settings.live.$field.load(Relaxed).to_string(),
            |s, v| number(v, $least).map(|n| s.settings.live.$field.store(n, Relaxed)),
        )
    };
}

/// A number of bytes, told as such, and taken with a unit too.
macro_rules! bytes {
    ($name:literal, $($field:ident).+) => {
        Parameter::live(
            $name,
            |s: &Shared| s.settings.live.$($field).+.load(Relaxed).to_string(),
            |s, v| size(v).map(|n| s.settings.live.$($field).+.store(n, Relaxed)),
        )
    };
}

/// All parameters with a value of their own; the other flags are shown as they were given.
const PARAMETERS: &[Parameter<Shared>] = &[
    Parameter::live("acl-pubsub-default", pubsub_default, set_pubsub_default),
    Parameter::fixed("aclfile", |s| {
        s.access.file().map(|path| path.display().to_string()).unwrap_or_default()
    }),
    Parameter::live(
        "acllog-max-len",
        |s| s.access.log().most().to_string(),
        |s, v| number(v, 0).map(|n| s.access.log().set_most(n)),
    ),
    Parameter::fixed("appendonly", |_| "no".to_owned()),
    Parameter::fixed("bind", |s| s.settings.addr.ip().to_string()),
    Parameter::live(
        "client-output-buffer-limit",
        |s| s.output_limits.text(),
        |s, v| s.output_limits.change(v).map_err(ToString::to_string),
    ),
    Parameter::fixed("colocate", |_| Colocation::in_force().to_string()),
    Parameter::fixed("databases", |_| DATABASES.to_string()),
    Parameter::fixed("io-threads", |s| s.settings.threads.to_string()),
    Parameter::live(
        "latency-monitor-threshold",
        |s| s.seen.latency.threshold().to_string(),
        |s, v| s.seen.set_monitor_from(v),
    ),
    Parameter::live("latency-tracking", |s| s.seen.tracking(), |s, v| s.seen.set_tracking(v)),
    Parameter::live(
        "latency-tracking-info-percentiles",
        |s| s.seen.percentiles_text(),
        |s, v| s.seen.set_percentiles(v),
    ),
    Parameter::live("log-level", |_| logging::level_text(), |_, v| logging::set_level_text(v)),
    // As Redis calls it.
    Parameter::live("loglevel", |_| logging::level_text(), |_, v| logging::set_level_text(v)),
    bytes!("max-in-flight", in_flight.most),
    bytes!("max-in-flight-per-client", client_in_flight),
    clients!("maxclients", max_clients, 1),
    clients!("maxclients-per-addr", max_clients_per_addr, 0),
    clients!("maxclients-per-user", max_clients_per_user, 0),
    Parameter::fixed("maxmemory", |_| "0".to_owned()),
    Parameter::fixed("maxmemory-policy", |_| "noeviction".to_owned()),
    // --timeout: Redis's own `timeout` is another, for clients that are idle.
    Parameter::live("member-timeout", |s| Time(s.settings.live.timeout()).to_string(), set_member_timeout),
    bytes!("output-limit", output_limit),
    Parameter::live("output-timeout", output_timeout, set_output_timeout),
    Parameter::fixed("port", |s| port(s, false)),
    Parameter::fixed("proto-max-bulk-len", |_| MAX_BULK.to_string()),
    Parameter::live("rate", |s| s.rates.text(), set_rates),
    Parameter::live("requirepass", required_password, set_required_password),
    Parameter::fixed("save", |_| String::new()),
    Parameter::live(
        "slowlog-log-slower-than",
        |s| s.seen.slowlog.slower_than().to_string(),
        |s, v| s.seen.set_slower_than(v),
    ),
    Parameter::live(
        "slowlog-max-len",
        |s| s.seen.slowlog.max_len().to_string(),
        |s, v| s.seen.set_max_len(v),
    ),
    Parameter::fixed("timeout", |_| "0".to_owned()),
    Parameter::fixed("tls-port", |s| port(s, true)),
];

/// Flags of which the parameter has another name: Redis's own `timeout` is something else.
const RENAMED: [(&str, &str); 1] = [("timeout", "member-timeout")];

/// Flags whose files are read again when they change.
const WATCHED: [&str; 11] = [
    "servers",
    "cert",
    "key",
    "client-ca",
    "tls-ticket-keys",
    "server-ca",
    "server-cert",
    "server-key",
    "server-password-file",
    "requirepass-file",
    "acl-file",
];

impl Changes for Options {
    fn live(flag: &str) -> Live {
        let renamed = RENAMED.iter().find(|(known, _)| *known == flag);
        let wanted = renamed.map_or(flag, |(_, name)| name);
        let parameter = PARAMETERS.iter().find(|p| p.name == wanted && p.set.is_some());
        match parameter {
            Some(parameter) => Live::Set(parameter.name),
            None if WATCHED.contains(&flag) => Live::File,
            None => Live::No,
        }
    }
}

fn port(shared: &Shared, tls: bool) -> String {
    if shared.settings.tls == tls { shared.settings.addr.port() } else { 0 }.to_string()
}

fn number(text: &str, least: usize) -> Result<usize, String> {
    let n: u32 = text.parse().map_err(|_| "argument couldn't be parsed into an integer".to_owned())?;
    let n = n as usize;
    if n >= least { Ok(n) } else { Err(format!("argument must be at least {least}")) }
}

fn size(text: &str) -> Result<usize, String> {
    let size: ByteSize = text.parse().map_err(|_| "argument must be a memory value".to_owned())?;
    usize::try_from(size.0).map_err(|_| "argument must be a memory value".to_owned())
}

fn set_member_timeout(shared: &Shared, text: &str) -> Result<(), String> {
    let time: Time = text.parse()?;
    if time.0.is_zero() {
        return Err("argument must be at least 1ms".to_owned());
    }
    shared.settings.live.set_timeout(time.0);
    Ok(())
}

fn output_timeout(shared: &Shared) -> String {
    Time(shared.settings.live.output_timeout().unwrap_or(Duration::ZERO)).to_string()
}

fn set_output_timeout(shared: &Shared, text: &str) -> Result<(), String> {
    let time: Time = text.parse()?;
    shared.settings.live.output_timeout.store(time.0.as_millis() as u64, Relaxed);
    Ok(())
}

fn set_rates(shared: &Shared, text: &str) -> Result<(), String> {
    shared.rates.set(rates::parse(text)?);
    // Has every session look at its user, and so at its rate.
    shared.access.change(|_| ());
    Ok(())
}

/// `requirepass` is the default user's password.
fn required_password(shared: &Shared) -> String {
    let is_needed = !shared.access.users().default_user().needs_no_password();
    if is_needed { HIDDEN.to_owned() } else { String::new() }
}

fn set_required_password(shared: &Shared, value: &str) -> Result<(), String> {
    // As it was told, so nobody wants it changed.
    if value != HIDDEN {
        let password = (!value.is_empty()).then_some(value.as_bytes());
        shared.access.change(|users| users.set_default_password(password));
    }
    Ok(())
}

const PUBSUB_DEFAULTS: [&str; 2] = ["resetchannels", "allchannels"];

fn pubsub_default(shared: &Shared) -> String {
    PUBSUB_DEFAULTS[usize::from(shared.access.users().all_channels)].to_owned()
}

fn set_pubsub_default(shared: &Shared, value: &str) -> Result<(), String> {
    let at = PUBSUB_DEFAULTS.iter().position(|name| name.eq_ignore_ascii_case(value));
    let at = at.ok_or("argument(s) must be one of the following: allchannels, resetchannels")?;
    shared.access.change(|users| users.all_channels = at == 1);
    Ok(())
}

pub(super) fn get(call: &mut Call<'_>) -> Done {
    let patterns: Vec<&[u8]> = call.request.args.iter().skip(2).collect();
    let shared = &call.worker.shared;
    call.state.reply(call.worker, |reply| {
        parameters::get(PARAMETERS, &shared.settings.flags, shared, &patterns, reply);
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

pub(super) fn set(call: &mut Call<'_>) -> Done {
    let words: Vec<&[u8]> = call.request.args.iter().skip(2).collect();
    if !words.len().is_multiple_of(2) {
        return Err(SYNTAX);
    }
    let mut pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    // The password last: the one before it is not known, and so can't be brought back when another parameter is refused.
    pairs.sort_by_key(|(name, _)| name.eq_ignore_ascii_case(b"requirepass"));
    let shared = &call.worker.shared;
    parameters::set(PARAMETERS, &shared.settings.flags, shared, &pairs)?;
    call.state.look_at_users(call.worker);
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}

pub(super) fn rewrite(_: &mut Call<'_>) -> Done {
    Err(Error::fixed(
        "ERR the proxy does not write its configuration: put what is to last into the file of --config, or the flags",
    ))
}

pub(super) fn reset_stat(call: &mut Call<'_>) -> Done {
    call.worker.shared.reset_totals();
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}
