use ringtail_protocol::stats::Histogram;

use super::*;

crate::families! {
    static ALL;
    INFO = Info "demo_build" ["version"]: "What it is.";
    RUNS = Counter "demo_runs" ["who", "how"]: "Runs, of \"who\" \\ how.";
    HELD = Gauge "demo_held_bytes" []: "Bytes held.";
    WAIT = Histogram "demo_wait_seconds" ["class"]: "How long it took.";
}

fn durations() -> Buckets {
    let (histogram, mut sum) = (Histogram::default(), Sum::default());
    // In microseconds.
    for micros in [5, 900, 900, 20_000] {
        histogram.add(micros, 1);
    }
    sum.add(&histogram);
    Buckets::of(&sum, 1000.0, &[0.00001, 0.001, 1.0])
}

fn all(format: Format) -> String {
    let mut out = Metrics::new(format);
    out.with(&INFO, &["1.0"], true);
    out.with(&RUNS, &["a\"b\\c\nd", "é"], 7_u64);
    out.with(&RUNS, &["b", ""], 0_u64);
    out.one(&HELD, 1.5);
    out.histogram(&WAIT, &["read"], &durations());
    assert_eq!(out.begun.len(), ALL.len());
    out.finish()
}

#[test]
fn open_metrics() {
    let text = all(Format::Open);
    let (text, sum) = without_sum(&text);
    assert!((0.0215..0.0222).contains(&sum), "{sum}");
    assert_eq!(
        text,
        r#"# TYPE demo_build info
# HELP demo_build What it is.
demo_build_info{version="1.0"} 1
# TYPE demo_runs counter
# HELP demo_runs Runs, of \"who\" \\ how.
demo_runs_total{who="a\"b\\c\nd",how="é"} 7
demo_runs_total{who="b",how=""} 0
# TYPE demo_held_bytes gauge
# UNIT demo_held_bytes bytes
# HELP demo_held_bytes Bytes held.
demo_held_bytes 1.5
# TYPE demo_wait_seconds histogram
# UNIT demo_wait_seconds seconds
# HELP demo_wait_seconds How long it took.
demo_wait_seconds_bucket{class="read",le="1e-5"} 1
demo_wait_seconds_bucket{class="read",le="0.001"} 3
demo_wait_seconds_bucket{class="read",le="1.0"} 4
demo_wait_seconds_bucket{class="read",le="+Inf"} 4
demo_wait_seconds_count{class="read"} 4
# EOF
"#
    );
}

/// The text without the histogram's sum, and that.
fn without_sum(text: &str) -> (String, f64) {
    let is_sum = |line: &&str| line.starts_with("demo_wait_seconds_sum");
    let sum = text.lines().find(is_sum).and_then(|line| line.rsplit_once(' ')).map(|(_, sum)| sum.parse());
    let rest = text.lines().filter(|line| !is_sum(line)).flat_map(|line| [line, "\n"]).collect();
    (rest, sum.unwrap().unwrap())
}

#[test]
fn the_older_format() {
    let text = all(Format::Plain);
    for line in [
        "# TYPE demo_build_info gauge",
        "# TYPE demo_runs_total counter",
        "# HELP demo_runs_total Runs, of \"who\" \\\\ how.",
        "# TYPE demo_wait_seconds histogram",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
    assert!(!text.contains("# UNIT") && !text.contains("# EOF"));
}

#[test]
fn what_accept_wants() {
    assert_eq!(Format::of(None), Format::Open);
    assert_eq!(Format::of(Some("*/*")), Format::Open);
    assert_eq!(Format::of(Some("text/plain;version=0.0.4")), Format::Plain);
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    assert_eq!(Format::of(Some(prometheus)), Format::Open);
}

#[test]
fn numbers_that_are_none() {
    let shown = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|value| Number::from(value).to_string());
    assert_eq!(shown, ["NaN", "+Inf", "-Inf"]);
}

#[test]
#[should_panic(expected = "begun twice")]
fn a_family_is_not_torn_apart() {
    let mut out = Metrics::new(Format::Open);
    out.one(&HELD, 1_u64);
    out.with(&INFO, &[""], true);
    out.one(&HELD, 2_u64);
}
