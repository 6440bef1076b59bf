use super::*;
use std::fs;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Collects log lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {value:?}"));
    }
}

const ONE: &str = r#"[{"name": "a", "addr": "h:1"}]"#;
const TWO: &str = r#"[{"name": "a", "addr": "h:2"}, {"name": "b", "addr": "i:1", "weight": 0}]"#;

/// Puts each content in the file (none: deletes it), reloads, and gives what was said, without the folder's
/// name.
fn said(steps: &[(Option<&str>, bool)]) -> (Vec<String>, WatchStatus, u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("servers.json");
    fs::write(&file, ONE).unwrap();
    let (mut reloader, topologies) = Reloader::start(file.clone()).unwrap();
    let log = Log::default();
    let mut status = WatchStatus::default();
    tracing::subscriber::with_default(log.clone(), || {
        for (content, asked) in steps {
            match content {
                Some(content) => fs::write(&file, content).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            status = reloader.reload(*asked);
        }
    });
    let prefix = format!("{}/", folder.path().display());
    let lines = log.0.lock().unwrap().iter().map(|line| line.replace(&prefix, "")).collect();
    (lines, status, topologies.current().epoch())
}

#[test]
fn a_change_is_said_with_what_it_changes() {
    let (lines, status, epoch) = said(&[(Some(ONE), false), (Some(TWO), false), (Some(TWO), false)]);
    assert_eq!(
        lines,
        [
            "INFO servers.json: topology 2: added b (i:1), re-addressed a from h:1 to h:2, 0 of 16384 slots move"
        ]
    );
    assert_eq!((status, epoch), (WatchStatus { reloads: 1, refused: 0, refusal: None }, 2));
}

#[test]
fn the_same_members_written_differently_are_no_new_topology() {
    let (lines, status, epoch) = said(&[(Some(&format!("\n{ONE}")), false)]);
    assert_eq!((lines.len(), status.reloads, epoch), (0, 1, 1));
}

#[test]
fn each_refused_content_is_said_once() {
    let (lines, status, epoch) = said(&[
        (Some("["), false),
        (Some("["), false),
        (Some("[]"), false),
        (Some("["), false),
        (None, false),
        (Some(ONE), false),
        (Some("["), false),
    ]);
    let error = "servers.json:1:1: EOF while parsing a list";
    let starts = [
        format!("ERROR {error} (refused; topology 1 stays)"),
        "ERROR servers.json:1:1: has no members (refused;".into(),
        "ERROR servers.json: can't be read: No such file".into(),
        "INFO servers.json: good, topology 1 unchanged".into(),
        format!("ERROR {error}"),
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    lines.iter().zip(starts).for_each(|(line, start)| assert!(line.starts_with(&start), "{line}"));
    assert_eq!((status.reloads, status.refused, epoch), (1, 5, 1));
    assert!(status.refusal.unwrap().to_string().ends_with(error));
}

#[test]
fn who_asks_is_answered_even_if_nothing_is_new() {
    let (lines, status, _) = said(&[(Some(ONE), true), (Some("[]"), true), (Some("[]"), true)]);
    assert_eq!(
        lines.iter().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["INFO", "ERROR", "ERROR"]
    );
    assert_eq!((status.reloads, status.refused), (1, 2));
}
