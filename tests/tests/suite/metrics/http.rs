//! What is counted of HTTP clients.

use super::{Admin, value};
use ringtail_tests::harness::{Members, Options, Pool, Server, free_port};
use ringtail_tests::resp::Endpoint;

/// All that is answered, up to the end of the connection.
fn ask(door: &Endpoint, request: &str) -> Vec<u8> {
    let mut conn = door.connect_raw().expect("a connection");
    conn.send(request.as_bytes()).expect("sent");
    let (mut heard, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    while let read @ 1.. = conn.receive(&mut piece).expect("an answer") {
        heard.extend_from_slice(&piece[..read]);
    }
    heard
}

#[test]
fn bytes_of_http_clients_are_those_of_their_connections() {
    let members = Members::Ringtail(vec![Server::start(&Options::default())]);
    let (admin, door) = (Admin::anywhere(), Endpoint::plain(free_port()));
    let http = format!("127.0.0.1:{}", door.port);
    let _pool = Pool::before(members, &Options::args(&["--admin", &admin.addr, "--http", &http]));
    let counted = || {
        let text = admin.metrics();
        let bytes = |way: &str| value(&text, &format!("ringtail_proxy_{way}_bytes_total")).expect("a count");
        (bytes("received") as usize, bytes("sent") as usize)
    };
    let body = "v".repeat(100_000);
    for (line, body, status) in
        [("PUT /v1/keys/k", &*body, "201"), ("GET /v1/keys/k", "", "200"), ("GET /healthz/none", "", "400")]
    {
        let length = body.len();
        let head = "host: localhost\r\nconnection: close";
        let request = format!("{line} HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        let before = counted();
        let answer = ask(&door, &request);
        assert!(answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()), "{line}");
        let after = counted();
        let moved = (after.0 - before.0, after.1 - before.1);
        assert_eq!(moved, (request.len(), answer.len()), "{line}");
    }
}
