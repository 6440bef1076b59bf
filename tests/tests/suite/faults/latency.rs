//! How long requests to the healthy members take, in the quiet and beside trouble.

use super::log::Stage;
use ringtail_tests::harness::pause;
use std::time::{Duration, Instant};

/// The load is the same at all times.
const PACE: Duration = Duration::from_millis(1);

/// How far the quiet windows may be apart for the others to be compared with them, and how far those may be above.
const BAR: f64 = 0.20;

/// When a request was sent, and what it took.
pub(super) type Sample = (Instant, Duration);

/// From and to.
pub(super) type Window = (Instant, Instant);

/// Asks for one key of a healthy member, again and again.
pub(super) fn measure(stage: &Stage, key: &str) -> Vec<Sample> {
    let (mut conn, mut samples) = (stage.endpoint.open(), Vec::new());
    while !stage.is_over() {
        let begun = Instant::now();
        match conn.try_call(&["GET", key]) {
            Ok(value) if value.bytes() == Some(key.as_bytes()) => samples.push((begun, begun.elapsed())),
            Ok(other) => stage.odd(key, &other),
            Err(error) => stage.wrong(format!("a healthy member's client: {error}")),
        }
        pause(PACE);
    }
    samples
}

/// The 99th percentile of what was sent within the window.
pub(super) fn p99(samples: &[Sample], (from, to): Window) -> Option<Duration> {
    let mut within: Vec<Duration> =
        samples.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, took)| *took).collect();
    within.sort_unstable();
    within.get(within.len() * 99 / 100).copied()
}

fn median(values: &mut [Duration]) -> Option<Duration> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Says how much slower it was beside trouble. `Err` if it was more than the bar, on a machine that is quiet enough to tell.
pub(super) fn judge(samples: &[Sample], quiet: &[Window], trouble: &[Window]) -> Result<String, String> {
    let all =
        |windows: &[Window]| windows.iter().filter_map(|window| p99(samples, *window)).collect::<Vec<_>>();
    let (mut before, mut beside) = (all(quiet), all(trouble));
    let (Some(calm), Some(stormy)) = (median(&mut before), median(&mut beside)) else {
        return Err("nothing was measured".into());
    };
    let (calm, stormy) = (calm.as_secs_f64(), stormy.as_secs_f64());
    let spread = (before[before.len() - 1] - before[0]).as_secs_f64() / calm;
    let text = format!(
        "healthy members: p99 {:.0} us in the quiet, {:.0} us beside trouble ({:+.0} %)",
        calm * 1e6,
        stormy * 1e6,
        (stormy / calm - 1.0) * 100.0
    );
    if spread > BAR {
        return Ok(format!(
            "{text}; not judged: the quiet windows are {:.0} % apart themselves",
            spread * 100.0
        ));
    }
    if stormy > calm * (1.0 + BAR) { Err(text) } else { Ok(text) }
}
