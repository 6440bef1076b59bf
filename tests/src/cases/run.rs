use super::{Case, Pattern, Step, split_words};
use crate::harness::{say, wait_for};
use crate::resp::{Conn, Endpoint, Value};
use std::collections::HashMap;
use std::time::Duration;

/// How long a reply, or one that comes eventually, may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// In place of a command: nothing is sent, and the reply is what comes next.
const NEXT: &str = "...";

/// What the table is run against.
pub struct Target<'a> {
    /// What a failure calls it.
    pub name: &'a str,
    /// What selects its own replies in the table.
    pub selectors: &'a [&'a str],
    /// Where it listens.
    pub endpoint: Endpoint,
}

impl Target<'_> {
    fn is(&self, selector: &str) -> bool {
        self.selectors.contains(&selector)
    }

    /// Whether a case says something of this target.
    fn takes(&self, case: &Case, resp3: bool) -> bool {
        let pool = self.is("pool");
        !(case.has("resp2") && resp3
            || case.has("resp3") && !resp3
            || case.has("alone") && pool
            || case.has("pool") && !pool
            || case.has("ringtail") && (self.is("redis") || self.is("redis-pool")))
    }
}

/// What a run found.
#[derive(Default)]
pub struct Report {
    /// Cases that ran, each once in each protocol.
    pub cases: usize,
    /// Commands that they sent.
    pub commands: usize,
    /// One line for each case that failed.
    pub failures: Vec<String>,
    /// The target can't be emptied: nothing that follows would tell anything.
    broken: bool,
}

impl Report {
    /// Panics with every failure, if there is one; prints the counts.
    pub fn check(&self, target: &str) {
        let failed = self.failures.len();
        say(&format!("{target}: {} cases, {} commands, {failed} failed", self.cases, self.commands));
        assert!(failed == 0, "{failed} of {} cases failed:\n{}", self.cases, self.failures.join("\n"));
    }
}

/// Runs every case that fits the target, in RESP2 and in RESP3.
pub fn run(cases: &[Case], target: &Target) -> Report {
    let mut report = Report::default();
    for resp3 in [false, true] {
        let mut runner = Runner { target, resp3, shared: None, report: &mut report };
        for case in cases.iter().filter(|case| target.takes(case, resp3)) {
            runner.case(case);
        }
    }
    report
}

struct Runner<'a> {
    target: &'a Target<'a>,
    resp3: bool,
    /// The connection of all cases that leave it as it was.
    shared: Option<Conn>,
    report: &'a mut Report,
}

impl Runner<'_> {
    fn case(&mut self, case: &Case) {
        if self.report.broken {
            return;
        }
        self.report.cases += 1;
        if let Err(why) = self.try_case(case) {
            let protocol = if self.resp3 { "RESP3" } else { "RESP2" };
            self.report.failures.push(format!("{} ({}, {protocol}) {why}", self.target.name, case.title));
        }
    }

    fn try_case(&mut self, case: &Case) -> Result<(), String> {
        let first = match self.shared.take() {
            Some(conn) if !case.has("own") => conn,
            _ => self.connect().map_err(|e| format!("{}: {e}", case.at))?,
        };
        let mut conns = HashMap::from([('a', first)]);
        let mut kept = HashMap::new();
        let flushed = self.step_on(&mut conns, &flush(&case.at), &mut kept);
        self.report.broken = flushed.is_err();
        flushed?;
        for step in &case.steps {
            self.step_on(&mut conns, step, &mut kept)?;
        }
        if !case.has("own") {
            self.shared = conns.remove(&'a');
        }
        Ok(())
    }

    fn connect(&self) -> std::io::Result<Conn> {
        let mut conn = self.target.endpoint.connect()?;
        conn.set_patience(PATIENCE);
        if self.resp3 {
            conn.try_call(&["HELLO", "3"])?;
        }
        Ok(conn)
    }

    fn step_on(
        &mut self,
        conns: &mut HashMap<char, Conn>,
        step: &Step,
        kept: &mut HashMap<String, String>,
    ) -> Result<(), String> {
        self.report.commands += 1;
        let conn = match conns.entry(step.conn) {
            std::collections::hash_map::Entry::Occupied(conn) => conn.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(self.connect().map_err(|e| format!("{}: {e}", step.at))?)
            }
        };
        let want = self.expected(step);
        let got = self.ask(conn, step, want, kept)?;
        if !want.matches(&got, self.resp3) {
            return Err(format!("{} {}: expected {want}, got {got}", step.at, step.command));
        }
        if let Some(name) = &step.keep {
            kept.insert(name.clone(), plain_text(&got));
        }
        Ok(())
    }

    fn ask(
        &self,
        conn: &mut Conn,
        step: &Step,
        want: &Pattern,
        kept: &HashMap<String, String>,
    ) -> Result<Value, String> {
        let words = split_words(&step.command).map_err(|e| format!("{}: {e}", step.at))?;
        let words: Vec<Vec<u8>> = words.into_iter().map(|word| filled(word, kept)).collect();
        let mut got = if step.command == NEXT { conn.read() } else { conn.try_call(&words) };
        if step.eventually {
            wait_for(PATIENCE, || {
                let done = got.as_ref().map_or(true, |value| want.matches(value, self.resp3));
                if !done {
                    got = conn.try_call(&words);
                }
                done
            });
        }
        got.map_err(|e| format!("{} {}: {e}", step.at, step.command))
    }

    /// The most particular reply that is given for this target.
    fn expected<'s>(&self, step: &'s Step) -> &'s Pattern {
        let protocol = if self.resp3 { "resp3" } else { "resp2" };
        let fits = |who: &[String]| who.iter().all(|w| w == protocol || self.target.is(w));
        let fitting = step.others.iter().filter(|(who, _)| fits(who));
        fitting.max_by_key(|(who, _)| who.len()).map_or(&step.reply, |(_, reply)| reply)
    }
}

/// Every case starts with nothing stored.
fn flush(at: &str) -> Step {
    Step {
        at: at.into(),
        conn: 'a',
        command: "FLUSHALL".into(),
        reply: Pattern::Is(Value::Simple("OK".into())),
        eventually: false,
        keep: None,
        others: Vec::new(),
    }
}

/// A word with `$name` replaced by what was kept under it.
fn filled(word: Vec<u8>, kept: &HashMap<String, String>) -> Vec<u8> {
    let name = word.strip_prefix(b"$").and_then(|name| std::str::from_utf8(name).ok());
    match name.and_then(|name| kept.get(name)) {
        Some(value) => value.clone().into_bytes(),
        None => word,
    }
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::Int(n) => n.to_string(),
        other => other.bytes().map_or_else(|| other.to_string(), |b| String::from_utf8_lossy(b).into_owned()),
    }
}
