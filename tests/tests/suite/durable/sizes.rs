//! Keys of all types, empty and huge, with any bytes for names: from a log, from its base, from a backup.

use super::{everything, info, restart, start_in, stop, text};
use ringtail_tests::harness::{Options, Server, scratch, wait_for};
use ringtail_tests::resp::Conn;
use std::time::Duration;

/// Small keys, of all types in turn.
const SMALL: usize = 200_000;

/// Requests that are sent at once.
const AT_ONCE: usize = 2000;

fn small(n: usize) -> Vec<Vec<u8>> {
    let words = |line: String| line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    let mut request = match n % 8 {
        0 => words(format!("SET k v{n}")),
        1 => words(format!("HSET k a {n} b text{n}")),
        2 => words(format!("RPUSH k {n} b c")),
        3 => words(format!("SADD k {n} {} 7", n * 3)),
        4 => words(format!("ZADD k {n} a -1.5 b inf c")),
        5 => words(format!("XADD k {n}-1 field value{n}")),
        6 => words(format!("SET k x{n} PXAT 40000000{n:05}")),
        _ => words("SETBIT k 1000 1".to_owned()),
    };
    // Any byte may be in a name.
    request[1] = [&[n as u8, 0, b'\r', b'\n', 0xff][..], n.to_string().as_bytes()].concat();
    request
}

fn fill(conn: &mut Conn) {
    conn.set_patience(Duration::from_secs(60));
    for start in (0..SMALL).step_by(AT_ONCE) {
        let requests: Vec<_> = (start..start + AT_ONCE).map(small).collect();
        let replies = conn.try_pipeline(&requests).expect("replies");
        assert!(replies.iter().all(|reply| reply.error().is_none()));
    }
    assert!(conn.call(&["SET", "empty", ""]).is_ok());
    assert!(conn.call(&["SET", "", "the empty name"]).is_ok());
    let huge = vec![b'x'; 48 << 20];
    assert!(conn.call(&[&b"SET"[..], b"huge", &huge]).is_ok());
    let million = "for i = 1, 1000000 do redis.call('RPUSH', KEYS[1], i) end";
    assert_eq!(conn.call(&["EVAL", million, "1", "million"]).error(), None);
    assert_eq!(conn.call(&["XGROUP", "CREATE", "stream", "group", "$", "MKSTREAM"]).error(), None);
    assert_eq!(conn.run("HSET brief f v g w").int(), 2);
    assert_eq!(conn.run("HPEXPIREAT brief 4000000000000 FIELDS 1 f").error(), None);
    assert!(conn.run("SELECT 5").is_ok());
    assert!(conn.run("SET other database").is_ok());
    assert!(conn.run("SELECT 0").is_ok());
}

fn compare(conn: &mut Conn, before: &std::collections::BTreeMap<Vec<u8>, (Vec<u8>, i64)>, what: &str) {
    conn.set_patience(Duration::from_secs(60));
    let now = everything(conn);
    assert_eq!(now.len(), before.len(), "{what}");
    for (key, there) in before {
        let same = now.get(key) == Some(there);
        assert!(same, "{what}: {} is another", key.escape_ascii());
    }
    assert_eq!(conn.run("LLEN million").int(), 1_000_000);
    assert_eq!(conn.run("LINDEX million -1").text(), "1000000");
    assert_eq!(conn.run("HPEXPIRETIME brief FIELDS 1 f").items()[0].int(), 4_000_000_000_000);
    assert!(conn.run("SELECT 5").is_ok());
    assert_eq!(conn.run("GET other").text(), "database");
}

#[test]
fn all_types_and_sizes_come_back() {
    let dir = scratch("sizes");
    let mut server = start_in(&dir, &["--log-growth", "0"]);
    let mut conn = server.endpoint.open();
    fill(&mut conn);
    let before = everything(&mut conn);
    assert_eq!(before.len(), SMALL + 6);
    server.process.kill();
    restart(&mut server);
    let mut conn = server.endpoint.open();
    compare(&mut conn, &before, "from the log");
    let mut conn = server.endpoint.open();
    assert_eq!(conn.run("BGREWRITEAOF").error(), None);
    let patience = Duration::from_secs(60);
    assert!(wait_for(patience, || info(&mut conn, "aof_rewrite_in_progress") == "0"));
    assert_eq!(info(&mut conn, "aof_last_bgrewrite_status"), "ok");
    conn.set_patience(patience);
    assert!(conn.run("BACKUP all.rtb").is_ok());
    stop(&mut server);
    server.restart();
    compare(&mut server.loaded(), &before, "from the base");
    let backup = dir.join("all.rtb");
    let restored = Server::start(&Options::args(&["--backup", text(&backup)]));
    compare(&mut restored.loaded(), &before, "from a backup");
}
