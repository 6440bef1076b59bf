//! The distribution of latencies as bars.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use ringtail::measure::Histogram;

use super::table::micros;

/// Columns of the longest bar.
const WIDTH: f64 = 50.0;
/// Eighths of a column.
const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar for each step of latency that has replies, and for those between them.
pub(super) fn draw(latency: &Histogram, colour: bool) -> String {
    let bars = bars(latency);
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let style = match colour {
        true => Style::new().fg_color(Some(AnsiColor::Cyan.into())),
        false => Style::new(),
    };
    let mut text = String::new();
    for (upto, count) in bars {
        let share = 100.0 * count as f64 / latency.count() as f64;
        let bar = bar(count as f64 / most as f64);
        let _ = writeln!(
            text,
            "  ≤ {:>7} {style}{bar}{style:#} {}",
            micros(upto as f64 / 1000.0),
            percent(share)
        );
    }
    text
}

/// Steps of 1, 2 and 5 with how many replies took as long, without the empty ones at both ends. Nanoseconds.
fn bars(latency: &Histogram) -> Vec<(u64, u64)> {
    let steps = (3..).flat_map(|power| [1, 2, 5].map(|step| step * 10_u64.pow(power)));
    let (mut bars, mut seen) = (Vec::new(), 0);
    for upto in steps {
        let within = latency.within(upto);
        if within > seen || !bars.is_empty() {
            bars.push((upto, within - seen));
        }
        seen = within;
        if seen == latency.count() {
            return bars;
        }
    }
    bars
}

fn bar(share: f64) -> String {
    let eighths = (share * WIDTH * 8.0).ceil() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

fn percent(share: f64) -> String {
    match share {
        0.0 => "0 %".into(),
        share if share < 0.01 => "< 0.01 %".into(),
        share => format!("{share:.2} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_shares() {
        let mut latency = Histogram::default();
        latency.record(15_000, 100);
        latency.record(80_000, 50);
        latency.record(90_000_000, 1);
        let text = draw(&latency, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12, "{text}");
        assert_eq!(lines[0], format!("  ≤ 20.0 µs {} 66.23 %", "█".repeat(50)));
        assert_eq!(lines[2], format!("  ≤  100 µs {} 33.11 %", "█".repeat(25)));
        assert_eq!((lines[1], lines[11]), ("  ≤ 50.0 µs  0 %", "  ≤  100 ms ▌ 0.66 %"));
        assert!(draw(&latency, true).contains("\x1b[36m"));
    }

    #[test]
    fn nothing_and_the_longest_time_are_drawn_too() {
        assert_eq!(draw(&Histogram::default(), false), "");
        let mut latency = Histogram::default();
        latency.record(u64::MAX, 1);
        latency.record(1, 1);
        assert!(draw(&latency, false).lines().count() > 20);
    }
}
