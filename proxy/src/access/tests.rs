//! Users at the proxy: who is let in, what they may do, and what becomes of them when they change.

use std::time::Duration;

use crate::testing::{Client, Fake, Proxy, echoing, on_a_worker};

const TIMEOUT: Duration = Duration::from_secs(5);

async fn proxy() -> (Proxy, Fake) {
    let member = Fake::start(echoing()).await;
    (Proxy::start(&[&member], TIMEOUT).await, member)
}

/// A client that is user `u` with these rules, and one that may do everything.
async fn with(proxy: &Proxy, rules: &str) -> (Client, Client) {
    let (mut admin, mut user) = (proxy.client().await, proxy.client().await);
    assert_eq!(admin.ask(&format!("ACL SETUSER u on >pw {rules}")).await, "+OK\r\n");
    assert_eq!(user.ask("AUTH u pw").await, "+OK\r\n");
    (admin, user)
}

#[test]
fn rules_hold_for_commands_keys_and_channels() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (_admin, mut user) = with(&proxy, "~app:* %R~all:* +@read +set +@pubsub &news").await;
        assert_eq!(
            user.ask("ACL WHOAMI").await,
            "-NOPERM User u has no permissions to run the 'acl|whoami' command\r\n"
        );
        assert_eq!(user.ask("GET app:1").await, "$5\r\napp:1\r\n");
        assert_eq!(user.ask("GET other").await, "-NOPERM No permissions to access a key\r\n");
        assert_eq!(user.ask("MGET app:1 all:2").await, "*2\r\n$5\r\napp:1\r\n$5\r\nall:2\r\n");
        assert_eq!(user.ask("MGET app:1 other").await, "-NOPERM No permissions to access a key\r\n");
        assert_eq!(user.ask("SET all:1 x").await, "-NOPERM No permissions to access a key\r\n");
        assert_eq!(
            user.ask("DEL app:1").await,
            "-NOPERM User u has no permissions to run the 'del' command\r\n"
        );
        assert_eq!(user.ask("PUBLISH other x").await, "-NOPERM No permissions to access a channel\r\n");
        assert_eq!(user.ask("PING").await, "-NOPERM User u has no permissions to run the 'ping' command\r\n");
    });
}

#[test]
fn scripts_are_for_those_who_may_do_everything() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (mut admin, mut user) = with(&proxy, "+@all ~app:* &*").await;
        let answer = user.ask("EVAL return 1 app:1").await;
        assert!(answer.starts_with("-NOPERM User u may not do everything, and a script's"), "{answer}");
        assert_eq!(admin.ask("ACL SETUSER u ~*").await, "+OK\r\n");
        assert!(!user.ask("EVAL return 0").await.starts_with("-NOPERM"));
    });
}

#[test]
fn who_shows_no_password_may_do_nothing() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let mut admin = proxy.client().await;
        assert_eq!(admin.ask("ACL SETUSER default >secret").await, "+OK\r\n");
        assert_eq!(admin.ask("GET a").await, "$1\r\na\r\n", "who is in stays in");
        let mut client = proxy.client().await;
        assert_eq!(client.ask("GET a").await, "-NOAUTH Authentication required.\r\n");
        let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        assert_eq!(client.ask("AUTH wrong").await, wrong);
        assert_eq!(client.ask("AUTH nobody secret").await, wrong);
        assert_eq!(client.ask("HELLO 3 AUTH default wrong").await, wrong);
        // In one batch: what follows is let in.
        client.send(&["AUTH secret", "GET a", "RESET", "GET a"]).await;
        assert_eq!(client.answer().await, "+OK\r\n");
        assert_eq!(client.answer().await, "$1\r\na\r\n");
        assert_eq!(client.answer().await, "+RESET\r\n");
        assert_eq!(client.answer().await, "-NOAUTH Authentication required.\r\n");
        assert_eq!(admin.ask("ACL SETUSER default nopass").await, "+OK\r\n");
        assert_eq!(client.ask("GET a").await, "$1\r\na\r\n");
    });
}

#[test]
fn a_change_holds_from_the_next_batch_on() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (mut admin, mut user) = with(&proxy, "~* +get").await;
        assert_eq!(user.ask("GET a").await, "$1\r\na\r\n");
        assert_eq!(admin.ask("ACL SETUSER u -get +set").await, "+OK\r\n");
        assert_eq!(user.ask("GET a").await, "-NOPERM User u has no permissions to run the 'get' command\r\n");
        assert_eq!(user.ask("SET a b").await, "+OK\r\n");
        // Also in the middle of what the changing client sent at once.
        assert_eq!(admin.ask("ACL SETUSER u +@all &*").await, "+OK\r\n");
        user.send(&["ACL SETUSER u -get", "GET a", "ACL SETUSER u +get", "GET a"]).await;
        assert_eq!(user.answer().await, "+OK\r\n");
        assert!(user.answer().await.starts_with("-NOPERM"));
        assert_eq!(user.answer().await, "+OK\r\n");
        assert_eq!(user.answer().await, "$1\r\na\r\n");
    });
}

#[test]
fn what_was_queued_by_other_rules_is_not_run() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (mut admin, mut user) = with(&proxy, "~* +@all").await;
        assert_eq!(user.ask("MULTI").await, "+OK\r\n");
        assert_eq!(user.ask("SET a b").await, "+QUEUED\r\n");
        assert_eq!(admin.ask("ACL SETUSER v on").await, "+OK\r\n", "another's change is none");
        assert_eq!(admin.ask("ACL SETUSER u -set").await, "+OK\r\n");
        assert!(user.ask("EXEC").await.starts_with("-EXECABORT"));
        assert_eq!(user.ask("MULTI").await, "+OK\r\n");
        assert!(user.ask("SET a b").await.starts_with("-NOPERM"));
        assert!(user.ask("EXEC").await.starts_with("-EXECABORT"));
        assert!(admin.ask("ACL LOG").await.contains("multi"));
    });
}

#[test]
fn clients_of_a_deleted_user_are_closed() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (mut admin, user) = with(&proxy, "+@all ~* &*").await;
        let mut own = proxy.client().await;
        own.ask("AUTH u pw").await;
        assert!(admin.ask("CLIENT LIST").await.contains(" user=u "));
        assert_eq!(own.ask("ACL DELUSER u default").await, "-ERR The 'default' user cannot be removed\r\n");
        assert_eq!(own.ask("ACL DELUSER u").await, ":1\r\n", "it still gets its answer");
        own.task.await.unwrap();
        user.task.await.unwrap();
        assert!(!admin.ask("CLIENT LIST").await.contains(" user=u "));
    });
}

#[test]
fn subscriptions_that_are_no_longer_allowed_end_their_client() {
    on_a_worker(async {
        let (member, _broker) = Fake::broker("127.0.0.1:0").await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let (mut admin, mut user) = with(&proxy, "+@all ~* &news &old*").await;
        let mut other = proxy.client().await;
        assert_eq!(other.ask("AUTH u pw").await, "+OK\r\n");
        assert!(user.ask("PSUBSCRIBE old*").await.starts_with("*3\r\n$10\r\npsubscribe"));
        assert!(other.ask("SUBSCRIBE news").await.starts_with("*3\r\n$9\r\nsubscribe"));
        assert!(
            other.ask("SUBSCRIBE secret").await.starts_with("-NOPERM No permissions to access a channel")
        );
        assert_eq!(admin.ask("ACL SETUSER u resetchannels &news &oldest").await, "+OK\r\n");
        user.task.await.unwrap();
        assert_eq!(other.ask("PING").await, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    });
}

#[test]
fn clients_are_killed_by_user() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (mut admin, user) = with(&proxy, "+@all").await;
        assert_eq!(admin.ask("CLIENT KILL USER nobody").await, "-ERR No such user 'nobody'\r\n");
        assert_eq!(admin.ask("CLIENT KILL USER u").await, ":1\r\n");
        user.task.await.unwrap();
        assert_eq!(admin.ask("CLIENT KILL USER default").await, ":0\r\n");
    });
}

#[test]
fn refusals_are_logged_and_counted() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (mut admin, mut user) = with(&proxy, "~a +get").await;
        user.ask("GET secret-key").await;
        user.ask("SET a b").await;
        user.ask("AUTH u wrong").await;
        let log = admin.ask("ACL LOG").await;
        for part in ["secret-key", "username", "auth", "user=u ", "toplevel"] {
            assert!(log.contains(part), "{part}: {log}");
        }
        assert!(!log.contains("wrong"), "no password is in it");
        let info = admin.ask("INFO stats").await;
        for count in ["auth:1", "cmd:1", "key:1", "channel:0"] {
            assert!(info.contains(&format!("acl_access_denied_{count}\r\n")), "{info}");
        }
        assert_eq!(admin.ask("ACL LOG RESET").await, "+OK\r\n");
        assert_eq!(admin.ask("ACL LOG").await, "*0\r\n");
    });
}

#[test]
fn a_file_is_loaded_and_saved() {
    on_a_worker(async {
        let (without, _member) = proxy().await;
        assert!(without.client().await.ask("ACL SAVE").await.starts_with("-ERR This Redis instance is not"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.acl");
        std::fs::write(&path, "user u on >pw ~* +@all\n").unwrap();
        let member = Fake::start(echoing()).await;
        let proxy = Proxy::with_acl_file(&[&member], TIMEOUT, &path).await;
        let (mut admin, mut user) = (proxy.client().await, proxy.client().await);
        assert_eq!(admin.ask("ACL LOAD").await, "+OK\r\n");
        assert_eq!(user.ask("AUTH u pw").await, "+OK\r\n");
        assert_eq!(admin.ask("ACL SETUSER v on nopass +ping").await, "+OK\r\n");
        assert_eq!(admin.ask("ACL SAVE").await, "+OK\r\n");
        let saved = std::fs::read_to_string(&path).unwrap();
        assert!(saved.contains("user v on nopass") && !saved.contains(">pw"), "{saved}");
        std::fs::write(&path, "user w nope").unwrap();
        assert!(admin.ask("ACL LOAD").await.contains("no change to the previously active ACL rules"));
        assert_eq!(user.ask("PING").await, "+PONG\r\n");
        std::fs::write(&path, "user w on").unwrap();
        assert_eq!(admin.ask("ACL LOAD").await, "+OK\r\n");
        user.task.await.unwrap();
        assert_eq!(admin.ask("ACL USERS").await, "*2\r\n$7\r\ndefault\r\n$1\r\nw\r\n");
    });
}
