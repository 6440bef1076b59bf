use std::cell::Cell;

use super::*;
use crate::reply::Resp;

struct State {
    size: Cell<u32>,
    name: Cell<&'static str>,
}

const TABLE: &[Parameter<State>] = &[
    Parameter::fixed("port", |_| "1".to_owned()),
    Parameter::live(
        "size",
        |s| s.size.get().to_string(),
        |s, v| v.parse().map(|n| s.size.set(n)).map_err(|_| "argument must be a number".to_owned()),
    ),
    Parameter::live(
        "name",
        |s| s.name.get().to_owned(),
        |s, v| {
            ["a", "b"].into_iter().find(|n| *n == v).map(|n| s.name.set(n)).ok_or("no such name".to_owned())
        },
    ),
];

fn others() -> Vec<(String, String)> {
    vec![("port".into(), "2".into()), ("file".into(), "f".into())]
}

fn state() -> State {
    State { size: Cell::new(5), name: Cell::new("a") }
}

fn got(patterns: &[&str]) -> String {
    let patterns: Vec<&[u8]> = patterns.iter().map(|text| text.as_bytes()).collect();
    let mut out = Vec::new();
    get(TABLE, &others(), &state(), &patterns, &mut Reply::new(&mut out, Resp::V2));
    String::from_utf8(out)
        .unwrap()
        .split("\r\n")
        .skip(1)
        .filter(|line| !line.starts_with('$'))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn names_and_patterns_are_found_once() {
    assert_eq!(got(&["SIZE"]), "SIZE 5 ");
    assert_eq!(got(&["*"]), "port 1 size 5 name a file f ");
    assert_eq!(got(&["f*", "file", "nope"]), "file f ");
}

fn error(state: &State, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    set(TABLE, &others(), state, &pairs).map_or_else(|error| error.text().to_owned(), |()| String::new())
}

#[test]
fn all_are_set_or_none() {
    let state = state();
    assert_eq!(error(&state, &[("Size", "7"), ("name", "b")]), "");
    assert_eq!((state.size.get(), state.name.get()), (7, "b"));
    let failed = "ERR CONFIG SET failed (possibly related to argument";
    assert_eq!(error(&state, &[("size", "9"), ("name", "c")]), format!("{failed} 'name') - no such name"));
    assert_eq!(
        error(&state, &[("size", "9"), ("size", "8")]),
        format!("{failed} 'size') - duplicate parameter")
    );
    assert_eq!(state.size.get(), 7);
}

#[test]
fn what_can_not_be_set_is_told_from_what_is_unknown() {
    let state = state();
    for name in ["port", "file"] {
        let text = error(&state, &[("size", "9"), (name, "1")]);
        assert!(text.ends_with("- can't set immutable config"), "{text}");
    }
    assert_eq!(
        error(&state, &[("nope", "1")]),
        "ERR Unknown option or number of arguments for CONFIG SET - 'nope'"
    );
    assert_eq!(state.size.get(), 5, "nothing is set");
}
