//! What moves each metric of a proxy.

use super::{Admin, PROCESS, SOON, Seen, Still, check_process, replicas, value};
use ringtail_tests::harness::{
    Certs, Link, Members, Options, Pool, Server, Signal, Way, scratch, start_proxy, wait_for, write_servers,
};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::time::Duration;

/// What stands still in a proxy, beside what does in every process.
const STILL: [Still; 2] = [
    ("process_start_time_seconds", "a process starts once; check_process looks at it"),
    (
        "ringtail_proxy_member_breaker_refusals_total{role=\"replica\"}",
        "no read goes to a replica whose breaker is open, but to the primary; \
         only one that is sent again in the moment in which it opens hears of it",
    ),
];

/// The name that a series has for a member.
fn of(family: &str, member: usize) -> String {
    format!("ringtail_proxy_member_{family}{{member=\"m{member}\",role=\"primary\"}}")
}

/// A pool of two of which the proxy has `--admin` and further arguments.
fn start(args: &[&str], certs: Option<&Certs>) -> (Pool, Admin) {
    let server = Options { certs: certs.cloned(), ..Options::args(&["--threads", "1"]) };
    let members = Members::Ringtail((0..2).map(|_| Server::start(&server)).collect());
    // Not before: one of them might take its port.
    let admin = Admin::anywhere();
    let mut options = Options::args(&[&["--admin", &admin.addr, "--threads", "1"], args].concat());
    options.certs = certs.cloned();
    (Pool::before(members, &options), admin)
}

pub(super) fn ok(conn: &mut Conn, line: &str) -> Value {
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
    half_done(&mut seen);
    replicas::moved(&mut seen);
    seen.assert_all_moved("ringtail-proxy", &[&PROCESS[..], &STILL].concat());
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
    ok(&mut conn, "LPUSH list x");
    assert_eq!(waits.read().expect("what it waited for").items().len(), 2);
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
    let user = |rules: &str| {
        std::fs::write(&acl, format!("user reader on nopass {rules}\n")).expect("a file below target");
    };
    user("~mine &mine +get +publish");
    let (pool, admin) = start(&["--acl-file", acl.to_str().expect("UTF-8")], None);
    seen.scrape(&admin);
    let mut conn = pool.endpoint.open();
    denied(&mut pool.endpoint.open());
    held(seen, &pool, &admin);
    idle(seen, &pool.endpoint, &admin);
    ok(&mut conn, "CONFIG SET rate *=1/s");
    let limited = (0..10)
        .any(|_| pool.endpoint.open().run("GET k").error().is_some_and(|e| e.starts_with("RATELIMIT")));
    assert!(limited);
    seen.until(&admin, "ringtail_proxy_commands_refused_total{reason=\"rate\"}", |value| value > 0.0);
    for (rules, outcome) in [("~mine +get +ping", "taken"), ("~mine +nosuch", "refused")] {
        user(rules);
        pool.process.signal(Signal::Hangup);
        let series = format!("ringtail_proxy_file_reloads_total{{outcome=\"{outcome}\"}}");
        seen.until(&admin, &series, |value| value > 0.0);
    }
    assert!(wait_for(SOON, || conn.call(&["CONFIG", "SET", "rate", ""]).is_ok()));
    ok(&mut conn, "CONFIG SET maxclients-per-user 1");
    assert!(pool.endpoint.open().run("GET k").error().is_some_and(|error| error.contains("of user")));
    for reason in ["maxclients-per-addr", "maxclients"] {
        ok(&mut conn, &format!("CONFIG SET {reason} 1"));
        let refused = pool.endpoint.connect_raw().and_then(|mut conn| conn.read());
        assert!(refused.is_ok_and(|reply| reply.error().is_some()));
        let series = format!("ringtail_proxy_connections_refused_total{{reason=\"{reason}\"}}");
        seen.until(&admin, &series, |value| value > 0.0);
    }
}

/// A user who is refused a command, a key and a channel.
pub(super) fn denied(conn: &mut Conn) {
    ok(conn, "AUTH reader any");
    for line in ["SET mine v", "GET other", "PUBLISH other v"] {
        assert!(conn.run(line).error().is_some_and(|error| error.starts_with("NOPERM")), "{line}");
    }
}

/// As much as half of a request is held for a client that does not send the rest, and not more than may be.
fn held(seen: &mut Seen, pool: &Pool, admin: &Admin) {
    let mut conn = pool.endpoint.open();
    ok(&mut conn, "CONFIG SET max-in-flight 1mb");
    let half = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000\r\n{}", "x".repeat(190_000));
    let mut clients: Vec<Conn> = (0..8).map(|_| pool.endpoint.open()).collect();
    for client in &mut clients {
        let _ = client.send(half.as_bytes());
    }
    seen.until(admin, "ringtail_proxy_in_flight_bytes", |value| value > 100_000.0);
    seen.until(admin, "ringtail_proxy_in_flight_waits_total", |value| value > 0.0);
    seen.until(admin, "ringtail_proxy_commands_refused_total{reason=\"max-in-flight\"}", |value| value > 0.0);
    drop(clients);
    ok(&mut conn, "CONFIG SET max-in-flight 4gb");
}

/// A client that takes nothing of its answers.
fn idle(seen: &mut Seen, endpoint: &Endpoint, admin: &Admin) {
    let (mut conn, mut idle) = (endpoint.open(), endpoint.open());
    assert!(conn.call(&["SET", "k", &"x".repeat(100_000)]).is_ok());
    ok(&mut conn, "CONFIG SET output-limit 200kb");
    // More than two sockets' buffers take.
    idle.send("GET k\r\n".repeat(300).as_bytes()).expect("sent");
    let closed = "ringtail_proxy_clients_closed_total{reason=\"replies\"}";
    seen.until(admin, closed, |value| value > 0.0);
    ok(&mut conn, "CONFIG SET output-limit 1gb");
}

fn handshakes(seen: &mut Seen) {
    let (pool, admin) = start(&["--handshakes", "1"], Some(&Certs::get()));
    let plain = Endpoint::plain(pool.endpoint.port);
    let mut bad = plain.connect_raw().expect("a connection");
    bad.send(b"PING\r\n").expect("sent");
    let _ = bad.receive(&mut [0; 64]);
    for outcome in ["ok", "failed"] {
        let series = format!("ringtail_proxy_tls_handshakes_total{{outcome=\"{outcome}\"}}");
        seen.until(&admin, &series, |value| value > 0.0);
    }
    // One that sends nothing has the only place, and who is refused anyway does not wait for one.
    ok(&mut pool.endpoint.open(), "CONFIG SET maxclients 1");
    let _idle: Vec<Conn> = (0..3).map(|_| plain.connect_raw().expect("a connection")).collect();
    let series = "ringtail_proxy_connections_refused_total{reason=\"handshakes\"}";
    seen.until(&admin, series, |value| value > 0.0);
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
    // The lane may know before the second try that nobody is there.
    pool.members.restart(1);
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

/// A transaction over two members of which one is lost between its part and its answer.
fn half_done(seen: &mut Seen) {
    let (direct, far) = (Server::start(&Options::default()), Server::start(&Options::default()));
    let (admin, link) = (Admin::anywhere(), Link::to(far.endpoint.port));
    let json = scratch("half-done").join("servers.json");
    write_servers(&json, &[direct.endpoint.port, link.port()]);
    let args = ["--admin", &admin.addr, "--threads", "1", "--timeout", "10s"];
    let (_proxy, endpoint) = start_proxy(&Options::args(&args), &json);
    let mut conn = endpoint.open();
    let [here, there] = [0, 1].map(|member| key_of(&mut conn, member));
    let lines = [format!("SET {here} v"), format!("SET {there} v")];
    for line in ["MULTI", &lines[0], &lines[1]] {
        ok(&mut conn, line);
    }
    assert!(ok(&mut conn, "EXEC").items().iter().all(Value::is_ok));
    let transactions = |kind: &str| format!("ringtail_proxy_transactions_total{{kind=\"{kind}\"}}");
    seen.until(&admin, &transactions("several_members"), |value| value > 0.0);
    ok(&mut direct.endpoint.open(), &format!("DEL {here}"));
    for line in ["MULTI", &lines[0], &lines[1]] {
        ok(&mut conn, line);
    }
    // Its answers are late: that it holds its slots, and much later that it ran its part.
    link.set([Way::Open, Way::Slow(Duration::from_secs(1))]);
    conn.send(b"EXEC\r\n").expect("sent");
    let mut look = direct.endpoint.open();
    assert!(
        wait_for(SOON, || look.run(&format!("GET {here}")).bytes() == Some(b"v")),
        "no member runs its part"
    );
    link.cut();
    let said = conn.read().expect("an answer");
    assert!(said.error().is_some_and(|error| error.starts_with("EXECPARTIAL")), "{said}");
    seen.until(&admin, &transactions("partial"), |value| value > 0.0);
}
