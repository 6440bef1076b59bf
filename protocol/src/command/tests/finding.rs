//! Lookup of names, and of keys in requests.

use proptest::prelude::*;

use super::*;

fn slow_lookup(name: &[u8]) -> Option<CommandId> {
    let same = |command: &&Command| command.full_name.as_bytes().eq_ignore_ascii_case(name);
    COMMANDS.iter().filter(|command| command.parent.is_none()).find(same).map(|command| command.id)
}

fn assert_found(name: &[u8]) {
    assert_eq!(lookup(name).map(|found| found.id), slow_lookup(name), "{:?}", String::from_utf8_lossy(name));
}

#[test]
fn every_name_is_found_in_any_case() {
    for command in &COMMANDS {
        let mixed = |(i, c): (usize, char)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c };
        let name = command.name();
        for spelling in [name.to_owned(), name.to_uppercase(), name.chars().enumerate().map(mixed).collect()]
        {
            let found = match command.parent {
                Some(parent) => parent.command().subcommand(spelling.as_bytes()),
                None => lookup(spelling.as_bytes()),
            };
            assert_eq!(found.map(|found| found.id), Some(command.id), "{spelling}");
        }
    }
}

#[test]
fn a_name_with_one_byte_wrong_is_not_found() {
    for command in COMMANDS.iter().filter(|command| command.parent.is_none()) {
        let name = command.full_name.as_bytes();
        for at in 0..name.len() {
            for byte in 0..=u8::MAX {
                let mut other = name.to_vec();
                other[at] = byte;
                assert_found(&other);
            }
            assert_found(&[&name[..at], &name[at + 1..]].concat());
            assert_found(&[&name[..at], b"x", &name[at..]].concat());
        }
        assert_found(&[name, b"\0"].concat());
        assert_found(&[name, name].concat());
    }
}

#[test]
fn garbage_is_not_found() {
    let huge = vec![b'g'; 1 << 20];
    for name in [b"".as_slice(), b" ", b"get ", b"client|id", b"\xff\xfe", &[0; 16], &[0xff; 17], &huge] {
        assert!(lookup(name).is_none());
        assert!(CommandId::Client.command().subcommand(name).is_none());
    }
}

proptest! {
    #[test]
    fn lookup_is_a_search_of_the_table(name in proptest::collection::vec(any::<u8>(), 0..20)) {
        assert_found(&name);
    }
}

#[test]
fn a_request_is_found_by_one_word_or_two() {
    let id = |words: &[&str]| match find(words) {
        Found::Command(command) => Some(command.id),
        Found::NoCommand => None,
        Found::NoSubcommand(parent) => Some(parent.id).filter(|_| false),
    };
    assert_eq!(id(&["Get", "id"]), Some(CommandId::Get));
    assert_eq!(id(&["CLIENT", "Id"]), Some(CommandId::ClientId));
    assert_eq!(id(&["client"]), Some(CommandId::Client));
    assert_eq!(id(&["command"]), Some(CommandId::Command));
    assert_eq!(id(&[]), None);
    assert!(
        matches!(find(&["client", "nosuch"][..]), Found::NoSubcommand(parent) if parent.id == CommandId::Client)
    );
    assert!(matches!(find(&["nosuch", "id"][..]), Found::NoCommand));
}

fn keys_of(request: &str) -> Vec<usize> {
    let words: Vec<&str> = request.split(' ').collect();
    match find(&words[..]) {
        Found::Command(command) => keys(command, &words[..]).collect(),
        other => panic!("{request}: {other:?}"),
    }
}

#[test]
fn keys_are_where_the_specs_say() {
    let cases: [(&str, &[usize]); 17] = [
        ("get k", &[1]),
        ("get", &[]),
        ("set k v get", &[1]),
        ("mget a b c", &[1, 2, 3]),
        ("mset a 1 b 2", &[1, 3]),
        ("mset a 1 b", &[1, 3]),
        ("rename a b", &[1, 2]),
        ("rename a", &[1]),
        ("lmpop 2 a b LEFT", &[2, 3]),
        ("lmpop 2 a", &[]),
        ("lmpop", &[]),
        ("lmpop 0 a LEFT", &[]),
        ("lmpop -1 a LEFT", &[]),
        ("lmpop 99999999999999999999 a LEFT", &[]),
        ("object encoding k", &[2]),
        ("ping k", &[]),
        ("has a b", &[1, 2]),
    ];
    for (request, wanted) in cases {
        assert_eq!(keys_of(request), wanted, "{request}");
    }
}

#[test]
fn specs_that_no_row_has_yet_are_followed_too() {
    let spec = |begin, find| KeySpec { begin, find, flags: KeyFlags::RO, notes: None };
    let found = |spec: KeySpec, request: &str| {
        let words: Vec<&str> = request.split(' ').collect();
        spec.indices(&words[..]).collect::<Vec<_>>()
    };
    let streams = BeginSearch::Keyword { word: "STREAMS", from: 1 };
    let half = FindKeys::Range { last: -1, step: 1, limit: 2 };
    assert_eq!(found(spec(streams, half), "xread COUNT 1 streams a b 0 0"), [4, 5]);
    assert_eq!(found(spec(streams, half), "xread COUNT 1"), [0; 0]);
    let last = BeginSearch::Keyword { word: "KEYS", from: -2 };
    let rest = FindKeys::Range { last: -1, step: 1, limit: 0 };
    assert_eq!(found(spec(last, rest), "migrate h 1 keys keys x"), [5]);
    let but_one = FindKeys::Range { last: -2, step: 1, limit: 0 };
    assert_eq!(found(spec(BeginSearch::Index(1), but_one), "blpop a b 0"), [1, 2]);
    let spread = FindKeys::KeyNum { count: 1, first: 2, step: 2 };
    assert_eq!(found(spec(BeginSearch::Index(1), spread), "x y 2 a 1 b 2"), [3, 5]);
}
