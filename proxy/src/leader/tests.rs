use std::sync::Arc;

use super::{Attempt, Leader, Refusal, named};

fn addrs(all: &[&str]) -> Vec<Arc<str>> {
    all.iter().map(|addr| Arc::from(*addr)).collect()
}

#[test]
fn the_line_is_read_and_nothing_else() {
    let line = Refusal::parse(b"-NOTPRIMARY [::1]:3000 1234\r\n");
    assert_eq!(line, Some(Refusal { leads: "[::1]:3000", taken: 1234 }));
    let others: [&[u8]; 5] = [
        b"-NOTPRIMARY a:1 leads; nothing was done\r\n",
        b"-NOTPRIMARY a:1 12",
        b"-NOTPRIMARY a:1 -1\r\n",
        b"-NOTPRIMARY a:1\r\n",
        b"+NOTPRIMARY a:1 1\r\n",
    ];
    assert!(others.iter().all(|answer| Refusal::parse(answer).is_none()));
    assert_eq!(named(others[0]), Some("a:1"));
    assert_eq!(named(b"-NOTPRIMARY ? leads; nothing was done\r\n"), Some("?"));
    assert_eq!(named(b"-ERR unknown command\r\n"), None);
}

#[test]
fn each_server_is_tried_once_and_who_is_named_comes_next() {
    let leader = Leader::of("m", addrs(&["a:1", "b:1", "c:1"]));
    let next = |tried: &[&str]| leader.untried(&addrs(tried));
    assert_eq!(next(&[]).as_deref(), Some("a:1"));
    leader.heard("a:1", "c:1");
    assert_eq!(next(&["a:1"]).as_deref(), Some("c:1"));
    // Nobody that may lead, or itself.
    leader.heard("c:1", "x:1");
    assert_eq!(next(&["a:1", "c:1"]).as_deref(), Some("b:1"));
    assert_eq!(next(&["a:1", "b:1", "c:1"]), None);
    leader.led(&Arc::from("b:1"), true);
    assert_eq!((&*leader.now(), leader.is_at("b:1")), ("b:1", true));
    assert_eq!(leader.others(), [(0, Arc::from("a:1")), (2, Arc::from("c:1"))]);
}

/// One that does not even answer is given up by who has waited long enough: the next one begins elsewhere.
#[test]
fn an_attempt_that_is_given_up_leaves_the_server() {
    let leader = Leader::of("m", addrs(&["a:1", "b:1"]));
    let addr = leader.now();
    drop(Attempt { leader: &leader, addr: &addr });
    assert!(leader.is_at("b:1"));
    drop(Attempt { leader: &leader, addr: &addr });
    assert!(leader.is_at("b:1"), "another attempt has failed there in the meantime");
    Attempt { leader: &leader, addr: &addr }.led(true);
    assert!(leader.is_at("a:1"));
}

#[test]
fn a_new_entry_leaves_who_leads_by_its_own_word_and_names_another_for_the_rest() {
    let leader = Leader::of("m", addrs(&["a:1", "b:1"]));
    let (swapped, others) = (addrs(&["b:1", "a:1"]), addrs(&["b:1", "c:1"]));
    assert!(leader.stays_in(&addrs(&["a:1"])) && !leader.stays_in(&swapped));
    leader.led(&Arc::from("a:1"), true);
    assert!(leader.stays_in(&swapped) && !leader.stays_in(&others) && leader.may_change());
    leader.set_all(swapped.clone(), true);
    assert!(leader.is_at("a:1"));
    // It is down: nobody says anything but the file.
    leader.set_all(swapped, false);
    assert!(leader.is_at("b:1"));
}
