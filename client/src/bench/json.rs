//! The results as one JSON document. Latencies are in microseconds.

use std::io::{self, Write, stdout};

use serde_json::{Map, Value, json};

use super::plan::Plan;
use super::summary::{Figures, Results, Round, figures, medians, total};

pub(super) fn print(plan: &Plan, results: &Results) -> io::Result<()> {
    let first = results.targets.first().and_then(|rounds| medians(rounds));
    let targets = plan.targets.iter().zip(&results.targets).map(|(target, rounds)| {
        let medians = medians(rounds);
        let ratios = medians.zip(first).map(|(own, first)| own.ratios(&first));
        json!({
            "addr": target.name(),
            "tls": target.options().is_tls(),
            "rounds": rounds.iter().map(|one| round(plan, one)).collect::<Vec<_>>(),
            "total": round(plan, &total(rounds)),
            "medians": medians.map(|medians| named(medians.all().map(Value::from))),
            "ratios": ratios.map(|ratios| named(ratios.map(Value::from))),
        })
    });
    let document = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "settings": plan.report,
        "interrupted": results.interrupted,
        "targets": targets.collect::<Vec<_>>(),
    });
    let mut out = stdout().lock();
    writeln!(out, "{document:#}")?;
    out.flush()
}

/// The figures by their names, the latencies together.
fn named(values: [Value; 6]) -> Value {
    let [rate, latencies @ ..] = values;
    let names = Figures::NAMES[1..].iter().map(|name| (*name).to_owned());
    let latency: Map<String, Value> = names.zip(latencies).collect();
    json!({ Figures::NAMES[0]: rate, "latency_us": latency })
}

fn round(plan: &Plan, round: &Round) -> Value {
    let tally = &round.tally;
    let errors = tally
        .errors
        .iter()
        .map(|(kind, errors)| (kind.clone(), json!({ "count": errors.count, "text": errors.text })));
    let micros_per_op = round.cpu.as_secs_f64() * 1e6 / tally.replies() as f64;
    let mut report = named(figures(round).all().map(Value::from));
    let more = json!({
        "seconds": round.seconds,
        "ops": tally.replies(),
        "errors": Value::Object(errors.collect()),
        "hits": tally.hits,
        "misses": tally.misses,
        "bytes_sent": tally.sent_bytes,
        "bytes_received": tally.received_bytes,
        "wanted_per_second": plan.rate,
        "behind_seconds": round.behind.as_secs_f64(),
        "generator_cpu_us_per_op": Some(micros_per_op).filter(|micros| micros.is_finite()),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut report, more) {
        all.extend(more);
    }
    report
}
