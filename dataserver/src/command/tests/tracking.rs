//! Client-side caching.

use super::received;
use crate::command::testing::Harness;

const INVALIDATE_K: &str = "['invalidate', ['k']]";
const INVALIDATE_ALL: &str = "['invalidate', nil]";

/// A client that caches, and another one of the same server.
fn pair(options: &str) -> (Harness, Harness) {
    let mut t = Harness::new();
    let other = Harness::of(t.server.clone());
    t.run("HELLO 3");
    assert_eq!(t.run(&format!("CLIENT TRACKING ON {options}")), "OK");
    (t, other)
}

fn counted(t: &mut Harness) -> String {
    let info = t.run("INFO");
    let value = |field: &str| {
        let text = info.split(field).nth(1).unwrap();
        text.split("\\r").next().unwrap().to_owned()
    };
    ["tracking_clients:", "tracking_total_keys:", "tracking_total_items:", "tracking_total_prefixes:"]
        .map(value)
        .join(" ")
}

#[test]
fn what_was_read_is_invalidated_once() {
    let (mut t, mut other) = pair("");
    assert_eq!(t.run("GET k"), "nil");
    t.run("MGET a b");
    assert_eq!(counted(&mut other), "1 3 3 0");
    other.run("SET k 1");
    other.run("SET k 2");
    other.run("SET not-read 1");
    assert_eq!(received(&mut t), INVALIDATE_K);
    assert_eq!(t.run("GET k"), "'2'");
    other.run("DEL k");
    assert_eq!(received(&mut t), INVALIDATE_K);
    t.run("SET k v");
    other.run("SET k w");
    assert_eq!(received(&mut t), "", "a write is no reading");
    assert_eq!(counted(&mut other), "1 2 2 0");
}

#[test]
fn what_a_script_reads_is_tracked() {
    for mode in ["", "NOLOOP", "OPTOUT"] {
        let (mut t, mut other) = pair(mode);
        let library = "#!lua name=l\nredis.register_function('f', function(keys) return redis.call('get', keys[1]) end)";
        assert_eq!(t.run_args(&[b"FUNCTION", b"LOAD", library.as_bytes()]), "'l'");
        for read in [
            r#"EVAL "return redis.call('get', KEYS[1])" 1 k"#,
            r#"EVAL_RO "return redis.pcall('get', KEYS[1])" 1 k"#,
            r#"EVAL "return redis.call('get', 'k')" 0"#,
            "FCALL f 1 k",
        ] {
            t.run(read);
            other.run("SET k 1");
            assert_eq!(received(&mut t), INVALIDATE_K, "{mode}: {read}");
        }
        t.run(r#"EVAL "return redis.call('append', KEYS[1], 'x')" 1 k"#);
        received(&mut t);
        other.run("SET k 2");
        assert_eq!(received(&mut t), "", "{mode}: a write is no reading");
    }
}

#[test]
fn own_changes_are_told_after_their_reply_unless_not_wished_for() {
    let (mut t, mut other) = pair("");
    assert_eq!(t.run("GET k"), "nil");
    assert_eq!(t.run("SET k 1"), format!("OK {INVALIDATE_K}"));
    t.run("CLIENT TRACKING ON NOLOOP");
    t.run("GET k");
    assert_eq!(t.run("SET k 1"), "OK");
    other.run("SET k 2");
    assert_eq!(received(&mut t), INVALIDATE_K, "the copy may have been kept");
}

#[test]
fn a_key_is_tracked_in_every_database() {
    let (mut t, mut other) = pair("");
    t.run("GET k");
    other.run("SELECT 5");
    other.run("SET k 1");
    assert_eq!(received(&mut t), INVALIDATE_K);
}

#[test]
fn whatever_ends_a_key_invalidates_it() {
    let (mut t, mut other) = pair("");
    for (before, end) in [
        ("SET k v", "RENAME k to"),
        ("SET from v", "RENAME from k"),
        ("SET k v", "MOVE k 7"),
        ("SET k v", "EXPIRE k -1"),
        ("SET k v", "GETDEL k"),
        ("RPUSH k a", "LPOP k"),
        ("HSET k f v", "HDEL k f"),
        ("SET k v", "EXPIRE k 100"),
    ] {
        other.run("DEL k");
        other.run(before);
        t.run("EXISTS k");
        received(&mut t);
        assert_eq!(received(&mut t), "");
        other.run(end);
        assert_eq!(received(&mut t), INVALIDATE_K, "{end}");
    }
}

#[test]
fn expiry_invalidates_when_it_is_noticed() {
    let (mut t, mut other) = pair("");
    other.run("SET k v PX 10");
    t.run("GET k");
    t.advance(11);
    other.advance(11);
    crate::sweep::Sweep::new(0, 1).run(&t.server, t.now, || true);
    assert_eq!(received(&mut t), INVALIDATE_K);
    other.run("SET k v PX 10");
    t.run("GET k");
    other.advance(11);
    assert_eq!(other.run("GET k"), "nil");
    assert_eq!(received(&mut t), INVALIDATE_K);
    // What the reader itself finds expired is tracked as missing.
    other.run("SET k v PX 10");
    t.advance(22);
    assert_eq!(t.run("GET k"), "nil");
    other.run("SET k v");
    assert_eq!(received(&mut t), INVALIDATE_K);
}

#[test]
fn flushes_and_swaps_invalidate_everything() {
    let (mut t, mut other) = pair("");
    for line in ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1"] {
        other.run("SET k v");
        t.run("GET k");
        received(&mut t);
        other.run(line);
        assert_eq!(received(&mut t), INVALIDATE_ALL, "{line}");
        assert_eq!(counted(&mut other), "1 0 0 0");
    }
    assert_eq!(t.run("FLUSHALL"), format!("OK {INVALIDATE_ALL}"));
}

#[test]
fn broadcasts_go_by_prefix() {
    let (mut t, mut other) = pair("BCAST PREFIX a: PREFIX b:");
    assert_eq!(counted(&mut other), "1 0 0 2");
    other.run("MSET a:1 x c:1 x a:2 x b:1 x");
    assert_eq!(received(&mut t), "['invalidate', ['a:1', 'a:2']] ['invalidate', ['b:1']]");
    assert_eq!(t.run("SET a:1 y"), "OK ['invalidate', ['a:1']]");
    assert_eq!(
        t.run("CLIENT TRACKING ON BCAST PREFIX a:1"),
        "-ERR Prefix 'a:1' overlaps with an existing prefix 'a:'. Prefixes for a single client must not overlap."
    );
    assert_eq!(t.run("CLIENT TRACKING ON BCAST NOLOOP PREFIX c:"), "OK");
    assert_eq!(t.run("SET a:1 y"), "OK");
    t.run("CLIENT TRACKING OFF");
    other.run("SET a:1 z");
    assert_eq!(received(&mut t), "");
    assert_eq!(counted(&mut other), "0 0 0 0");
    assert!(!t.server.store.is_broadcast());
}

#[test]
fn opting_in_and_out_is_for_one_command() {
    let (mut t, mut other) = pair("OPTIN");
    t.run("GET k");
    other.run("SET k 1");
    assert_eq!(received(&mut t), "");
    assert_eq!(t.run("CLIENT CACHING YES"), "OK");
    assert!(t.run("CLIENT TRACKINGINFO").contains("~['on', 'optin', 'caching-yes']"));
    t.run("GET k");
    t.run("GET l");
    other.run("MSET k 1 l 1");
    assert_eq!(received(&mut t), INVALIDATE_K);
    assert_eq!(
        t.run("CLIENT CACHING NO"),
        "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
    );
    t.run("CLIENT TRACKING OFF");
    t.run("CLIENT TRACKING ON OPTOUT");
    t.run("CLIENT CACHING NO");
    t.run("GET k");
    t.run("GET l");
    other.run("MSET k 1 l 1");
    assert_eq!(received(&mut t), "['invalidate', ['l']]");
}

#[test]
fn another_connection_can_be_told() {
    let (mut t, mut other) = pair("");
    t.run("CLIENT TRACKING OFF");
    t.run("HELLO 2");
    let mut ear = Harness::of(t.server.clone());
    let id = ear.run("CLIENT ID");
    assert_eq!(t.run(&format!("CLIENT TRACKING ON REDIRECT {id}")), "OK");
    assert_eq!(t.run("CLIENT GETREDIR"), id);
    t.run("GET k");
    other.run("SET k 1");
    assert_eq!(received(&mut ear), "", "nobody listens");
    ear.run("SUBSCRIBE __redis__:invalidate");
    t.run("GET k");
    other.run("SET k 2");
    assert_eq!(received(&mut ear), "['message', '__redis__:invalidate', ['k']]");
    other.run("FLUSHALL");
    assert_eq!(received(&mut ear), "['message', '__redis__:invalidate', nil]");
    t.run("HELLO 3");
    t.run("GET k");
    t.server.clients.remove(ear.session.client.id);
    other.run("SET k 3");
    assert_eq!(received(&mut t), format!("['tracking-redir-broken', {id}]"));
    assert!(t.run("CLIENT TRACKINGINFO").contains("'broken_redirect'"));
    assert!(t.run("CLIENT INFO").contains("flags=tR db=0 "));
}

#[test]
fn options_must_go_together() {
    let mut t = Harness::new();
    for (line, error) in [
        ("ON PREFIX a", "PREFIX option requires BCAST mode to be enabled"),
        ("ON BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST"),
        ("ON OPTIN OPTOUT", "You can't specify both OPTIN mode and OPTOUT mode"),
        ("ON REDIRECT 9999", "The client ID you want redirect to does not exist"),
        ("ON REDIRECT -1", "The client ID you want redirect to does not exist"),
        ("ON REDIRECT x", "value is not an integer or out of range"),
        ("ON REDIRECT 1 REDIRECT 1", "A client can only redirect to a single other client"),
        ("ON REDIRECT", "syntax error"),
        ("MAYBE", "syntax error"),
        (
            "ON BCAST PREFIX x PREFIX ab PREFIX a",
            "Prefix 'ab' overlaps with another provided prefix 'a'. Prefixes for a single client must not overlap.",
        ),
    ] {
        assert_eq!(t.run(&format!("CLIENT TRACKING {line}")), format!("-ERR {error}"), "{line}");
    }
    assert_eq!(t.run("CLIENT GETREDIR"), "-1");
    t.run("CLIENT TRACKING ON OPTIN");
    assert!(t.run("CLIENT TRACKING ON BCAST").starts_with("-ERR You can't switch BCAST mode on/off before"));
    assert!(t.run("CLIENT TRACKING ON OPTOUT").starts_with("-ERR You can't switch OPTIN/OPTOUT mode before"));
    assert_eq!(t.run("RESET"), "RESET");
    assert_eq!(t.run("CLIENT TRACKINGINFO"), "['flags', ['off'], 'redirect', -1, 'prefixes', []]");
}

#[test]
fn the_table_is_bounded_and_who_is_forgotten_is_told() {
    let (mut t, mut other) = pair("");
    other.run("CONFIG SET tracking-table-max-keys 10");
    for i in 0..25 {
        t.run(&format!("GET key:{i}"));
    }
    assert_eq!(received(&mut t).matches("invalidate").count(), 0, "told at once, with the replies");
    assert_eq!(counted(&mut other), "1 10 10 0");
    other.run("CONFIG SET tracking-table-max-keys 1");
    assert_eq!(received(&mut t).matches("invalidate").count(), 9);
}

#[test]
fn a_client_that_left_is_told_nothing() {
    let (mut t, mut other) = pair("");
    t.run("GET k");
    drop(t);
    assert_eq!(counted(&mut other), "0 1 1 0");
    other.run("SET k 1");
    assert_eq!(counted(&mut other), "0 0 0 0");
}
