//! What the proxy does with each command of the table: one answer, at once, and the next request is served.

use crate::front::Front;
use ringtail_tests::harness::Options;
use ringtail_tests::resp::{Conn, Value, request};

/// They end the connection or its replies, wait for ever with a 0, have several replies, or change what the next request is answered, as they should: they have
/// tests of their own.
const OTHERS: [&str; 14] = [
    "quit",
    "client|reply",
    "multi",
    "subscribe",
    "psubscribe",
    "ssubscribe",
    "unsubscribe",
    "punsubscribe",
    "sunsubscribe",
    "blpop",
    "brpop",
    "brpoplpush",
    "bzpopmin",
    "bzpopmax",
];

/// Name and least number of words of each command and subcommand.
fn commands(conn: &mut Conn) -> Vec<(Vec<String>, usize)> {
    let Value::Array(names) = conn.run("COMMAND LIST") else { panic!("a list") };
    let names = names.iter().map(Value::text).filter(|name| !OTHERS.contains(&name.as_str()));
    names.map(|name| (name.split('|').map(str::to_owned).collect(), arity(conn, &name))).collect()
}

fn arity(conn: &mut Conn, name: &str) -> usize {
    let Value::Array(rows) = conn.call(&["COMMAND", "INFO", name]) else { panic!("rows") };
    let Some(Value::Array(row)) = rows.first() else { panic!("a row of {name}") };
    usize::try_from(row[1].int().abs()).expect("small")
}

#[test]
fn every_command_is_answered_and_nobody_waits() {
    let front = Front::pool(&Options::default());
    let mut conn = front.endpoint().open();
    let commands = commands(&mut conn);
    assert!(commands.len() > 300, "{}", commands.len());
    let mut unknown = Vec::new();
    for (mut words, arity) in commands {
        let name = words.join(" ");
        for more in [0, 1, 2, 3] {
            words.resize(arity.max(words.len()) + more, "0".to_owned());
            let line: Vec<&str> = words.iter().map(String::as_str).collect();
            conn.send(&request(&line)).expect("a socket");
            conn.send(&request(&["ECHO", &name])).expect("a socket");
            let reply = conn.read().unwrap_or_else(|e| panic!("{line:?}: {e}"));
            assert_ne!(reply, Value::Bulk(name.clone().into()), "{line:?}");
            if reply.error().is_some_and(|e| e.starts_with("ERR internal error")) {
                unknown.push(name.clone());
            }
            let next = conn.read().unwrap_or_else(|e| panic!("after {line:?}: {e}"));
            assert_eq!(next.text(), name, "{line:?}: {reply}");
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}
