use super::*;
use crate::frame::Scanner;
use proptest::prelude::*;

fn decoded(text: &str) -> Result<Option<(Value, usize)>, NotAReply> {
    Value::decode(text.as_bytes())
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

#[test]
fn each_kind_of_reply() {
    let cases = [
        ("+OK\r\n", Value::Simple("OK".into())),
        ("-ERR no\r\n", Value::Error("ERR no".into())),
        (":-12\r\n", Value::Int(-12)),
        ("$3\r\na\nb\r\n", bulk("a\nb")),
        ("$-1\r\n", Value::Null),
        ("*-1\r\n", Value::Null),
        ("_\r\n", Value::Null),
        ("*0\r\n", Value::Array(vec![])),
        ("*2\r\n:1\r\n*1\r\n$0\r\n\r\n", Value::Array(vec![Value::Int(1), Value::Array(vec![bulk("")])])),
        ("%1\r\n+k\r\n:1\r\n", Value::Map(vec![(Value::Simple("k".into()), Value::Int(1))])),
        ("~1\r\n:1\r\n", Value::Set(vec![Value::Int(1)])),
        (">1\r\n:1\r\n", Value::Push(vec![Value::Int(1)])),
        (",1.5\r\n", Value::Double(1.5)),
        (",inf\r\n", Value::Double(f64::INFINITY)),
        ("#t\r\n", Value::Bool(true)),
        ("(-123456789012345678901234\r\n", Value::BigNumber("-123456789012345678901234".into())),
        ("=6\r\ntxt:hi\r\n", Value::Verbatim { format: *b"txt", text: "hi".into() }),
        ("!5\r\nERR x\r\n", Value::Error("ERR x".into())),
    ];
    for (text, want) in cases {
        assert_eq!(decoded(text), Ok(Some((want, text.len()))), "{text:?}");
    }
}

#[test]
fn attributes_are_kept_and_seen_through() {
    let (value, _) = decoded("|1\r\n+ttl\r\n:5\r\n$1\r\n7\r\n").unwrap().unwrap();
    assert_eq!(value.as_int(), Some(7));
    assert!(matches!(value, Value::Attributed { attributes, .. } if attributes.len() == 1));
}

#[test]
fn what_is_no_reply_is_refused() {
    for text in
        ["HTTP/1.1 400\r\n", "$x\r\n", "*-2\r\n", "+OK\n", "#x\r\n", ",one\r\n", "(1x\r\n", "=2\r\nab\r\n"]
    {
        assert_eq!(decoded(text), Err(NotAReply), "{text:?}");
    }
    assert_eq!(decoded("$1\r\nabc\r\n"), Err(NotAReply), "a string longer than announced");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}:1\r\n", "*1\r\n".repeat(depth));
    assert!(decoded(&nested(MAX_REPLY_DEPTH)).unwrap().is_some());
    assert_eq!(decoded(&nested(MAX_REPLY_DEPTH + 1)), Err(NotAReply));
    assert_eq!(decoded(&nested(200_000)), Err(NotAReply));
}

#[test]
fn announced_elements_take_no_memory() {
    // With room for what is announced, this would ask for 100 GB and more.
    for text in
        ["*4294967295\r\n", "%4294967295\r\n", "|4294967295\r\n", "$4294967295\r\n", "~4294967295\r\n:1\r\n"]
    {
        assert_eq!(decoded(text), Ok(None), "{text:?}");
    }
}

#[test]
fn conversions() {
    assert_eq!(bulk("12").as_int(), Some(12));
    assert_eq!(Value::Bool(true).as_int(), Some(1));
    assert_eq!(bulk("x").as_int(), None);
    assert_eq!(Value::Error("WRONGTYPE bad".into()).error_code(), Some(&b"WRONGTYPE"[..]));
    let flat = Value::Array(vec![bulk("k"), bulk("v")]);
    assert_eq!(flat.as_pairs().unwrap(), [(&bulk("k"), &bulk("v"))]);
    assert_eq!(Value::Array(vec![bulk("k")]).as_pairs(), None);
}

/// The reverse of decoding.
fn encode(value: &Value, out: &mut Vec<u8>) {
    let line = |out: &mut Vec<u8>, kind: char, text: &[u8]| {
        out.push(kind as u8);
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    };
    let sized = |out: &mut Vec<u8>, kind: char, bytes: &[u8]| {
        line(out, kind, bytes.len().to_string().as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    };
    let all = |out: &mut Vec<u8>, kind: char, items: &[Value]| {
        line(out, kind, items.len().to_string().as_bytes());
        items.iter().for_each(|item| encode(item, out));
    };
    let pairs = |out: &mut Vec<u8>, kind: char, pairs: &[(Value, Value)]| {
        line(out, kind, pairs.len().to_string().as_bytes());
        for (key, value) in pairs {
            encode(key, out);
            encode(value, out);
        }
    };
    match value {
        Value::Null => line(out, '_', b""),
        Value::Simple(text) => line(out, '+', text),
        Value::Error(text) => sized(out, '!', text),
        Value::Int(n) => line(out, ':', n.to_string().as_bytes()),
        Value::Bulk(bytes) => sized(out, '$', bytes),
        Value::Array(items) => all(out, '*', items),
        Value::Map(entries) => pairs(out, '%', entries),
        Value::Set(items) => all(out, '~', items),
        Value::Double(n) => line(out, ',', n.to_string().as_bytes()),
        Value::Bool(yes) => line(out, '#', if *yes { b"t" } else { b"f" }),
        Value::BigNumber(digits) => line(out, '(', digits.as_bytes()),
        Value::Verbatim { format, text } => sized(out, '=', &[&format[..], b":", text].concat()),
        Value::Push(items) => all(out, '>', items),
        Value::Attributed { attributes, value } => {
            pairs(out, '|', attributes);
            encode(value, out);
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
    let leaf = prop_oneof![
        Just(Value::Null),
        "[^\r\n]{0,10}".prop_map(|text| Value::Simple(text.into())),
        bytes().prop_map(Value::Error),
        any::<i64>().prop_map(Value::Int),
        bytes().prop_map(Value::Bulk),
        any::<f64>().prop_filter("not a number never equals itself", |n| !n.is_nan()).prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        "-?[0-9]{1,30}".prop_map(Value::BigNumber),
        bytes().prop_map(|text| Value::Verbatim { format: *b"txt", text }),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let items = || proptest::collection::vec(inner.clone(), 0..5);
        let pairs = || proptest::collection::vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            items().prop_map(Value::Array),
            items().prop_map(Value::Set),
            items().prop_map(Value::Push),
            pairs().prop_map(Value::Map),
            (pairs(), inner.clone())
                .prop_map(|(attributes, value)| Value::Attributed { attributes, value: Box::new(value) }),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_comes_back(value in any_value()) {
        let mut wire = Vec::new();
        encode(&value, &mut wire);
        let end = wire.len();
        prop_assert_eq!(Scanner::default().scan(&wire), Ok(Some(end)));
        for cut in 0..end {
            prop_assert_eq!(Value::decode(&wire[..cut]), Ok(None));
        }
        wire.extend_from_slice(b"+next\r\n");
        prop_assert_eq!(Value::decode(&wire), Ok(Some((value, end))));
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Value::decode(&bytes);
    }

    #[test]
    fn near_replies_never_panic(text in "([*$%~>|=!(,#:+_-]-?[0-9]{0,12}\r\n|[a-z]{0,3}\r\n){0,20}") {
        let _ = decoded(&text);
    }
}
