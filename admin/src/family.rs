//! What a metric is, besides its value: declared once, for who writes it, for the page that lists all, and for tests.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process ends or CONFIG RESETSTAT.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations, counted in buckets.
    Histogram,
    /// Always 1; its labels say something.
    Info,
}

impl Kind {
    /// As the formats have it; only OpenMetrics knows what an info is.
    pub(crate) fn name(self, open_metrics: bool) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info if open_metrics => "info",
            Self::Info => "gauge",
        }
    }

    /// What a sample's name has behind that of its family.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// One metric, with all its labels' values.
#[derive(Debug)]
pub struct Family {
    /// Without what [`Kind::suffix`] puts behind it.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
}

impl Family {
    /// What it is measured in, which its name ends with; none if it is a number of things.
    pub fn unit(&self) -> Option<&'static str> {
        ["seconds", "bytes", "ratio"]
            .into_iter()
            .find(|unit| self.name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
    }

    /// The name that queries use: that of its samples, for a histogram without `_bucket`, `_sum` and `_count`.
    pub fn queried(&self) -> String {
        format!("{}{}", self.name, self.kind.suffix())
    }
}

/// Declares families, and the list of them.
///
/// ```
/// ringtail_admin::families! {
///     /// All of them.
///     pub static FAMILIES;
///     MEMBERS = Gauge "demo_members" []: "Members of the pool.";
///     FAULTS = Counter "demo_faults" ["member"]: "Errors that clients got because of a member.";
/// }
/// assert_eq!(FAMILIES.len(), 2);
/// ```
#[macro_export]
macro_rules! families {
    (
        $(#[$doc:meta])* $visibility:vis static $all:ident;
        $($name:ident = $kind:ident $text:literal [$($label:literal),*]: $help:literal;)*
    ) => {
        $(static $name: $crate::Family = $crate::Family {
            name: $text,
            kind: $crate::Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*
        $(#[$doc])* $visibility static $all: &[&$crate::Family] = &[$(&$name),*];
    };
}

/// A program's part of the page that lists all metrics: Markdown.
pub fn reference(program: &str, families: &[&Family]) -> String {
    format!("\n## {program}\n\n{}", table(families))
}

fn table(families: &[&Family]) -> String {
    let mut rows: Vec<String> = families.iter().map(|family| row(family)).collect();
    rows.sort();
    format!("| metric | type | labels | what it says |\n| --- | --- | --- | --- |\n{}", rows.concat())
}

fn row(family: &Family) -> String {
    let labels = family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    let kind = family.kind.name(true);
    format!("| `{}` | {kind} | {labels} | {} |\n", family.queried(), family.help.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    families! {
        static ALL;
        WAIT = Histogram "demo_wait_seconds" ["class"]: "How long | requests wait.";
        RUNS = Counter "demo_runs" []: "Runs.";
    }

    #[test]
    fn units_are_what_names_end_with() {
        assert_eq!((WAIT.unit(), RUNS.unit()), (Some("seconds"), None));
        assert_eq!(
            (WAIT.queried(), RUNS.queried()),
            ("demo_wait_seconds".to_owned(), "demo_runs_total".to_owned())
        );
    }

    #[test]
    fn a_row_for_each_by_name() {
        let table = table(ALL);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows[0], "| `demo_runs_total` | counter |  | Runs. |");
        assert_eq!(rows[1], "| `demo_wait_seconds` | histogram | `class` | How long \\| requests wait. |");
    }
}
