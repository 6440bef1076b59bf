//! What moves each metric of a proxy.

use super::{Admin, PROCESS, SOON, Seen, check_process, value};
use ringtail_tests::harness::{
    Certs, Members, Options, Pool, Server, Signal, scratch, wait_for, write_servers,
};
use ringtail_tests::resp::{Conn, Endpoint, Value};

/// The name that a series has for a member.
fn of(family: &str, member: usize) -> String {
    format!("ringtail_proxy_member_{family}{{member=\"m{member}\",role=\"primary\"}}")
}

/// A pool of two of which the proxy has `--admin` and further arguments.
fn start(args: &[&str], certs: Option<&Certs>) -> (Pool, Admin) {
    let admin = Admin::anywhere();
    let mut options = Options::args(&[&["--admin", &admin.addr, "--threads", "1"], args].concat());
    options.certs = certs.cloned();
    let server = Options { certs: certs.cloned(), ..Options::args(&["--threads", "1"]) };
    let members = Members::Ringtail((0..2).map(|_| Server::start(&server)).collect());
    (Pool::before(members, &options), admin)
}

fn ok(conn: &mut Conn, line: &str) -> Value {
    let reply = conn.run(line);
    assert_eq!(reply.error(), None, "{line}");
    reply
}

/// A key of that member.
fn key_of(conn: &mut Conn, member: usize) -> String {
    let name = format!("m{member}");
    let mut keys = (0..1000).map(|n| format!("key{n}"));
    let found = keys.find(|key| format!("{}", conn.call(&["RINGTAIL", "ROUTE", key])).contains(&name));
    found.expect("a key of each member")
}

#[test]
fn every_metric_of_a_proxy_is_moved() {
    let mut seen = Seen::default();
    commands_and_clients(&mut seen);
    bounds(&mut seen);
    handshakes(&mut seen);
    members(&mut seen);
    retries(&mut seen);
    full_lanes(&mut seen);
    seen.assert_all_moved(PROCESS);
}

fn commands_and_clients(seen: &mut Seen) {
    let (mut pool, admin) = start(&["--slowlog-log-slower-than", "0"], None);
    check_process(&seen.scrape(&admin), "ringtail-proxy");
    let [mut conn, mut waits, mut listens, mut tracks] = [(); 4].map(|()| pool.endpoint.open());
    for line in ["SET k v", "GET k", "MULTI", "SET k w", "EXEC"] {
        ok(&mut conn, line);
    }
    // Lanes of the other version of the protocol.
    ok(&mut pool.endpoint.open3(), "GET k");
    assert!(conn.run("LPUSH k x").error().is_some());
    assert!(conn.run("AUTH nobody wrong").error().is_some());
    waits.send(b"BLPOP list 0\r\n").expect("sent");
    listens.run("SUBSCRIBE news");
    tracks.run("HELLO 3");
    ok(&mut tracks, "CLIENT TRACKING ON");
    for series in ["blocked", "subscribed", "tracking"] {
        seen.until(&admin, &format!("ringtail_proxy_clients_{series}"), |value| value == 1.0);
    }
    (0..200).for_each(|_| _ = ok(&mut conn, "GET k"));
    seen.until(&admin, "ringtail_proxy_hottest_key_ratio", |value| value > 0.5);
    let large = "x".repeat(1 << 20);
    assert!(conn.call(&["SET", "large", &large]).is_ok());
    assert_eq!(conn.call(&["GET", "large"]).text().len(), large.len());
    // A script that a member has lost is brought to it again.
    let hash = ok(&mut conn, "SCRIPT LOAD return(redis.call('get',KEYS[1]))").text();
    for member in 0..2 {
        ok(&mut pool.members.endpoint(member).open(), "SCRIPT FLUSH");
    }
    ok(&mut conn, &format!("EVALSHA {hash} 1 k"));
    seen.until(&admin, "ringtail_proxy_scripts_brought_total", |value| value > 0.0);
    assert!(conn.call(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 50kb 1"]).is_ok());
    let message = "m".repeat(1 << 20);
    (0..20).for_each(|_| _ = conn.call(&["PUBLISH", "news", &message]));
    seen.until(&admin, "ringtail_proxy_clients_closed_total{reason=\"messages\"}", |value| value > 0.0);
    let text = seen.scrape(&admin);
    for series in [
        "ringtail_proxy_command_calls_total{command=\"set\"}",
        "ringtail_proxy_command_failures_total{command=\"lpush\",kind=\"failed\"}",
        "ringtail_proxy_error_replies_total{code=\"WRONGTYPE\"}",
        "ringtail_proxy_access_denied_total{reason=\"auth\"}",
        "ringtail_proxy_transactions_total{kind=\"one_member\"}",
        "ringtail_proxy_large_total{what=\"requests\"}",
        "ringtail_proxy_slow_requests_total",
    ] {
        assert!(value(&text, series) > Some(0.0), "{series} in\n{text}");
    }
    // A subscription at a member that goes.
    let mut listens = pool.endpoint.open();
    listens.run("PSUBSCRIBE *");
    pool.members.process(0).kill();
    seen.until(&admin, "ringtail_proxy_subscription_gaps_total", |value| value > 0.0);
}

fn bounds(seen: &mut Seen) {
    let acl = scratch("metrics").join("users.acl");
    std::fs::write(&acl, "user reader on nopass ~* &* +get\n").expect("a file below target");
    let (pool, admin) = start(&["--acl-file", acl.to_str().expect("UTF-8")], None);
    seen.scrape(&admin);
    let mut conn = pool.endpoint.open();
    // As much as half of a request is held for a client that does not send the rest.
    ok(&mut conn, "CONFIG SET max-in-flight 1mb");
    let half = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000\r\n{}", "x".repeat(190_000));
    let mut clients: Vec<Conn> = (0..8).map(|_| pool.endpoint.open()).collect();
    for client in &mut clients {
        let _ = client.send(half.as_bytes());
    }
    seen.until(&admin, "ringtail_proxy_in_flight_bytes", |value| value > 100_000.0);
    seen.until(&admin, "ringtail_proxy_in_flight_waits_total", |value| value > 0.0);
    drop(clients);
    ok(&mut conn, "CONFIG SET max-in-flight 4gb");
    ok(&mut conn, "CONFIG SET rate *=1/s");
    let limited = (0..10)
        .any(|_| pool.endpoint.open().run("GET k").error().is_some_and(|e| e.starts_with("RATELIMIT")));
    assert!(limited);
    seen.until(&admin, "ringtail_proxy_commands_refused_total{reason=\"rate\"}", |value| value > 0.0);
    std::fs::write(&acl, "user reader on nopass ~* &* +get +ping\n").expect("a file below target");
    pool.process.signal(Signal::Hangup);
    seen.until(&admin, "ringtail_proxy_file_reloads_total{outcome=\"taken\"}", |value| value > 0.0);
    assert!(wait_for(SOON, || conn.call(&["CONFIG", "SET", "rate", ""]).is_ok()));
    ok(&mut conn, "CONFIG SET maxclients 1");
    let refused = pool.endpoint.connect_raw().and_then(|mut conn| conn.read());
    assert!(refused.is_ok_and(|reply| reply.error().is_some()));
    seen.until(&admin, "ringtail_proxy_connections_refused_total{reason=\"maxclients\"}", |value| {
        value > 0.0
    });
}

fn handshakes(seen: &mut Seen) {
    let (pool, admin) = start(&[], Some(&Certs::get()));
    let mut plain = Endpoint::plain(pool.endpoint.port).connect_raw().expect("a connection");
    plain.send(b"PING\r\n").expect("sent");
    let _ = plain.receive(&mut [0; 64]);
    for outcome in ["ok", "failed"] {
        let series = format!("ringtail_proxy_tls_handshakes_total{{outcome=\"{outcome}\"}}");
        seen.until(&admin, &series, |value| value > 0.0);
    }
}

fn members(seen: &mut Seen) {
    let (mut pool, admin) = start(&["--timeout", "300ms"], None);
    let mut conn = pool.endpoint.open();
    let key = key_of(&mut conn, 1);
    ok(&mut conn, &format!("SET {key} v"));
    seen.until(&admin, &of("duration_seconds_count", 1), |value| value > 0.0);
    assert_eq!(admin.get("/readyz"), (200, "ready\n".to_owned()));
    // Frozen: requests wait, then are late, then refused.
    pool.members.process(1).signal(Signal::Stop);
    let mut waits = pool.endpoint.open();
    waits.send(format!("GET {key}\r\n").as_bytes()).expect("sent");
    seen.until(&admin, &of("in_flight_requests", 1), |value| value == 1.0);
    seen.until(&admin, &of("timeouts_total", 1), |value| value > 0.0);
    let refused = wait_for(SOON, || {
        let _ = conn.run(&format!("GET {key}"));
        value(&seen.scrape(&admin), &of("breaker_refusals_total", 1)) > Some(0.0)
    });
    assert!(refused, "its breaker never refuses");
    seen.until(&admin, &of("breaker_state", 1), |value| value > 0.0);
    pool.members.process(1).signal(Signal::Continue);
    seen.until(&admin, &of("breaker_state", 1), |value| value == 0.0);
    pool.members.process(1).kill();
    seen.until(&admin, &of("up", 1), |value| value == 0.0);
    seen.until(&admin, "ringtail_proxy_members_up", |value| value == 1.0);
    let text = seen.scrape(&admin);
    for family in ["errors_total", "breaks_total", "breaker_opened_total"] {
        assert!(value(&text, &of(family, 1)) > Some(0.0), "{family} in\n{text}");
    }
    let port = pool.members.ports()[0];
    write_servers(&pool.servers_json, &[port]);
    seen.until(&admin, "ringtail_proxy_members", |value| value == 1.0);
    seen.until(&admin, "ringtail_proxy_topology_epoch", |value| value == 2.0);
    std::fs::write(&pool.servers_json, "[").expect("a file below target");
    seen.until(&admin, "ringtail_proxy_topology_reloads_total{outcome=\"refused\"}", |value| value > 0.0);
    assert!(!seen.scrape(&admin).contains("member=\"m1\""), "who has left is told of no more");
    pool.members.process(0).kill();
    let down = wait_for(SOON, || admin.get("/readyz") == (503, "none of 1 members is up\n".to_owned()));
    assert!(down, "{:?}", admin.get("/readyz"));
    assert_eq!(admin.get("/healthz").0, 200);
}

/// A read whose connection is lost before its answer is sent again.
fn retries(seen: &mut Seen) {
    let (mut pool, admin) = start(&["--timeout", "30s", "--retry-reads", "1"], None);
    let mut conn = pool.endpoint.open();
    let key = key_of(&mut conn, 1);
    pool.members.process(1).signal(Signal::Stop);
    conn.send(format!("GET {key}\r\n").as_bytes()).expect("sent");
    seen.until(&admin, &of("in_flight_requests", 1), |value| value == 1.0);
    pool.members.process(1).kill();
    seen.until(&admin, "ringtail_proxy_retried_reads_total", |value| value > 0.0);
}

/// A member that reads nothing: at some time requests wait for room in its lanes.
fn full_lanes(seen: &mut Seen) {
    let (mut pool, admin) = start(&["--timeout", "30s", "--conns", "1"], None);
    let mut conn = pool.endpoint.open();
    let key = key_of(&mut conn, 1);
    pool.members.process(1).signal(Signal::Stop);
    let request =
        format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$200000\r\n{}\r\n", key.len(), "x".repeat(200_000));
    let mut clients: Vec<Conn> = (0..200).map(|_| pool.endpoint.open()).collect();
    for client in &mut clients {
        client.send(request.as_bytes()).expect("sent");
    }
    seen.until(&admin, &of("lane_waits_total", 1), |value| value > 0.0);
    pool.members.process(1).signal(Signal::Continue);
    for client in &mut clients {
        assert!(client.read().expect("a reply").is_ok());
    }
    seen.until(&admin, &of("lane_wait_seconds_total", 1), |value| value > 0.0);
}
