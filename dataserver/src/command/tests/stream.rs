//! The stream group.

use super::string::check as check_in;
use crate::command::testing::{Harness, START};
use std::sync::Arc;

const INVALID: &str = "-ERR Invalid stream ID specified as stream command argument";
const TOO_SMALL: &str = "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
const SYNTAX: &str = "-ERR syntax error";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
}

#[test]
fn adds_with_ids_of_all_kinds() {
    let now = format!("'{START}-0'");
    let next = format!("'{START}-1'");
    check(&[
        ("XADD s 5 a 1", "'5-0'"),
        ("XADD s 5-* a 1", "'5-1'"),
        ("XADD s 5-1 a 1", TOO_SMALL),
        ("XADD s 4-* a 1", TOO_SMALL),
        ("XADD s 6-* a 1", "'6-0'"),
        ("XADD s * a 1", &now),
        ("XADD s * a 1", &next),
        ("XADD s 0-0 a 1", "-ERR The ID specified in XADD must be greater than 0-0"),
        ("XADD new 0-* a 1", "'0-1'"),
        ("XADD s - a 1", INVALID),
        ("XADD s 1-2-3 a 1", INVALID),
        (
            "XADD s NOMKSTREAM 18446744073709551615-18446744073709551615 a 1",
            "'18446744073709551615-18446744073709551615'",
        ),
        ("XADD s * a 1", "-ERR The stream has exhausted the last possible ID, unable to add more items"),
        ("XADD s 1 a", "-ERR wrong number of arguments for 'xadd' command"),
        ("XADD s * a 1 b", "-ERR wrong number of arguments for 'xadd' command"),
        ("XADD none NOMKSTREAM * a 1", "nil"),
        ("EXISTS none", "0"),
        ("XADD none MAXLEN 1 a 1", INVALID),
        ("XADD none MAXLEN -1 * a 1", "-ERR The MAXLEN argument must be >= 0."),
        (
            "XADD none MAXLEN 1 LIMIT 5 * a 1",
            "-ERR syntax error, LIMIT cannot be used without the special ~ option",
        ),
        (
            "XADD none LIMIT 5 * a 1",
            "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        ("TYPE s", "stream"),
        ("OBJECT ENCODING s", "'stream'"),
        ("SET k v", "OK"),
        ("XADD k * a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn a_clock_that_goes_back_is_made_up_for() {
    let mut t = Harness::new();
    t.run("XADD s * a 1");
    t.now -= 5;
    assert_eq!(t.run("XADD s * a 1"), format!("'{START}-1'"));
}

#[test]
fn ranges_both_ways() {
    let mut t = Harness::new();
    for i in 1..=4 {
        t.run(&format!("XADD s {i}-1 n {i}"));
    }
    check_in(
        &mut t,
        &[
            ("XRANGE s 2 3", "[['2-1', ['n', '2']], ['3-1', ['n', '3']]]"),
            ("XRANGE s (2-1 (4-1", "[['3-1', ['n', '3']]]"),
            ("XRANGE s - + COUNT 1", "[['1-1', ['n', '1']]]"),
            ("XREVRANGE s + - COUNT 1", "[['4-1', ['n', '4']]]"),
            ("XREVRANGE s 3 (1-1", "[['3-1', ['n', '3']], ['2-1', ['n', '2']]]"),
            ("XRANGE s 3 2", "[]"),
            ("XRANGE s - + COUNT 0", "nil"),
            ("XRANGE none - + COUNT 0", "[]"),
            ("XRANGE s - + COUNT -5", "nil"),
            (
                "XRANGE s (18446744073709551615-18446744073709551615 +",
                "-ERR invalid start ID for the interval",
            ),
            ("XRANGE s - (0-0", "-ERR invalid end ID for the interval"),
            ("XRANGE s ( +", INVALID),
            ("XRANGE s (- +", INVALID),
            ("XRANGE s - + COUNT", SYNTAX),
            ("XRANGE s - + LIMIT 1", SYNTAX),
            ("XLEN s", "4"),
            ("XLEN none", "0"),
        ],
    );
}

#[test]
fn trims_and_deletes() {
    let mut t = Harness::new();
    t.run("CONFIG SET stream-node-max-entries 10");
    for i in 1..=35 {
        t.run(&format!("XADD s {i} a b"));
    }
    check_in(
        &mut t,
        &[
            ("XTRIM s MAXLEN ~ 30", "0"),
            ("XTRIM s MAXLEN ~ 12 LIMIT 10", "10"),
            ("XTRIM s MAXLEN ~ 12", "10"),
            ("XLEN s", "15"),
            ("XTRIM s MAXLEN = 12", "3"),
            ("XRANGE s - + COUNT 1", "[['24-0', ['a', 'b']]]"),
            ("XTRIM s MINID 26", "2"),
            ("XTRIM s MINID ~ 34", "5"),
            ("XDEL s 31 31 999", "1"),
            ("XLEN s", "4"),
            ("XDEL s 32 nonsense", INVALID),
            ("XLEN s", "4"),
            ("XADD s MAXLEN 2 40 a b", "'40-0'"),
            ("XRANGE s - +", "[['35-0', ['a', 'b']], ['40-0', ['a', 'b']]]"),
            ("XTRIM s MAXLEN 0", "2"),
            ("EXISTS s", "1"),
            ("XADD s 40 a b", TOO_SMALL),
            ("XTRIM s", "-ERR wrong number of arguments for 'xtrim' command"),
            (
                "XTRIM s LIMIT 5",
                "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ),
            ("XTRIM s MAXLEN", "-ERR wrong number of arguments for 'xtrim' command"),
            (
                "XTRIM s MAXLEN 5 MINID 5",
                "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ),
            ("XTRIM none MAXLEN 5", "0"),
        ],
    );
}

#[test]
fn reads_what_comes_after() {
    let mut t = Harness::new();
    check_in(
        &mut t,
        &[
            ("XADD a 1 f v", "'1-0'"),
            ("XADD b 2 f v", "'2-0'"),
            ("XREAD STREAMS a b none 0 0 0", "[['a', [['1-0', ['f', 'v']]]], ['b', [['2-0', ['f', 'v']]]]]"),
            ("XREAD COUNT 1 STREAMS a b 1 1", "[['b', [['2-0', ['f', 'v']]]]]"),
            ("XREAD STREAMS a $", "nil"),
            ("XREAD STREAMS a +", "[['a', [['1-0', ['f', 'v']]]]]"),
            (
                "XREAD STREAMS a b 0",
                "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.",
            ),
            (
                "XREAD STREAMS a >",
                "-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
            ),
            ("XREAD COUNT x STREAMS a 0", "-ERR value is not an integer or out of range"),
            ("XREAD BLOCK -1 STREAMS a 0", "-ERR timeout is negative"),
            ("XREAD BLOCK x STREAMS a 0", "-ERR timeout is not an integer or out of range"),
            ("XREAD BLOCK 9223372036854775807 STREAMS a 0", "-ERR timeout is out of range"),
            (
                "XREAD NOACK STREAMS a 0",
                "-ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
            ),
            ("XREAD COUNT 1 COUNT 1", SYNTAX),
            (
                "HELLO 3",
                "{'server': 'redis', 'version': '7.2.0', 'proto': 3, 'id': 1, 'mode': 'standalone', 'role': 'master', 'modules': []}",
            ),
            ("XREAD STREAMS a b 0 0", "{'a': [['1-0', ['f', 'v']]], 'b': [['2-0', ['f', 'v']]]}"),
        ],
    );
}

#[test]
fn groups_deliver_and_acknowledge() {
    let mut t = Harness::new();
    let nogroup = "-NOGROUP No such key 's' or consumer group 'x' in XREADGROUP with GROUP option";
    check_in(
        &mut t,
        &[
            (
                "XGROUP CREATE s g $",
                "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
            ),
            ("XGROUP CREATE s g $ MKSTREAM", "OK"),
            ("XGROUP CREATE s g $", "-BUSYGROUP Consumer Group name already exists"),
            ("XADD s 1 a b", "'1-0'"),
            ("XADD s 2 a b", "'2-0'"),
            ("XADD s 3 a b", "'3-0'"),
            ("XREADGROUP GROUP x c STREAMS s >", nogroup),
            ("XREADGROUP GROUP g alice COUNT 1 STREAMS s >", "[['s', [['1-0', ['a', 'b']]]]]"),
            ("XREADGROUP GROUP g bob STREAMS s >", "[['s', [['2-0', ['a', 'b']], ['3-0', ['a', 'b']]]]]"),
            ("XREADGROUP GROUP g bob STREAMS s >", "nil"),
            ("XREADGROUP GROUP g bob STREAMS s 2", "[['s', [['3-0', ['a', 'b']]]]]"),
            ("XREADGROUP GROUP g carol STREAMS s 0", "[['s', []]]"),
            ("XPENDING s g", "[3, '1-0', '3-0', [['alice', '1'], ['bob', '2']]]"),
            ("XDEL s 2", "1"),
            ("XREADGROUP GROUP g bob STREAMS s 0", "[['s', [['2-0', nil], ['3-0', ['a', 'b']]]]]"),
            ("XPENDING s g - + 10 bob", "[['2-0', 'bob', 0, 1], ['3-0', 'bob', 0, 3]]"),
            ("XACK s g 2 3 9", "2"),
            ("XACK s g 1 x", INVALID),
            ("XACK s none x", "0"),
            ("XPENDING s g", "[1, '1-0', '1-0', [['alice', '1']]]"),
            ("XGROUP DELCONSUMER s g alice", "1"),
            ("XGROUP DELCONSUMER s g alice", "0"),
            ("XPENDING s g", "[0, nil, nil, nil]"),
            ("XGROUP CREATECONSUMER s g dave", "1"),
            ("XGROUP CREATECONSUMER s g dave", "0"),
            ("XGROUP CREATECONSUMER s x dave", "-NOGROUP No such consumer group 'x' for key name 's'"),
            ("XGROUP SETID s g 0", "OK"),
            (
                "XREADGROUP GROUP g dave NOACK STREAMS s >",
                "[['s', [['1-0', ['a', 'b']], ['3-0', ['a', 'b']]]]]",
            ),
            ("XPENDING s g", "[0, nil, nil, nil]"),
            ("XGROUP DESTROY s g", "1"),
            ("XGROUP DESTROY s g", "0"),
            (
                "XREADGROUP GROUP g dave STREAMS s $",
                "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option",
            ),
            ("XGROUP CREATE s g 0 ENTRIESREAD -2", "-ERR value for ENTRIESREAD must be positive or -1"),
            (
                "XGROUP CREATE s g 0 BAD",
                "-ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.",
            ),
        ],
    );
}

#[test]
fn a_group_may_be_called_streams() {
    check(&[
        ("XGROUP CREATE k streams 0 MKSTREAM", "OK"),
        ("XADD k 1 a b", "'1-0'"),
        ("XREADGROUP COUNT 1 GROUP streams STREAMS NOACK STREAMS k >", "[['k', [['1-0', ['a', 'b']]]]]"),
        ("XREAD STREAMS streams k 0 0", "[['k', [['1-0', ['a', 'b']]]]]"),
    ]);
}

#[test]
fn claims_what_others_left() {
    let mut t = Harness::new();
    for i in 1..=5 {
        t.run(&format!("XADD s {i} a {i}"));
    }
    t.run("XGROUP CREATE s g 0");
    t.run("XREADGROUP GROUP g alice COUNT 4 STREAMS s >");
    t.advance(100);
    check_in(
        &mut t,
        &[
            ("XCLAIM s g bob 200 1", "[]"),
            ("XCLAIM s g bob 100 1", "[['1-0', ['a', '1']]]"),
            ("XPENDING s g - + 9 bob", "[['1-0', 'bob', 0, 2]]"),
            ("XCLAIM s g bob 0 5", "[]"),
            ("XCLAIM s g bob 0 5 FORCE JUSTID RETRYCOUNT 7 IDLE 30", "['5-0']"),
            ("XPENDING s g IDLE 30 5 + 9", "[['5-0', 'bob', 30, 7]]"),
            ("XPENDING s g IDLE 31 5 + 9", "[]"),
            ("XDEL s 2", "1"),
            ("XCLAIM s g bob 0 2", "[]"),
            ("XDEL s 3", "1"),
            ("XAUTOCLAIM s g carol 100 0 COUNT 1", "['4-0', [], ['3-0']]"),
            ("XAUTOCLAIM s g carol 100 0 COUNT 1", "['5-0', [['4-0', ['a', '4']]], []]"),
            ("XAUTOCLAIM s g carol 1000 - JUSTID", "['0-0', [], []]"),
            ("XAUTOCLAIM s g carol 0 0 JUSTID", "['0-0', ['1-0', '4-0', '5-0'], []]"),
            ("XAUTOCLAIM s g carol 0 0 COUNT 0", "-ERR COUNT must be > 0"),
            ("XAUTOCLAIM s g carol 0 0 COUNT 9223372036854775807", "-ERR COUNT must be > 0"),
            ("XAUTOCLAIM s x carol 0 0", "-NOGROUP No such key 's' or consumer group 'x'"),
            ("XCLAIM s x carol y 0", "-NOGROUP No such key 's' or consumer group 'x'"),
            ("XCLAIM s g carol y 0", "-ERR Invalid min-idle-time argument for XCLAIM"),
            ("XCLAIM s g carol 0 1 IDLE x", "-ERR Invalid IDLE option argument for XCLAIM"),
            ("XCLAIM s g carol 0 1 WHAT", "-ERR Unrecognized XCLAIM option 'WHAT'"),
            (
                "XCLAIM s g carol 0 1 IDLE -9223372036854775808 RETRYCOUNT 9223372036854775807",
                "[['1-0', ['a', '1']]]",
            ),
            ("XCLAIM s g carol 0 1", "[['1-0', ['a', '1']]]"),
            ("XPENDING s g - + 1", "[['1-0', 'carol', 0, 9223372036854775807]]"),
            ("XPENDING s g - +", SYNTAX),
            ("XPENDING s g IDLE 1 - +", SYNTAX),
            ("XPENDING s g - + 1 nobody", "[]"),
        ],
    );
}

#[test]
fn tells_about_itself() {
    let mut t = Harness::new();
    t.run("XADD s 1 a b");
    t.run("XADD s 2 a b");
    t.run("XGROUP CREATE s g 0");
    t.run("XREADGROUP GROUP g alice COUNT 1 STREAMS s >");
    t.advance(10);
    let info = "['length', 2, 'radix-tree-keys', 1, 'radix-tree-nodes', 2, 'last-generated-id', '2-0', 'max-deleted-entry-id', '0-0', 'entries-added', 2, 'recorded-first-entry-id', '1-0', ";
    let short =
        format!("{info}'groups', 1, 'first-entry', ['1-0', ['a', 'b']], 'last-entry', ['2-0', ['a', 'b']]]");
    let alice = format!(
        "['name', 'alice', 'seen-time', {START}, 'active-time', {START}, 'pel-count', 1, 'pending', [['1-0', {START}, 1]]]"
    );
    let full = format!(
        "{info}'entries', [['1-0', ['a', 'b']], ['2-0', ['a', 'b']]], 'groups', [['name', 'g', 'last-delivered-id', '1-0', 'entries-read', 1, 'lag', 1, 'pel-count', 1, 'pending', [['1-0', 'alice', {START}, 1]], 'consumers', [{alice}]]]]"
    );
    check_in(
        &mut t,
        &[
            ("XINFO STREAM s", &short),
            ("XINFO STREAM s FULL", &full),
            ("XINFO STREAM s FULL COUNT 0", &full),
            (
                "XINFO STREAM s FULL COUNT",
                "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.",
            ),
            (
                "XINFO GROUPS s",
                "[['name', 'g', 'consumers', 1, 'pending', 1, 'last-delivered-id', '1-0', 'entries-read', 1, 'lag', 1]]",
            ),
            ("XINFO CONSUMERS s g", "[['name', 'alice', 'pending', 1, 'idle', 10, 'inactive', 10]]"),
            ("COPY s t", "1"),
            ("XINFO STREAM t FULL", &full),
            ("XGROUP CREATECONSUMER s g zoe", "1"),
            (
                "XINFO CONSUMERS s g",
                "[['name', 'alice', 'pending', 1, 'idle', 10, 'inactive', 10], ['name', 'zoe', 'pending', 0, 'idle', 0, 'inactive', -1]]",
            ),
            ("XINFO CONSUMERS s x", "-NOGROUP No such consumer group 'x' for key name 's'"),
            ("XINFO STREAM none", "-ERR no such key"),
            ("XINFO", "-ERR wrong number of arguments for 'xinfo' command"),
        ],
    );
}

#[test]
fn lag_is_known_or_said_not_to_be() {
    let mut t = Harness::new();
    let group = |t: &mut Harness| {
        let text = t.run("XINFO GROUPS s");
        text[text.find("'entries-read'").unwrap()..text.len() - 2].to_owned()
    };
    t.run("XGROUP CREATE s g $ MKSTREAM");
    assert_eq!(group(&mut t), "'entries-read', nil, 'lag', 0");
    for i in 1..=3 {
        t.run(&format!("XADD s {i} a b"));
    }
    t.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    assert_eq!(group(&mut t), "'entries-read', 1, 'lag', 2");
    // A gap after what the group has read: it is not known whether it will be read.
    t.run("XDEL s 2");
    assert_eq!(group(&mut t), "'entries-read', 1, 'lag', nil");
    t.run("XDEL s 1");
    assert_eq!(group(&mut t), "'entries-read', 1, 'lag', 1");
    t.run("XREADGROUP GROUP g c STREAMS s >");
    assert_eq!(group(&mut t), "'entries-read', 3, 'lag', 0");
    t.run("XSETID s 9 ENTRIESADDED 100");
    assert_eq!(group(&mut t), "'entries-read', 3, 'lag', 97");
}

#[test]
fn sets_ids() {
    let mut t = Harness::new();
    t.run("XADD s 5 a b");
    check_in(
        &mut t,
        &[
            ("XSETID s 4", "-ERR The ID specified in XSETID is smaller than the target stream top item"),
            (
                "XSETID s 6 ENTRIESADDED 0",
                "-ERR The entries_added specified in XSETID is smaller than the target stream length",
            ),
            ("XSETID s 6 ENTRIESADDED -1", "-ERR entries_added must be positive"),
            (
                "XSETID s 6 MAXDELETEDID 7",
                "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
            ),
            ("XSETID s 8 MAXDELETEDID 7", "OK"),
            ("XSETID s 6", "-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"),
            ("XSETID none 6", "-ERR no such key"),
            ("XSETID s x", INVALID),
            ("XSETID s 9 x", SYNTAX),
        ],
    );
}

#[test]
fn odd_numbers_in_ids_are_read_as_redis_reads_them() {
    check(&[
        ("XADD s 007-+8 a b", "'7-8'"),
        ("XADD s 9--0 a b", "'9-0'"),
        ("XADD s 10--1 a b", INVALID),
        ("XADD s 18446744073709551616-0 a b", INVALID),
        ("XADD s -1-1 a b", INVALID),
        ("XADD s 11- a b", INVALID),
        ("XADD s 12-*x a b", INVALID),
    ]);
}

fn three() -> [Harness; 3] {
    let first = Harness::new();
    let (second, third) = (Harness::of(Arc::clone(&first.server)), Harness::of(Arc::clone(&first.server)));
    [first, second, third]
}

#[test]
fn readers_wait_for_what_is_added_after_they_came() {
    let [mut a, mut b, mut writer] = three();
    writer.run("XADD s 1 f v");
    assert_eq!(a.run("XREAD BLOCK 0 STREAMS none s 0 $"), "");
    assert_eq!(b.run("XREAD BLOCK 0 COUNT 1 STREAMS s 1"), "");
    assert_eq!(writer.run("XADD s 2 f w"), "'2-0'");
    assert_eq!(a.served().as_deref(), Some("[['s', [['2-0', ['f', 'w']]]]]"));
    assert_eq!(b.served().as_deref(), Some("[['s', [['2-0', ['f', 'w']]]]]"));
    assert_eq!(a.run("XREAD BLOCK 0 STREAMS s +"), "[['s', [['2-0', ['f', 'w']]]]]");
    // What comes and goes at once is not seen.
    a.run("XREAD BLOCK 0 STREAMS s $");
    writer.run("MULTI");
    writer.run("XADD s 3 f v");
    writer.run("XDEL s 3");
    writer.run("EXEC");
    assert!(a.served().is_none());
    writer.run("XADD s 4 f v");
    assert_eq!(a.served().as_deref(), Some("[['s', [['4-0', ['f', 'v']]]]]"));
}

#[test]
fn consumers_are_served_in_the_order_in_which_they_came() {
    let [mut a, mut b, mut writer] = three();
    writer.run("XGROUP CREATE s g $ MKSTREAM");
    a.run("XREADGROUP GROUP g alice COUNT 1 BLOCK 0 STREAMS s >");
    b.run("XREADGROUP GROUP g bob COUNT 1 BLOCK 0 STREAMS s >");
    writer.run("XADD s 1 f v");
    assert_eq!((a.served().is_some(), b.served().is_some()), (true, false));
    writer.run("XADD s 2 f v");
    assert_eq!(b.served().as_deref(), Some("[['s', [['2-0', ['f', 'v']]]]]"));
    assert_eq!(writer.run("XPENDING s g"), "[2, '1-0', '2-0', [['alice', '1'], ['bob', '1']]]");
    // History is never waited for.
    assert_eq!(a.run("XREADGROUP GROUP g alice BLOCK 0 STREAMS s 5"), "[['s', []]]");
}

#[test]
fn consumers_are_told_when_their_group_goes() {
    let [mut a, mut b, mut writer] = three();
    let gone = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    for line in ["XGROUP DESTROY s g", "DEL s", "FLUSHALL", "FLUSHDB", "RENAME s t", "SWAPDB 0 1"] {
        writer.run("XGROUP CREATE s g $ MKSTREAM");
        assert_eq!(a.run("XREADGROUP GROUP g c BLOCK 0 STREAMS s >"), "");
        assert_eq!(b.run("XREAD BLOCK 1000 STREAMS s $"), "");
        writer.run(line);
        assert_eq!(a.served().as_deref(), Some(gone), "{line}");
        assert!(b.served().is_none(), "{line}");
        writer.run("XADD s * f v");
        assert!(b.served().is_some());
        writer.run("FLUSHALL");
    }
    writer.run("XGROUP CREATE s g $ MKSTREAM");
    a.run("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    writer.run("SET s text");
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(a.served().as_deref(), Some(wrong));
}

#[test]
fn ids_far_apart_survive_a_dump() {
    let mut t = Harness::new();
    t.run("XADD s 1-0 f v");
    t.run("XADD s 1-18446744073709551615 f v");
    t.run("XADD s 18446744073709551615-5 g w");
    let before = t.run("XRANGE s - +");
    let dumped = t.replies(b"DUMP s\r\n".to_vec());
    let bytes = dumped[0].as_bytes().unwrap().to_vec();
    assert_eq!(t.run_args(&[b"RESTORE", b"t", b"0", &bytes]), "OK");
    assert_eq!(t.run("XRANGE t - +"), before);
}
