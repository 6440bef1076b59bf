//! The bitmap group.

use super::string::check as check_in;
use crate::command::testing::Harness;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const BAD_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const BAD_BIT: &str = "-ERR bit is not an integer or out of range";
const BAD_TYPE: &str =
    "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
const SYNTAX: &str = "-ERR syntax error";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
}

#[test]
fn bits_are_set_and_read() {
    check(&[
        ("GETBIT b 7", "0"),
        ("SETBIT b 7 1", "0"),
        ("SETBIT b 7 0", "1"),
        ("SETBIT b 9 1", "0"),
        ("GET b", "'\\x00@'"),
        ("GETBIT b 9", "1"),
        ("GETBIT b 4294967295", "0"),
        ("SET n 1", "OK"),
        ("OBJECT ENCODING n", "'int'"),
        ("SETBIT n 6 1", "0"),
        ("GET n", "'3'"),
        ("OBJECT ENCODING n", "'raw'"),
        ("SETBIT b -1 0", BAD_OFFSET),
        ("SETBIT b 4294967296 0", BAD_OFFSET),
        ("SETBIT b x 0", BAD_OFFSET),
        ("GETBIT b 4294967296", BAD_OFFSET),
        ("SETBIT b 0 2", BAD_BIT),
        ("SETBIT b 0 01", BAD_BIT),
        ("LPUSH l a", "1"),
        ("SETBIT l 0 1", WRONG_TYPE),
        ("GETBIT l 0", WRONG_TYPE),
        ("BITCOUNT l", WRONG_TYPE),
        ("BITPOS l 1", WRONG_TYPE),
        ("BITOP AND to b l", WRONG_TYPE),
        ("BITFIELD l SET u8 0 1", WRONG_TYPE),
        ("BITFIELD l GET u8 0", WRONG_TYPE),
        ("EXISTS to", "0"),
    ]);
}

#[test]
fn a_long_string_is_changed_in_place() {
    let mut t = Harness::new();
    assert_eq!(t.run("SETBIT b 80000000 1"), "0");
    assert_eq!(t.run("STRLEN b"), "10000001");
    assert_eq!(t.run("PEXPIRE b 1000"), "1");
    assert_eq!(t.run("SETBIT b 79999999 1"), "0");
    assert_eq!(t.run("BITCOUNT b"), "2");
    assert_eq!(t.run("BITPOS b 1"), "79999999");
    assert_eq!(t.run("PTTL b"), "1000");
}

#[test]
fn ranges_are_counted() {
    check(&[
        ("SET k foobar", "OK"),
        ("BITCOUNT k", "26"),
        ("BITCOUNT k 0 0", "4"),
        ("BITCOUNT k 1 1 BYTE", "6"),
        ("BITCOUNT k 5 30 bit", "17"),
        ("BITCOUNT k -2 -1", "7"),
        ("BITCOUNT k -100 -90", "4"),
        ("BITCOUNT k -1 -2", "0"),
        ("BITCOUNT k 10 20", "0"),
        ("BITCOUNT none", "0"),
        ("BITCOUNT none x", "0"),
        ("BITCOUNT k 0", SYNTAX),
        ("BITCOUNT k 0 1 2", SYNTAX),
        ("BITCOUNT k 0 1 BIT 2", SYNTAX),
        ("BITCOUNT k x 1", "-ERR value is not an integer or out of range"),
        ("SET e \"\"", "OK"),
        ("BITCOUNT e", "0"),
        ("BITCOUNT e 0 -1 BIT", "0"),
    ]);
}

#[test]
fn bits_are_found() {
    check(&[
        ("BITFIELD k SET u24 0 16773120", "[0]"),
        ("BITPOS k 0", "12"),
        ("BITPOS k 1", "0"),
        ("BITPOS k 1 2", "-1"),
        ("BITPOS k 0 0 0", "-1"),
        ("BITPOS k 0 0 -1 BIT", "12"),
        ("BITPOS k 0 0 11 BIT", "-1"),
        ("BITPOS k 1 7 15 bit", "7"),
        ("BITPOS k 0 5 4", "-1"),
        ("SET ones \"\\xff\\xff\"", "OK"),
        ("BITPOS ones 0", "16"),
        ("BITPOS ones 0 1", "16"),
        ("BITPOS ones 0 0 -1", "-1"),
        ("BITPOS ones 0 2", "-1"),
        ("BITPOS none 0", "0"),
        ("BITPOS none 1", "-1"),
        ("BITPOS k 2", "-ERR The bit argument must be 1 or 0."),
        ("BITPOS k 1 0 1 BIT 1", SYNTAX),
        ("BITPOS k 1 0 1 WORD", SYNTAX),
    ]);
}

#[test]
fn strings_are_joined() {
    check(&[
        ("SET a abcdef", "OK"),
        ("SET b AB", "OK"),
        ("BITOP AND to a b", "6"),
        ("GET to", "'AB\\x00\\x00\\x00\\x00'"),
        ("BITOP AND to b a", "6"),
        ("BITOP OR to a b none", "6"),
        ("GET to", "'abcdef'"),
        ("BITOP XOR to a b", "6"),
        ("GET to", "'  cdef'"),
        ("BITOP AND to a none", "6"),
        ("GET to", "'\\x00\\x00\\x00\\x00\\x00\\x00'"),
        ("BITOP NOT to b", "2"),
        ("GET to", "'\\xbe\\xbd'"),
        ("BITOP NOT a a", "6"),
        ("BITOP XOR a a a", "6"),
        ("BITCOUNT a", "0"),
        ("BITOP OR to none", "0"),
        ("EXISTS to", "0"),
        ("BITOP NOT to a b", "-ERR BITOP NOT must be called with a single source key."),
        ("BITOP NAND to a b", SYNTAX),
    ]);
}

#[test]
fn fields_wrap_saturate_and_fail() {
    check(&[
        ("BITFIELD f INCRBY i5 100 1 GET u4 0", "[1, 0]"),
        (
            "BITFIELD f SET i8 #1 127 INCRBY i8 #1 1 OVERFLOW SAT INCRBY i8 #1 -10 SET i8 #1 1000",
            "[0, -128, -128, -128]",
        ),
        ("BITFIELD f GET i8 8", "[127]"),
        ("BITFIELD f OVERFLOW FAIL INCRBY i8 8 1 GET i8 8", "[nil, 127]"),
        ("BITFIELD f OVERFLOW SAT SET u8 8 -1 GET u8 8", "[127, 255]"),
        (
            "BITFIELD f SET i64 3 -9223372036854775808 INCRBY i64 3 -1",
            "[574208952489738240, 9223372036854775807]",
        ),
        ("BITFIELD f SET u63 1 -1 GET u63 1", "[1152921504606846975, 9223372036854775807]"),
        ("BITFIELD f", "[]"),
        ("BITFIELD none GET i64 4294967295", "[0]"),
        ("EXISTS none", "0"),
        ("BITFIELD f GET u64 0", BAD_TYPE),
        ("BITFIELD f GET i65 0", BAD_TYPE),
        ("BITFIELD f GET i0 0", BAD_TYPE),
        ("BITFIELD f GET x8 0", BAD_TYPE),
        ("BITFIELD f GET u8 4294967296", BAD_OFFSET),
        ("BITFIELD f GET u8 #9223372036854775807", BAD_OFFSET),
        ("BITFIELD f GET u8 -1", BAD_OFFSET),
        ("BITFIELD f GET u8", SYNTAX),
        ("BITFIELD f SET u8 0", SYNTAX),
        ("BITFIELD f SET u8 0 x", "-ERR value is not an integer or out of range"),
        ("BITFIELD f OVERFLOW maybe", "-ERR Invalid OVERFLOW type specified"),
        ("BITFIELD_RO f GET u8 0", "[127]"),
        ("BITFIELD_RO f SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
    ]);
}
