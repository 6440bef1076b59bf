//! What moves a proxy's metrics of a replica that it reads from.

use super::pool::ok;
use super::{Admin, SOON, Seen};
use ringtail_tests::harness::{Options, Server, Signal, scratch, start_proxy, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};

/// A series of the only replica.
fn of(family: &str) -> String {
    format!("ringtail_proxy_member_{family}{{member=\"m0/replica1\",role=\"replica\"}}")
}

/// A replica that is read from, freezes, and dies.
pub(super) fn moved(seen: &mut Seen) {
    let primary = Server::start(&Options::args(&["--threads", "1"]));
    let follows = format!("127.0.0.1:{}", primary.endpoint.port);
    let mut replica = Server::start(&Options::args(&["--threads", "1", "--replicaof", &follows]));
    let json = scratch("read-from").join("servers.json");
    let port = replica.endpoint.port;
    let member = format!(r#"[{{"name":"m0","addr":"{follows}","replicas":["127.0.0.1:{port}"]}}]"#);
    std::fs::write(&json, member).expect("a file below target");
    let admin = Admin::anywhere();
    let args = ["--read-from", "prefer-replica", "--threads", "1", "--conns", "1", "--timeout", "2s"];
    let (_proxy, endpoint) =
        start_proxy(&Options::args(&[&["--admin", &admin.addr], &args[..]].concat()), &json);
    seen.until(&admin, &of("lanes"), |value| value == 0.0);
    let mut conn = endpoint.open();
    read_until(seen, &admin, &mut conn, "duration_seconds_count");
    seen.until(&admin, &of("lanes_up"), |value| value == 1.0);
    replica.process.signal(Signal::Stop);
    let clients = fill(&endpoint);
    for family in ["in_flight_requests", "lane_waits_total", "timeouts_total", "errors_total"] {
        seen.until(&admin, &of(family), |value| value > 0.0);
    }
    for family in ["breaker_opened_total", "breaker_state", "lane_wait_seconds_total"] {
        seen.until(&admin, &of(family), |value| value > 0.0);
    }
    drop(clients);
    replica.process.signal(Signal::Continue);
    seen.until(&admin, &of("breaker_state"), |value| value == 0.0);
    replica.process.kill();
    seen.until(&admin, &of("breaks_total"), |value| value > 0.0);
    for family in ["up", "lanes_up"] {
        seen.until(&admin, &of(family), |value| value == 0.0);
    }
}

/// Reads until the replica's series says so.
fn read_until(seen: &mut Seen, admin: &Admin, conn: &mut Conn, family: &str) {
    let comes = wait_for(SOON, || {
        ok(conn, "GET k");
        super::value(&seen.scrape(admin), &of(family)) > Some(0.0)
    });
    assert!(comes, "{family} never moves");
}

/// Clients that ask for more than the replica's one lane has room for.
fn fill(endpoint: &Endpoint) -> Vec<Conn> {
    let request = format!("*2\r\n$3\r\nGET\r\n$200000\r\n{}\r\n", "x".repeat(200_000));
    let mut clients: Vec<Conn> = (0..200).map(|_| endpoint.open()).collect();
    for client in &mut clients {
        client.send(request.as_bytes()).expect("sent");
    }
    clients
}
