//! LATENCY GRAPH: an event's samples as columns of text.

use std::fmt::Write;

use crate::errors::{Error, printable};
use crate::reply::Reply;
use crate::stats::{Event, Latency, Sample};

const ROWS: u64 = 4;
const RULE: usize = 80;

/// LATENCY GRAPH event, at `now` in seconds since 1970.
pub(super) fn graph(latency: &Latency, name: &[u8], now: u64, reply: &mut Reply<'_>) -> Result<(), Error> {
    let event = latency.event(name).ok_or_else(|| {
        Error::new(format!("ERR No samples available for event '{}'", printable(name, 128)))
    })?;
    let name = printable(name, 128).to_ascii_lowercase();
    reply.verbatim(&drawn(&name, &event, now));
    Ok(())
}

fn drawn(name: &str, event: &Event, now: u64) -> String {
    let samples = &event.samples[event.samples.len().saturating_sub(RULE)..];
    let all = || samples.iter().map(|sample| sample.millis);
    let (high, low) = (all().max().unwrap_or(0), all().min().unwrap_or(0));
    let mut text = format!("{name} - high {high} ms, low {low} ms (all time high {} ms)\n", event.worst);
    let _ = writeln!(text, "{}", "-".repeat(RULE));
    for row in (0..ROWS).rev() {
        let line: String = all().map(|millis| mark(millis, low, high, row)).collect();
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
    ages(samples, now, &mut text);
    text
}

/// What a column shows in one of the rows, of which each has two halves.
fn mark(millis: u64, low: u64, high: u64, row: u64) -> char {
    let halves = (millis - low) * (2 * ROWS - 1) / (high - low).max(1);
    match halves.checked_sub(2 * row) {
        None => ' ',
        Some(0) => '_',
        Some(1) => 'o',
        Some(_) => '|',
    }
}

/// Below each column, read from top to bottom, how long ago it was.
fn ages(samples: &[Sample], now: u64, text: &mut String) {
    let ages: Vec<String> = samples.iter().map(|sample| age(now.saturating_sub(sample.at))).collect();
    for row in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        let line: String = ages.iter().map(|age| age.chars().nth(row).unwrap_or(' ')).collect();
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_high_as_their_samples() {
        let samples = vec![
            Sample { at: 0, millis: 300 },
            Sample { at: 90, millis: 500 },
            Sample { at: 99, millis: 400 },
        ];
        let text = drawn("command", &Event { worst: 600, samples }, 100);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "command - high 500 ms, low 300 ms (all time high 600 ms)");
        assert_eq!(&lines[2..], [" o", " |", " |o", "_||", "", "111", "m0s", " s"]);
    }
}
