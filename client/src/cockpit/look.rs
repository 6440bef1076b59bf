//! What a proxy says of its pool and keys: `topology`, `route`, `hotkeys`, `explain`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use clap::Args;
use ringtail::{Error, Value};
use ringtail_cluster::SLOTS;
use ringtail_net::Problem;
use ringtail_net::exit::RUNTIME;

use super::members::{Member, Pool};
use super::table::Table;
use super::value::{decimal, field, items, number, text};
use super::walk::Walk;
use super::{Context, print};
use crate::files::progress::Progress;
use crate::files::text::{count, key, printable};
use crate::format::{Format, Style};

pub(super) const TOPOLOGY_EXAMPLES: &str = "\
Examples:
  ringtail topology           members, weights, shares, replicas, who is up
  ringtail --json topology

A member is up, down (no connection), or silent: it is connected, but does not answer, so its keys are refused until it answers a \
probe.

Exit codes: 0 all members are up, 1 one is not, or an error, 2 wrong usage.";

pub(super) const ROUTE_EXAMPLES: &str = "\
Examples:
  ringtail route user:1 user:2      slot, member and address of each key
  ringtail --json route user:1

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

pub(super) const HOTKEYS_EXAMPLES: &str = "\
Examples:
  ringtail hotkeys                  the keys that are asked for most
  ringtail hotkeys --top 50

A proxy knows them by a sample of its requests. Any other server is walked through by SCAN and OBJECT FREQ, which takes an LFU \
policy (CONFIG SET maxmemory-policy allkeys-lfu).

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

pub(super) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  ringtail explain get user:1             runs it, and says where its time went
  ringtail explain mget user:1 user:2

The command is run, so one that writes does write. Times are in microseconds.

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

/// Bytes of an answer that are shown.
const ANSWER: usize = 40;

#[derive(Debug, Args)]
pub(crate) struct TopologyTool {}

#[derive(Debug, Args)]
pub(crate) struct RouteTool {
    /// Keys
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct HotkeysTool {
    /// How many to show
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainTool {
    /// The command with its arguments
    #[arg(required = true, value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// What is said to a proxy: keys and values need be no text.
fn words<'w>(command: &'w str, rest: &'w [OsString]) -> Vec<&'w [u8]> {
    [b"RINGTAIL", command.as_bytes()].into_iter().chain(rest.iter().map(|word| word.as_bytes())).collect()
}

/// Asks a proxy; `None` if the server is none.
async fn ask<W: AsRef<[u8]>>(words: &[W], context: &Context<'_>) -> Result<Option<Value>, Problem> {
    let client = context.client().await?;
    match client.cmd(words).await {
        Ok(value) => Ok(Some(value)),
        Err(Error::Reply(text)) if is_no_proxy(&text) => Ok(None),
        Err(error) => Err(context.problem(&error)),
    }
}

/// What a data server says, and what Redis does.
fn is_no_proxy(text: &str) -> bool {
    text.contains("ask a proxy") || text.to_ascii_lowercase().starts_with("err unknown command 'ringtail'")
}

fn no_proxy(context: &Context<'_>) -> Problem {
    Problem::new(format!("{} is no proxy of Ringtail", context.addr()), "name one with --addr")
}

/// Prints the answer as JSON, if that is wanted.
fn as_json(value: &Value, context: &Context<'_>) -> Result<bool, Problem> {
    let wanted = context.wants_json(false);
    if wanted {
        print(Style { format: Format::Json, colour: false }.render(&[], value))?;
    }
    Ok(wanted)
}

pub(super) async fn topology(context: &Context<'_>) -> Result<ExitCode, Problem> {
    let client = context.client().await?;
    let pool = Pool::ask(&client).await.map_err(|error| context.problem(&error))?;
    let pool = pool.ok_or_else(|| no_proxy(context))?;
    let all_up = pool.members.iter().all(Member::is_up);
    if context.wants_json(false) {
        print(format!("{}\n", pool.json()))?;
    } else {
        print(pool_text(&pool))?;
    }
    Ok(ExitCode::from(if all_up { 0 } else { RUNTIME }))
}

fn pool_text(pool: &Pool) -> String {
    let mut table =
        Table::new(&["<member", "<addr", "<state", "weight", "slots", "share", "<replicas", "<last error"]);
    for member in &pool.members {
        table.row(vec![
            member.name.clone(),
            member.addr.clone(),
            member.state.clone(),
            member.weight.to_string(),
            member.slots.to_string(),
            format!("{:.1} %", member.slots as f64 * 100.0 / SLOTS as f64),
            if member.replicas.is_empty() { "-".into() } else { member.replicas.join(" ") },
            printable(&member.last_error),
        ]);
    }
    let up = pool.members.iter().filter(|member| member.is_up()).count();
    format!("{table}\nepoch {}, {up} of {} members up\n", pool.epoch, pool.members.len())
}

pub(super) async fn route(tool: &RouteTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let words = words("ROUTE", &tool.keys);
    let value = ask(&words, context).await?.ok_or_else(|| no_proxy(context))?;
    if !as_json(&value, context)? {
        let mut table = Table::new(&["<key", "slot", "<member", "<addr"]);
        for found in value.as_array().unwrap_or_default() {
            let name = field(found, "key").and_then(Value::as_bytes).unwrap_or_default();
            let slot = number(found, "slot").to_string();
            table.row(vec![key(name), slot, text(found, "member"), text(found, "addr")]);
        }
        print(table.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn hotkeys(tool: &HotkeysTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let top = tool.top.to_string();
    let Some(value) = ask(&["RINGTAIL", "HOTKEYS", "COUNT", &top], context).await? else {
        return frequent(usize::from(tool.top), context).await;
    };
    if !as_json(&value, context)? {
        let mut table = Table::new(&["requests/s", "writes", "<key"]);
        for found in value.as_array().unwrap_or_default() {
            let name = field(found, "key").and_then(Value::as_bytes).unwrap_or_default();
            let writes = format!("{} %", number(found, "writes-percent"));
            table.row(vec![count(number(found, "requests-per-second")), writes, key(name)]);
        }
        print(table.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The keys with the highest OBJECT FREQ.
async fn frequent(top: usize, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let client = context.client().await?;
    let mut walk = Walk::new(client.clone(), None, None);
    let progress = Progress::of_keys("looking", None);
    let mut best: Vec<(i64, Vec<u8>)> = Vec::new();
    while let Some(page) = walk.next().await.map_err(|error| context.problem(&error))? {
        let mut pipeline = client.pipeline();
        for name in &page.keys {
            let words = [&b"OBJECT"[..], b"FREQ", name];
            pipeline.try_cmd(words).map_err(|error| context.problem(&error))?;
        }
        let replies = pipeline.run().await.map_err(|error| context.problem(&error))?;
        for (name, reply) in page.keys.into_iter().zip(replies) {
            if let Some(text) = reply.error().map(String::from_utf8_lossy).filter(|text| text.contains("LFU"))
            {
                let message = format!("{} does not count how often keys are used: {text}", context.addr());
                return Err(Problem::new(message, "CONFIG SET maxmemory-policy allkeys-lfu, or ask a proxy"));
            }
            best.extend(reply.as_int().map(|often| (often, name)));
        }
        best.sort_by(|a, b| b.cmp(a));
        best.dedup();
        best.truncate(top);
        progress.set(walk.visited);
    }
    progress.end();
    let mut table = Table::new(&["frequency", "<key"]);
    best.iter().for_each(|(often, name)| table.row(vec![often.to_string(), key(name)]));
    let json = best
        .iter()
        .map(|(often, name)| serde_json::json!({ "key": String::from_utf8_lossy(name), "frequency": often }));
    print(match context.wants_json(false) {
        true => format!("{}\n", json.collect::<serde_json::Value>()),
        false => table.to_string(),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn explain(tool: &ExplainTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let words = words("EXPLAIN", &tool.command);
    let value = ask(&words, context).await?.ok_or_else(|| no_proxy(context))?;
    if !as_json(&value, context)? {
        print(explained(&value))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn explained(value: &Value) -> String {
    let mut table = Table::new(&["<member", "slot", "connection", "network", "member", "bytes", "<answer"]);
    for member in items(value, "members") {
        let whole = |name| decimal(member, name).map_or("-".into(), |number| format!("{number:.0}"));
        table.row(vec![
            text(member, "member"),
            whole("slot"),
            whole("connection-usec"),
            whole("network-usec"),
            whole("member-usec"),
            whole("answer-bytes"),
            field(member, "answer").map(shown).unwrap_or_default(),
        ]);
    }
    let usec = |name| decimal(value, name).unwrap_or(0.0);
    format!("{table}\nroute {:.0} us, all {:.0} us\n", usec("route-usec"), usec("total-usec"))
}

/// An answer in one short line.
fn shown(answer: &Value) -> String {
    let line = Style { format: Format::Json, colour: false }.render(&[], answer);
    let line = printable(String::from_utf8_lossy(&line).trim_end());
    match line.char_indices().nth(ANSWER) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
