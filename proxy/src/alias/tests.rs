use super::*;
use ringtail_protocol::command::{Found, find};

/// The request in Redis's words, or as it is if it needs none.
fn meant(line: &str) -> String {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let (buf, spans) = packed(&words);
    let args = Args::new(&buf, &spans);
    let Found::Command(command) = find(&args) else { panic!("{line}: no such command") };
    assert!(command.arity_ok(args.len()), "{line}: arity");
    let request = Request { command, args, raw: None };
    if !is_meant(&request) {
        return line.to_owned();
    }
    let words = meaning(&request).1;
    String::from_utf8(words.join(&b' ')).unwrap()
}

#[test]
fn each_verb_of_the_ancestors_becomes_redis() {
    let cases = [
        ("SET k v 60", "set k v EX 60"),
        ("PUT k v 60", "set k v EX 60"),
        ("PUT k v", "set k v"),
        ("LGET l 0", "lindex l 0"),
        ("KEYS", "keys *"),
        ("REMOVE a", "del a"),
        ("DELETE a", "del a"),
        ("REMOVE_BATCH a b", "del a b"),
        ("TTL k 30", "expire k 30"),
        ("TTL k 0", "persist k"),
        ("HAS k", "exists k"),
        ("SIZE", "dbsize"),
        ("CLEAR", "flushall"),
        ("STATUS", "info"),
    ];
    for (line, want) in cases {
        assert_eq!(meant(line), want);
    }
}

#[test]
fn a_subcommand_stays_two_words() {
    let (buf, spans) = packed(&[b"Function", b"FLUSH", b"async"]);
    let args = Args::new(&buf, &spans);
    let Found::Command(command) = find(&args) else { panic!("no such command") };
    let (id, words) = meaning(&Request { command, args, raw: None });
    assert_eq!((id, words.join(&b' ')), (CommandId::FunctionFlush, b"function FLUSH async".to_vec()));
}

#[test]
fn what_redis_knows_stays_as_it_is() {
    for line in ["SET k v NX", "SET k v EX 60", "SET k 60", "TTL k", "KEYS a*", "DEL a", "SET k v -5"] {
        assert_eq!(meant(line), line);
    }
}
