//! Scripts that run long, as other clients of the same thread see them.

use ringtail_tests::harness::{Options, Server, pause};
use ringtail_tests::resp::{Value, request};
use std::time::{Duration, Instant};

fn one_thread() -> Server {
    Server::start(&Options::args(&["--threads", "1"]))
}

#[test]
fn others_are_served_while_a_script_runs_and_can_kill_it() {
    let server = one_thread();
    let (mut busy, mut other) = (server.endpoint.open(), server.endpoint.open());
    assert!(other.run("CONFIG SET busy-reply-threshold 100").is_ok());
    let endless = "redis.call('get', KEYS[1]) while true do pcall(function() while true do end end) end";
    busy.send(&request(&["EVAL", endless, "1", "held"])).expect("sent");
    pause(Duration::from_millis(50));
    for i in 0..100 {
        let start = Instant::now();
        assert!(other.run(&format!("SET k{i} v")).is_ok());
        assert!(start.elapsed() < Duration::from_secs(1), "a slice takes {:?}", start.elapsed());
    }
    let refused = other.run("GET held");
    assert!(refused.error().is_some_and(|text| text.starts_with("BUSY Redis is busy")), "{refused}");
    assert!(other.run("SCRIPT KILL").is_ok());
    let killed = busy.read().expect("the script's end");
    assert!(killed.error().is_some_and(|text| text.starts_with("ERR Script killed by user")), "{killed}");
    assert_eq!(other.run("GET held"), Value::Nil);
    assert_eq!(busy.call(&["EVAL", "return 7", "0"]).int(), 7);
}

#[test]
fn a_script_that_wrote_runs_to_its_end_without_its_client() {
    let server = one_thread();
    let (mut leaves, mut other) = (server.endpoint.open(), server.endpoint.open());
    let slow = "redis.call('set', KEYS[1], 'half') local n = 0 for i = 1, 2e7 do n = n + 1 end redis.call('set', KEYS[1], 'whole')";
    leaves.send(&request(&["EVAL", slow, "1", "k"])).expect("sent");
    pause(Duration::from_millis(50));
    drop(leaves);
    let unkillable = other.run("SCRIPT KILL");
    assert!(unkillable.error().is_some_and(|text| text.starts_with("UNKILLABLE ")), "{unkillable}");
    // It waits until the script has ended.
    assert_eq!(other.run("GET k").text(), "whole");
}
