//! Random commands against a model that is too simple to be wrong: a map with expiries.

use crate::command::testing::{Harness, START};
use crate::store::GROUPS;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Op {
    Set(u8, String, Option<u64>, &'static str),
    Get(u8),
    Incr(u8, i8),
    Append(u8, String),
    SetRange(u8, u16, String),
    Del(u8, u8),
    Expire(u8, i64, &'static str),
    Persist(u8),
    Ttl(u8),
    Rename(u8, u8, bool),
    Copy(u8, u8, u8, bool),
    Move(u8, u8),
    Select(u8),
    Swap(u8, u8),
    Flush,
    Advance(u64),
    /// What a worker does besides requests.
    ExpireActively,
    /// Every key, one call of SCAN after the other.
    Scan(u8),
}

type Value = (Vec<u8>, Option<u64>);

#[derive(Default)]
struct Model {
    keys: BTreeMap<(u8, String), Value>,
    now: u64,
    db: u8,
}

/// Few keys, some of which share a slot.
fn name(key: u8) -> String {
    ["a", "b", "{a}1", "{a}2", "c"][usize::from(key) % 5].to_owned()
}

impl Model {
    fn at(&self, key: u8) -> (u8, String) {
        (self.db, name(key))
    }

    fn sweep(&mut self) {
        let now = self.now;
        self.keys.retain(|_, (_, at)| at.is_none_or(|at| at > now));
    }

    fn set(&mut self, key: u8, value: &str, life: Option<u64>, option: &str) -> String {
        let at = self.at(key);
        let old = self.keys.get(&at).cloned();
        if (option == "NX" && old.is_some()) || (option == "XX" && old.is_none()) {
            return "nil".to_owned();
        }
        let expiry =
            if option == "KEEPTTL" { old.and_then(|(_, at)| at) } else { life.map(|ms| self.now + ms) };
        self.keys.insert(at, (value.as_bytes().to_vec(), expiry));
        "OK".to_owned()
    }

    fn edit(&mut self, key: u8, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let value = &mut self.keys.entry(self.at(key)).or_default().0;
        change(value);
        value.len().to_string()
    }

    fn incr(&mut self, key: u8, by: i8) -> String {
        let at = self.at(key);
        let old = self
            .keys
            .get(&at)
            .map_or("0".to_owned(), |(value, _)| String::from_utf8_lossy(value).into_owned());
        let Some(old) = old.parse::<i64>().ok().filter(|n| n.to_string() == old) else {
            return "-ERR value is not an integer or out of range".to_owned();
        };
        let new = old + i64::from(by);
        self.keys.entry(at).or_default().0 = new.to_string().into_bytes();
        new.to_string()
    }

    fn expire(&mut self, key: u8, life: i64, condition: &str) -> String {
        let (at, new) = (self.at(key), self.now as i64 + life);
        let Some((_, expiry)) = self.keys.get_mut(&at) else { return "0".to_owned() };
        let old = expiry.map(|at| at as i64);
        let allowed = match condition {
            "NX" => old.is_none(),
            "XX" => old.is_some(),
            "GT" => old.is_some_and(|old| new > old),
            "LT" => old.is_none_or(|old| new < old),
            _ => true,
        };
        if allowed {
            *expiry = Some(new as u64);
            self.sweep();
        }
        i32::from(allowed).to_string()
    }

    fn rename(&mut self, from: u8, to: u8, nx: bool) -> String {
        let (from, to) = (self.at(from), self.at(to));
        if !self.keys.contains_key(&from) {
            return "-ERR no such key".to_owned();
        }
        if nx && self.keys.contains_key(&to) {
            return "0".to_owned();
        }
        if let Some(value) = self.keys.remove(&from) {
            self.keys.insert(to, value);
        }
        if nx { "1".to_owned() } else { "OK".to_owned() }
    }

    fn copy(&mut self, from: u8, to: (u8, String), replace: bool, take: bool) -> String {
        let from = self.at(from);
        if from == to || (take && from.0 == to.0) {
            return "-ERR source and destination objects are the same".to_owned();
        }
        let Some(value) = self.keys.get(&from).cloned() else { return "0".to_owned() };
        if self.keys.contains_key(&to) && !replace {
            return "0".to_owned();
        }
        if take {
            self.keys.remove(&from);
        }
        self.keys.insert(to, value);
        "1".to_owned()
    }

    fn swap(&mut self, a: u8, b: u8) -> String {
        let exchanged = |db| {
            if db == a {
                b
            } else if db == b {
                a
            } else {
                db
            }
        };
        let keys = std::mem::take(&mut self.keys);
        self.keys = keys.into_iter().map(|((db, key), value)| ((exchanged(db), key), value)).collect();
        "OK".to_owned()
    }

    fn names(&self) -> Vec<String> {
        self.keys.keys().filter(|(db, _)| *db == self.db).map(|(_, key)| key.clone()).collect()
    }

    fn get(&self, key: u8) -> String {
        self.keys
            .get(&self.at(key))
            .map_or("nil".to_owned(), |(value, _)| format!("'{}'", value.escape_ascii()))
    }

    fn ttl(&self, key: u8) -> String {
        match self.keys.get(&self.at(key)) {
            None => "-2".to_owned(),
            Some((_, None)) => "-1".to_owned(),
            Some((_, Some(at))) => (at - self.now).to_string(),
        }
    }
}

/// Runs one command on both; the replies.
fn step(t: &mut Harness, model: &mut Model, op: &Op) -> (String, String) {
    let key = name;
    match op {
        Op::Set(k, v, life, option) => {
            let life = life.filter(|_| *option != "KEEPTTL");
            let px = life.map_or(String::new(), |ms| format!("PX {ms}"));
            (t.run(&format!("SET {} '{v}' {px} {option}", key(*k))), model.set(*k, v, life, option))
        }
        Op::Get(k) => (t.run(&format!("GET {}", key(*k))), model.get(*k)),
        Op::Incr(k, by) => (t.run(&format!("INCRBY {} {by}", key(*k))), model.incr(*k, *by)),
        Op::Append(k, v) => {
            let ours = t.run(&format!("APPEND {} '{v}'", key(*k)));
            (ours, model.edit(*k, |value| value.extend_from_slice(v.as_bytes())))
        }
        Op::SetRange(k, at, v) => set_range(t, model, *k, usize::from(*at), v),
        Op::Del(k, j) => {
            let ours = t.run(&format!("DEL {} {}", key(*k), key(*j)));
            let (k, j) = (model.at(*k), model.at(*j));
            let gone =
                usize::from(model.keys.remove(&k).is_some()) + usize::from(model.keys.remove(&j).is_some());
            (ours, gone.to_string())
        }
        Op::Expire(k, life, condition) => {
            (t.run(&format!("PEXPIRE {} {life} {condition}", key(*k))), model.expire(*k, *life, condition))
        }
        Op::Persist(k) => {
            let at = model.at(*k);
            let had = model.keys.get_mut(&at).and_then(|(_, expiry)| expiry.take()).is_some();
            (t.run(&format!("PERSIST {}", key(*k))), i32::from(had).to_string())
        }
        Op::Ttl(k) => (t.run(&format!("PTTL {}", key(*k))), model.ttl(*k)),
        Op::Rename(k, j, nx) => {
            let nx_name = if *nx { "RENAMENX" } else { "RENAME" };
            (t.run(&format!("{nx_name} {} {}", key(*k), key(*j))), model.rename(*k, *j, *nx))
        }
        Op::Copy(k, j, db, replace) => {
            let option = if *replace { "REPLACE" } else { "" };
            let ours = t.run(&format!("COPY {} {} DB {db} {option}", key(*k), key(*j)));
            (ours, model.copy(*k, (*db, name(*j)), *replace, false))
        }
        Op::Move(k, db) => {
            (t.run(&format!("MOVE {} {db}", key(*k))), model.copy(*k, (*db, name(*k)), false, true))
        }
        Op::Select(db) => {
            model.db = *db;
            (t.run(&format!("SELECT {db}")), "OK".to_owned())
        }
        Op::Swap(a, b) => (t.run(&format!("SWAPDB {a} {b}")), model.swap(*a, *b)),
        Op::Flush => {
            model.keys.retain(|(db, _), _| *db != model.db);
            (t.run("FLUSHDB"), "OK".to_owned())
        }
        Op::Advance(ms) => {
            t.advance(*ms);
            model.now += ms;
            model.sweep();
            (String::new(), String::new())
        }
        Op::ExpireActively => expire_actively(t, model),
        Op::Scan(count) => (format!("{:?}", scanned(t, *count)), format!("{:?}", model.names())),
    }
}

fn set_range(t: &mut Harness, model: &mut Model, k: u8, at: usize, v: &str) -> (String, String) {
    let ours = t.run(&format!("SETRANGE {} {at} '{v}'", name(k)));
    if v.is_empty() {
        return (ours, model.keys.get(&model.at(k)).map_or(0, |(value, _)| value.len()).to_string());
    }
    let theirs = model.edit(k, |value| {
        value.resize(value.len().max(at + v.len()), 0);
        value[at..at + v.len()].copy_from_slice(v.as_bytes());
    });
    (ours, theirs)
}

/// After it, nothing that has expired takes memory.
fn expire_actively(t: &mut Harness, model: &Model) -> (String, String) {
    let (store, mut left) = (&t.server.store, 0);
    for group in 0..GROUPS {
        let mut slots = store.lock(group);
        while slots.expire(t.now, 2, drop) {}
        left += (0..16).map(|db| slots.counts(db).0).sum::<u64>();
    }
    (left.to_string(), model.keys.len().to_string())
}

fn scanned(t: &mut Harness, count: u8) -> Vec<String> {
    let (mut cursor, mut names) = ("0".to_owned(), Vec::new());
    loop {
        let replies = t.replies(format!("SCAN {cursor} COUNT {count}\r\n").into_bytes());
        let reply = replies[0].as_array().unwrap();
        names.extend(reply[1].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()));
        cursor = reply[0].as_str().unwrap().to_owned();
        if cursor == "0" {
            names.sort();
            names.dedup();
            return names;
        }
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = || 0u8..5;
    let db = || 0u8..3;
    let life = || prop_oneof![1u64..20, Just(1000)];
    // Long ones too, which are kept apart.
    let text = || prop_oneof!["[a-z]{0,9}", "-?[0-9]{1,4}", Just("long".repeat(1100))];
    let condition = prop_oneof![Just(""), Just("NX"), Just("XX"), Just("GT"), Just("LT")];
    let option = prop_oneof![Just(""), Just("NX"), Just("XX"), Just("KEEPTTL")];
    let op = prop_oneof![
        5 => (key(), text(), proptest::option::of(life()), option).prop_map(|(k, v, l, o)| Op::Set(k, v, l, o)),
        2 => key().prop_map(Op::Get),
        2 => (key(), any::<i8>()).prop_map(|(k, by)| Op::Incr(k, by)),
        2 => (key(), text()).prop_map(|(k, v)| Op::Append(k, v)),
        2 => (key(), prop_oneof![0u16..20, Just(5000)], "[a-z]{0,5}").prop_map(|(k, at, v)| Op::SetRange(k, at, v)),
        2 => (key(), key()).prop_map(|(k, j)| Op::Del(k, j)),
        4 => (key(), -5i64..20, condition).prop_map(|(k, l, c)| Op::Expire(k, l, c)),
        1 => key().prop_map(Op::Persist),
        1 => key().prop_map(Op::Ttl),
        2 => (key(), key(), any::<bool>()).prop_map(|(k, j, nx)| Op::Rename(k, j, nx)),
        3 => (key(), key(), db(), any::<bool>()).prop_map(|(k, j, db, r)| Op::Copy(k, j, db, r)),
        2 => (key(), db()).prop_map(|(k, db)| Op::Move(k, db)),
        1 => db().prop_map(Op::Select),
        1 => (db(), db()).prop_map(|(a, b)| Op::Swap(a, b)),
        1 => Just(Op::Flush),
        2 => (0u64..8).prop_map(Op::Advance),
        1 => Just(Op::ExpireActively),
        1 => (1u8..5).prop_map(Op::Scan),
    ];
    proptest::collection::vec(op, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_map_with_expiries(ops in ops()) {
        let mut t = Harness::new();
        let mut model = Model { now: START, ..Model::default() };
        for op in &ops {
            let (ours, theirs) = step(&mut t, &mut model, op);
            prop_assert_eq!(ours, theirs, "{:?}", op);
        }
        for group in 0..GROUPS {
            t.server.store.lock(group).check(t.server.store.hasher());
        }
        for db in 0..3 {
            step(&mut t, &mut model, &Op::Select(db));
            for key in 0..5 {
                for op in [Op::Get(key), Op::Ttl(key)] {
                    let (ours, theirs) = step(&mut t, &mut model, &op);
                    prop_assert_eq!(ours, theirs, "at the end: {:?} of database {}", op, db);
                }
            }
        }
    }
}
