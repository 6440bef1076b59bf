//! What is written is read the same, what Redis wrote is read, and no bytes do harm.

use super::*;
use crate::settings::Shapes;
use crate::store::entry::Value;
use crate::store::hasher::Hasher;
use crate::value::Object;
use crate::value::fields::Fields;
use crate::value::list::{End, List};
use crate::value::members::Members;
use crate::value::stream::{Group, Id, Limit, Pending, Stream};
use crate::value::zset::SortedSet;
use proptest::prelude::*;
use ringtail_backup::rdb::kind;
use ringtail_backup::{Corrupt, Read};

fn shape() -> Shape {
    Shape::new(Hasher::default(), &Shapes::default())
}

fn object_of(kind: u8, bytes: &[u8]) -> Read<Object> {
    let shape = shape();
    let mut builder = Builder::new(&shape);
    ringtail_backup::rdb::load(kind, bytes, &mut builder)?;
    match builder.take().ok_or(Corrupt)? {
        Loaded::Object(object) => Ok(object),
        Loaded::Bytes(bytes) => Ok(Object::Bytes(bytes)),
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(self))
    }
}

/// A value as text, whatever its form.
fn shown(object: &Object) -> String {
    let (mut digits, text) = (itoa::Buffer::new(), |bytes: &[u8]| bytes.escape_ascii().to_string());
    let mut parts: Vec<String> = Vec::new();
    match object {
        Object::Bytes(bytes) => parts.push(text(bytes)),
        Object::List(list) => return format!("{:?}", list.iter().map(text).collect::<Vec<_>>()),
        Object::Set(set) => set.for_each(|member| parts.push(text(member.bytes(&mut digits)))),
        Object::SortedSet(set) => {
            set.each(0..set.len(), false, |(score, member)| parts.push(format!("{score} {}", text(member))));
        }
        Object::Hash(hash) => hash.for_each(|field, value| {
            let at = hash.time(field, Hasher::default()).flatten();
            parts.push(format!("{} = {} until {at:?}", text(field), text(value)));
        }),
        Object::Stream(stream) => parts.extend(shown_stream(stream)),
    }
    parts.sort();
    format!("{} {parts:?}", object.type_name())
}

fn shown_stream(stream: &Stream) -> Vec<String> {
    let log = &stream.log;
    let mut parts = vec![format!("{} {} {} {}", log.len(), log.last, log.added, log.max_deleted)];
    for entry in log.range(Id::MIN, Id::MAX) {
        let pairs: Vec<_> = entry.pairs().map(|(f, v)| (f.to_vec(), v.to_vec())).collect();
        parts.push(format!("{} {pairs:?}", entry.id));
    }
    for (name, group) in &stream.groups {
        parts.push(format!("{name:?} {} {:?}", group.last, group.read));
        for consumer in group.consumers() {
            parts.push(format!("{name:?} {:?} {} {}", consumer.name, consumer.seen, consumer.active));
        }
        for (id, pending) in group.pending_from(Id::MIN) {
            let whose = group.consumer(pending.consumer).map(|consumer| consumer.name.clone());
            parts.push(format!("{name:?} {id} {} {} {whose:?}", pending.time, pending.count));
        }
    }
    parts
}

fn round(object: &Object) -> String {
    let payload = dump(&Value::Object(object));
    match restore(&payload, &shape()) {
        Ok(Loaded::Object(object)) => shown(&object),
        Ok(Loaded::Bytes(bytes)) => shown(&Object::Bytes(bytes)),
        Err(refusal) => format!("{refusal:?}"),
    }
}

/// Payloads that redis-server 7.0.15 gave.
#[test]
fn what_redis_dumped_is_read() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x00\xc190\x0a\x00\x9d\x94\xea'\x93\xfc\x08\xb9", "string [\"12345\"]"),
        (b"\x00\xc0\xf9\x0a\x00^&\xd10\xd7\xa2B\xab", "string [\"-7\"]"),
        (b"\x00\xc3\x0a@P\x02aba\xe0B\x01\x01ab\x0a\x00\x94\x9d_\x0e\xb1\xde\xa4E", "string [\"abababababababababababababababababababababababababababababababababababababababab\"]"),
        (b"\x12\x01\x02\xc3\x1e@^\x16^\x00\x00\x00\x05\x00\x81a\x02\x01\x01\xf1x\xec\x03\xf2p\x11\x01\x04\xe0Fx\xe0<\x00\x01H\xff\x0a\x00\xc8\xad\x04\xab`\xfe\x90\xe6", "[\"a\", \"1\", \"-5000\", \"70000\", \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]"),
        (b"\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00p\x11\x01\x00\x0a\x00\x85\xd5\xc1\x06[\x1d\xd0U", "set [\"1\", \"2\", \"70000\"]"),
        (b"\x02\x02\x01a\x01b\x0a\x00\xfed!%\xeb\x03=\x0d", "set [\"a\", \"b\"]"),
        (b"\x11\x15\x15\x00\x00\x00\x04\x00\x81b\x02\xdf\xfd\x02\x81a\x02\x831.5\x04\xff\x0a\x00P\x07\xbaQ\x7f8\x90\xcd", "zset [\"-3 b\", \"1.5 a\"]"),
        (b"\x10\x16\x16\x00\x00\x00\x04\x00\x81f\x02\x01\x01\x81g\x02\x85value\x06\xff\x0a\x00\x95\xcew\x9f\xe9u\xe5w", "hash [\"f = 1 until None\", \"g = value until None\"]"),
    ];
    for (payload, want) in cases {
        let loaded = restore(payload, &shape()).unwrap_or_else(|refusal| panic!("{want}: {refusal:?}"));
        let object = match loaded {
            Loaded::Bytes(bytes) => Object::Bytes(bytes),
            Loaded::Object(object) => object,
        };
        assert_eq!(shown(&object), *want);
    }
}

#[test]
fn the_forms_of_older_versions_are_read() {
    let ziplist = b"\x24\0\0\0\0\0\0\0\x06\0\0\x01a\x03\xf6\x02\xfe\x80\x03\xc0\xe8\x03\x04\xf0\x00\x00\x80\x05\x05three\xff";
    let sized = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes(), &bytes[4..]].concat();
    let string = |bytes: &[u8]| [&[0x80][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let list = string(&sized(ziplist));
    let want = "[\"a\", \"5\", \"-128\", \"1000\", \"-8388608\", \"three\"]";
    assert_eq!(object_of(kind::LIST_ZIPLIST, &list).map(|object| shown(&object)), Ok(want.into()));
    let quick = [&[1][..], &list].concat();
    assert_eq!(object_of(kind::LIST_QUICKLIST, &quick).map(|object| shown(&object)), Ok(want.into()));
    let hash = object_of(kind::HASH_ZIPLIST, &list).map(|object| shown(&object));
    assert_eq!(
        hash,
        Ok("hash [\"-128 = 1000 until None\", \"-8388608 = three until None\", \"a = 5 until None\"]".into())
    );
    let map = string(b"\x02\x01a\x02\x00bc\x01d\x01\x03exxx\xff");
    let hash = object_of(kind::HASH_ZIPMAP, &map).map(|object| shown(&object));
    assert_eq!(hash, Ok("hash [\"a = bc until None\", \"d = e until None\"]".into()));
    let zset = [&[3][..], b"\x01a\x031.5\x01b\xfe\x01c\xff"].concat();
    let zset = object_of(kind::ZSET, &zset).map(|object| shown(&object));
    assert_eq!(zset, Ok("zset [\"-inf c\", \"1.5 a\", \"inf b\"]".into()));
    let ints = string(b"\x02\0\0\0\x03\0\0\0\xff\xff\x00\x00\x01\x01");
    let ints = object_of(kind::SET_INTSET, &ints).map(|object| shown(&object));
    assert_eq!(ints, Ok("set [\"-1\", \"0\", \"257\"]".into()));
    let pack = b"\x1d\0\0\0\x06\0\x81a\x02\x01\x01\x00\x01\x81b\x02\x02\x01\xf4\x00\x68\xe5\xcf\x8b\x01\x00\x00\x09\xff";
    let timed = [&[0; 8][..], &string(pack)].concat();
    let timed = object_of(kind::HASH_LISTPACK_TIMES, &timed).map(|object| shown(&object));
    assert_eq!(timed, Ok("hash [\"a = 1 until None\", \"b = 2 until Some(1700000000000)\"]".into()));
}

#[test]
fn what_is_no_value_is_refused() {
    let good = dump(&Value::Bytes(b"a"));
    assert!(restore(&good, &shape()).is_ok());
    let refused = |payload: &[u8]| restore(payload, &shape()).err();
    for cut in 0..good.len() {
        assert_eq!(refused(&good[..cut]), Some(Refusal::VersionOrChecksum));
    }
    let empty = [kind::LIST, kind::SET, kind::HASH, kind::ZSET, kind::ZSET_2, kind::LIST_QUICKLIST_2];
    for kind in empty {
        assert_eq!(object_of(kind, b"\0").err(), Some(Corrupt), "{kind}");
    }
    let twice: [(u8, &[u8]); 3] = [
        (kind::SET, b"\x02\x01a\x01a"),
        (kind::HASH, b"\x02\x01a\x01b\x01a\x01b"),
        (kind::ZSET, b"\x02\x01a\x011\x01a\x011"),
    ];
    for (kind, bytes) in twice {
        assert_eq!(object_of(kind, bytes).err(), Some(Corrupt), "{kind}");
    }
    let huge: [(u8, &[u8]); 5] = [
        (kind::STRING, b"\x81\xff\xff\xff\xff\xff\xff\xff\xff"),
        (kind::STRING, b"\xc3\x01\x81\x00\xff\xff\xff\xff\xff\xff\xff\x00"),
        (kind::LIST, b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff"),
        (kind::ZSET_2, b"\x01\x01a\0\0\0\0\0\0\xf8\x7f"),
        (kind::STREAM_LISTPACKS_3, b"\x80\xff\xff\xff\xff"),
    ];
    for (kind, bytes) in huge {
        assert_eq!(object_of(kind, bytes).err(), Some(Corrupt), "{kind}");
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-c]{0,3}".prop_map(String::into_bytes),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        (-5000..5000_i64).prop_map(|n| n.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..100),
        (0..20_000_usize).prop_map(|n| vec![b'x'; n]),
    ]
}

/// What an id is after the one before, and the entry's fields.
type Step = (u64, Vec<(Vec<u8>, Vec<u8>)>);

fn stream(entries: Vec<Step>, pending: Vec<(prop::sample::Index, u8)>) -> Stream {
    let mut stream = Stream::default();
    let (mut ms, mut ids) = (0, Vec::new());
    for (step, pairs) in entries {
        ms += step;
        let id = stream.log.next_id(ms).unwrap();
        let flat: Vec<&[u8]> = pairs.iter().flat_map(|(f, v)| [&f[..], &v[..]]).collect();
        stream.log.push(id, flat.into_iter(), Limit { bytes: 4096, entries: 100 });
        ids.push(id);
    }
    stream.log.remove(ids[0]);
    let mut group = Group::new(ids[ids.len() / 2], Some(3));
    let consumers = [group.add(b"one", 5), group.add(b"two", 6)];
    for (i, (index, whose)) in pending.into_iter().enumerate() {
        let consumer = consumers[usize::from(whose) % 2];
        group.give(*index.get(&ids), Pending { time: i as i64, count: 2, consumer });
    }
    stream.groups.insert(b"group".as_slice().into(), group);
    stream.groups.insert(b"other".as_slice().into(), Group::new(Id::MIN, None));
    stream
}

fn object() -> impl Strategy<Value = Object> {
    let texts = || prop::collection::vec(text(), 1..40);
    let pairs = || prop::collection::vec((text(), text()), 1..4);
    prop_oneof![
        text().prop_map(Object::Bytes),
        texts().prop_map(|texts| {
            let mut list = List::default();
            texts.iter().for_each(|text| list.push(End::Tail, text, list::Limit::new(-2)));
            Object::List(list)
        }),
        texts().prop_map(|texts| {
            let mut set = Members::default();
            let limit = members::Limit { ints: 512, entries: 128, value: 64 };
            for text in &texts {
                set.add(text, Hasher::default(), limit);
            }
            Object::Set(set)
        }),
        prop::collection::vec((text(), -1e9..1e9_f64), 1..40).prop_map(|pairs| {
            let limit = fields::Limit { entries: 16, value: 64 };
            let mut set = SortedSet::default();
            for (member, score) in &pairs {
                set.update(member, Hasher::default(), limit, |_| Some(*score));
            }
            Object::SortedSet(set)
        }),
        prop::collection::vec((text(), text(), prop::option::of(1..1u64 << 46)), 1..40).prop_map(|fields| {
            let limit = fields::Limit { entries: 16, value: 64 };
            let mut hash = Fields::default();
            for (field, value, at) in &fields {
                hash.set(field, value, Hasher::default(), limit);
                hash.set_time(field, *at, Hasher::default());
            }
            Object::Hash(hash)
        }),
        (
            prop::collection::vec((0..3_u64, pairs()), 1..150),
            prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        )
            .prop_map(|(entries, pending)| Object::Stream(Box::new(stream(entries, pending)))),
    ]
}

/// What happens to bytes on their way from somebody who means harm.
#[derive(Clone, Debug)]
enum Harm {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Double(prop::sample::Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        4 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        1 => any::<prop::sample::Index>().prop_map(Harm::Cut),
        1 => any::<prop::sample::Index>().prop_map(Harm::Double),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(object in object()) {
        prop_assert_eq!(round(&object), shown(&object));
    }

    #[test]
    fn harmed_values_do_no_harm(object in object(), harms in prop::collection::vec(harm(), 1..4)) {
        let mut payload = dump(&Value::Object(&object));
        payload.truncate(payload.len() - 10);
        for harm in harms {
            match harm {
                Harm::Set(at, byte) => {
                    if !payload.is_empty() {
                        let at = at.index(payload.len());
                        payload[at] = byte;
                    }
                }
                Harm::Cut(at) => payload.truncate(at.index(payload.len() + 1)),
                Harm::Double(at) => {
                    let tail = payload[at.index(payload.len() + 1)..].to_vec();
                    payload.extend_from_slice(&tail);
                }
            }
        }
        if let Some((&kind, body)) = payload.split_first()
            && let Ok(object) = object_of(kind, body)
        {
            // What is taken can be given again.
            prop_assert_eq!(round(&object), shown(&object));
        }
    }

    #[test]
    fn any_bytes_are_safe(kind in 0..30_u8, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = object_of(kind, &body);
    }
}

#[test]
fn times_that_no_clock_reaches_are_refused() {
    let hash = |first: u64| [&first.to_le_bytes()[..], b"\x01\x02\x01f\x01v"].concat();
    let last = (1_u64 << 48) - 3;
    assert!(object_of(kind::HASH_TIMES, &hash(last)).is_ok());
    for first in [last + 1, i64::MAX as u64, i64::MAX as u64 - 1] {
        assert_eq!(object_of(kind::HASH_TIMES, &hash(first)).map(|object| shown(&object)), Err(Corrupt));
    }
}
