//! First syncs, and what goes on while they run.

use super::load::Load;
use super::{FULL, WITHIN, equal, follow, in_step, info, replica_of, says, server};
use ringtail_tests::harness::{Server, Signal, pause, wait_for};
use ringtail_tests::resp::Conn;
use std::time::Duration;

const LIBRARY: &str =
    "#!lua name=lib\nredis.register_function('f', function(keys) return redis.call('INCR', keys[1]) end)";

/// So many keys, by pipelines.
fn fill(conn: &mut Conn, keys: usize) {
    let numbers: Vec<usize> = (0..keys).collect();
    for some in numbers.chunks(1000) {
        let requests: Vec<_> = some
            .iter()
            .map(|n| ["SET".to_owned(), format!("key:{n}"), format!("{n:0100}")].to_vec())
            .collect();
        conn.try_pipeline(&requests).expect("SET");
    }
}

#[test]
fn all_is_equal_after_a_first_sync_under_load() {
    let primary = server(&[]);
    let mut conn = primary.endpoint.open();
    fill(&mut conn, 20_000);
    assert_eq!(conn.call(&["FUNCTION", "LOAD", LIBRARY]).text(), "lib");
    let load = Load::begin(&primary.endpoint, 8, false);
    let first = replica_of(&primary.endpoint, &[]);
    load.go_on(Duration::from_millis(500));
    // Of one that is followed itself, while it may still load.
    let second = replica_of(&first.endpoint, &[]);
    load.go_on(Duration::from_millis(1500));
    assert!(conn.run("FCALL f 1 counted").int() > 0);
    load.end();
    equal(&primary, &first);
    equal(&first, &second);
}

#[test]
fn all_is_equal_with_all_keys_changed_at_once_meanwhile() {
    let primary = server(&[]);
    let load = Load::begin(&primary.endpoint, 6, true);
    let replica = replica_of(&primary.endpoint, &[]);
    load.go_on(Duration::from_secs(3));
    load.end();
    equal(&primary, &replica);
}

#[test]
fn many_first_syncs_at_once() {
    let primary = server(&[]);
    fill(&mut primary.endpoint.open(), 100_000);
    let load = Load::begin(&primary.endpoint, 2, false);
    let replicas: Vec<Server> = (0..5).map(|_| replica_of(&primary.endpoint, &[])).collect();
    load.go_on(Duration::from_millis(500));
    load.end();
    replicas.iter().for_each(|replica| equal(&primary, replica));
    assert_eq!(info(&mut primary.endpoint.open(), "connected_slaves"), "5");
}

#[test]
fn who_leads_is_changed_without_a_first_sync() {
    let primary = server(&[]);
    let [first, second] = [replica_of(&primary.endpoint, &[]), replica_of(&primary.endpoint, &[])];
    // Nothing that expires: the old primary would still write that down, and be further than the new one.
    fill(&mut primary.endpoint.open(), 5000);
    equal(&primary, &first);
    equal(&primary, &second);
    assert!(first.endpoint.open().run("REPLICAOF NO ONE").is_ok());
    assert_eq!(info(&mut first.endpoint.open(), "role"), "master");
    let load = Load::begin(&first.endpoint, 4, false);
    follow(&second.endpoint, &first.endpoint);
    follow(&primary.endpoint, &first.endpoint);
    load.go_on(Duration::from_millis(500));
    load.end();
    equal(&first, &second);
    equal(&first, &primary);
    assert_eq!((says(&second, FULL), says(&primary, FULL)), (1, 0));
}

#[test]
fn who_has_written_alone_is_not_taken_for_one_that_follows() {
    let primary = server(&[]);
    let replica = replica_of(&primary.endpoint, &[]);
    let below = replica_of(&replica.endpoint, &[]);
    assert!(primary.endpoint.open().run("SET k v").is_ok());
    equal(&primary, &replica);
    equal(&replica, &below);
    assert!(replica.endpoint.open().run("REPLICAOF NO ONE").is_ok());
    // Both go on from the same offset, the old one further.
    assert!(replica.endpoint.open().run("SET alone here").is_ok());
    (0..10).for_each(|n| assert!(primary.endpoint.open().run(&format!("SET k{n} v")).is_ok()));
    equal(&replica, &below);
    follow(&below.endpoint, &primary.endpoint);
    equal(&primary, &below);
    follow(&replica.endpoint, &primary.endpoint);
    equal(&primary, &replica);
    assert_eq!((says(&below, FULL), says(&replica, FULL)), (2, 2));
}

#[test]
fn a_write_larger_than_the_backlog_is_followed() {
    let primary = server(&["--repl-backlog", "1mb"]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let mut conn = primary.endpoint.open();
    let large = "x".repeat(48 << 20);
    for n in 0..3 {
        assert!(conn.call(&["SET", "large", &large]).is_ok());
        assert!(conn.run(&format!("SET small {n}")).is_ok());
        in_step(&primary, &replica);
        // It has yet to say so.
        let mut kept = || info(&mut conn, "repl_backlog_histlen").parse::<u64>().expect("bytes");
        assert!(
            wait_for(WITHIN, || kept() <= 2 << 20),
            "{} bytes are kept of what every replica has",
            kept()
        );
    }
    equal(&primary, &replica);
    assert_eq!((says(&replica, FULL), info(&mut conn, "sync_full")), (1, "1".to_owned()));
}

#[test]
fn one_below_a_replica_notices_that_the_log_is_another() {
    let [one, other] = [server(&[]), server(&[])];
    fill(&mut one.endpoint.open(), 1000);
    fill(&mut other.endpoint.open(), 3000);
    let middle = replica_of(&one.endpoint, &[]);
    let below = replica_of(&middle.endpoint, &[]);
    equal(&one, &below);
    // The other log is longer, so that the offset is in it.
    let load = Load::begin(&other.endpoint, 2, false);
    follow(&middle.endpoint, &other.endpoint);
    load.go_on(Duration::from_millis(500));
    load.end();
    equal(&other, &middle);
    equal(&middle, &below);
}

#[test]
fn who_is_to_follow_itself_or_in_a_ring_never_says_that_it_does() {
    let [one, other] = [server(&[]), server(&[])];
    follow(&one.endpoint, &other.endpoint);
    in_step(&other, &one);
    follow(&other.endpoint, &one.endpoint);
    follow(&one.endpoint, &one.endpoint);
    assert!(wait_for(WITHIN, || says(&one, "NOMASTERLINK") > 0), "{}", one.process.output());
    for server in [&one, &other] {
        assert_eq!(info(&mut server.endpoint.open(), "master_link_status"), "down");
    }
    // The first one that leads is followed by the other at once.
    for server in [&one, &other] {
        assert!(server.endpoint.open().run("REPLICAOF NO ONE").is_ok());
        assert!(server.endpoint.open().run("SET k v").is_ok());
    }
}

/// Each of them has one that speaks to it, so only a primary's word tells them from a chain.
#[test]
fn three_that_follow_each_other_say_that_they_have_no_primary() {
    let top = server(&[]);
    let first = replica_of(&top.endpoint, &[]);
    let second = replica_of(&first.endpoint, &[]);
    let third = replica_of(&second.endpoint, &[]);
    in_step(&top, &third);
    follow(&first.endpoint, &third.endpoint);
    let ring = [&first, &second, &third];
    let is_down = |server: &&Server| info(&mut server.endpoint.open(), "master_link_status") == "down";
    assert!(wait_for(WITHIN, || ring.iter().all(is_down)), "{}", first.process.output());
    pause(Duration::from_secs(2));
    assert!(ring.iter().all(is_down), "{}", first.process.output());
    // A chain that is long in use goes on, and so does what was a ring once it is one again.
    follow(&first.endpoint, &top.endpoint);
    assert!(top.endpoint.open().run("SET k v").is_ok());
    ring.iter().for_each(|server| equal(&top, server));
    pause(Duration::from_secs(12));
    assert!(!ring.iter().any(is_down), "{}", third.process.output());
}

#[test]
fn what_it_may_not_do_as_a_replica() {
    let primary = server(&[]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let mut conn = replica.endpoint.open();
    let refused = |reply: ringtail_tests::resp::Value| {
        assert!(reply.error().is_some_and(|why| why.contains("READONLY")), "{reply}")
    };
    refused(conn.run("SET k v"));
    refused(conn.run("FLUSHALL"));
    refused(conn.run("BLPOP k 1"));
    refused(conn.call(&["EVAL", "return redis.call('SET', 'k', 'v')", "0"]));
    refused(conn.call(&["FUNCTION", "LOAD", LIBRARY]));
    assert!(conn.run("MULTI").is_ok());
    assert!(conn.run("REPLICAOF NO ONE").error().is_none());
    let inside = conn.run("EXEC");
    assert!(inside.items()[0].error().is_some_and(|why| why.contains("transaction")), "{inside}");
    assert_eq!(info(&mut conn, "role"), "slave");
    // What was queued by a primary is not done by a replica.
    let mut queued = primary.endpoint.open();
    assert!(queued.run("MULTI").is_ok());
    assert_eq!(queued.run("SET alone v").text(), "QUEUED");
    let mut waits = primary.endpoint.open();
    waits.send(b"BLPOP list 0\r\n").expect("BLPOP");
    assert!(wait_for(WITHIN, || info(&mut primary.endpoint.open(), "blocked_clients") == "1"));
    assert!(conn.run("REPLICAOF NO ONE").is_ok());
    follow(&primary.endpoint, &replica.endpoint);
    refused(queued.run("EXEC"));
    in_step(&replica, &primary);
    assert_eq!(conn.run("RPUSH list a").int(), 1);
    let told = waits.read().expect("a reply");
    assert!(told.error().is_some_and(|why| why.starts_with("UNBLOCKED")), "{told}");
    equal(&replica, &primary);
}

#[test]
fn what_has_expired_is_not_shown_and_not_removed_by_a_replica() {
    let primary = server(&[]);
    let mut conn = primary.endpoint.open();
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let mut own = replica.endpoint.open();
    assert!(conn.run("SET k v PX 500").is_ok());
    assert_eq!(conn.run("RPUSH list a b").int(), 2);
    assert_eq!(conn.run("PEXPIRE list 500").int(), 1);
    in_step(&primary, &replica);
    primary.process.signal(Signal::Stop);
    assert!(wait_for(WITHIN, || own.run("EXISTS k list").int() == 0));
    assert!(own.run("GET k").bytes().is_none() && own.run("LRANGE list 0 -1").items().is_empty());
    // It waits for the primary, who has not looked yet.
    assert_eq!(own.run("DBSIZE").int(), 2);
    primary.process.signal(Signal::Continue);
    assert_eq!(conn.run("EXISTS k list").int(), 0);
    assert!(wait_for(WITHIN, || own.run("DBSIZE").int() == 0));
}

#[test]
fn what_is_evicted_goes_everywhere_and_replicas_evict_nothing() {
    let primary = server(&["--maxmemory", "12mb"]);
    // It may have less, and keeps all the same.
    let replica = replica_of(&primary.endpoint, &["--maxmemory", "10mb"]);
    in_step(&primary, &replica);
    fill(&mut primary.endpoint.open(), 150_000);
    assert_ne!(info(&mut primary.endpoint.open(), "evicted_keys"), "0");
    // Looking at the keys takes memory too.
    assert!(primary.endpoint.open().run("CONFIG SET maxmemory 0").is_ok());
    equal(&primary, &replica);
    assert_eq!(info(&mut replica.endpoint.open(), "evicted_keys"), "0");
}

#[test]
fn what_a_waiting_client_is_given_goes_to_replicas() {
    let primary = server(&[]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let mut waits = primary.endpoint.open();
    waits.send(b"BLMOVE from to LEFT LEFT 0\r\n").expect("BLMOVE");
    assert!(wait_for(WITHIN, || info(&mut primary.endpoint.open(), "blocked_clients") == "1"));
    // A reader who waits on the replica is told there.
    let mut reader = replica.endpoint.open();
    reader.send(b"XREAD BLOCK 0 STREAMS stream $\r\n").expect("XREAD");
    assert!(wait_for(WITHIN, || info(&mut replica.endpoint.open(), "blocked_clients") == "1"));
    assert_eq!(primary.endpoint.open().run("RPUSH from a b").int(), 2);
    assert_eq!(waits.read().expect("a reply").text(), "a");
    assert_eq!(primary.endpoint.open().run("XADD stream 1-1 f v").text(), "1-1");
    assert_eq!(reader.read().expect("a reply").items().len(), 1);
    equal(&primary, &replica);
}
