//! A list, one who pushes to it and one who waits at it: each element arrives once, and in order.

use super::log::{Fate, Stage};
use ringtail_tests::harness::pause;
use ringtail_tests::resp::Value;
use std::collections::HashSet;
use std::time::{Duration, Instant};

const PACE: Duration = Duration::from_millis(10);

/// What was pushed.
#[derive(Default)]
pub(super) struct Pushed {
    acknowledged: Vec<u64>,
    most: u64,
}

/// What came out.
#[derive(Default)]
pub(super) struct Taken {
    seen: HashSet<u64>,
    last: u64,
    /// Waits that ended in an error: each may have taken one element with it.
    doubts: usize,
}

pub(super) fn push(stage: &Stage, list: &str, frail: bool) -> Pushed {
    let (mut conn, mut pushed) = (stage.endpoint.open(), Pushed::default());
    while !stage.is_over() {
        pushed.most += 1;
        let begun = Instant::now();
        match conn.try_call(&["RPUSH", list, &format!("{list}|{}", pushed.most)]) {
            Ok(Value::Int(_)) => pushed.acknowledged.push(pushed.most),
            Ok(Value::Error(text)) => _ = stage.error(begun, frail, &text),
            Ok(other) => stage.odd("RPUSH", &other),
            Err(error) => {
                stage.wrong(format!("RPUSH: {error}"));
                conn = stage.endpoint.open();
            }
        }
        pause(PACE);
    }
    pushed
}

/// Takes elements until the stage is over and none is left.
pub(super) fn take(stage: &Stage, list: &str, frail: bool) -> Taken {
    let (mut conn, mut taken) = (stage.endpoint.open(), Taken::default());
    loop {
        let (begun, over) = (Instant::now(), stage.is_over());
        match conn.try_call(&["BLPOP", list, "0.5"]) {
            Ok(Value::Array(pair)) => taken.note(stage, list, frail, &pair),
            Ok(Value::NilArray | Value::Nil) if over => return taken,
            Ok(Value::NilArray | Value::Nil) => {}
            Ok(Value::Error(text)) => {
                taken.doubts += usize::from(stage.error(begun, frail, &text) == Fate::InDoubt);
                pause(PACE);
            }
            Ok(other) => stage.odd("BLPOP", &other),
            Err(error) => {
                stage.wrong(format!("BLPOP: {error}"));
                conn = stage.endpoint.open();
            }
        }
    }
}

impl Taken {
    fn note(&mut self, stage: &Stage, list: &str, frail: bool, pair: &[Value]) {
        let element =
            pair.get(1).and_then(Value::bytes).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let number =
            element.as_deref().and_then(|e| e.strip_prefix(list)?.strip_prefix('|')?.parse::<u64>().ok());
        let own = pair.len() == 2 && pair[0].bytes() == Some(list.as_bytes());
        let Some(number) = number.filter(|_| own) else {
            return stage.wrong(format!("BLPOP {list}: {element:?}"));
        };
        // A push in doubt may arrive after a later one.
        if !self.seen.insert(number) || (!frail && number < self.last) {
            stage.wrong(format!("BLPOP {list}: element {number} came twice, or after {}", self.last));
        }
        self.last = number;
    }

    /// Nothing came that was not pushed, and of what was pushed no more is missing than waits are in doubt.
    pub(super) fn judge(&self, stage: &Stage, list: &str, frail: bool, pushed: &Pushed) {
        if let Some(odd) = self.seen.iter().find(|n| **n > pushed.most) {
            stage.wrong(format!("{list}: element {odd} was never pushed"));
        }
        let missing = pushed.acknowledged.iter().filter(|n| !self.seen.contains(n)).count();
        if missing > self.doubts && !(frail && stage.was_emptied()) {
            stage.wrong(format!("{list}: {missing} elements never came, {} waits are in doubt", self.doubts));
        }
    }
}
