//! Writes metrics as text: OpenMetrics 1.0, or the format that Prometheus had before it, for tools that know no other.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::collections::HashSet;
use std::fmt::Write;

use ringtail_protocol::stats::Sum;

use crate::family::Family;

#[cfg(test)]
mod tests;

/// In which of its forms the text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics.
    #[default]
    Open,
    /// Prometheus's own, version 0.0.4.
    Plain,
}

impl Format {
    /// The one that a request's `Accept` wants: OpenMetrics, unless only plain text will do.
    pub fn of(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        let wants = |kind: &str| accept.split(',').any(|part| part.trim_start().starts_with(kind));
        if wants("text/plain") && !wants("application/openmetrics-text") { Self::Plain } else { Self::Open }
    }

    /// What it is called in a header.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A number, whole or not.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A count.
    Whole(u64),
    /// A measure.
    Real(f64),
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<bool> for Number {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(value) => value.fmt(f),
            Self::Real(value) if value.is_nan() => f.write_str("NaN"),
            Self::Real(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { "+Inf" } else { "-Inf" })
            }
            Self::Real(value) => value.fmt(f),
        }
    }
}

/// Durations in a bounded number of buckets.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// Upper bounds in seconds, and how many durations are no longer.
    counts: Vec<(f64, u64)>,
    count: u64,
    sum: f64,
}

impl Buckets {
    /// Durations that were counted in ticks of so many nanoseconds. The bounds are exact to the histogram's own buckets, which are 6 % wide.
    pub fn of(durations: &Sum, nanos_of_tick: f64, bounds: &[f64]) -> Self {
        let within = |bound: &f64| (*bound, durations.within((bound * 1e9 / nanos_of_tick) as u64));
        Self {
            counts: bounds.iter().map(within).collect(),
            count: durations.total(),
            sum: durations.ticks() * nanos_of_tick / 1e9,
        }
    }
}

/// The text, as it is written. Samples of one family come one after the other.
#[derive(Debug)]
pub struct Metrics {
    text: String,
    format: Format,
    begun: HashSet<&'static str>,
    current: &'static str,
}

impl Metrics {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        Self { text: String::with_capacity(64 << 10), format, begun: HashSet::new(), current: "" }
    }

    /// The value of a family without labels.
    pub fn one(&mut self, family: &'static Family, value: impl Into<Number>) {
        self.with(family, &[], value);
    }

    /// The value for these labels, in the family's order.
    pub fn with(&mut self, family: &'static Family, labels: &[&str], value: impl Into<Number>) {
        self.begin(family);
        self.sample(family, family.kind.suffix(), labels, None, value.into());
    }

    /// A histogram for these labels, in the family's order.
    pub fn histogram(&mut self, family: &'static Family, labels: &[&str], buckets: &Buckets) {
        self.begin(family);
        for (bound, count) in &buckets.counts {
            self.sample(family, "_bucket", labels, Some(*bound), (*count).into());
        }
        self.sample(family, "_bucket", labels, Some(f64::INFINITY), buckets.count.into());
        self.sample(family, "_sum", labels, None, buckets.sum.into());
        self.sample(family, "_count", labels, None, buckets.count.into());
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::Open {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// Type, unit and help, before a family's first sample.
    fn begin(&mut self, family: &'static Family) {
        if self.current == family.name {
            return;
        }
        let is_new = self.begun.insert(family.name);
        debug_assert!(is_new, "{} is begun twice", family.name);
        self.current = family.name;
        let open = self.format == Format::Open;
        // Before OpenMetrics a family was called as its samples are.
        let name = if open { family.name.to_owned() } else { family.queried() };
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "# TYPE {name} {}", family.kind.name(open));
        if let (Some(unit), true) = (family.unit(), open) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        self.text.push_str("# HELP ");
        self.text.push_str(&name);
        self.text.push(' ');
        escape(&mut self.text, family.help, open);
        self.text.push('\n');
    }

    fn sample(&mut self, family: &Family, suffix: &str, values: &[&str], le: Option<f64>, value: Number) {
        debug_assert_eq!(family.labels.len(), values.len(), "labels of {}", family.name);
        self.text.push_str(family.name);
        self.text.push_str(suffix);
        let mut before = '{';
        for (label, value) in family.labels.iter().zip(values) {
            self.text.push(before);
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(&mut self.text, value, true);
            self.text.push('"');
            before = ',';
        }
        if let Some(bound) = le {
            let _ = write!(self.text, "{before}le=\"{}\"", Bound(bound));
            before = ',';
        }
        let end = if before == ',' { "}" } else { "" };
        let _ = writeln!(self.text, "{end} {value}");
    }
}

/// A bucket's bound: always with a point, as OpenMetrics wants floats written.
struct Bound(f64);

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_infinite() { f.write_str("+Inf") } else { write!(f, "{:?}", self.0) }
    }
}

/// A label's value or a help, in which nothing may end the line or the quotes.
fn escape(text: &mut String, value: &str, quotes: bool) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            c => text.push(c),
        }
    }
}
