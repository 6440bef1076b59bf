//! Publish and subscribe.

use super::received;
use crate::command::testing::Harness;

#[test]
fn messages_reach_channels_patterns_and_shard_channels() {
    let mut publisher = Harness::new();
    let mut t = Harness::of(publisher.server.clone());
    assert_eq!(t.run("SUBSCRIBE a b a"), "['subscribe', 'a', 1] ['subscribe', 'b', 2] ['subscribe', 'a', 2]");
    assert_eq!(t.run("PSUBSCRIBE ? x*"), "['psubscribe', '?', 3] ['psubscribe', 'x*', 4]");
    assert_eq!(t.run("SSUBSCRIBE a"), "['ssubscribe', 'a', 1]");
    assert_eq!(publisher.run("PUBLISH a 1"), "2");
    assert_eq!(publisher.run("PUBLISH xy 2"), "1");
    assert_eq!(publisher.run("SPUBLISH a 3"), "1");
    assert_eq!(publisher.run("PUBLISH nobody 4"), "0");
    assert_eq!(
        received(&mut t),
        "['message', 'a', '1'] ['pmessage', '?', 'a', '1'] ['pmessage', 'x*', 'xy', '2'] ['smessage', 'a', '3']"
    );
    assert_eq!(t.run("UNSUBSCRIBE"), "['unsubscribe', 'a', 3] ['unsubscribe', 'b', 2]");
    assert_eq!(t.run("UNSUBSCRIBE"), "['unsubscribe', nil, 2]");
    assert_eq!(t.run("PUNSUBSCRIBE x* none"), "['punsubscribe', 'x*', 1] ['punsubscribe', 'none', 1]");
    assert_eq!(t.run("SUNSUBSCRIBE a"), "['sunsubscribe', 'a', 0]");
    assert_eq!(publisher.run("PUBLISH a 5"), "1");
    assert_eq!(t.run("PUNSUBSCRIBE"), "['pmessage', '?', 'a', '5'] ['punsubscribe', '?', 0]");
    assert_eq!(t.run("GET k"), "nil");
}

#[test]
fn what_came_before_the_end_of_a_subscription_comes_before_its_confirmation() {
    let mut publisher = Harness::new();
    let mut t = Harness::of(publisher.server.clone());
    t.run("SUBSCRIBE a");
    publisher.run("PUBLISH a 1");
    assert_eq!(t.run("UNSUBSCRIBE a"), "['message', 'a', '1'] ['unsubscribe', 'a', 0]");
}

#[test]
fn own_messages_come_after_the_reply() {
    let mut t = Harness::new();
    t.run("HELLO 3");
    t.run("SUBSCRIBE a");
    assert_eq!(t.run("PUBLISH a 1"), "1 ['message', 'a', '1']");
}

#[test]
fn resp2_subscribers_may_do_little() {
    let mut t = Harness::new();
    t.run("SUBSCRIBE a");
    assert_eq!(
        t.run("GET k"),
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
         context"
    );
    assert_eq!(t.run("PING"), "['pong', '']");
    assert_eq!(t.run("PING x"), "['pong', 'x']");
    assert_eq!(t.run("RESET"), "RESET");
    assert_eq!(t.run("PUBSUB NUMSUB a"), "['a', 0]");
    t.run("HELLO 3");
    t.run("SUBSCRIBE a");
    assert_eq!(t.run("PING"), "PONG");
    t.run("HELLO 2");
    assert_eq!(t.run("PING"), "['pong', '']");
}

#[test]
fn pubsub_tells_who_listens() {
    let mut t = Harness::new();
    let mut other = Harness::of(t.server.clone());
    other.run("SUBSCRIBE a ab");
    other.run("PSUBSCRIBE a* b*");
    other.run("SSUBSCRIBE s");
    assert_eq!(t.run("PUBSUB CHANNELS ?"), "['a']");
    assert_eq!(t.run("PUBSUB CHANNELS none"), "[]");
    assert_eq!(t.run("PUBSUB SHARDCHANNELS"), "['s']");
    assert_eq!(t.run("PUBSUB NUMSUB a none"), "['a', 1, 'none', 0]");
    assert_eq!(t.run("PUBSUB SHARDNUMSUB s a"), "['s', 1, 'a', 0]");
    assert_eq!(t.run("PUBSUB NUMPAT"), "2");
    assert!(t.run("CLIENT LIST TYPE pubsub").contains(" flags=P db=0 sub=2 psub=2 ssub=1 "));
    drop(other);
    assert_eq!(t.run("PUBSUB CHANNELS"), "[]");
    assert_eq!(t.run("PUBSUB NUMPAT"), "0");
    assert_eq!(
        t.run("PUBSUB CHANNELS a b"),
        "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP."
    );
}

#[test]
fn confirmations_are_messages_that_client_reply_does_not_turn_off() {
    let mut t = Harness::new();
    t.run("CLIENT REPLY OFF");
    assert_eq!(t.run("SUBSCRIBE a"), "['subscribe', 'a', 1]");
    assert_eq!(t.run("PING"), "");
}
