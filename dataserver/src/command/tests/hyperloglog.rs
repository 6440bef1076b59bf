//! The HyperLogLog group.

use super::string::check as check_in;
use crate::command::testing::Harness;
use std::fmt::Write;

const NOT_A_SKETCH: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
}

#[test]
fn elements_are_counted_as_redis_counts_them() {
    check(&[
        ("PFADD h a b c \"a longer element, of 29 bytes\" \"\" x", "1"),
        (
            "GET h",
            "'HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80W1\\x84A]\\x84Ha\\x80P\\xb1\\x84K\\xfb\\x80BP\\x84\\x08'",
        ),
        ("PFCOUNT h", "6"),
        ("PFADD h a", "0"),
        (
            "PFDEBUG DECODE h",
            "'Z:5938 v:2,1 Z:350 v:2,1 Z:2146 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:593 v:2,1 z:9'",
        ),
        ("PFADD empty", "1"),
        ("PFADD empty", "0"),
        ("PFCOUNT empty", "0"),
        ("PFCOUNT none", "0"),
        ("PFADD g a y z", "1"),
        ("PFCOUNT h g none", "8"),
        ("PFMERGE to h g none", "OK"),
        ("PFCOUNT to", "8"),
        ("PFMERGE new", "OK"),
        ("PFCOUNT new", "0"),
        ("PFDEBUG ENCODING to", "sparse"),
        ("PFDEBUG TODENSE to", "1"),
        ("PFDEBUG TODENSE to", "0"),
        ("PFDEBUG ENCODING to", "dense"),
        ("PFCOUNT to", "8"),
        ("STRLEN to", "12304"),
        ("PFADD to a", "0"),
        ("PFADD to w", "1"),
        ("PFCOUNT to", "9"),
        ("PFMERGE h to", "OK"),
        ("PFDEBUG ENCODING h", "dense"),
        ("PFDEBUG DECODE h", "-ERR HLL encoding is not sparse"),
        ("PFDEBUG ENCODING none", "-ERR The specified key does not exist"),
        ("PFDEBUG what h", "-ERR Unknown PFDEBUG subcommand 'what'"),
        ("PFSELFTEST", "OK"),
    ]);
}

#[test]
fn other_values_are_refused() {
    check(&[
        ("SET s text", "OK"),
        ("PFADD s a", NOT_A_SKETCH),
        ("PFCOUNT s", NOT_A_SKETCH),
        ("PFCOUNT none s", NOT_A_SKETCH),
        ("PFMERGE to s", NOT_A_SKETCH),
        ("LPUSH l a", "1"),
        ("PFADD l a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SET s \"HYLL\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\"", "OK"),
        ("PFCOUNT s", NOT_A_SKETCH),
        ("SET s \"HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x00\"", "OK"),
        ("PFCOUNT s", "-INVALIDOBJ Corrupted HLL object detected"),
        ("PFMERGE to s", "-INVALIDOBJ Corrupted HLL object detected"),
        ("PFADD s a", "-INVALIDOBJ Corrupted HLL object detected"),
        ("PFDEBUG TODENSE s", "-INVALIDOBJ Corrupted HLL object detected"),
        ("EXISTS to", "0"),
    ]);
}

#[test]
fn many_elements_make_it_dense() {
    let mut t = Harness::new();
    let line = (0..3000).fold("PFADD h".to_owned(), |mut line, i| {
        let _ = write!(line, " {i}");
        line
    });
    assert_eq!(t.run("PEXPIRE h 10"), "0");
    assert_eq!(t.run("PFADD h x"), "1");
    assert_eq!(t.run("PEXPIRE h 1000"), "1");
    assert_eq!(t.run("CONFIG SET hll-sparse-max-bytes 16kb"), "OK");
    assert_eq!((t.run(&line), t.run("PFDEBUG ENCODING h")), ("1".into(), "sparse".into()));
    let count = t.run("PFCOUNT h");
    assert_eq!(t.run("CONFIG SET hll-sparse-max-bytes 3000"), "OK");
    assert_eq!((t.run("PFADD h more to be sure"), t.run("PFDEBUG ENCODING h")), ("1".into(), "dense".into()));
    assert_eq!((t.run(&line), t.run("PTTL h")), ("0".into(), "1000".into()));
    assert!(count.parse::<u64>().unwrap().abs_diff(3001) < 60, "{count}");
}
