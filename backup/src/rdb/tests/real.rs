//! Beside a real redis-server: it loads what is written here, and what it writes is read.

use super::super::restore;
use super::files::{read, written};
use crate::tests::given::Kept;
use crate::{Collected, Value};
use ringtail_tests::harness::{Redis, scratch};
use ringtail_tests::resp::{Conn, Value as Reply};
use std::collections::BTreeMap;
use std::path::Path;

/// Values of every type in every form, small and large.
const LINES: &[&str] = &[
    "SET number 12345",
    "SET text abababababababababababababababababababababababab",
    "SET expires v PXAT 99999999999999",
    "RPUSH small a 1 -5000 70000 9223372036854775807",
    "SADD ints 1 2 70000 -9",
    "SADD words a 2 c",
    "ZADD scores 1.5 a -3 b inf c 0.1 d",
    "HSET fields f 1 g value",
    "XADD stream 1-1 f v g w",
    "XADD stream 2-0 f v",
    "XADD stream 3-0 f v g w",
    "XDEL stream 2-0",
    "XGROUP CREATE stream group 0",
    "XGROUP CREATE stream idle $ ENTRIESREAD 1",
    "XREADGROUP GROUP group me COUNT 1 STREAMS stream >",
    "XREADGROUP GROUP group you COUNT 1 STREAMS stream >",
    "XADD empty 5-5 a b",
    "XDEL empty 5-5",
    "PFADD unique a b c",
    "SELECT 3",
    "SET elsewhere v",
    "SELECT 0",
];

fn fill(conn: &mut Conn) {
    for line in LINES {
        assert!(!matches!(conn.run(line), Reply::Error(_)), "{line}");
    }
    let numbers: Vec<String> = (0..2000).map(|n| format!("element:{n}")).collect();
    let all = |head: &[&str], each: &dyn Fn(usize, &String) -> Vec<String>| {
        let mut request: Vec<String> = head.iter().map(|word| word.to_string()).collect();
        numbers.iter().enumerate().for_each(|(nth, number)| request.extend(each(nth, number)));
        request
    };
    conn.call(&all(&["RPUSH", "large-list"], &|_, n| vec![n.clone()]));
    conn.call(&all(&["SADD", "large-set"], &|_, n| vec![n.clone()]));
    conn.call(&all(&["HSET", "large-hash"], &|nth, n| vec![n.clone(), nth.to_string()]));
    conn.call(&all(&["ZADD", "large-scores"], &|nth, n| vec![format!("{}", nth as f64 / 3.0), n.clone()]));
    for (nth, text) in numbers.iter().enumerate().take(500) {
        conn.run(&format!("XADD large-stream 7-{} number {nth} text {text}", nth + 1));
    }
    conn.call(&[&b"SET"[..], b"bin\0ary\xff", b"\0\r\n\xff"]);
    let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    assert_eq!(conn.call(&["FUNCTION", "LOAD", code]).text(), "lib");
}

/// What has no order is put into one.
fn ordered(mut value: Value) -> Value {
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::Hash(fields) => fields.sort(),
        Value::SortedSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        _ => {}
    }
    value
}

type State = BTreeMap<(u32, Vec<u8>), (Option<u64>, Value)>;

/// What the server has, asked key by key.
fn state(conn: &mut Conn) -> State {
    let mut state = State::new();
    for db in [0, 3] {
        conn.run(&format!("SELECT {db}"));
        let Reply::Array(keys) = conn.run("KEYS *") else { panic!("no keys") };
        for key in keys {
            let key = key.bytes().unwrap().to_vec();
            let dumped = conn.call(&[&b"DUMP"[..], &key]);
            let mut value = Collected::default();
            restore(dumped.bytes().unwrap(), &mut value).unwrap();
            let at = u64::try_from(conn.call(&[&b"PEXPIRETIME"[..], &key]).int()).ok();
            state.insert((db, key), (at, ordered(value.take().unwrap())));
        }
    }
    conn.run("SELECT 0");
    state
}

fn as_state(all: Vec<Kept>) -> State {
    all.into_iter().map(|(db, key, at, value)| ((db, key), (at, ordered(value.unwrap())))).collect()
}

#[test]
fn what_redis_wrote_is_read() {
    let Some(redis) = Redis::start(&[]) else { return };
    let mut conn = redis.endpoint.open();
    fill(&mut conn);
    for compression in ["yes", "no"] {
        conn.run(&format!("CONFIG SET rdbcompression {compression}"));
        conn.run("SAVE");
        let Reply::Array(dir) = conn.run("CONFIG GET dir") else { panic!("no directory") };
        let file = std::fs::read(Path::new(&dir[1].text()).join("dump.rdb")).unwrap();
        let (all, libraries) = read(&file).unwrap();
        assert_eq!(as_state(all), state(&mut conn));
        assert!(libraries.len() == 1 && libraries[0].starts_with(b"#!lua name=lib"));
    }
}

#[test]
fn redis_loads_what_is_written() {
    let Some(redis) = Redis::start(&[]) else { return };
    let mut conn = redis.endpoint.open();
    fill(&mut conn);
    let had = state(&mut conn);
    let all: Vec<Kept> =
        had.clone().into_iter().map(|((db, key), (at, value))| (db, key, at, Some(value))).collect();
    let dir = scratch("rdb");
    std::fs::write(dir.join("dump.rdb"), written(&all, 10).unwrap()).unwrap();
    let Some(second) = Redis::start(&["--dir", &dir.display().to_string()]) else { return };
    let mut conn = second.endpoint.open();
    assert_eq!(without_active_times(state(&mut conn)), without_active_times(had));
    assert_eq!(conn.run("FCALL f 0").int(), 1);
}

/// Redis 7.0 does not know when consumers were active.
fn without_active_times(mut state: State) -> State {
    for (_, value) in state.values_mut() {
        if let Value::Stream(stream) = value {
            let consumers = stream.groups.iter_mut().flat_map(|group| &mut group.consumers);
            consumers.for_each(|consumer| consumer.active = consumer.seen);
        }
    }
    state
}
