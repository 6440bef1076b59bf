//! The programs' logs: as machines read them, at a level that can be changed, and without what is nobody's business.

use ringtail_tests::harness::{
    Members, Options, Pool, Process, Server, Signal, free_port, ours, scratch, wait_for,
};
use ringtail_tests::resp::Endpoint;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// What no log may have.
const VALUE: &str = "marker-of-a-value-3f1c";
const PASSWORD: &str = "marker-of-a-password-77aa";
/// The same with the default user's name, as `Basic` has it.
const BASIC: &str = "ZGVmYXVsdDptYXJrZXItb2YtYS1wYXNzd29yZC03N2Fh";

/// A server whose logs are as they are by default: not on a terminal.
fn start_as_a_service() -> (Process, Endpoint) {
    let endpoint = Endpoint::plain(free_port());
    let mut command = Command::new(ours("ringtail-server"));
    command.args(["--addr", &format!("127.0.0.1:{}", endpoint.port)]).env("RINGTAIL_LOG_FORMAT", "auto");
    let process = Process::start("ringtail-server", &mut command);
    // Its port is open earlier, before it hears signals.
    assert!(wait_for(SOON, || process.output().contains("ready")), "{}", process.output());
    (process, endpoint)
}

#[test]
fn where_no_terminal_is_each_line_is_json() {
    let (process, _endpoint) = start_as_a_service();
    process.signal(Signal::Terminate);
    assert!(wait_for(SOON, || process.output().contains("\"stopped\"")), "{}", process.output());
    let output = process.output();
    for line in output.lines() {
        let parsed: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let has = |field: &str| parsed[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("timestamp") && has("level") && has("message"), "{line}");
    }
    assert!(output.lines().any(|line| line.contains("\"addr\":\"127.0.0.1:")), "{output}");
}

#[test]
fn debug_is_toggled_by_a_signal_and_the_level_set_by_config() {
    let (process, endpoint) = start_as_a_service();
    let mut conn = endpoint.open();
    let mut level_is = |level: &str| {
        let is = || conn.run("CONFIG GET loglevel").items().get(1).is_some_and(|value| value.text() == level);
        assert!(wait_for(SOON, is), "the level is not {level}\n{}", process.output());
    };
    level_is("info");
    process.signal(Signal::User1);
    level_is("debug");
    process.signal(Signal::User1);
    level_is("info");
    assert!(wait_for(SOON, || process.output().matches("SIGUSR1").count() == 2), "{}", process.output());
    assert!(endpoint.open().run("CONFIG SET loglevel warning").is_ok());
    level_is("warn");
    assert!(endpoint.open().run("CONFIG SET log-level loud").error().is_some());
}

#[test]
fn no_value_and_no_secret_is_ever_logged() {
    let args = ["--log-level", "debug", "--slowlog-log-slower-than", "0"];
    let servers = Options::args(&["--log-level", "debug", "--set", "slowlog-log-slower-than=0"]);
    let members: Vec<Server> = (0..2).map(|_| Server::start(&servers)).collect();
    let direct = members[0].endpoint.clone();
    let options = Options { password: Some(PASSWORD.into()), ..Options::args(&args) };
    let mut pool = Pool::before(Members::Ringtail(members), &options);
    for mut conn in [pool.endpoint.open(), direct.open()] {
        for line in [
            format!("SET key {VALUE}"),
            format!("SET {{key}}2 {VALUE} EX 100"),
            format!("LPUSH list {VALUE} {VALUE}"),
            format!("HSET hash field {VALUE}"),
            format!("EVAL return(redis.call('set',KEYS[1],ARGV[1])) 1 key {VALUE}"),
            format!("LPUSH key {VALUE}"),
            format!("NOSUCH {VALUE}"),
            format!("PUBLISH news {VALUE}"),
            format!("AUTH default {PASSWORD}x"),
            format!("ACL SETUSER someone on >{PASSWORD} ~* +@all"),
            format!("AUTH someone {PASSWORD}"),
            format!("CONFIG SET requirepass {PASSWORD}"),
            format!("*1\r\n$-5\r\n{VALUE}"),
        ] {
            let _ = conn.send(format!("{line}\r\n").as_bytes());
            let _ = conn.read();
        }
    }
    pool.members.process(1).kill();
    for n in 0..50 {
        let _ = pool.endpoint.connect().map(|mut conn| conn.try_call(&["SET", &format!("key{n}"), VALUE]));
    }
    assert_clean(&pool.process);
    (0..2).for_each(|member| assert_clean(pool.members.process(member)));
}

fn assert_clean(process: &Process) {
    let log = process.output();
    assert!(log.contains("ready"), "no log:\n{log}");
    for secret in [VALUE, PASSWORD, BASIC] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

/// What is answered to these bytes, up to the end of the connection.
fn ask(port: u16, request: &str) -> String {
    let mut conn = Endpoint::plain(port).connect_raw().expect("a connection");
    conn.set_patience(SOON);
    // Whose request is refused before its end need not take the rest of it.
    let _ = conn.send(request.as_bytes());
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = conn.receive(&mut piece) {
        heard.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// A request over HTTP that is its connection's last.
fn http(line: &str, fields: &[&str], body: &str) -> String {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    )
}

/// Requests that are done, by all ways to show who is asking, each with its status.
fn done() -> Vec<(u16, String)> {
    let (basic, bearer) =
        (format!("authorization: Basic {BASIC}"), format!("authorization: Bearer {PASSWORD}"));
    let someone = format!("authorization: Bearer someone:{PASSWORD}");
    let json = "content-type: application/json";
    let commands = format!(
        r#"[["SET","k","{VALUE}"],["LPUSH","k","{VALUE}"],["NOSUCH","{VALUE}"],
            ["EVAL","return redis.error_reply(ARGV[1])","0","{VALUE}"],["EVAL","error(ARGV[1])","0","{VALUE}"],
            ["ACL","SETUSER","someone","on",">{PASSWORD}","~*","+@all"],["CONFIG","SET","nosuch","{VALUE}"]]"#
    );
    let set = format!(r#"["SET","k","{VALUE}"]"#);
    vec![
        (201, http("PUT /v1/keys/k", &[&basic], VALUE)),
        (200, http("GET /v1/keys/k", &[&bearer], "")),
        (200, http("POST /v1/lists/list", &[&bearer, json], &format!(r#"{{"values":["{VALUE}"]}}"#))),
        (200, http("PATCH /v1/hashes/hash", &[&bearer, json], &format!(r#"{{"fields":{{"f":"{VALUE}"}}}}"#))),
        (204, http("PUT /v1/hashes/hash/f", &[&bearer], VALUE)),
        (200, http("POST /v1/commands", &[&bearer, json], &commands)),
        (200, http("GET /v1/keys/k", &[&someone], "")),
        (200, http(&format!("GET /set/k/{VALUE}?_token={PASSWORD}"), &[], "")),
        (200, http(&format!("POST /set/k?_token={PASSWORD}"), &[], VALUE)),
        (200, http("POST /", &[&bearer], &set)),
        (200, http("POST /pipeline", &[&bearer], &format!("[{set}]"))),
        (200, http(&format!("POST /multi-exec?_token={PASSWORD}"), &[], &format!("[{set}]"))),
    ]
}

/// Requests that are refused, with and without the right password, each with its status.
fn refused() -> Vec<(u16, String)> {
    let bearer = format!("authorization: Bearer {PASSWORD}");
    let json = "content-type: application/json";
    let (long, header) = (VALUE.repeat(1000), format!("x: {}", VALUE.repeat(4000)));
    vec![
        (401, http("PUT /v1/keys/k", &[], VALUE)),
        (401, http("PUT /v1/keys/k", &[&format!("{bearer}x")], VALUE)),
        (401, http("PUT /v1/keys/k", &[&format!("authorization: Basic {PASSWORD}")], VALUE)),
        (401, http("PUT /v1/keys/k", &[&format!("authorization: {PASSWORD}")], VALUE)),
        (401, http(&format!("GET /set/k/{VALUE}?_token={PASSWORD}x"), &[], "")),
        (401, http("POST /pipeline", &[], &format!(r#"[["SET","k","{VALUE}"]]"#))),
        (400, http(&format!("GET /lpush/k/{VALUE}?_token={PASSWORD}"), &[], "")),
        (400, http(&format!("GET /nosuch/{VALUE}?_token={PASSWORD}"), &[], "")),
        (400, http(&format!("PUT /v1/keys/k?ttl={VALUE}"), &[&bearer], VALUE)),
        (400, http("POST /v1/commands", &[&bearer, json], &format!(r#"["SET","k","{VALUE}"#))),
        (400, http("POST /v1/commands", &[&bearer, json], &format!(r#"["NOSUCH","{VALUE}"]"#))),
        (400, http("POST /v1/commands", &[&bearer, json], &format!(r#"["AUTH","someone","{PASSWORD}"]"#))),
        (409, http("POST /v1/lists/k", &[&bearer, json], &format!(r#"{{"values":["{VALUE}"]}}"#))),
        (400, http("POST /v1/lists/k", &[&bearer, json], &format!(r#"{{"{VALUE}":1}}"#))),
        (404, http(&format!("GET /v1/{VALUE}"), &[&bearer], "")),
        (414, http(&format!("GET /v1/keys/{long}"), &[&bearer], "")),
        (431, http("GET /v1/keys/k", &[&bearer, &header], "")),
        (400, format!("GET /v1/keys/k {VALUE}\r\n{bearer}\r\n\r\n")),
        (400, format!("{VALUE}\r\n\r\n")),
    ]
}

#[test]
fn nothing_of_http_is_logged_that_is_no_logs_business() {
    let admins = [(); 2].map(|()| free_port());
    let debug = ["--log-level", "debug", "--admin"];
    let admin = admins.map(|port| format!("127.0.0.1:{port}"));
    let member = Server::start(&Options::args(&[&debug[..], &[&admin[0]]].concat()));
    let (door, direct) = (free_port(), member.endpoint.port);
    let door_at = format!("127.0.0.1:{door}");
    let args = [&debug[..], &[&admin[1], "--http", &door_at]].concat();
    let options = Options { password: Some(PASSWORD.into()), ..Options::args(&args) };
    let mut pool = Pool::before(Members::Ringtail(vec![member]), &options);
    let asked =
        done().into_iter().chain(refused()).map(|(status, request)| (status, ask(door, &request), request));
    let other =
        |(status, answer, _): &(u16, String, String)| !answer.starts_with(&format!("HTTP/1.1 {status} "));
    let others: Vec<_> = asked.filter(other).collect();
    assert!(others.is_empty(), "{others:#?}");
    // One that breaks off, and the same at doors that speak no HTTP, or no more of it than they need.
    let part = format!(
        "PUT /v1/keys/k HTTP/1.1\r\nhost: x\r\nauthorization: Basic {BASIC}\r\ncontent-length: 99\r\n\r\n{VALUE}"
    );
    let mut broken = Endpoint::plain(door).connect_raw().expect("a connection");
    broken.send(part.as_bytes()).expect("sent");
    drop(broken);
    for port in [pool.endpoint.port, direct, admins[0], admins[1]] {
        for request in ["GET /metrics?_token=", "POST /metrics/"] {
            ask(
                port,
                &http(&format!("{request}{PASSWORD}"), &[&format!("authorization: Basic {BASIC}")], VALUE),
            );
        }
        ask(port, &format!("{VALUE} {PASSWORD}\r\nQUIT\r\n\r\n"));
    }
    // Whoever comes while its member dies is told so, and the log is.
    pool.members.process(0).kill();
    for (_, request) in done() {
        assert!(!ask(door, &request).is_empty(), "{request}");
    }
    assert!(pool.process.output().contains("a connection to the member broke"), "{}", pool.process.output());
    assert_clean(&pool.process);
    assert_clean(pool.members.process(0));
}

#[test]
fn a_file_of_users_that_is_refused_is_not_quoted() {
    let acl = scratch("logs").join("users.acl");
    let user = |rules: &str| {
        std::fs::write(&acl, format!("user default on nopass ~* +@all\nuser someone on {rules}\n"))
            .expect("a file below target");
    };
    user(&format!(">{PASSWORD}"));
    let server = Server::start(&Options::args(&["--acl-file", acl.to_str().expect("UTF-8")]));
    let refusals = || server.process.output().matches("the old one stays").count();
    let bad = [format!("#{PASSWORD}"), format!("<{PASSWORD}"), format!(">a {PASSWORD}"), PASSWORD.to_owned()];
    for (n, rules) in bad.iter().enumerate() {
        user(rules);
        server.process.signal(Signal::Hangup);
        assert!(wait_for(SOON, || refusals() > n), "{rules}: {}", server.process.output());
    }
    assert_clean(&server.process);
}
