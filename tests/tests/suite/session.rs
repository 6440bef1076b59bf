//! What a connection remembers: its protocol, user, name and database.

use crate::front::Front;
use ringtail_tests::harness::Options;
use ringtail_tests::resp::{Conn, Endpoint, Value, request};
use std::time::Duration;

const PASSWORD: &str = "correct horse";

fn with_password() -> Vec<Front> {
    let options = Options { password: Some(PASSWORD.into()), ..Options::default() };
    let mut fronts = Front::ours(&options);
    fronts.extend(Front::redis_with_password(PASSWORD));
    fronts
}

fn stranger(front: &Front) -> Conn {
    Endpoint { password: None, ..front.endpoint().clone() }.open()
}

#[test]
fn nothing_runs_before_the_password() {
    for front in with_password() {
        let mut conn = stranger(&front);
        for command in ["GET k", "SET k v", "PING", "INFO", "CLIENT LIST", "COMMAND", "SELECT 1", "NOSUCH"] {
            let reply = conn.run(command);
            let error = reply.error().unwrap_or_default();
            let unknown = command == "NOSUCH" && error.starts_with("ERR unknown command");
            assert!(
                unknown || error == "NOAUTH Authentication required.",
                "{}: {command}: {reply}",
                front.name
            );
        }
        let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
        assert_eq!(conn.call(&["AUTH", "wrong"]).error(), Some(wrong), "{}", front.name);
        assert_eq!(conn.call(&["AUTH", "nobody", PASSWORD]).error(), Some(wrong), "{}", front.name);
        assert_eq!(conn.run("GET k").error(), Some("NOAUTH Authentication required."), "{}", front.name);
        assert!(conn.call(&["AUTH", PASSWORD]).is_ok(), "{}", front.name);
        assert!(conn.run("SET k v").is_ok(), "{}", front.name);
        assert!(stranger(&front).call(&["AUTH", "default", PASSWORD]).is_ok(), "{}", front.name);
    }
}

#[test]
fn hello_carries_the_password() {
    let refused = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    for front in with_password() {
        let mut conn = stranger(&front);
        // 7.0.15 leaves the `<proto>` out.
        let got = conn.run("HELLO 3").error().map(|text| text.replace("HELLO AUTH", "HELLO <proto> AUTH"));
        assert_eq!(got.as_deref(), Some(refused), "{}", front.name);
        let wrong = conn.run("HELLO 3 AUTH default wrong");
        assert!(wrong.error().is_some_and(|e| e.starts_with("WRONGPASS")), "{}: {wrong}", front.name);
        let hello = conn.call(&["HELLO", "3", "AUTH", "default", PASSWORD, "SETNAME", "me"]);
        assert!(matches!(hello, Value::Map(_)), "{}: {hello}", front.name);
        assert_eq!(conn.run("CLIENT GETNAME").text(), "me", "{}", front.name);
        assert_eq!(conn.run("GET missing"), Value::Nil, "{}", front.name);
    }
}

#[test]
fn little_is_taken_before_the_password() {
    for front in with_password() {
        for bytes in [&b"*11\r\n"[..], b"*2\r\n$4\r\nAUTH\r\n$16385\r\n"] {
            let mut conn = stranger(&front);
            conn.send(bytes).expect("sent");
            let reply = conn.read().unwrap_or_else(|e| panic!("{}: {e}", front.name));
            let error = reply.error().unwrap_or_default();
            assert!(error.starts_with("ERR Protocol error: unauthenticated"), "{}: {reply}", front.name);
            assert!(conn.closes(), "{}", front.name);
        }
    }
}

#[test]
fn the_protocol_changes_back_and_forth() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        conn.run("HSET h f v");
        let flat = Value::Array(vec![Value::Bulk(b"f".to_vec()), Value::Bulk(b"v".to_vec())]);
        for _ in 0..3 {
            assert!(matches!(conn.run("HELLO 3"), Value::Map(_)), "{}", front.name);
            assert!(matches!(conn.run("HGETALL h"), Value::Map(_)), "{}", front.name);
            assert!(matches!(conn.run("HELLO"), Value::Map(_)), "{}", front.name);
            assert!(matches!(conn.run("HELLO 2"), Value::Array(_)), "{}", front.name);
            assert_eq!(conn.run("HGETALL h"), flat, "{}", front.name);
        }
    }
}

#[test]
fn a_pipeline_switches_in_its_place() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        conn.run("HSET h f v");
        let lines = [
            "HGETALL h",
            "HELLO 3",
            "HGETALL h",
            "SELECT 2",
            "EXISTS h",
            "SELECT 0",
            "EXISTS h",
            "HELLO 2",
            "HGETALL h",
        ];
        let requests: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        let replies = conn.try_pipeline(&requests).expect("replies");
        assert!(matches!(replies[0], Value::Array(_)), "{}", front.name);
        assert!(matches!(replies[2], Value::Map(_)), "{}", front.name);
        assert_eq!((replies[4].int(), replies[6].int()), (0, 1), "{}", front.name);
        assert!(matches!(replies[8], Value::Array(_)), "{}", front.name);
    }
}

#[test]
fn quit_answers_and_ends() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        let requests = [request(&["SET", "k", "v"]), request(&["QUIT"]), request(&["SET", "k", "w"])];
        conn.send(&requests.concat()).expect("sent");
        assert!(conn.read().expect("the SET").is_ok());
        assert!(conn.read().expect("the QUIT").is_ok(), "{}", front.name);
        assert!(conn.closes(), "{}", front.name);
        assert_eq!(front.endpoint().open().run("GET k").text(), "v", "{}: ran after QUIT", front.name);
    }
}

#[test]
fn reset_forgets_everything() {
    for front in with_password() {
        let mut conn = front.endpoint().open();
        assert!(matches!(conn.run("HELLO 3"), Value::Map(_)));
        conn.run("SELECT 4");
        conn.run("CLIENT SETNAME me");
        assert_eq!(conn.run("RESET"), Value::Simple("RESET".into()), "{}", front.name);
        assert_eq!(conn.run("GET k").error(), Some("NOAUTH Authentication required."), "{}", front.name);
        assert!(conn.call(&["AUTH", PASSWORD]).is_ok());
        assert_eq!(conn.run("CLIENT GETNAME"), Value::Nil);
        let info = conn.run("CLIENT INFO").text();
        assert!(info.contains(" db=0 "), "{}: {info}", front.name);
    }
}

#[test]
fn client_reply_silences_what_it_should() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        let silent = ["CLIENT REPLY OFF", "SET k 1", "INCR k", "GET k", "NOSUCH"];
        let skipped = ["CLIENT REPLY ON", "CLIENT REPLY SKIP", "INCR k", "GET k"];
        for line in silent.iter().chain(&skipped) {
            conn.send(&request(&line.split(' ').collect::<Vec<_>>())).expect("sent");
        }
        assert!(conn.read().expect("REPLY ON").is_ok(), "{}", front.name);
        assert_eq!(conn.read().expect("GET").text(), "3", "{}", front.name);
        // The reply of what waits is skipped too, served or not, and the next one is not.
        for line in ["CLIENT REPLY SKIP", "BLPOP nothing 0.05", "PING", "RPUSH full v", "CLIENT REPLY SKIP"] {
            conn.send(&request(&line.split(' ').collect::<Vec<_>>())).expect("sent");
        }
        conn.send(&request(&["BLPOP", "full", "0"])).expect("sent");
        conn.send(&request(&["PING"])).expect("sent");
        for told in ["PONG", "1", "PONG"] {
            assert_eq!(conn.read().expect("a reply").to_string(), told, "{}", front.name);
        }
        conn.set_patience(Duration::from_millis(100));
        assert!(conn.read().is_err(), "{}: one reply too many", front.name);
    }
}

#[test]
fn client_kill_ends_the_connection_it_names() {
    for front in Front::all() {
        let mut admin = front.endpoint().open();
        for by in ["ID", "ADDR", "LADDR", "old"] {
            let mut victim = front.endpoint().open();
            let info = victim.run("CLIENT INFO").text();
            let field = |name: &str| {
                let found = info.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                found.unwrap_or_else(|| panic!("{}: no {name} in {info}", front.name)).to_string()
            };
            let reply = match by {
                "ID" => admin.run(&format!("CLIENT KILL ID {}", field("id"))),
                "ADDR" => admin.run(&format!("CLIENT KILL ADDR {}", field("addr"))),
                "LADDR" => admin.run(&format!("CLIENT KILL LADDR {} SKIPME yes", field("laddr"))),
                _ => admin.run(&format!("CLIENT KILL {}", field("addr"))),
            };
            assert!(reply.is_ok() || reply.int() >= 1, "{}: by {by}: {reply}", front.name);
            assert!(victim.closes(), "{}: killed by {by}, and lives", front.name);
        }
        assert_eq!(admin.run("PING").text(), "PONG");
    }
}

#[test]
fn client_list_shows_every_connection() {
    for front in Front::all() {
        let names = ["one", "two", "three"];
        let mut conns: Vec<Conn> = names.iter().map(|_| front.endpoint().open()).collect();
        for (conn, name) in conns.iter_mut().zip(names) {
            assert!(conn.run(&format!("CLIENT SETNAME {name}")).is_ok());
        }
        let list = conns[0].run("CLIENT LIST").text();
        for name in names {
            let shown = list.lines().filter(|line| line.contains(&format!(" name={name} "))).count();
            assert_eq!(shown, 1, "{}: {name} in\n{list}", front.name);
        }
        let ids: Vec<i64> = conns.iter_mut().map(|conn| conn.run("CLIENT ID").int()).collect();
        let one = conns[0].run(&format!("CLIENT LIST ID {} {}", ids[1], ids[2])).text();
        assert_eq!(one.lines().count(), 2, "{}:\n{one}", front.name);
    }
}

#[test]
fn neither_values_nor_passwords_are_logged() {
    let value = "a value nobody may see";
    let options = Options { password: Some(PASSWORD.into()), ..Options::args(&["--log-level", "debug"]) };
    for front in Front::ours(&options) {
        let mut conn = front.endpoint().open();
        assert!(conn.call(&["SET", "k", value]).is_ok());
        conn.call(&["SET", "k", value, "BADOPTION"]);
        conn.call(&["NOSUCH", value]);
        conn.call(&["AUTH", "a wrong password"]);
        conn.send(format!("*1\r\n{value}\r\n").as_bytes()).expect("sent");
        assert!(conn.read().is_ok() && conn.closes());
        let logged = front.process().output();
        assert!(!logged.is_empty(), "{}: nothing is logged", front.name);
        for secret in [value, PASSWORD, "a wrong password"] {
            assert!(!logged.contains(secret), "{}: {secret:?} in the log:\n{logged}", front.name);
        }
    }
}

#[test]
fn what_follows_the_password_in_a_pipeline_has_no_strangers_bounds() {
    for front in with_password() {
        let mut conn = stranger(&front);
        let long = "v".repeat(20_000);
        let requests =
            [request(&["AUTH", PASSWORD]), request(&["SET", "k", &long]), request(&["STRLEN", "k"])];
        conn.send(&requests.concat()).expect("sent");
        for want in ["OK", "OK", "20000"] {
            assert_eq!(conn.read().expect("a reply").to_string(), want, "{}", front.name);
        }
    }
}
