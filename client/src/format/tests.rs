//! Expected outputs are those of redis-cli 7.0.15 for the same replies, but where a comment says otherwise.

use super::*;

fn bulk(bytes: impl Into<Vec<u8>>) -> Value {
    Value::Bulk(bytes.into())
}

fn bulks(words: &str) -> Value {
    Value::Array(words.split(' ').map(bulk).collect())
}

fn shown(format: Format, value: &Value) -> String {
    let out = Style { format, colour: false }.render(&[b"x".to_vec()], value);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(value: Value, typed: &str, raw: &str, csv: &str, json: &str) {
    assert_eq!(shown(Format::Typed, &value), typed);
    assert_eq!(shown(Format::Raw, &value), raw);
    assert_eq!(shown(Format::Csv, &value), csv);
    assert_eq!(shown(Format::Json, &value), json);
}

#[test]
fn scalars() {
    check(Value::Simple("OK".into()), "OK\n", "OK\n", "\"OK\"\n", "\"OK\"\n");
    check(Value::Null, "(nil)\n", "\n", "NULL\n", "null\n");
    check(Value::Int(-1), "(integer) -1\n", "-1\n", "-1\n", "-1\n");
    check(Value::Double(3.25), "(double) 3.25\n", "3.25\n", "3.25\n", "3.25\n");
    check(Value::Bool(true), "(true)\n", "(true)\n", "true\n", "true\n");
    let text = Value::Verbatim { format: *b"txt", text: "a\nb".into() };
    check(text, "a\nb\n", "a\nb\n", "\"a\\nb\"\n", "\"a\\nb\"\n");
    // redis-cli cannot show big numbers; and its errors are no JSON.
    check(Value::BigNumber("12".into()), "(big number) 12\n", "12\n", "12\n", "12\n");
    let error = Value::Error("ERR no".into());
    check(error, "(error) ERR no\n", "ERR no\n\n", "ERROR,\"ERR no\"\n", "{\"error\":\"ERR no\"}\n");
    check(Value::Double(f64::INFINITY), "(double) inf\n", "inf\n", "inf\n", "\"inf\"\n");
}

#[test]
fn bytes_are_quoted() {
    let value = bulk(b"a\x00\x01\n\r\t\x07\x08\"\\\x7f\xff\xc3\xa9".to_vec());
    let typed = "\"a\\x00\\x01\\n\\r\\t\\a\\b\\\"\\\\\\x7f\\xff\\xc3\\xa9\"\n";
    assert_eq!(shown(Format::Typed, &value), typed);
    assert_eq!(shown(Format::Csv, &value), typed);
    // Bytes that are not UTF-8 are no JSON either; redis-cli prints them all the same.
    let json = "\"a\\u0000\\u0001\\n\\r\\t\\u0007\\b\\\"\\\\\u{7f}\u{fffd}\u{e9}\"\n";
    assert_eq!(shown(Format::Json, &value), json);
}

#[test]
fn empty_aggregates() {
    check(Value::Array(vec![]), "(empty array)\n", "\n", "\n", "[]\n");
    check(Value::Set(vec![]), "(empty set)\n", "\n", "\n", "[]\n");
    check(Value::Map(vec![]), "(empty hash)\n", "\n", "\n", "{}\n");
}

#[test]
fn nested_arrays_are_numbered() {
    let inner = Value::Array(vec![bulk("x"), Value::Array(vec![])]);
    let middle = Value::Array(vec![Value::Int(2), inner, Value::Error("boom".into())]);
    let value = Value::Array(vec![Value::Int(1), middle, bulk("z"), Value::Null]);
    check(
        value,
        "1) (integer) 1\n2) 1) (integer) 2\n   2) 1) \"x\"\n      2) (empty array)\n   3) (error) boom\n3) \"z\"\n4) (nil)\n",
        "1\n2\nx\n\nboom\n\nz\n\n",
        "1,2,\"x\",,ERROR,\"boom\",\"z\",NULL\n",
        "[1,[2,[\"x\",[]],{\"error\":\"boom\"}],\"z\",null]\n",
    );
}

#[test]
fn numbers_are_aligned() {
    let mut items: Vec<Value> = ('a'..='i').map(|c| bulk(c.to_string())).collect();
    items.extend([bulks("j k"), bulk("l")]);
    let typed = shown(Format::Typed, &Value::Array(items));
    assert!(typed.starts_with(" 1) \"a\"\n 2) \"b\"\n"), "{typed}");
    assert!(typed.ends_with(" 9) \"i\"\n10) 1) \"j\"\n    2) \"k\"\n11) \"l\"\n"), "{typed}");
}

#[test]
fn maps_and_sets() {
    let map = Value::Map(vec![(bulk("a"), bulk("1")), (Value::Int(2), Value::Bool(false))]);
    check(
        map,
        "1# \"a\" => \"1\"\n2# (integer) 2 => (false)\n",
        // As redis-cli in RESP2, where a map is a list; so scripts see the same whatever the protocol is.
        "a\n1\n2\n(false)\n",
        "\"a\",\"1\",2,false\n",
        "{\"a\":\"1\",\"2\":false}\n",
    );
    let set = Value::Set(vec![Value::Int(0), Value::Int(1)]);
    check(set, "1~ (integer) 0\n2~ (integer) 1\n", "0\n1\n", "0,1\n", "[0,1]\n");
    let nested = Value::Map(vec![(bulk("k"), bulks("a b"))]);
    assert_eq!(shown(Format::Typed, &nested), "1# \"k\" => \n   1) \"a\"\n   2) \"b\"\n");
}

#[test]
fn pages_are_shown_as_text() {
    let style = Style { format: Format::Typed, colour: false };
    let info = style.render(&[b"info".to_vec()], &bulk("# Server\r\nx:1\r\n"));
    assert_eq!(info, b"# Server\r\nx:1\r\n");
    let refused = style.render(&[b"info".to_vec()], &Value::Error("NOAUTH no".into()));
    assert_eq!(refused, b"(error) NOAUTH no\n");
    let list = style.render(&[b"CLIENT".to_vec(), b"LIST".to_vec()], &bulk("id=1\n"));
    assert_eq!(list, b"id=1\n");
}

#[test]
fn errors_are_red_where_colours_are() {
    let out = Style { format: Format::Typed, colour: true }.render(&[], &Value::Error("ERR no".into()));
    assert_eq!(out, b"\x1b[31m(error) ERR no\x1b[0m\n");
}

#[test]
fn escapes_of_a_server_do_not_reach_the_terminal() {
    let style = Style { format: Format::Typed, colour: false };
    for value in [Value::Error("X \x1b]0;t\x07".into()), Value::Simple("\x1b[31m".into())] {
        let shown = String::from_utf8(style.render(&[], &value)).unwrap();
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n') && shown.contains('\u{fffd}'),
            "{shown:?}"
        );
    }
}
