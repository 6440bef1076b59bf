//! A forecast as a table, and as JSON.

use ringtail_cluster::SLOTS;
use serde_json::{Value, json};

use super::forecast::{Change, Fit, Flow, Forecast, Share, Verdict};
use crate::cockpit::table::Table;
use crate::files::text::{count, size};

/// Flows that are listed; the largest come first.
const SHOWN: usize = 20;

pub(super) fn text(forecast: &Forecast) -> String {
    let mut text = format!("{}\n\n{}", forecast.plan, members(forecast));
    if !forecast.flows.is_empty() {
        text += &format!("\n{}", flows(forecast));
    }
    text + "\n" + &verdict(forecast) + "\n"
}

fn members(forecast: &Forecast) -> Table {
    let mut table = Table::new(&[
        "<member",
        "<addr",
        "weight",
        "slots",
        "share",
        "keys",
        "data",
        "needs",
        "maxmemory",
        "<fits",
    ]);
    for member in &forecast.members {
        table.row(vec![
            member.name.clone(),
            member.addr.clone(),
            changed(member.weight, |weight| weight.map_or("-".into(), |weight| weight.to_string())),
            changed(member.slots, |slots| slots.to_string()),
            changed(member.slots, percent),
            changed(member.keys, about_count),
            changed(member.bytes, about_size),
            about_size(member.needs),
            maxmemory(member),
            fits(member),
        ]);
    }
    table
}

fn changed<T: Copy>(change: Change<T>, show: impl Fn(T) -> String) -> String {
    let (before, after) = (show(change.0), show(change.1));
    if before == after { before } else { format!("{before} -> {after}") }
}

fn percent(slots: usize) -> String {
    format!("{:.1} %", slots as f64 * 100.0 / SLOTS as f64)
}

fn about_count(n: Option<f64>) -> String {
    n.map_or("?".into(), |n| count(n.round() as u64))
}

fn about_size(n: Option<f64>) -> String {
    n.map_or("?".into(), |n| size(n.round() as u64))
}

fn maxmemory(member: &Share) -> String {
    match member.maxmemory {
        None => "?".into(),
        Some(0) => "none".into(),
        Some(bytes) => size(bytes),
    }
}

fn fits(member: &Share) -> String {
    match &member.fit {
        _ if member.weight.1.is_none() => "leaves".into(),
        Fit::Yes | Fit::NoLimit => "yes".into(),
        Fit::No(missing) => format!("no, {} too little", size(missing.round() as u64)),
        Fit::Unknown(why) => format!("? {why}"),
        Fit::NotAsked => "?".into(),
    }
}

fn flows(forecast: &Forecast) -> String {
    let mut sorted: Vec<&Flow> = forecast.flows.iter().collect();
    sorted.sort_by_key(|flow| std::cmp::Reverse(flow.slots));
    let mut table = Table::new(&["<moves from", "<to", "slots", "keys", "data"]);
    for flow in sorted.iter().take(SHOWN) {
        let (from, to) = (flow.from.clone(), flow.to.clone());
        table.row(vec![from, to, flow.slots.to_string(), about_count(flow.keys), about_size(flow.bytes)]);
    }
    let slots = forecast.plan.moves.len();
    let (keys, bytes) = moved(forecast);
    table.row(vec!["all".into(), String::new(), slots.to_string(), about_count(keys), about_size(bytes)]);
    let more = sorted.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("({more} smaller moves are not shown)\n") } else { String::new() };
    format!("{table}{more}")
}

/// Keys and bytes of all slots that move.
fn moved(forecast: &Forecast) -> (Option<f64>, Option<f64>) {
    let sum = |pick: fn(&Flow) -> Option<f64>| forecast.flows.iter().map(pick).sum::<Option<f64>>();
    (sum(|flow| flow.keys), sum(|flow| flow.bytes))
}

fn verdict(forecast: &Forecast) -> String {
    let estimate =
        "Keys and data are estimates, by slots; keys that move are misses until they are set again.";
    let names = |is: fn(&Fit) -> bool| {
        let members = forecast.members.iter().filter(|member| is(&member.fit));
        members.map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let sentence = match forecast.verdict {
        Verdict::TooLarge => format!(
            "It does not fit: {} would need more than --maxmemory.",
            names(|fit| matches!(fit, Fit::No(_)))
        ),
        Verdict::Unknown => format!(
            "Nobody can tell whether it fits: {} could not be asked (see --member-tls, --member-password-file and --maxmemory).",
            names(|fit| matches!(fit, Fit::Unknown(_)))
        ),
        Verdict::Good if forecast.members.iter().any(|member| member.fit == Fit::NotAsked) => {
            "Whether it fits was not asked: give --bytes and --maxmemory, or a pool.".into()
        }
        Verdict::Good if forecast.plan.is_empty() => "Nothing changes.".into(),
        Verdict::Good => "It fits.".into(),
    };
    let lost = forecast.lost.iter().map(|lost| {
        let (name, keys, bytes) = (&lost.from, about_count(lost.keys), about_size(lost.bytes));
        format!("{name} gets another server, without its {keys} keys ({bytes}): they stay at the old one.\n")
    });
    let lost: String = lost.collect();
    let moves = !forecast.flows.is_empty() || !forecast.lost.is_empty();
    if moves { format!("{lost}{estimate}\n{sentence}") } else { sentence }
}

pub(super) fn json(forecast: &Forecast) -> Value {
    let (keys, bytes) = moved(forecast);
    json!({
        "verdict": match forecast.verdict {
            Verdict::Good => "good",
            Verdict::TooLarge => "does-not-fit",
            Verdict::Unknown => "unknown",
        },
        "keys-and-bytes": "estimated by slots",
        "members": forecast.members.iter().map(member_json).collect::<Vec<_>>(),
        "moves": forecast.flows.iter().map(|flow| json!({
            "from": flow.from, "to": flow.to, "slots": flow.slots,
            "keys": whole(flow.keys), "bytes": whole(flow.bytes),
        })).collect::<Vec<_>>(),
        "lost": forecast.lost.iter().map(|lost| json!({
            "member": lost.from, "slots": lost.slots, "keys": whole(lost.keys), "bytes": whole(lost.bytes),
        })).collect::<Vec<_>>(),
        "moved": { "slots": forecast.plan.moves.len(), "keys": whole(keys), "bytes": whole(bytes) },
    })
}

fn member_json(member: &Share) -> Value {
    let (fits, why) = match &member.fit {
        Fit::Yes | Fit::NoLimit => (Some(true), None),
        Fit::No(missing) => (Some(false), Some(format!("{} bytes too little", missing.round()))),
        Fit::Unknown(why) => (None, Some(why.clone())),
        Fit::NotAsked => (None, None),
    };
    json!({
        "name": member.name,
        "addr": member.addr,
        "weight": { "before": member.weight.0, "after": member.weight.1 },
        "slots": { "before": member.slots.0, "after": member.slots.1 },
        "keys": { "before": whole(member.keys.0), "after": whole(member.keys.1) },
        "bytes": { "before": whole(member.bytes.0), "after": whole(member.bytes.1) },
        "needs": whole(member.needs),
        "maxmemory": member.maxmemory,
        "fits": fits,
        "why": why,
    })
}

fn whole(n: Option<f64>) -> Option<u64> {
    n.map(|n| n.round() as u64)
}
