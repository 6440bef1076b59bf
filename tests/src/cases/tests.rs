use super::file::parse_file;
use super::{Line, split_words};
use crate::resp::Value;

fn fits(pattern: &str, value: Value, resp3: bool) -> bool {
    Line::new(pattern).reply().unwrap().matches(&value, resp3)
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

#[test]
fn words_are_quoted_as_in_redis_cli() {
    let words = split_words(r#"SET "a b" 'c "d' "\x00\n\"""#).unwrap();
    assert_eq!(words, [b"SET".to_vec(), b"a b".to_vec(), b"c \"d".to_vec(), b"\0\n\"".to_vec()]);
    assert!(split_words("SET \"a").is_err());
}

#[test]
fn a_pattern_takes_what_it_names_and_nothing_else() {
    assert!(fits("OK", Value::Simple("OK".into()), false));
    assert!(!fits("OK", bulk("OK"), false));
    assert!(fits("-ERR no | such: thing", Value::Error("ERR no | such: thing".into()), false));
    assert!(fits("-1", Value::Int(-1), false));
    assert!(fits("5..7", Value::Int(7), false) && !fits("5..7", Value::Int(8), false));
    assert!(fits("~\"a*c\"", bulk("abc"), false) && !fits("~\"a*c\"", bulk("abcd"), false));
    assert!(fits("nil | 3", Value::Int(3), false));
    assert!(!fits("any", Value::Error("ERR".into()), false));
}

#[test]
fn the_types_of_resp3_become_those_of_resp2() {
    let pair = || Value::Map(vec![(bulk("k"), Value::Int(1))]);
    assert!(fits("{\"k\": 1}", pair(), true) && !fits("{\"k\": 1}", pair(), false));
    assert!(fits("{\"k\": 1}", Value::Array(vec![bulk("k"), Value::Int(1)]), false));
    assert!(fits(",1.5", Value::Double("1.5".into()), true) && fits(",1.5", bulk("1.5"), false));
    assert!(fits("nil*", Value::NilArray, false) && !fits("nil*", Value::Nil, false));
    assert!(fits("nil*", Value::Nil, true));
    assert!(fits("~[\"b\", \"a\"]", Value::Array(vec![bulk("a"), bulk("b")]), false));
    assert!(!fits("[\"b\", \"a\"]", Value::Array(vec![bulk("a"), bulk("b")]), false));
    assert!(fits("[\"a\", ...]", Value::Array(vec![bulk("a"), bulk("b")]), false));
}

#[test]
fn a_file_gives_cases_with_line_numbers() {
    let text = "# c\n@alone\n== first @own\nwhy: a reason\nSET k \"->\" -> OK\n  redis resp2: nil\n[b] GET k -> eventually int as $x\n";
    let cases = parse_file("f.txt", text).unwrap();
    let case = &cases[0];
    assert_eq!((case.title.as_str(), case.at.as_str()), ("first", "f.txt:3"));
    assert!(case.has("own") && case.has("alone"));
    assert_eq!(case.steps[0].command, "SET k \"->\"");
    assert_eq!(case.steps[0].others[0].0, ["redis", "resp2"]);
    let second = &case.steps[1];
    assert_eq!((second.conn, second.eventually, second.keep.as_deref()), ('b', true, Some("x")));
}

#[test]
fn a_difference_from_redis_needs_its_reason() {
    assert!(parse_file("f.txt", "== t\nGET k -> nil\n  redis: 1\n").is_err());
    assert!(parse_file("f.txt", "== t\nGET k -> nil\n  valkey: 1\n").is_err());
    assert!(parse_file("f.txt", "== t @ringtail\nSIZE -> 0\n").is_err());
}
