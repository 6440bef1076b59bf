//! servers.json says which server of a member is its primary: planned switches, lost primaries, and those that come back.

use super::member::Member;
use super::{FULL, WITHIN, equal, in_step, info, says};
use ringtail_tests::harness::{Server, Signal, pause, wait_for};
use ringtail_tests::resp::Conn;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Counts on a bound connection, in pipelines, at whoever leads: requests that come back are sent to the new primary. All that was answered.
fn count(member: &Member, key: &str, over: &AtomicBool) -> (i64, Duration) {
    let (mut conn, mut last, mut longest) = (bound(member), 0, Duration::ZERO);
    let request = format!("*2\r\n$4\r\nINCR\r\n${}\r\n{key}\r\n", key.len());
    const MANY: usize = 8;
    while !over.load(Relaxed) {
        let begun = Instant::now();
        conn.send(request.repeat(MANY).as_bytes()).expect("a primary");
        let mut left = MANY;
        while left > 0 {
            let said = conn.read().expect("an answer");
            match said.error() {
                None => {
                    assert_eq!(said.int(), last + 1, "{key}");
                    (last, left) = (last + 1, left - 1);
                }
                Some(error) => {
                    assert!(error.starts_with("NOTPRIMARY "), "{error}");
                    // What comes back is what was not answered.
                    for _ in 0..left {
                        let back = conn.read().expect("what was not run");
                        assert_eq!(
                            back.items().iter().map(|word| word.text()).collect::<Vec<_>>(),
                            ["INCR", key]
                        );
                    }
                    conn = bound(member);
                    conn.send(request.repeat(left).as_bytes()).expect("a primary");
                }
            }
        }
        longest = longest.max(begun.elapsed());
    }
    (last, longest)
}

/// A connection to whoever leads.
fn bound(member: &Member) -> Conn {
    let begun = Instant::now();
    loop {
        for server in &member.servers {
            let mut conn = server.endpoint.open();
            if conn.run("RINGTAIL PRIMARY").is_ok() {
                return conn;
            }
        }
        assert!(begun.elapsed() < WITHIN, "nobody leads\n{}", member.tell());
    }
}

/// Switches to and fro by edits under load, with these arguments of the servers.
fn switches_lose_nothing(args: &[&str]) {
    let member = Member::start(args);
    let over = AtomicBool::new(false);
    let counted = std::thread::scope(|scope| {
        let (member, over) = (&member, &over);
        let keys: Vec<String> = (0..4).map(|n| format!("n{n}")).collect();
        let counters: Vec<_> = keys
            .into_iter()
            .map(|key| scope.spawn(move || (key.clone(), count(member, &key, over))))
            .collect();
        for primary in [1, 2, 0, 1] {
            pause(Duration::from_millis(200));
            member.lead_by(primary);
        }
        over.store(true, Relaxed);
        counters.into_iter().map(|counter| counter.join().expect("a counter")).collect::<Vec<_>>()
    });
    let mut conn = member.endpoint(1).open();
    for (key, (count, longest)) in counted {
        assert_eq!(conn.run(&format!("GET {key}")).text(), count.to_string());
        assert!(longest < Duration::from_secs(5), "{key} waited for {longest:?}");
    }
    equal(&member.servers[1], &member.servers[0]);
    equal(&member.servers[1], &member.servers[2]);
}

#[test]
fn an_edit_switches_the_primary_without_an_error_or_a_lost_write() {
    switches_lose_nothing(&[]);
}

#[test]
fn an_edit_switches_the_primary_where_writes_need_a_quorum() {
    switches_lose_nothing(&["--ack", "quorum"]);
}

#[test]
fn a_replica_takes_over_from_a_primary_that_was_killed() {
    let mut member = Member::start(&["--ack", "quorum"]);
    assert!(member.endpoint(0).open().run("SET k 1").is_ok());
    member.servers[0].process.kill();
    member.edit(2);
    member.is_led_by(2, &[1, 2]);
    let mut conn = member.endpoint(2).open();
    assert_eq!(conn.run("GET k").text(), "1");
    assert!(conn.run("SET k 2").is_ok());
    // It comes back as what the file says, and has what it missed.
    member.servers[0].restart();
    member.is_led_by(2, &[0, 1, 2]);
    equal(&member.servers[2], &member.servers[0]);
}

#[test]
fn who_takes_over_first_gets_what_others_have_more() {
    let member = Member::start(&["--ack", "quorum"]);
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET k 1").is_ok());
    in_step(&member.servers[0], &member.servers[1]);
    member.servers[1].process.signal(Signal::Stop);
    // Of three, the primary and the second replica have it.
    assert!(conn.run("SET k 2").is_ok());
    member.servers[0].process.signal(Signal::Stop);
    member.servers[1].process.signal(Signal::Continue);
    member.edit(1);
    member.is_led_by(1, &[1, 2]);
    assert_eq!(member.endpoint(1).open().run("GET k").text(), "2");
    member.servers[0].process.signal(Signal::Continue);
    member.is_led_by(1, &[0, 1, 2]);
}

#[test]
fn a_primary_that_was_replaced_sets_aside_what_it_has_alone() {
    let member = Member::start(&[]);
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET k shared").is_ok());
    in_step(&member.servers[0], &member.servers[1]);
    let stop = |signal| member.servers[1..].iter().for_each(|server| server.process.signal(signal));
    stop(Signal::Stop);
    // What is written now is not even on its way to them.
    for line in conn.run("CLIENT LIST").text().lines().filter(|line| line.contains("cmd=ringtail|sync")) {
        let id = line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).expect("a number");
        assert_eq!(conn.run(&format!("CLIENT KILL ID {id}")).int(), 1);
    }
    assert!(conn.run("SET k alone").is_ok());
    member.servers[0].process.signal(Signal::Stop);
    stop(Signal::Continue);
    member.edit(1);
    member.is_led_by(1, &[1, 2]);
    assert_eq!(member.endpoint(1).open().run("GET k").text(), "shared");
    member.servers[0].process.signal(Signal::Continue);
    member.is_led_by(1, &[0, 1, 2]);
    let refused = conn.run("SET k more");
    assert!(refused.error().is_some_and(|error| error.starts_with("READONLY")), "{refused}");
    equal(&member.servers[1], &member.servers[0]);
    has_set_aside(&member.servers[0], "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nalone\r\n");
}

/// Whether it says so, and in which file, and that has these commands and no others.
fn has_set_aside(server: &Server, commands: &str) {
    let says = server.process.output();
    let line =
        says.lines().find(|line| line.contains("what this server has alone is set aside")).expect(&says);
    let path = line.split("path=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a path");
    let aside = std::fs::read_to_string(path).expect("the file");
    assert_eq!(aside, format!("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n{commands}"));
}

/// As a rule a primary is replaced because it has died, and comes back as a replica.
#[test]
fn a_primary_that_was_replaced_while_it_was_dead_sets_aside_what_it_has_alone() {
    let mut member = Member::start(&[]);
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET k shared").is_ok());
    // Replicas that are killed have what is on their disks.
    assert_eq!(conn.run("WAITAOF 1 2 30000").items()[1].int(), 2, "{}", member.tell());
    member.servers[1..].iter_mut().for_each(|server| server.process.kill());
    assert!(conn.run("SET k alone").is_ok());
    assert_eq!(conn.run("WAITAOF 1 0 5000").items()[0].int(), 1);
    member.servers[0].process.kill();
    member.edit(1);
    member.servers[1..].iter_mut().for_each(Server::restart);
    member.is_led_by(1, &[1, 2]);
    assert!(member.endpoint(1).open().run("SET k new").is_ok());
    member.servers[0].restart();
    member.is_led_by(1, &[0, 1, 2]);
    equal(&member.servers[1], &member.servers[0]);
    has_set_aside(&member.servers[0], "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nalone\r\n");
    // What came of a primary is nobody's alone.
    member.servers[2].process.kill();
    member.servers[2].restart();
    member.is_led_by(1, &[0, 1, 2]);
    assert_eq!(says(&member.servers[2], "set aside"), 0);
}

/// An empty primary must not have its replicas drop all that there is.
#[test]
fn a_primary_that_comes_back_with_nothing_gets_all_from_its_replicas() {
    let mut member = Member::start(&["--log", "off"]);
    assert!(member.endpoint(0).open().run("SET k 1").is_ok());
    in_step(&member.servers[0], &member.servers[1]);
    in_step(&member.servers[0], &member.servers[2]);
    member.servers[0].process.kill();
    member.servers[0].restart();
    member.is_led_by(0, &[0, 1, 2]);
    for server in &member.servers {
        assert_eq!(server.endpoint.open().run("GET k").text(), "1", "{}", member.tell());
    }
}

/// Its log on disk has what its replicas miss.
#[test]
fn a_primary_that_was_restarted_does_not_send_all_keys_again() {
    let mut member = Member::start(&[]);
    let mut conn = member.endpoint(0).open();
    for n in 0..100 {
        assert!(conn.run(&format!("SET k{n} {n}")).is_ok());
    }
    in_step(&member.servers[0], &member.servers[1]);
    let before = says(&member.servers[1], FULL);
    member.servers[1].process.signal(Signal::Stop);
    assert!(conn.run("SET k later").is_ok());
    assert_eq!(conn.run("WAITAOF 1 0 5000").items()[0].int(), 1);
    member.servers[0].process.kill();
    member.servers[1].process.signal(Signal::Continue);
    member.servers[0].restart();
    member.is_led_by(0, &[0, 1, 2]);
    equal(&member.servers[0], &member.servers[1]);
    assert_eq!(says(&member.servers[1], FULL), before, "{}", member.tell());
}

#[test]
fn a_failover_stands_until_the_file_changes() {
    let member = Member::start(&[]);
    let to = member.endpoint(1).port.to_string();
    assert!(member.endpoint(0).open().call(&["FAILOVER", "TO", "127.0.0.1", &to]).is_ok());
    member.is_led_by(1, &[0, 1]);
    pause(Duration::from_millis(1500));
    member.is_led_by(1, &[0, 1]);
    member.lead_by(2);
    member.lead_by(0);
}

/// Its clients are gone: nobody is kept waiting for the replica.
#[test]
fn a_server_that_hands_over_ends_in_time() {
    let mut member = Member::start(&[]);
    member.servers[1].process.signal(Signal::Stop);
    let mut conn = member.endpoint(0).open();
    member.edit(1);
    // The replica was told to lead.
    assert!(wait_for(WITHIN, || info(&mut conn, "role") == "slave"), "{}", member.tell());
    let begun = Instant::now();
    member.servers[0].process.signal(Signal::Terminate);
    assert_eq!(member.servers[0].process.wait_exit(WITHIN), Some(0), "{}", member.tell());
    // Less than it takes until it is given up.
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}\n{}", begun.elapsed(), member.tell());
    assert_eq!(says(&member.servers[0], "it was told to lead, and does not"), 1, "{}", member.tell());
}

/// Whoever is followed by the one that is to lead may itself wait for a primary.
#[test]
fn nobody_waits_for_ever_for_one_that_does_not_lead() {
    let mut member = Member::start(&[]);
    let replaced = |at: usize, epoch: u32| {
        let own = info(&mut member.endpoint(at).open(), "master_replid");
        let later = format!("{epoch:08x}{}", &own[8..]);
        member.endpoint(at).open().run(&format!("RINGTAIL PEER {later}"));
        let refuses = || member.endpoint(at).open().run("SET k 1").error().is_some();
        assert!(wait_for(WITHIN, refuses), "{}", member.tell());
    };
    // The file has not changed since.
    let to = member.endpoint(1).port.to_string();
    assert!(member.endpoint(0).open().call(&["FAILOVER", "TO", "127.0.0.1", &to]).is_ok());
    member.is_led_by(1, &[0, 1]);
    replaced(1, 100);
    member.is_led_by(0, &[0, 1, 2]);
    // It changes, and the one that hands over by itself else is none.
    replaced(0, 200);
    member.lead_by(1);
    // The end of a chain, and its top is lost.
    let port = member.endpoint(0).port.to_string();
    assert!(member.endpoint(2).open().call(&["REPLICAOF", "127.0.0.1", &port]).is_ok());
    let mut conn = member.endpoint(2).open();
    assert!(wait_for(WITHIN, || info(&mut conn, "master_link_status") == "up"), "{}", member.tell());
    member.servers[1].process.kill();
    member.edit(2);
    member.is_led_by(2, &[0, 2]);
}

/// Without an edit nobody may lead beside one that is only cut off.
#[test]
fn who_does_not_answer_is_waited_for_unless_the_file_changes() {
    let mut member = Member::start(&[]);
    let to = member.endpoint(1).port.to_string();
    assert!(member.endpoint(0).open().call(&["FAILOVER", "TO", "127.0.0.1", &to]).is_ok());
    member.is_led_by(1, &[0, 1]);
    member.servers[1].process.signal(Signal::Stop);
    let waits = format!("it may be {}, which does not answer", member.addr(1));
    assert!(wait_for(WITHIN, || says(&member.servers[0], &waits) == 1), "{}", member.tell());
    pause(Duration::from_secs(4));
    assert_eq!(info(&mut member.endpoint(0).open(), "role"), "slave", "{}", member.tell());
    assert_eq!(says(&member.servers[0], &waits), 1, "{}", member.tell());
    member.servers[1].process.signal(Signal::Continue);
    member.is_led_by(1, &[0, 1]);
    // What it has alone is not left out when it comes back.
    assert!(member.endpoint(1).open().run("SET k 1").is_ok());
    assert_eq!(member.endpoint(1).open().run("WAITAOF 1 0 5000").items()[0].int(), 1);
    member.servers[1].process.kill();
    member.servers[1].restart();
    member.is_led_by(0, &[0, 1, 2]);
    assert_eq!(member.endpoint(0).open().run("GET k").text(), "1", "{}", member.tell());
}

/// Its old primary leads another member now, and hands over to none but its own.
#[test]
fn a_replica_that_becomes_a_member_of_its_own_leads_with_the_keys_that_it_has() {
    let member = Member::start(&[]);
    assert!(member.endpoint(0).open().run("SET k 1").is_ok());
    in_step(&member.servers[0], &member.servers[1]);
    member.write(&serde_json::json!([{ "addr": member.addr(0) }, { "addr": member.addr(1) }]));
    member.is_led_by(1, &[1]);
    let mut conn = member.endpoint(1).open();
    assert_eq!(conn.run("GET k").text(), "1");
    assert!(conn.run("SET k 2").is_ok());
    assert_eq!(member.endpoint(0).open().run("GET k").text(), "1");
}

/// It follows on, but who takes over would not ask it for what it has.
#[test]
fn a_replica_that_leaves_the_member_is_no_copy() {
    let mut member = Member::start(&["--ack", "quorum"]);
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET k 1").is_ok());
    let entry = serde_json::json!([{ "name": "m", "addr": member.addr(0), "replicas": [member.addr(1)] }]);
    member.write(&entry);
    member.servers[1].process.kill();
    let refused = || conn.run("SET k 2").error().is_some_and(|why| why.contains("1 of 2 copies can be made"));
    assert!(wait_for(WITHIN, refused), "{}", member.tell());
    assert_eq!(info(&mut member.endpoint(2).open(), "master_link_status"), "up");
}

/// It is tried for as long as they are away, twice a second.
#[test]
fn what_hinders_a_server_from_leading_is_said_once() {
    let mut member = Member::start(&["--ack", "quorum"]);
    member.servers.iter_mut().for_each(|server| server.process.kill());
    member.servers[0].restart();
    let waits = || says(&member.servers[0], "can't be yet: only 1 of its member's 3 servers") == 1;
    assert!(wait_for(WITHIN, waits), "{}", member.tell());
    pause(Duration::from_secs(3));
    assert!(waits(), "{}", member.tell());
    assert!(says(&member.servers[0], "no vote") == 0, "{}", member.tell());
}
