//! Clients of the HTTP door that want too much, never end, or speak nonsense: each hears what is wrong, and nothing is held.

use super::Door;
use ringtail_tests::harness::Options;
use std::time::{Duration, Instant};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn what_is_too_large_is_refused() {
    let door = Door::open(&Options::args(&["--http-max-body", "64kb"]));
    let mut http = door.client();
    assert_eq!(http.ask("PUT /v1/keys/k", &[], &vec![1; 64 << 10]).status, 201);
    let long = door.ask("PUT /v1/keys/k", &[], &vec![1; (64 << 10) + 1]);
    assert!(long.status == 413 && long.problem().contains("--http-max-body"));
    let mut chunked = door.client();
    let head = b"PUT /v1/keys/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    chunked.conn.send(head).expect("sent");
    let chunk = [b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat();
    // It may hear of it, and be cut off, before it has sent all.
    while chunked.conn.send(&chunk).is_ok() && chunked.peek().is_none() {}
    assert_eq!(chunked.read(false).status, 413);
    let all = door.pool.endpoint.open().call(&["SETRANGE", "big", "100000", "x"]);
    assert_eq!(all.int(), 100_001);
    assert_eq!(door.ask("GET /v1/keys/big", &[], b"").status, 413, "answers are bounded, too");
    let uri = format!("GET /v1/keys/{}", "x".repeat(20_000));
    assert_eq!(door.ask(&uri, &[], b"").status, 414);
    let field = "x".repeat(80_000);
    assert_eq!(door.ask("GET /", &[("x-long", &field)], b"").status, 431);
    let many: Vec<(String, &str)> = (0..100).map(|n| (format!("x-{n}"), "v")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(door.ask("GET /", &many, b"").status, 431);
    assert_eq!(http.ask("GET /v1/keys/k", &[], b"").body.len(), 64 << 10, "others go on");
}

#[test]
fn what_makes_no_sense_is_said_to() {
    let door = Door::plain();
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    for body in [deep.as_bytes(), b"[\"GET\",\"\xff\"]", b"{\"a\":1}", b"", b"[\"GET\"", b"[null]", b"[[]]"] {
        let answer = door.ask("POST /v1/commands", &JSON, body);
        assert!(answer.status == 400 && !answer.problem().is_empty(), "{}", String::from_utf8_lossy(body));
    }
    for (line, status) in [
        ("GET /v1/keys/k?nonsense=1", 400),
        ("PUT /v1/keys/k?ttl=1&ttl=2", 400),
        ("PUT /v1/keys/k?ttl=0", 400),
        ("GET /v1/keys/%zz", 400),
        ("GET /v1/nothing", 404),
        ("GET /v1/keys/a/b", 404),
        ("GET /v1/../../etc/passwd", 404),
        ("POST /v1/keys/k", 405),
        ("BREW /v1/keys/k", 405),
        ("OPTIONS /v1/commands", 405),
    ] {
        let answer = door.ask(line, &[], b"");
        assert_eq!(answer.status, status, "{line}");
        assert!(!answer.problem().is_empty());
        assert!(status != 405 || answer.field("allow").is_some(), "{line}");
    }
    for raw in ["\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "*1\r\n$4\r\nPING\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let mut http = door.client();
        http.conn.send(raw.as_bytes()).expect("sent");
        assert!(http.try_read(false).is_none_or(|answer| answer.status == 400), "{raw:?}");
    }
}

#[test]
fn a_hostile_host_or_page_gets_nowhere() {
    let door = Door::plain();
    let port = door.endpoint.port;
    let ask = |fields: &str| {
        let mut http = door.client();
        http.conn.send(format!("GET /v1/keys/k HTTP/1.1\r\n{fields}\r\n").as_bytes()).expect("sent");
        http.read(false).status
    };
    assert_eq!(ask("host: a b\r\n"), 400);
    assert_eq!(ask("host: a@b\r\n"), 400);
    assert_eq!(ask("host: a\r\nhost: b\r\n"), 400);
    assert_eq!(ask(&format!("host: 127.0.0.1:{port}\r\norigin: http://evil.example\r\n")), 403);
    assert_eq!(ask("host: localhost\r\nsec-fetch-site: cross-site\r\n"), 403);
    assert_eq!(ask("host: evil.example\r\norigin: http://evil.example\r\n"), 421);
    assert_eq!(
        ask("host: evil.example\r\n"),
        421,
        "a browser says no more of a GET to a name that was bound anew"
    );
    assert_eq!(ask(&format!("host: localhost:{port}\r\norigin: http://localhost:{port}\r\n")), 404);
}

#[test]
fn who_never_ends_a_request_is_ended() {
    let door = Door::plain();
    let begun = Instant::now();
    let mut head = door.client();
    head.conn.send(b"GET /v1/keys/k HTTP/1.1\r\nhost: ").expect("sent");
    let mut body = door.client();
    body.conn
        .send(b"PUT /v1/keys/slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nabc")
        .expect("sent");
    assert!(head.try_read(false).is_none(), "a head that never ends");
    assert!((9..18).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    body.conn.set_patience(Duration::from_secs(40));
    let slow = body.read(false);
    assert!(slow.status == 408 && slow.problem().starts_with("TIMEOUT"), "{slow:?}");
    assert!((29..38).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(body.try_read(false).is_none(), "the rest would be taken for another request");
    assert_eq!(door.ask("GET /v1/keys/slow", &[], b"").status, 404);
}

#[test]
fn requests_in_pieces_and_several_at_once() {
    let door = Door::plain();
    let mut http = door.client();
    for byte in b"PUT /v1/keys/p HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi" {
        http.conn.send(&[*byte]).expect("sent");
    }
    assert_eq!(http.read(false).status, 201);
    let one = "GET /v1/keys/p HTTP/1.1\r\nhost: localhost\r\n\r\n";
    http.conn.send(one.repeat(50).as_bytes()).expect("sent");
    for _ in 0..50 {
        assert_eq!(http.read(false).body, b"hi");
    }
}
