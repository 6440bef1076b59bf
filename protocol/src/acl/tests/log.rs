use super::*;
use crate::value::Value;

const NOW: u64 = 1_700_000_000_000;

/// Count, object, id and last change of each entry.
fn entries(log: &Log) -> Vec<(i64, String, i64, i64)> {
    let mut out = Vec::new();
    log.write(1000, NOW, &mut Reply::new(&mut out, Resp::V3));
    let (Value::Array(entries), _) = Value::decode(&out).unwrap().unwrap() else { panic!("no array") };
    let fields = |entry: &Value| {
        let Value::Map(fields) = entry else { panic!("no map") };
        let field = |name: &str| {
            let named = fields.iter().find(|(key, _)| *key == Value::Bulk(name.as_bytes().to_vec()));
            named.map(|(_, value)| value.clone()).unwrap()
        };
        let number = |name: &str| if let Value::Int(n) = field(name) { n } else { panic!("{name}") };
        let Value::Bulk(object) = field("object") else { panic!("no object") };
        let object = String::from_utf8(object.to_vec()).unwrap();
        (number("count"), object, number("entry-id"), number("timestamp-last-updated"))
    };
    entries.iter().map(fields).collect()
}

fn add(log: &mut Log, object: &str, at: u64) {
    log.add(Reason::Key, Context::Toplevel, object.as_bytes(), b"u", "id=1".into(), at);
}

#[test]
fn what_is_alike_is_one_entry_for_a_minute() {
    let mut log = Log::default();
    add(&mut log, "a", NOW);
    add(&mut log, "b", NOW + 1);
    add(&mut log, "a", NOW + 2);
    assert_eq!(entries(&log), [(2, "a".into(), 0, NOW as i64 + 2), (1, "b".into(), 1, NOW as i64 + 1)]);
    add(&mut log, "a", NOW + 60_003);
    log.add(Reason::Key, Context::Lua, b"a", b"u", String::new(), NOW + 60_003);
    log.add(Reason::Key, Context::Toplevel, b"a", b"v", String::new(), NOW + 60_003);
    assert_eq!(entries(&log).iter().map(|entry| entry.2).collect::<Vec<_>>(), [4, 3, 2, 0, 1]);
    assert_eq!((log.count(Reason::Key), log.count(Reason::Auth)), (6, 0));
}

#[test]
fn it_is_bounded_in_entries_and_in_their_length() {
    let mut log = Log::default();
    (0..1000).for_each(|i| add(&mut log, &format!("key{i}"), NOW));
    assert_eq!(entries(&log).len(), 128);
    log.set_most(3);
    assert_eq!(
        entries(&log).iter().map(|entry| entry.1.clone()).collect::<Vec<_>>(),
        ["key999", "key998", "key997"]
    );
    add(&mut log, &"x".repeat(100_000), NOW);
    assert!(entries(&log)[0].1.len() <= 1024);
    log.clear();
    assert!(entries(&log).is_empty());
    log.set_most(0);
    add(&mut log, "a", NOW);
    assert!(entries(&log).is_empty() && log.count(Reason::Key) == 1002);
}
