//! Who leads when servers come back, leave the file, or are lost after a FAILOVER: nobody who lacks what was acknowledged.

use super::member::Member;
use super::{FULL, PARTIAL, WITHIN, equal, in_step, info, says};
use ringtail_tests::harness::{Signal, Way, pause, wait_for};
use ringtail_tests::resp::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A member of these servers, the first of them the primary, beside other entries.
fn entry(member: &Member, servers: &[usize]) -> serde_json::Value {
    let addresses: Vec<String> = servers.iter().map(|at| member.addr(*at)).collect();
    serde_json::json!({ "name": "m", "addr": addresses[0], "replicas": addresses[1..] })
}

fn edit(member: &Member, servers: &[usize]) {
    member.write(&serde_json::json!([entry(member, servers)]));
}

fn fail_over(member: &Member, from: usize, to: usize) {
    let port = member.servers[to].endpoint.port.to_string();
    assert!(member.endpoint(from).open().call(&["FAILOVER", "TO", "127.0.0.1", &port]).is_ok());
    member.is_led_by(to, &[from, to]);
}

/// Server 0 leads and does not know of server 2, which has taken over, acknowledged a write with server 1, and died.
fn replaced_unheard() -> Member {
    let mut member = Member::start(&["--ack", "quorum"]);
    assert!(member.endpoint(0).open().run("SET k early").is_ok());
    (1..3).for_each(|at| in_step(&member.servers[0], &member.servers[at]));
    member.servers[0].process.signal(Signal::Stop);
    member.edit(2);
    member.is_led_by(2, &[1, 2]);
    assert!(member.endpoint(2).open().run("SET k acknowledged").is_ok());
    member.servers[2].process.kill();
    member
}

fn has_what_was_acknowledged(member: &Member, primary: usize) {
    assert_eq!(member.endpoint(primary).open().run("GET k").text(), "acknowledged", "{}", member.tell());
    equal(&member.servers[primary], &member.servers[1 - primary]);
}

#[test]
fn nobody_follows_a_primary_that_was_replaced_and_has_not_heard_of_it() {
    let member = replaced_unheard();
    let full = says(&member.servers[1], FULL);
    member.edit(1);
    member.servers[0].process.signal(Signal::Continue);
    member.is_led_by(1, &[0, 1]);
    has_what_was_acknowledged(&member, 1);
    assert_eq!(says(&member.servers[1], FULL), full, "{}", member.tell());
}

/// It is asked to lead by an edit before it has heard that it leads no more.
#[test]
fn a_primary_that_was_replaced_gets_what_it_lacks_before_it_leads_again() {
    let member = replaced_unheard();
    // It sees that the file has changed, though it is what it was for it.
    edit(&member, &[0, 2, 1]);
    member.servers[0].process.signal(Signal::Continue);
    member.is_led_by(0, &[0, 1]);
    has_what_was_acknowledged(&member, 0);
}

/// It asks the one that the file calls the primary first, and that leads.
#[test]
fn a_replica_that_starts_does_not_follow_a_primary_that_was_replaced() {
    let mut member = replaced_unheard();
    member.servers[1].process.kill();
    edit(&member, &[0, 2, 1]);
    member.servers[1].restart();
    member.servers[0].process.signal(Signal::Continue);
    member.is_led_by(0, &[0, 1]);
    has_what_was_acknowledged(&member, 0);
}

/// Of the two that the file has then, one is enough; of the three that it had, it is not.
#[test]
fn a_primary_that_is_edited_out_when_it_has_died_takes_no_acknowledged_write_with_it() {
    let mut member = Member::start(&["--ack", "quorum"]);
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET k early").is_ok());
    (1..3).for_each(|at| in_step(&member.servers[0], &member.servers[at]));
    member.servers[1].process.signal(Signal::Stop);
    assert!(conn.run("SET k acknowledged").is_ok());
    member.servers[0].process.kill();
    member.servers[2].process.signal(Signal::Stop);
    member.servers[1].process.signal(Signal::Continue);
    edit(&member, &[1, 2]);
    let waits = "only 1 of its member's 3 servers of before the last edit";
    assert!(wait_for(WITHIN, || says(&member.servers[1], waits) == 1), "{}", member.tell());
    assert_eq!(info(&mut member.endpoint(1).open(), "role"), "slave");
    member.servers[2].process.signal(Signal::Continue);
    member.is_led_by(1, &[1, 2]);
    assert_eq!(member.endpoint(1).open().run("GET k").text(), "acknowledged", "{}", member.tell());
}

/// Else a server that was given up for good would be waited for years later.
#[test]
fn who_left_the_file_is_needed_only_until_the_others_have_all() {
    let mut member = Member::start(&["--ack", "quorum"]);
    let mut conn = member.endpoint(0).open();
    let list = |at: usize| {
        let said = member.endpoint(at).open().run("RINGTAIL PEER -").text();
        said.rsplit(' ').next().expect("a list").to_owned()
    };
    let is_settled = |all: &[usize]| all.iter().all(|at| list(*at).len() == 16 && list(*at) == list(0));
    assert!(wait_for(WITHIN, || is_settled(&[0, 1, 2])), "{}", member.tell());
    let before = list(0);
    edit(&member, &[0, 1]);
    let is_settled = wait_for(WITHIN, || list(0) != before && is_settled(&[0, 1]));
    assert!(is_settled, "{}", member.tell());
    assert!(conn.run("SET k acknowledged").is_ok());
    member.servers[2].process.kill();
    member.servers[0].process.kill();
    edit(&member, &[1, 0]);
    member.is_led_by(1, &[1]);
    member.servers[0].restart();
    member.is_led_by(1, &[0, 1]);
    has_what_was_acknowledged(&member, 1);
}

/// As when servers are upgraded one after the other.
#[test]
fn who_follows_one_that_is_gone_follows_the_one_that_leads() {
    let mut member = Member::start(&["--ack", "quorum"]);
    fail_over(&member, 0, 1);
    member.servers[0].process.kill();
    member.is_led_by(1, &[1, 2]);
    assert!(member.endpoint(1).open().run("SET k 1").is_ok());
    member.servers[0].restart();
    member.is_led_by(1, &[0, 1, 2]);
    // The one that the file calls the primary, too.
    fail_over(&member, 1, 2);
    member.servers[1].process.kill();
    member.is_led_by(2, &[0, 2]);
    assert!(member.endpoint(2).open().run("SET k 2").is_ok());
}

#[test]
fn a_primary_that_leaves_the_file_hands_over() {
    let member = Member::start(&[]);
    let mut conn = member.endpoint(0).open();
    let counted = std::thread::scope(|scope| {
        let begun = Instant::now();
        let is_next = move |said: Value, next| said == Value::Int(next) && begun.elapsed() < WITHIN;
        let counts = scope.spawn(move || (1..).take_while(|next| is_next(conn.run("INCR n"), *next)).last());
        pause(Duration::from_millis(200));
        edit(&member, &[1, 2]);
        member.is_led_by(1, &[0, 1]);
        counts.join().expect("a client")
    });
    let counted = counted.expect("it led").to_string();
    assert_eq!(member.endpoint(1).open().run("GET n").text(), counted, "{}", member.tell());
    member.is_led_by(1, &[1, 2]);
}

/// Each try has it leave whom it follows.
#[test]
fn who_can_not_lead_yet_does_not_try_all_the_time() {
    let member = Member::start(&["--ack", "quorum"]);
    let away = serde_json::json!({ "name": "n", "addr": member.addr(1), "replicas": ["127.0.0.1:1", "127.0.0.1:2"] });
    member.write(&serde_json::json!([entry(&member, &[0, 2]), away]));
    let says = |text: &str| says(&member.servers[1], text);
    assert!(wait_for(WITHIN, || says("can't be yet") == 1), "{}", member.tell());
    let before = says(PARTIAL);
    pause(Duration::from_secs(5));
    assert_eq!(says("can't be yet"), 1, "{}", member.tell());
    assert!(says(PARTIAL) <= before + 3, "{}", member.tell());
}

/// That there is such a log says that somebody was elected, whoever has it: also a replica whose primary has died.
#[test]
fn a_replica_with_a_later_log_is_not_sent_an_earlier_one() {
    let member = Member::start(&[]);
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET k 1").is_ok());
    let later = format!("{:08x}{}", 9, &info(&mut conn, "master_replid")[8..]);
    let ask = |what: &str| member.endpoint(0).open().run(what).error().unwrap_or_default().to_owned();
    let said = ask(&format!("RINGTAIL SYNC {later} 5 {}", member.addr(1)));
    assert!(said.starts_with("EARLIER "), "{said}");
    let said = conn.run("SET k 2").error().unwrap_or_default().to_owned();
    assert!(said.starts_with("READONLY "), "{said}");
    // It votes, as it leads no more.
    let vote = format!("RINGTAIL VOTE 10 {} {later}", member.addr(1));
    assert!(member.endpoint(0).open().run(&vote).text().starts_with("replica "), "{}", member.tell());
}

/// Its epoch begins anew, so others refuse their votes at first: that they have nothing to say does not follow.
#[test]
fn a_primary_that_comes_back_with_nothing_after_a_switch_gets_all_too() {
    let mut member = Member::start(&["--log", "off"]);
    for primary in [1, 2, 1] {
        member.lead_by(primary);
    }
    assert!(member.endpoint(1).open().run("SET k 1").is_ok());
    [0, 2].iter().for_each(|at| in_step(&member.servers[1], &member.servers[*at]));
    member.servers[1].process.kill();
    member.servers[1].restart();
    member.is_led_by(1, &[0, 1, 2]);
    for server in &member.servers {
        assert_eq!(server.endpoint.open().run("GET k").text(), "1", "{}", member.tell());
    }
}

/// It lacks what the two others have acknowledged, and they would follow it.
#[test]
fn nobody_makes_a_replica_lead_by_hand_where_the_file_says_who_does() {
    let member = Member::start(&["--ack", "quorum"]);
    let said = member.endpoint(2).open().run("REPLICAOF NO ONE");
    assert!(said.error().is_some_and(|text| text.contains("servers.json says who leads")), "{said}");
    assert!(member.endpoint(0).open().run("SET k 1").is_ok());
    member.is_led_by(0, &[0, 1, 2]);
    assert!(member.endpoint(0).open().run("REPLICAOF NO ONE").is_ok(), "it leads as it is");
}

/// The one that was stopped goes on between the votes and the begin of the new one's time: what it writes then nobody else may have.
#[test]
fn a_primary_that_goes_on_in_the_middle_of_a_takeover_acknowledges_nothing_that_is_lost() {
    let member = Member::start(&["--ack", "quorum"]);
    (1..3).for_each(|at| in_step(&member.servers[0], &member.servers[at]));
    let over = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        let mut conn = member.endpoint(0).open();
        // One write waits from the stop until the server hears that it was replaced.
        conn.set_patience(2 * WITHIN);
        let is_set = move |at: &u32| conn.run(&format!("SET w:{at} v")).is_ok();
        let is_on = |_: &u32| !over.load(Relaxed);
        let writes = scope.spawn(move || (0..).take_while(is_on).filter(is_set).collect::<Vec<_>>());
        let votes = || says(&member.servers[2], "leaves its primary for one that takes over");
        let before = votes();
        pause(Duration::from_millis(300));
        member.servers[0].process.signal(Signal::Stop);
        member.edit(1);
        assert!(wait_for(WITHIN, || votes() > before), "{}", member.tell());
        // Longer than the vote of one that does not answer is waited for, and than a replica waits for its primary.
        pause(Duration::from_millis(2300));
        member.servers[0].process.signal(Signal::Continue);
        member.is_led_by(1, &[0, 1, 2]);
        over.store(true, Relaxed);
        writes.join().expect("a client")
    });
    let mut conn = member.endpoint(1).open();
    let lost: Vec<_> =
        acknowledged.iter().filter(|at| conn.run(&format!("EXISTS w:{at}")).int() == 0).collect();
    assert!(!acknowledged.is_empty() && lost.is_empty(), "{lost:?}\n{}", member.tell());
}

/// A server that says that it stands for an epoch, or that it does not, and knows nothing else.
fn candidate(history: String, stands: Arc<AtomicU32>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("its own address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (history, stands) = (history.clone(), Arc::clone(&stands));
            std::thread::spawn(move || {
                let mut asked = [0; 1024];
                while let Ok(1..) = stream.read(&mut asked) {
                    let is_peer = String::from_utf8_lossy(&asked).contains("PEER");
                    let stands = stands.load(Relaxed);
                    let answer = match is_peer {
                        true => format!("+replica {history} 1 - down {stands} 0 -\r\n"),
                        false => "-NOMASTERLINK it does not lead\r\n".to_owned(),
                    };
                    asked.fill(0);
                    if stream.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    addr
}

/// Else the one that was left would acknowledge writes with its help beside the one that it has voted for, for as long as these two can't reach
/// each other.
#[test]
fn a_vote_binds_until_the_one_that_it_was_given_to_gives_up() {
    let mut member = Member::start(&["--ack", "quorum"]);
    // One that the file calls the primary would ask for the vote itself.
    fail_over(&member, 0, 1);
    member.servers[0].process.kill();
    member.is_led_by(1, &[1, 2]);
    let mut conn = member.endpoint(1).open();
    assert!(conn.run("SET k 1").is_ok());
    let (history, stands) = (info(&mut conn, "master_replid"), Arc::new(AtomicU32::new(99)));
    let addr = candidate(history.clone(), Arc::clone(&stands));
    let vote = format!("RINGTAIL VOTE 99 {addr} {history}");
    let voted = member.endpoint(2).open().run(&vote).text().to_owned();
    assert!(voted.starts_with("replica "), "{voted}");
    let is_refused = |said: Value| said.error().is_some_and(|error| error.starts_with("NOREPLICAS "));
    let is_bound = |member: &Member| {
        // Longer than it waits for a primary until it looks for another one.
        pause(Duration::from_secs(5));
        assert!(is_refused(member.endpoint(1).open().run("SET k 2")), "{}", member.tell());
    };
    is_bound(&member);
    member.servers[2].process.kill();
    member.servers[2].restart();
    is_bound(&member);
    stands.store(0, Relaxed);
    member.is_led_by(1, &[1, 2]);
    assert!(wait_for(WITHIN, || member.endpoint(1).open().run("SET k 3").is_ok()), "{}", member.tell());
}

/// It has to be edited in again: who has voted for the one that is gone does not follow it otherwise.
#[test]
fn a_primary_asks_for_the_vote_of_one_that_has_voted_for_another() {
    let mut member = Member::start(&["--ack", "quorum"]);
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET k 1").is_ok());
    (1..3).for_each(|at| in_step(&member.servers[0], &member.servers[at]));
    member.servers[1].process.kill();
    let history = info(&mut conn, "master_replid");
    let vote = format!("RINGTAIL VOTE 99 127.0.0.1:1 {history}");
    assert!(member.endpoint(2).open().run(&vote).text().starts_with("replica "));
    member.is_led_by(0, &[0, 2]);
    assert!(member.endpoint(0).open().run("SET k 2").is_ok(), "{}", member.tell());
    let later = info(&mut member.endpoint(0).open(), "master_replid");
    assert!(later[..8] > *"00000063", "{later}");
}

/// What the file says decides among them, not whose answer comes last: those that led before it had them could wait for each other.
#[test]
fn who_led_alone_with_nothing_follows_the_one_that_the_file_calls_the_primary() {
    let member = Member::apart(&[]);
    // Of the two others the primary is nearer to each.
    member.links().set(1, 2, [Way::Slow(Duration::from_millis(100)); 2]);
    member.lead_by(0);
}
