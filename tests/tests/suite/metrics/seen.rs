//! What scrapes have shown, and which series nothing has moved.

use super::{Admin, SOON, value};
use ringtail_tests::harness::{repo_file, wait_for};
use std::collections::{BTreeMap, BTreeSet};

/// Labels that have as many values as there are commands, members, keys of somebody. One of them moved is enough; all other labels have
/// a few values, and each of these is a series that has to be moved.
const OPEN: &[&str] = &["command", "code", "member", "replica", "db", "program", "version"];

/// The values of a label whose series are only there where there is what they tell of. All others' are always exported.
const ROLES: [&str; 2] = ["primary", "replica"];

/// A series that no test moves, and why.
pub(super) type Still = (&'static str, &'static str);

/// All that scrapes have shown.
#[derive(Default)]
pub(super) struct Seen {
    names: BTreeSet<String>,
    /// By what has to be moved.
    series: BTreeMap<String, Series>,
}

/// What has to be moved: a family with those labels that have few values.
struct Series {
    /// Whether it goes up and down.
    is_gauge: bool,
    /// By process and all labels.
    values: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Series {
    /// A gauge had different values in one process, a counter or histogram has counted.
    fn is_moved(&self) -> bool {
        self.values.values().any(|values| match self.is_gauge {
            true => values.len() > 1,
            false => values.iter().any(|value| value.parse::<f64>().is_ok_and(|value| value > 0.0)),
        })
    }
}

impl Seen {
    /// Scrapes once, and keeps it.
    pub(super) fn scrape(&mut self, admin: &Admin) -> String {
        let (text, mut kind) = (admin.metrics(), "");
        for line in text.lines() {
            if let Some((_, its)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                kind = its;
            } else if let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
                self.keep(&admin.addr, kind, series, value);
            }
        }
        text
    }

    fn keep(&mut self, process: &str, kind: &str, series: &str, value: &str) {
        let name = series.split('{').next().unwrap_or_default();
        self.names.insert(name.to_owned());
        // Of a histogram the count tells enough.
        if kind == "histogram" && !name.ends_with("_count") {
            return;
        }
        let is_gauge = kind == "gauge";
        let new = || Series { is_gauge, values: BTreeMap::new() };
        let own = self.series.entry(without_open(series)).or_insert_with(new);
        own.values.entry((process.to_owned(), series.to_owned())).or_default().insert(value.to_owned());
    }

    /// Scrapes until a series has a value that is right.
    pub(super) fn until(&mut self, admin: &Admin, series: &str, is_right: impl Fn(f64) -> bool) {
        let mut last = None;
        let comes = wait_for(SOON, || {
            last = value(&self.scrape(admin), series);
            last.is_some_and(&is_right)
        });
        assert!(comes, "{series} stays {last:?}");
    }

    /// Fails for the series that nothing has moved, but for those that are said to stand still: these have to be there, and to do so.
    pub(super) fn assert_all_moved(&self, program: &str, still: &[Still]) {
        let there = |name: &String| self.series.contains_key(name);
        let missing: Vec<_> = declared(program).into_iter().filter(|name| !there(name)).collect();
        assert!(missing.is_empty(), "no scrape has {missing:#?}");
        let is_excused = |name: &str| still.iter().any(|(series, _)| *series == name);
        let wrong = |(name, series): &(&String, &Series)| series.is_moved() == is_excused(name);
        let wrong: Vec<_> = self.series.iter().filter(wrong).map(|(name, _)| name).collect();
        assert!(
            wrong.is_empty(),
            "nothing moves these, or they are said to stand still and don't: {wrong:#?}"
        );
        let unknown: Vec<_> = still.iter().filter(|(name, _)| !there(&(*name).to_owned())).collect();
        assert!(unknown.is_empty(), "there are no such series: {unknown:#?}");
    }

    /// The names by which samples are queried.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.names.clone()
    }
}

/// A series without those of its labels that have many values.
fn without_open(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let is_open = |label: &&str| label.split_once('=').is_some_and(|(label, _)| OPEN.contains(&label));
    let kept: Vec<&str> = labels.trim_end_matches('}').split(',').filter(|label| !is_open(label)).collect();
    if kept.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", kept.join(",")) }
}

/// What the page of metrics has of a program, of which no label's value is known but [`ROLES`].
fn declared(program: &str) -> Vec<String> {
    let page = std::fs::read_to_string(repo_file("docs/metrics.md")).expect("the page");
    let (_, part) = page.split_once(&format!("\n## {program}\n")).expect("a part for each program");
    let part = part.split("\n## ").next().unwrap_or_default();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    let series: Vec<String> = rows.flat_map(of_row).collect();
    assert!(series.len() > 30, "{program} has but {series:?}");
    series
}

/// The series of a row of the page: name, type, labels.
fn of_row(row: &str) -> Vec<String> {
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let suffix = if cells[2] == "histogram" { "_count" } else { "" };
    let name = format!("{}{suffix}", cells[1].trim_matches('`'));
    let labels: Vec<&str> = cells[3].split(", ").map(|label| label.trim_matches('`')).collect();
    let closed: Vec<&&str> =
        labels.iter().filter(|label| !label.is_empty() && !OPEN.contains(*label)).collect();
    match closed[..] {
        [] => vec![name],
        [&"role"] => ROLES.map(|role| format!("{name}{{role=\"{role}\"}}")).to_vec(),
        // All of its values are there as soon as one is.
        _ => Vec::new(),
    }
}
