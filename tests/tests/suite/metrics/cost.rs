//! What a scrape costs where there is much to tell, and that nobody's mischief costs others theirs.

use super::{Admin, SOON, value};
use ringtail_tests::harness::{Options, Server, say, scratch, start_proxy, wait_for, write_members};
use ringtail_tests::resp::{Endpoint, request};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Members of the pool that is scraped.
const MEMBERS: usize = 50;
/// Longest time for a scrape of it, and most bytes.
const MOST: (Duration, usize) = (Duration::from_millis(20), 200 << 10);

/// Requests of as many kinds as applications use.
fn use_all(endpoint: &Endpoint) {
    let mut conn = endpoint.open();
    for n in 0..2000 {
        let key = format!("key{n}");
        let hash = format!("hash{n}");
        let lines: [&[&str]; 8] = [
            &["SET", &key, "v"],
            &["GET", &key],
            &["EXPIRE", &key, "1000"],
            &["INCR", &key],
            &["HSET", &hash, "f", "v"],
            &["HGET", &hash, "f"],
            &["EVAL", "return 1", "1", &key],
            &["DEL", &key],
        ];
        let all: Vec<u8> = lines.iter().flat_map(|line| request(line)).collect();
        conn.send(&all).expect("sent");
        lines.iter().for_each(|_| _ = conn.read().expect("a reply"));
    }
}

#[test]
fn a_scrape_of_fifty_members_is_quick_and_small() {
    let servers: Vec<Server> =
        (0..MEMBERS).map(|_| Server::start(&Options::args(&["--threads", "1"]))).collect();
    let named = |(n, server): (usize, &Server)| (format!("cache-{n:02}.example"), server.endpoint.port);
    let members: Vec<(String, u16)> = servers.iter().enumerate().map(named).collect();
    let file = scratch("metrics").join("servers.json");
    write_members(&file, &members);
    let admin = Admin::anywhere();
    let (_process, endpoint) =
        start_proxy(&Options::args(&["--admin", &admin.addr, "--threads", "2"]), &file);
    let up = || value(&admin.metrics(), "ringtail_proxy_members_up") == Some(MEMBERS as f64);
    assert!(wait_for(SOON, up));
    use_all(&endpoint);
    let mut scrapes: Vec<(Duration, usize)> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            let text = admin.metrics();
            (begun.elapsed(), text.len())
        })
        .collect();
    scrapes.sort_unstable();
    let ((median, bytes), slowest) = (scrapes[10], scrapes[20].0);
    say(&format!(
        "a scrape of {MEMBERS} members: {median:?} in the middle, {slowest:?} at most, {bytes} bytes"
    ));
    // Other tests run beside this one.
    assert!(median < MOST.0 && bytes < MOST.1, "{median:?}, {bytes} bytes");
}

#[test]
fn hostile_peers_of_the_listener_harm_nobody() {
    let admin = Admin::anywhere();
    let server = Server::start(&Options::args(&["--admin", &admin.addr]));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let headers = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for (request, status) in [
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: ../../\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 4\r\n\r\nevil", 413),
        ("PUT /readyz HTTP/1.1\r\n\r\n", 405),
        ("GET /metrics HTTP/9.9\r\n\r\n", 400),
        ("\u{0}\u{1}\u{2}\r\n\r\n", 400),
        (&*headers, 431),
        (&*long, 431),
    ] {
        let head = &request[..request.len().min(40)];
        assert_eq!(admin.ask(request).0, status, "{head:?}");
    }
    // Many that send one byte and then nothing: they are thrown out in turn, and clients notice none of it.
    let idle: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut socket = TcpStream::connect(&admin.addr).expect("a connection");
            socket.write_all(b"G").expect("a byte");
            socket
        })
        .collect();
    let mut conn = server.endpoint.open();
    (0..100).for_each(|_| assert_eq!(conn.run("PING").text(), "PONG"));
    drop(idle);
    assert_eq!(admin.get("/healthz"), (200, "ok\n".to_owned()));
}
