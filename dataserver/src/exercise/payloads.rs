//! RESTORE of bytes that are no value, or nearly one.

use super::Source;
use crate::command::testing::Harness;
use crate::rdb;
use ringtail_protocol::value::Value;

/// Requests that make a value `k` of every type in every form.
const MAKERS: [&str; 18] = [
    "SET k 12345",
    "SET k abababababababababababababababababababababab",
    "RPUSH k a 1 -5000 70000 9223372036854775807",
    "RPUSH k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b c",
    "SADD k 1 2 70000",
    "SADD k a 2 c",
    "SADD k a 2 c d e f g h",
    "ZADD k 1.5 a -3 b inf c",
    "ZADD k 1.5 a -3 b inf c 4 d 5 e 6 f 7 g",
    "HSET k f 1 g value",
    "HSET k a 1 b 2 c 3 d 4 e 5 f 6 g 7",
    "HSET k f 1 g value|HPEXPIRE k 100000 FIELDS 1 f",
    "HSET k a 1 b 2 c 3 d 4 e 5 f 6 g 7|HPEXPIRE k 100000 FIELDS 2 b c",
    "XADD k 1-1 f v g w|XADD k 2-0 f v|XADD k 3-0 f v g w|XDEL k 2-0",
    "XADD k 1-1 f v|XGROUP CREATE k grp 0|XREADGROUP GROUP grp me COUNT 1 STREAMS k >",
    "XADD k 5-1 f v|XADD k 5-2 a b|XGROUP CREATE k grp 0|XREADGROUP GROUP grp me STREAMS k >|XACK k grp 5-1|XSETID k 9-9",
    "PFADD k a b c",
    "SETBIT k 100 1",
];

/// Payloads of forms that are read and not written here, less their footers: of older versions of Redis.
const OLDER: [&[u8]; 6] = [
    // A list of plain strings, a zipmap, ziplists.
    b"\x01\x02\x01a\xc0\x05",
    b"\x09\x0d\x02\x01a\x01\x001\x01b\x02\x0022\xff",
    b"\x0a\x10\x10\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\xf6\xff",
    b"\x0d\x11\x11\x00\x00\x00\x0e\x00\x00\x00\x02\x00\x00\x01a\x03\x011\xff",
    b"\x03\x01\x01a\x031.5",
    b"\x0e\x01\x10\x10\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\xf6\xff",
];

/// What is done with a value that was taken: all that reads or changes the whole of it.
const USES: [&str; 30] = [
    "OBJECT ENCODING r",
    "MEMORY USAGE r",
    "COPY r c REPLACE",
    "GET r",
    "APPEND r x",
    "PFCOUNT r",
    "LRANGE r 0 -1",
    "LINSERT r BEFORE a z",
    "LREM r 0 a",
    "RPOP r",
    "SMEMBERS r",
    "SADD r 5 new",
    "SPOP r",
    "HGETALL r",
    "HTTL r FIELDS 1 f",
    "HSET r new 1",
    "HDEL r f",
    "ZRANGE r 0 -1 WITHSCORES",
    "ZADD r 5 new",
    "ZPOPMIN r",
    "XINFO STREAM r FULL",
    "XRANGE r - +",
    "XADD r * f v",
    "XREADGROUP GROUP grp other STREAMS r >",
    "XAUTOCLAIM r grp other 0 0",
    "XTRIM r MAXLEN 1",
    "XPENDING r grp",
    "XGROUP DELCONSUMER r grp me",
    "SORT r ALPHA",
    "SCAN 0",
];

/// Gives RESTORE a payload made from `data`, whose checksum is right, and uses what it made.
///
/// # Panics
/// When a value that was taken can't be dumped and taken again.
pub fn payloads(data: &[u8]) {
    let (mut source, mut t) = (Source(data), Harness::new());
    if source.often(128) {
        for setting in ["hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-listpack-entries"]
        {
            t.run(&format!("CONFIG SET {setting} 4"));
        }
    }
    let body = body(&mut source, &mut t);
    if t.run_args(&[b"RESTORE", b"r", b"0", &rdb::sealed(&body)]) != "OK" {
        return;
    }
    again(&mut t);
    USES.iter().for_each(|line| drop(t.run(line)));
    again(&mut t);
    t.run("DEL r c");
}

/// What a payload has before its footer.
fn body(source: &mut Source<'_>, t: &mut Harness) -> Vec<u8> {
    let which = source.below(MAKERS.len() + OLDER.len() + 1);
    let mut body = match which.checked_sub(MAKERS.len()) {
        None => {
            MAKERS[which].split('|').for_each(|line| drop(t.run(line)));
            let dumped = dumped(t, b"k").unwrap_or_default();
            t.run("DEL k");
            dumped[..dumped.len().saturating_sub(rdb::FOOTER)].to_vec()
        }
        Some(older) if older < OLDER.len() => OLDER[older].to_vec(),
        Some(_) => return source.0.to_vec(),
    };
    while !source.is_empty() {
        change(source, &mut body);
    }
    body
}

/// One change of a few bytes.
fn change(source: &mut Source<'_>, body: &mut Vec<u8>) {
    let at = source.below(body.len() + 1);
    match source.below(5) {
        0 => body.truncate(at),
        1 => drop(body.splice(at..at, source.bytes(8).iter().copied())),
        2 => drop(body.drain(at..(at + source.below(8)).min(body.len()))),
        _ => {
            if let Some(byte) = body.get_mut(at) {
                *byte = source.byte();
            }
        }
    }
}

fn dumped(t: &mut Harness, key: &[u8]) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    ringtail_protocol::reply::write_request(&mut request, [&b"DUMP"[..], key].into_iter());
    match t.replies(request).pop() {
        Some(Value::Bulk(payload)) => Some(payload.to_vec()),
        _ => None,
    }
}

/// What is dumped is taken again, and is as long.
fn again(t: &mut Harness) {
    let Some(payload) = dumped(t, b"r") else { return };
    let answer = t.run_args(&[b"RESTORE", b"a", b"0", &payload, b"REPLACE"]);
    assert_eq!(answer, "OK", "{}", payload.escape_ascii());
    let again = dumped(t, b"a").unwrap_or_default();
    assert_eq!(again.len(), payload.len(), "{} -> {}", payload.escape_ascii(), again.escape_ascii());
    t.run("DEL a");
}
