//! The results as text.

use std::fmt::Write as _;
use std::io::{self, Write, stdout};
use std::time::Duration;

use super::chart;
use super::plan::{Plan, Work};
use super::summary::{Results, Round, medians, total};
use crate::files::text::printable;

/// Who is later than this at the end does not keep up.
const LATE: Duration = Duration::from_millis(100);
/// A rate below this share of what was wanted is not what was wanted.
const ENOUGH: f64 = 0.99;

pub(super) fn print(plan: &Plan, results: &Results) -> io::Result<()> {
    let text = render(plan, results);
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn render(plan: &Plan, results: &Results) -> String {
    let mut text = format!("{}\n\n", title(plan));
    let rows: Vec<[String; 9]> = rows(plan, results);
    let width = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or(0);
    for row in rows {
        let [name, cells @ ..] = row;
        let _ = write!(text, "{name:<width$}");
        cells.iter().for_each(|cell| text.push_str(&format!(" {cell:>10}")));
        text.push('\n');
    }
    text.push('\n');
    if plan.rounds > 1 {
        text.push_str("Medians of the rounds; ratios are to the first target.\n");
    }
    if results.interrupted {
        text.push_str("Interrupted: this is what was measured until then.\n");
    }
    for (target, rounds) in plan.targets.iter().zip(&results.targets) {
        let all = total(rounds);
        notes(plan, target.name(), &all, &mut text);
        if plan.show.chart && all.tally.replies() > 0 {
            let from = if plan.is_paced() { "from when they were due" } else { "from their sending" };
            let _ = writeln!(text, "\n{}, replies by their time {from}:", target.name());
            text.push_str(&chart::draw(&all.tally.latency, plan.show.colour));
            text.push('\n');
        }
    }
    text
}

/// What is loaded with what.
fn title(plan: &Plan) -> String {
    let report = |name: &str| match &plan.report[name] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut text = match &plan.work {
        Work::Mix { .. } => format!("{} of {} keys ({})", report("mix"), report("keys"), report("keys_from")),
        Work::Replay { path, checked, .. } => {
            let skipped = match checked.skipped {
                0 => String::new(),
                skipped => format!(", {skipped} wrong ones left out"),
            };
            format!("{} ({} rows{skipped})", path.display(), checked.rows)
        }
    };
    let _ = write!(
        text,
        ", values of {} bytes, {} clients, pipeline {}",
        plan.sizes, plan.clients, plan.pipeline
    );
    if plan.threads > 1 {
        let _ = write!(text, ", {} threads", plan.threads);
    }
    if let Some(rate) = plan.rate {
        let _ = write!(text, ", {} a second: latency is from when a request was due", number(rate as f64));
    }
    text
}

fn rows(plan: &Plan, results: &Results) -> Vec<[String; 9]> {
    let head = ["", "ops/s", "ratio", "p50", "p90", "p99", "p99.9", "max", "errors"];
    let first = results.targets.first().and_then(|rounds| medians(rounds));
    let row = |(target, rounds): (&super::target::Target, &Vec<Round>)| {
        let Some(medians) = medians(rounds) else {
            let nothing = || "-".to_owned();
            return std::array::from_fn(|at| if at == 0 { target.name().to_owned() } else { nothing() });
        };
        let ratio = first.and_then(|first| medians.ratios(&first)[0]);
        let [rate, latencies @ ..] = medians.all();
        let [p50, p90, p99, p99_9, max] = latencies.map(micros);
        let ratio = ratio.map_or("-".into(), |ratio| format!("{ratio:.2}"));
        let errors = number(total(rounds).tally.error_count() as f64);
        [target.name().to_owned(), number(rate), ratio, p50, p90, p99, p99_9, max, errors]
    };
    let mut all = vec![head.map(str::to_owned)];
    all.extend(plan.targets.iter().zip(&results.targets).map(row));
    all
}

/// What else is to be known of a target.
fn notes(plan: &Plan, name: &str, all: &Round, text: &mut String) {
    let tally = &all.tally;
    if tally.hits + tally.misses > 0 {
        let share = 100.0 * tally.hits as f64 / (tally.hits + tally.misses) as f64;
        let _ = writeln!(text, "{name}: {share:.1} % of reads were hits");
    }
    for (kind, errors) in &tally.errors {
        let _ = writeln!(
            text,
            "{name}: {} × {}, one of them: {}",
            number(errors.count as f64),
            printable(kind),
            printable(&errors.text)
        );
    }
    let slow = plan.rate.is_some_and(|rate| all.rate() < rate as f64 * ENOUGH);
    if slow || all.behind > LATE {
        let _ = writeln!(
            text,
            "{name}: did not keep up: {} replies a second, and {:.2} s behind at the end",
            number(all.rate()),
            all.behind.as_secs_f64(),
        );
    }
}

/// A number with its thousands apart.
pub(super) fn number(n: f64) -> String {
    crate::files::text::count(n.round() as u64)
}

/// A time given in microseconds, with three digits.
pub(super) fn micros(n: f64) -> String {
    let (n, unit) = match n {
        n if n < 1000.0 => (n, "µs"),
        n if n < 1_000_000.0 => (n / 1000.0, "ms"),
        n => (n / 1_000_000.0, "s"),
    };
    let digits = if n < 10.0 { 2 } else { usize::from(n < 100.0) };
    format!("{n:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn times_have_three_digits() {
        let texts = [0.0, 1.234, 12.34, 123.4, 1234.0, 98_765.0, 3_210_000.0].map(micros);
        assert_eq!(texts, ["0.00 µs", "1.23 µs", "12.3 µs", "123 µs", "1.23 ms", "98.8 ms", "3.21 s"]);
    }

    #[test]
    fn a_server_can_t_write_to_the_terminal() {
        let words = ["ringtail", "bench", "redis://h"].map(std::ffi::OsString::from);
        let args = crate::args::Args::parse_from(&words);
        let flags = crate::bench::of_words(&words[1..]);
        let plan = Plan::new(&flags, &args).unwrap();
        let (mut round, mut text) = (Round::default(), String::new());
        round.tally.reply(b"-\x1b]0;pwned\x07 \x1b[31mno\r\n", false, Duration::ZERO);
        notes(&plan, "h", &round, &mut text);
        assert!(text.contains("pwned") && !text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}
