//! What one request can make the server hold, and what it can't.

use crate::command::testing::Harness;

#[test]
fn a_reply_is_bounded() {
    let mut t = Harness::new();
    let value = vec![b'x'; 100 << 20];
    assert_eq!(t.run_args(&[b"SET", b"m", &value]), "OK");
    assert_eq!(t.run("MGET m m m m m m"), "-ERR the reply is longer than 576 MB: ask for less at once");
    assert_eq!(t.run("STRLEN m"), "104857600");
}

#[test]
fn the_limit_holds_again_after_a_command_that_grew_its_key() {
    let mut t = Harness::new();
    let memory = &t.server.store.memory;
    memory.publish_all();
    memory.set_limit(memory.used() + (4 << 20));
    assert_eq!(t.run("SETRANGE grown 50000000 x"), "50000001");
    assert!(!t.server.store.memory.is_over());
    assert_eq!(t.run("SET small v"), "OK");
}

#[test]
fn an_http_request_ends_its_connection() {
    for line in ["POST / HTTP/1.1", "Host: localhost:3000"] {
        let mut t = Harness::new();
        assert!(t.run(line).starts_with("-ERR unknown command"), "{line}");
        assert!(t.session.closing, "{line}");
    }
}

#[test]
fn how_many_are_drawn_under_a_lock_is_bounded() {
    let mut t = Harness::new();
    t.run("SADD s a");
    t.run("ZADD z 1 a");
    t.run("HSET h a 1");
    for line in ["SRANDMEMBER s", "ZRANDMEMBER z", "HRANDFIELD h"] {
        for count in ["-2147483648", "-100000000", "-9223372036854775807"] {
            let want = "-ERR the reply is longer than 576 MB: ask for less at once";
            assert_eq!(t.run(&format!("{line} {count}")), want, "{line} {count}");
        }
        assert_eq!(t.run(&format!("{line} -3")), "['a', 'a', 'a']");
    }
}

#[test]
fn what_is_left_by_far_the_most_is_freed_elsewhere() {
    let mut t = Harness::new();
    for i in 0..2000 {
        t.run(&format!("ZADD z {i} m{i}"));
        t.run(&format!("SADD s m{i}"));
    }
    let freed = t.server.store.lazy.pending() + t.server.store.lazy.freed();
    assert_eq!(t.run("ZREMRANGEBYRANK z 1 -2"), "1998");
    assert_eq!(t.run("ZRANGE z 0 -1 WITHSCORES"), "['m0', '0', 'm1999', '1999']");
    assert_eq!(t.run("ZRANK z m1999"), "1");
    assert!(t.run("SPOP s 1999").len() > 1999 * 4);
    assert_eq!(t.run("SCARD s"), "1");
    assert_eq!(t.server.store.lazy.pending() + t.server.store.lazy.freed(), freed + 2);
}

#[test]
fn many_keys_are_watched_as_quickly_as_few() {
    let mut t = Harness::new();
    let keys: Vec<String> = (0..200_000).map(|i| format!("key:{}", i / 2)).collect();
    let args: Vec<&[u8]> =
        std::iter::once("WATCH").chain(keys.iter().map(String::as_str)).map(str::as_bytes).collect();
    // Compared one by one they would take minutes.
    assert_eq!(t.run_args(&args), "OK");
    assert_eq!(t.session.watches.keys.len(), 100_000);
    assert_eq!(t.run("UNWATCH"), "OK");
    assert!(t.session.watches.keys.is_empty());
}
