use super::*;

const NOW: u64 = 1_700_000_000_000;

fn comes_back(value: Value, json: &str) {
    let sample = Entry { key: b"k".to_vec(), value, ttl: Some(1500) };
    let line = String::from_utf8(line(&sample, NOW).unwrap()).unwrap();
    assert_eq!(line, format!("{json}\n"));
    assert_eq!(entry(line.as_bytes(), NOW).unwrap(), sample);
}

#[test]
fn every_type_comes_back() {
    let bytes = |all: &[&[u8]]| all.iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>();
    comes_back(Value::String(b"v".to_vec()), r#"{"key":"k","type":"string","ttl":1.5,"value":"v"}"#);
    comes_back(
        Value::String(vec![0xff]),
        r#"{"key":"k","type":"string","ttl":1.5,"value":{"base64":"/w=="}}"#,
    );
    comes_back(Value::List(bytes(&[b"a", b"a"])), r#"{"key":"k","type":"list","ttl":1.5,"value":["a","a"]}"#);
    comes_back(
        Value::Set(bytes(&[b"a", b"\xfe"])),
        r#"{"key":"k","type":"set","ttl":1.5,"value":["a",{"base64":"/g=="}]}"#,
    );
    let plain = vec![(b"f".to_vec(), b"v".to_vec(), None)];
    comes_back(Value::Hash(plain), r#"{"key":"k","type":"hash","ttl":1.5,"value":{"f":"v"}}"#);
    let timed = vec![(b"f".to_vec(), b"v".to_vec(), Some(NOW + 2000)), (b"g".to_vec(), b"w".to_vec(), None)];
    comes_back(
        Value::Hash(timed),
        r#"{"key":"k","type":"hash","ttl":1.5,"value":[["f","v",2.0],["g","w"]]}"#,
    );
    let scores = vec![
        (b"a".to_vec(), 0.1),
        (b"b".to_vec(), f64::INFINITY),
        (b"c".to_vec(), 1.797_693_134_862_315_7e308),
    ];
    comes_back(
        Value::SortedSet(scores),
        r#"{"key":"k","type":"zset","ttl":1.5,"value":[["a",0.1],["b","inf"],["c",1.7976931348623157e+308]]}"#,
    );
}

#[test]
fn a_stream_comes_back_with_its_groups() {
    let pending = PendingEntry { id: Id::new(1, 1), time: 5, count: 2 };
    let consumer = Consumer { name: b"c".to_vec(), seen: 7, active: -1, pending: vec![pending] };
    let group = Group { name: b"g".to_vec(), last: Id::new(1, 1), read: Some(1), consumers: vec![consumer] };
    let stream = Stream {
        entries: vec![(Id::new(1, 1), vec![b"f".to_vec(), b"v".to_vec()])],
        counts: Counts { last: Id::new(2, 0), max_deleted: Id::new(2, 0), added: 2 },
        groups: vec![group],
    };
    let sample = Entry { key: b"s".to_vec(), value: Value::Stream(Box::new(stream)), ttl: None };
    assert_eq!(entry(&line(&sample, NOW).unwrap(), NOW).unwrap(), sample);
}

#[test]
fn what_is_wrong_is_said() {
    let deep = format!(r#"{{"key":"k","type":"list","value":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    for (line, want) in [
        ("", "EOF"),
        (r#"{"key":"k""#, "EOF"),
        (r#"{"key":"k","type":"string"}"#, "missing field `value`"),
        (r#"{"key":"k","type":"string","value":"v","color":"red"}"#, "unknown field `color`"),
        (r#"{"key":"k","key":"l","type":"string","value":"v"}"#, "duplicate field `key`"),
        (r#"{"key":"k","type":"string","value":"v"} x"#, "trailing characters"),
        (r#"{"key":"k","type":"map","value":"v"}"#, "none of string, list"),
        (r#"{"key":"k","type":"string","value":7}"#, "the value is no string"),
        (r#"{"key":"k","type":"list","value":[]}"#, "must not be empty"),
        (r#"{"key":"k","type":"set","value":["a","a"]}"#, "there twice"),
        (r#"{"key":"k","type":"zset","value":[["a",1],["a",2]]}"#, "there twice"),
        (r#"{"key":"k","type":"zset","value":[["a","much"]]}"#, "no number"),
        (r#"{"key":"k","type":"hash","value":[["a","b",0]]}"#, "ttl"),
        (r#"{"key":"k","type":"string","ttl":-1,"value":"v"}"#, "ttl"),
        (r#"{"key":"k","type":"stream","value":{"entries":[["1-1",["f"]]],"last_id":"1-1"}}"#, "in turn"),
        (r#"{"key":"k","type":"stream","value":{"entries":[["x",["f","v"]]],"last_id":"1-1"}}"#, "no id"),
        (&deep, "recursion limit"),
        ("{\"key\":\"\u{1}\",\"type\":\"string\",\"value\":\"v\"}", "control character"),
    ] {
        let error = entry(line.as_bytes(), NOW).unwrap_err();
        assert!(error.contains(want), "{line}: {error}");
    }
    assert!(entry(b"{\"key\":\"\xff\",\"type\":\"string\",\"value\":\"v\"}", NOW).is_err());
}
