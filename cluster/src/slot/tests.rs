use super::*;
use proptest::prelude::*;

/// The CRC bit by bit, and the tag by the words of the cluster specification.
fn reference_crc(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc
}

fn reference_part(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let Some(length) = key[open + 1..].iter().position(|byte| *byte == b'}') else { return key };
    if length == 0 { key } else { &key[open + 1..open + 1 + length] }
}

#[test]
fn the_published_check_value_holds() {
    assert_eq!(crc16(b"123456789"), 0x31C3);
    assert_eq!(crc16(b""), 0);
}

/// As `CLUSTER KEYSLOT` of redis-server 7.0.15 answers.
#[test]
fn slots_are_those_of_redis_cluster() {
    for (key, slot) in [
        (&b"foo"[..], 12182),
        (b"bar", 5061),
        (b"", 0),
        (b"{user1000}.following", 3443),
        (b"{user1000}.followers", 3443),
        (b"user1000", 3443),
        (b"foo{}{bar}", 8363),
        (b"foo{{bar}}zap", 4015),
        (b"foo{bar}{zap}", 5061),
        (b"{", 4092),
        (b"{}", 15257),
        (b"a}b{c", 13587),
        (b"0123456789abcdef0123456789", 5810),
    ] {
        assert_eq!(slot_of(key), slot, "{:?}", String::from_utf8_lossy(key));
    }
}

#[test]
fn what_begins_alike_may_have_one_slot() {
    let rules = Colocation::of(["bull:*", "bull:x:*", "{t}y*"]).unwrap();
    for (prefix, slot) in [
        (&b"bull:q"[..], Some(slot_of(b"bull:"))),
        (b"bull:x:", Some(slot_of(b"bull:x:"))),
        (b"bull:", None),
        (b"bull", None),
        (b"{t}", None),
        (b"{t}x", Some(slot_of(b"t"))),
        (b"{}x", None),
        (b"plain", None),
    ] {
        assert_eq!(all_by(&rules, prefix), slot, "{:?}", String::from_utf8_lossy(prefix));
    }
    assert_eq!(slot_by(&rules, b"bull:q"), slot_of(b"bull:"));
    assert_eq!(slot_by(&rules, b"plain"), slot_of(b"plain"));
}

/// Braces are frequent, so that tags of every shape come up.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![6 => any::<u8>(), 1 => Just(b'{'), 1 => Just(b'}')];
    prop::collection::vec(byte, 0..100)
}

proptest! {
    #[test]
    fn eight_bytes_at_a_time_is_the_same_crc(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(crc16(&bytes), reference_crc(&bytes));
    }

    #[test]
    fn the_tag_is_found_as_the_specification_says(key in keys()) {
        prop_assert_eq!(hashed_part(&key), reference_part(&key));
        prop_assert!(usize::from(slot_of(&key)) < SLOTS);
    }
}
