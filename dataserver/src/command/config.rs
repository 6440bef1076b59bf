//! CONFIG: the parameters that have a meaning here, under Redis's names.

mod durability;
mod flags;
mod notifications;
mod rewrite;
pub(crate) mod settings;

pub(super) use rewrite::rewrite;

use super::{Call, Done};
use crate::server::Server;
use crate::store::frequency::Lfu;
use crate::store::memory::Policy;
use ringtail_cluster::Colocation;
use ringtail_net::logging;
use ringtail_net::units::{ByteSize, Time};
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::{glob, limits, stats};
use std::str::FromStr;
use std::sync::atomic::Ordering::Relaxed;

/// Why a value can't be set.
type Refusal = String;
type Setter = fn(&Server, &str) -> Result<(), Refusal>;

/// One parameter.
struct Parameter {
    name: &'static str,
    get: fn(&Server) -> String,
    /// `None`: it is what it is.
    set: Option<Setter>,
    /// Whether it can be changed while the server runs.
    live: bool,
}

const fn fixed(name: &'static str, get: fn(&Server) -> String) -> Parameter {
    Parameter { name, get, set: None, live: false }
}

const fn live(name: &'static str, get: fn(&Server) -> String, set: Setter) -> Parameter {
    Parameter { name, get, set: Some(set), live: true }
}

const fn at_start(name: &'static str, get: fn(&Server) -> String, set: Setter) -> Parameter {
    Parameter { name, get, set: Some(set), live: false }
}

/// A parameter of Redis that can only have one value here: setting that is fine, as programs do.
macro_rules! only {
    ($name:literal, $value:literal) => {
        live(
            $name,
            |_| $value.to_owned(),
            |_, value| match value.eq_ignore_ascii_case($value) {
                true => Ok(()),
                false => Err(concat!("only '", $value, "' is possible here").to_owned()),
            },
        )
    };
}

const HASH_ENTRIES: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.hash_entries.load(Relaxed).to_string(),
    |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.hash_entries.store(n as usize, Relaxed)),
);
const HASH_VALUE: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.hash_value.load(Relaxed).to_string(),
    |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.hash_value.store(n as usize, Relaxed)),
);
const HLL_SPARSE: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.hll_sparse.load(Relaxed).to_string(),
    |s, v| size(v).map(|bytes| s.settings.shapes.hll_sparse.store(bytes as usize, Relaxed)),
);
const LIST_SIZE: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.list_size.load(Relaxed).to_string(),
    |s, v| number(v, i32::MIN.into(), i32::MAX.into()).map(|n| s.settings.shapes.list_size.store(n, Relaxed)),
);
const STREAM_BYTES: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.stream_bytes.load(Relaxed).to_string(),
    |s, v| memory(v).map(|n| s.settings.shapes.stream_bytes.store(n, Relaxed)),
);
const STREAM_ENTRIES: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.stream_entries.load(Relaxed).to_string(),
    |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.stream_entries.store(n as usize, Relaxed)),
);

const LOG_LENGTH: (fn(&Server) -> String, Setter) = (
    |s| s.access.log().most().to_string(),
    |s, v| number(v, 0, u32::MAX.into()).map(|n| s.access.log().set_most(n as usize)),
);

/// What stands for a password that is set, which is told to nobody.
const HIDDEN: &str = "(set)";
const ZSET_ENTRIES: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.zset_entries.load(Relaxed).to_string(),
    |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.zset_entries.store(n as usize, Relaxed)),
);
const ZSET_VALUE: (fn(&Server) -> String, Setter) = (
    |s| s.settings.shapes.zset_value.load(Relaxed).to_string(),
    |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.zset_value.store(n as usize, Relaxed)),
);

const BUSY_AFTER: (fn(&Server) -> String, Setter) = (
    |s| s.scripts.busy_after.load(Relaxed).to_string(),
    |s, v| number(v, 0, i64::MAX).map(|n| s.scripts.busy_after.store(n as u64, Relaxed)),
);

/// All parameters, by name. The older names of a parameter stand beside the newer.
const PARAMETERS: &[Parameter] = &[
    fixed("ack", |s| s.settings.ack.get().copied().unwrap_or_default().name().to_owned()),
    live("acl-pubsub-default", pubsub_default, set_pubsub_default),
    fixed("aclfile", |s| s.access.file().map(|path| path.display().to_string()).unwrap_or_default()),
    live("acllog-max-len", LOG_LENGTH.0, LOG_LENGTH.1),
    only!("active-expire-effort", "1"),
    only!("activedefrag", "no"),
    fixed("admin", |s| of_life(s, "admin")),
    live("appendfsync", durability::when, durability::set_when),
    live("appendonly", durability::is_on, durability::set_on),
    live("auto-aof-rewrite-percentage", durability::growth, durability::set_growth),
    fixed("bind", |s| s.address.ip().to_string()),
    live(
        "client-output-buffer-limit",
        |s| s.clients.limits.text(),
        |s, v| s.clients.limits.change(v).map_err(str::to_owned),
    ),
    live("busy-reply-threshold", BUSY_AFTER.0, BUSY_AFTER.1),
    only!("cluster-enabled", "no"),
    fixed("colocate", |_| Colocation::in_force().to_string()),
    fixed("dbfilename", durability::file),
    fixed("copies", |s| s.settings.members.load(Relaxed).to_string()),
    fixed("databases", |_| crate::store::DATABASES.to_string()),
    fixed("dir", durability::dir),
    live("default-ttl", |s| (s.settings.default_ttl.load(Relaxed) / 1000).to_string(), set_default_ttl),
    fixed("drain-timeout", |s| of_life(s, "drain-timeout")),
    at_start("enable-debug-command", |s| s.settings.debug().to_owned(), set_debug),
    live("hash-max-listpack-entries", HASH_ENTRIES.0, HASH_ENTRIES.1),
    live("hash-max-listpack-value", HASH_VALUE.0, HASH_VALUE.1),
    live("hash-max-ziplist-entries", HASH_ENTRIES.0, HASH_ENTRIES.1),
    live("hash-max-ziplist-value", HASH_VALUE.0, HASH_VALUE.1),
    live("hll-sparse-max-bytes", HLL_SPARSE.0, HLL_SPARSE.1),
    only!("hz", "10"),
    fixed("io-threads", |s| s.counters.len().to_string()),
    live("latency-monitor-threshold", |s| s.latency.threshold().to_string(), set_latency_threshold),
    live(
        "latency-tracking",
        |s| yes_or_no(s.stats.tracking.load(Relaxed)),
        |s, v| flag(v).map(|on| s.stats.tracking.store(on, Relaxed)),
    ),
    live("latency-tracking-info-percentiles", percentiles, set_percentiles),
    live(
        "lfu-decay-time",
        |s| s.store.memory.lfu().decay_minutes.to_string(),
        |s, v| set_lfu(s, v, |lfu, n| lfu.decay_minutes = n),
    ),
    live(
        "lfu-log-factor",
        |s| s.store.memory.lfu().log_factor.to_string(),
        |s, v| set_lfu(s, v, |lfu, n| lfu.log_factor = n),
    ),
    only!("lazyfree-lazy-eviction", "yes"),
    only!("lazyfree-lazy-expire", "yes"),
    only!("lazyfree-lazy-server-del", "yes"),
    only!("lazyfree-lazy-user-del", "yes"),
    only!("lazyfree-lazy-user-flush", "yes"),
    only!("list-compress-depth", "0"),
    fixed("listen-fd", |s| of_life(s, "listen-fd")),
    live("list-max-listpack-size", LIST_SIZE.0, LIST_SIZE.1),
    live("list-max-ziplist-size", LIST_SIZE.0, LIST_SIZE.1),
    live("log-level", |_| logging::level_text(), |_, v| logging::set_level_text(v)),
    live("loglevel", |_| logging::level_text(), |_, v| logging::set_level_text(v)),
    live("lua-memory-limit", |s| s.scripts.memory.load(Relaxed).to_string(), set_script_memory),
    live("lua-time-limit", BUSY_AFTER.0, BUSY_AFTER.1),
    live(
        "maxclients",
        |s| s.settings.max_clients.load(Relaxed).to_string(),
        |s, v| number(v, 1, u32::MAX.into()).map(|n| s.settings.max_clients.store(n as usize, Relaxed)),
    ),
    live("maxmemory", |s| s.store.memory.limit().to_string(), set_max_memory),
    only!("maxmemory-clients", "0"),
    live("maxmemory-policy", |s| s.store.memory.policy().name().into(), set_policy),
    live(
        "maxmemory-samples",
        |s| s.store.memory.samples().to_string(),
        |s, v| number(v, 1, 64).map(|n| s.store.memory.set_samples(n as u8)),
    ),
    live("notify-keyspace-events", notifications::text, notifications::set),
    fixed("port", |s| s.address.port().to_string()),
    fixed("proto-max-bulk-len", |_| limits::MAX_BULK.to_string()),
    fixed("proxy-protocol", |s| of_life(s, "proxy-protocol")),
    fixed("proxy-protocol-from", |s| of_life(s, "proxy-protocol-from")),
    live("requirepass", required_password, set_required_password),
    fixed("reuse-port", |s| of_life(s, "reuse-port")),
    live("save", durability::save, durability::set_save),
    live("stream-node-max-bytes", STREAM_BYTES.0, STREAM_BYTES.1),
    live("stream-node-max-entries", STREAM_ENTRIES.0, STREAM_ENTRIES.1),
    live("slowlog-log-slower-than", |s| s.slowlog.slower_than().to_string(), set_slower_than),
    live(
        "slowlog-max-len",
        |s| s.slowlog.max_len().to_string(),
        |s, v| number(v, 0, i64::MAX).map(|n| s.slowlog.set_max_len(n as usize)),
    ),
    live(
        "set-max-intset-entries",
        |s| s.settings.shapes.set_ints.load(Relaxed).to_string(),
        |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.set_ints.store(n as usize, Relaxed)),
    ),
    live(
        "set-max-listpack-entries",
        |s| s.settings.shapes.set_entries.load(Relaxed).to_string(),
        |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.set_entries.store(n as usize, Relaxed)),
    ),
    live(
        "set-max-listpack-value",
        |s| s.settings.shapes.set_value.load(Relaxed).to_string(),
        |s, v| number(v, 0, i64::MAX).map(|n| s.settings.shapes.set_value.store(n as usize, Relaxed)),
    ),
    live(
        "timeout",
        |s| s.settings.idle_timeout.load(Relaxed).to_string(),
        |s, v| number(v, 0, i32::MAX.into()).map(|n| s.settings.idle_timeout.store(n as u64, Relaxed)),
    ),
    fixed("tls-ticket-keys", |s| of_life(s, "tls-ticket-keys")),
    live(
        "tracking-table-max-keys",
        |s| s.store.tracked.most_keys.load(Relaxed).to_string(),
        |s, v| {
            s.store.tracked.most_keys.store(number(v, 0, i64::MAX)? as usize, Relaxed);
            s.store.limit_tracked();
            Ok(())
        },
    ),
    live("zset-max-listpack-entries", ZSET_ENTRIES.0, ZSET_ENTRIES.1),
    live("zset-max-listpack-value", ZSET_VALUE.0, ZSET_VALUE.1),
    live("zset-max-ziplist-entries", ZSET_ENTRIES.0, ZSET_ENTRIES.1),
    live("zset-max-ziplist-value", ZSET_VALUE.0, ZSET_VALUE.1),
];

/// A flag about the program's life.
fn of_life(server: &Server, name: &str) -> String {
    let all = server.life().parameters().into_iter();
    all.filter(|(known, _)| *known == name).map(|(_, value)| value).collect()
}

/// `requirepass` is the default user's password.
fn required_password(server: &Server) -> String {
    let is_needed = !server.access.users().default_user().needs_no_password();
    if is_needed { HIDDEN.into() } else { String::new() }
}

fn set_required_password(server: &Server, value: &str) -> Result<(), Refusal> {
    // As it was told, so nobody wants it changed.
    if value != HIDDEN {
        let password = (!value.is_empty()).then_some(value.as_bytes());
        server.access.change(|users| users.set_default_password(password));
    }
    Ok(())
}

const PUBSUB_DEFAULTS: [&str; 2] = ["resetchannels", "allchannels"];

fn pubsub_default(server: &Server) -> String {
    PUBSUB_DEFAULTS[usize::from(server.access.users().all_channels)].into()
}

fn set_pubsub_default(server: &Server, value: &str) -> Result<(), Refusal> {
    let at = PUBSUB_DEFAULTS.iter().position(|name| name.eq_ignore_ascii_case(value));
    let at = at.ok_or("argument(s) must be one of the following: allchannels, resetchannels")?;
    server.access.change(|users| users.all_channels = at == 1);
    Ok(())
}

fn number(text: &str, least: i64, most: i64) -> Result<i64, Refusal> {
    let n: i64 = text.parse().map_err(|_| "argument couldn't be parsed into an integer".to_owned())?;
    if (least..=most).contains(&n) {
        return Ok(n);
    }
    Err(format!("argument must be between {least} and {most} inclusive"))
}

/// A number of bytes, with a unit if wanted.
fn memory(text: &str) -> Result<usize, Refusal> {
    let size = ByteSize::from_str(text).map_err(|_| "argument must be a memory value".to_owned())?;
    usize::try_from(size.0).map_err(|_| "argument must be a memory value".to_owned())
}

fn flag(text: &str) -> Result<bool, Refusal> {
    match &*text.to_ascii_lowercase() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

fn yes_or_no(on: bool) -> String {
    if on { "yes" } else { "no" }.to_owned()
}

/// Who may use DEBUG.
fn set_debug(server: &Server, value: &str) -> Result<(), Refusal> {
    let known = ["no", "yes", "local"];
    let who = known.into_iter().find(|known| value.eq_ignore_ascii_case(known));
    server.settings.set_debug(who.ok_or("argument must be 'yes', 'no' or 'local'")?);
    Ok(())
}

fn set_latency_threshold(server: &Server, value: &str) -> Result<(), Refusal> {
    server.latency.set_threshold(number(value, 0, i64::MAX)? as u64);
    server.watch_for_slow();
    Ok(())
}

fn set_slower_than(server: &Server, value: &str) -> Result<(), Refusal> {
    server.slowlog.set_slower_than(number(value, -1, i64::MAX)?);
    server.watch_for_slow();
    Ok(())
}

fn percentiles(server: &Server) -> String {
    server.settings.percentiles().iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
}

fn set_percentiles(server: &Server, value: &str) -> Result<(), Refusal> {
    server.settings.set_percentiles(stats::percentiles(value)?);
    Ok(())
}

fn set_default_ttl(server: &Server, value: &str) -> Result<(), Refusal> {
    let time = Time::from_str(value).map_err(|_| "argument must be a time such as 1800 or 30m")?;
    if time.0.as_secs() > u64::from(u32::MAX) || time.0.subsec_nanos() != 0 {
        return Err("argument must be whole seconds, at most 4294967295".to_owned());
    }
    server.settings.default_ttl.store(time.0.as_secs() * 1000, Relaxed);
    Ok(())
}

fn size(text: &str) -> Result<u64, Refusal> {
    ByteSize::from_str(text).map(|size| size.0).map_err(|_| "argument must be a memory value".to_owned())
}

fn set_script_memory(server: &Server, value: &str) -> Result<(), Refusal> {
    let size = ByteSize::from_str(value).map_err(|_| "argument must be a memory value".to_owned())?;
    server.scripts.memory.store(size.0 as usize, Relaxed);
    Ok(())
}

fn set_max_memory(server: &Server, value: &str) -> Result<(), Refusal> {
    size(value).map(|bytes| server.store.memory.set_limit(bytes))
}

fn set_lfu(server: &Server, value: &str, set: fn(&mut Lfu, u32)) -> Result<(), Refusal> {
    let mut lfu = server.store.memory.lfu();
    set(&mut lfu, number(value, 0, i32::MAX.into())? as u32);
    server.store.memory.set_lfu(lfu);
    Ok(())
}

fn set_policy(server: &Server, value: &str) -> Result<(), Refusal> {
    let names = || Policy::ALL.map(Policy::name).join(", ");
    let policy = Policy::named(value)
        .ok_or_else(|| format!("argument(s) must be one of the following: {}", names()))?;
    server.store.memory.set_policy(policy);
    Ok(())
}

/// CONFIG GET pattern …
pub(super) fn get(c: &mut Call<'_, '_>) -> Done {
    let patterns: Vec<Vec<u8>> = c.args.from(2).iter().map(<[u8]>::to_vec).collect();
    let found: Vec<_> = PARAMETERS.iter().filter_map(|p| Some((asked_as(&patterns, p.name)?, p))).collect();
    c.reply.map(found.len());
    for (name, parameter) in found {
        c.reply.bulk(&name);
        c.reply.bulk((parameter.get)(c.server).as_bytes());
    }
    Ok(())
}

/// What a parameter is answered as, if it is asked for: a name as it was written, as in Redis.
fn asked_as(patterns: &[Vec<u8>], name: &str) -> Option<Vec<u8>> {
    let written = patterns.iter().find(|text| text.eq_ignore_ascii_case(name.as_bytes()));
    let matches = |text: &Vec<u8>| glob::matches(&text.to_ascii_lowercase(), name.as_bytes());
    written.cloned().or_else(|| patterns.iter().any(matches).then(|| name.into()))
}

/// CONFIG SET name value … All are set, or none.
pub(super) fn set(c: &mut Call<'_, '_>) -> Done {
    if !c.args.len().is_multiple_of(2) {
        return Err(errors::SYNTAX);
    }
    let mut named: Vec<(usize, String, Setter, &Parameter)> = Vec::new();
    for i in password_last(c) {
        let (name, setter, parameter) = settable(&c.args[i])?;
        if named.iter().any(|(_, other, ..)| *other == name) {
            return Err(failed(&name, "duplicate parameter"));
        }
        named.push((i, name, setter, parameter));
    }
    let mut before: Vec<(Setter, String)> = Vec::new();
    for (i, name, setter, parameter) in named {
        let value = String::from_utf8_lossy(&c.args[i + 1]).into_owned();
        before.push((setter, (parameter.get)(c.server)));
        if let Err(why) = setter(c.server, &value) {
            before.iter().for_each(|(setter, old)| drop(setter(c.server, old)));
            return Err(failed(&name, &why));
        }
    }
    c.session.look_at_users(&c.server.access);
    c.reply.ok();
    Ok(())
}

/// The places of the names, that of the password last: the one before it is not known, and so can't be brought back when another
/// parameter is refused.
fn password_last(c: &Call<'_, '_>) -> Vec<usize> {
    let mut places: Vec<usize> = (2..c.args.len()).step_by(2).collect();
    places.sort_by_key(|&i| c.args[i].eq_ignore_ascii_case(b"requirepass"));
    places
}

fn settable(name: &[u8]) -> Result<(String, Setter, &'static Parameter), Error> {
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    let parameter = PARAMETERS.iter().find(|p| p.name == lower).ok_or_else(|| {
        Error::new(format!(
            "ERR Unknown option or number of arguments for CONFIG SET - '{}'",
            printable(name, 128)
        ))
    })?;
    let setter = parameter.set.filter(|_| parameter.live);
    let setter = setter.ok_or_else(|| failed(&lower, "can't set immutable config"))?;
    Ok((lower, setter, parameter))
}

/// Parameters whose values are secrets.
pub(crate) fn is_secret(name: &[u8]) -> bool {
    const SECRETS: [&str; 5] =
        ["masterauth", "masteruser", "requirepass", "tls-client-key-file-pass", "tls-key-file-pass"];
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}

fn failed(name: &str, why: &str) -> Error {
    Error::new(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
}

/// CONFIG RESETSTAT
pub(super) fn reset_stat(c: &mut Call<'_, '_>) -> Done {
    c.server.counters.iter().for_each(|counters| counters.reset());
    c.server.stats.reset();
    c.server.clients.limits.reset_disconnections();
    c.server.access.log().reset_counts();
    c.reply.ok();
    Ok(())
}
