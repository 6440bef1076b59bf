//! What operators have the proxy do is so by HTTP, too: certificates of clients, the servers' users, rates, load balancers, and its end.

use super::{Answer, Door, Http, comes_true};
use ringtail_tests::harness::{
    Certs, Options, Pool, Process, Server, Signal, free_port, ours, scratch, write_servers,
};
use ringtail_tests::resp::Endpoint;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);
const JSON: (&str, &str) = ("content-type", "application/json");

/// A proxy that is only ever asked by HTTP.
struct Proxy {
    process: Process,
    http: Endpoint,
}

impl Proxy {
    fn start(main: u16, http: u16, servers: &Path, args: &[&str]) -> Proxy {
        let mut command = Command::new(ours("ringtail-proxy"));
        command.args(["--addr", &format!("127.0.0.1:{main}"), "--http", &format!("127.0.0.1:{http}")]);
        command.args(["--threads", "2", "--timeout", "10s"]).arg("--servers").arg(servers).args(args);
        let proxy =
            Proxy { process: Process::start("ringtail-proxy", &mut command), http: Endpoint::plain(http) };
        comes_true("it to be ready for HTTP", || proxy.process.output().contains("ready for HTTP"));
        proxy
    }

    /// Before these servers, on free ports.
    fn before(servers: &[Server], args: &[&str]) -> Proxy {
        Proxy::start(free_port(), free_port(), &servers_json(servers), args)
    }

    fn ask(&self, line: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        Http::connect(&self.http).ask(line, fields, body)
    }

    fn end(mut self) {
        self.process.signal(Signal::Terminate);
        assert_eq!(self.process.wait_exit(SOON), Some(0), "{}", self.process.output());
    }
}

fn servers_json(servers: &[Server]) -> PathBuf {
    let path = scratch("operated").join("servers.json");
    write_servers(&path, &servers.iter().map(|server| server.endpoint.port).collect::<Vec<_>>());
    path
}

fn servers() -> Vec<Server> {
    (0..2).map(|_| Server::start(&Options::default())).collect()
}

#[test]
fn clients_show_certificates_where_they_have_to() {
    let certs = Certs::get();
    let ca = certs.ca().display().to_string();
    let options = Options { identity: true, ..Options::args(&["--client-ca", &ca]) }.with_certs(&certs);
    let door = Door::open(&options);
    let mut known = door.client();
    assert_eq!(known.ask("PUT /v1/keys/k", &[], b"v").status, 201);
    assert_eq!(known.ask("GET /v1/keys/k", &[], b"").body, b"v");
    let stranger = Certs::make_in(&scratch("strange-ca"));
    let stranger =
        ringtail_tests::resp::Tls::new(&certs.ca(), Some((&stranger.client_cert(), &stranger.client_key())));
    for (who, tls) in
        [("no certificate", Some(certs.trust())), ("another CA's", Some(stranger)), ("no TLS", None)]
    {
        let heard = said_to(&Endpoint { tls, ..door.endpoint.clone() });
        assert!(!String::from_utf8_lossy(&heard).contains("HTTP/1.1 2"), "{who}: {heard:?}");
    }
    assert_eq!(known.ask("GET /v1/keys/k", &[], b"").status, 200, "others go on");
}

/// All bytes that a client hears who deletes a key; none if its handshake fails.
fn said_to(endpoint: &Endpoint) -> Vec<u8> {
    let Ok(mut conn) = endpoint.connect_raw() else { return Vec::new() };
    let _ = conn.send(b"DELETE /v1/keys/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = conn.receive(&mut piece) {
        heard.extend_from_slice(&piece[..read]);
    }
    heard
}

#[test]
fn users_are_the_servers_where_they_are_passed_through() {
    let servers = servers();
    for server in &servers {
        let mut conn = server.endpoint.open();
        assert!(
            conn.run(
                "ACL SETUSER alice on >s:cret ~app:* -@all +@connection +@transaction +get +set +pttl +exists"
            )
            .is_ok()
        );
        assert!(conn.run("ACL SETUSER default on resetpass >master").is_ok());
    }
    let admin = Endpoint::plain(free_port());
    let addr = format!("127.0.0.1:{}", admin.port);
    let proxy = Proxy::before(&servers, &["--acl-pass-through", "--admin", &addr]);
    let asked = |path: &str| Http::connect(&admin).ask(&format!("GET {path}"), &[], b"");
    // It has no connections before the first login, which does not come where it is not ready.
    assert_eq!(asked("/readyz").status, 200);
    let metrics = String::from_utf8(asked("/metrics").body).expect("text");
    assert!(!metrics.contains("\nringtail_proxy_member_up{"), "nobody knows: {metrics}");
    let nobody = proxy.ask("GET /v1/keys/app:k", &[], b"");
    assert!(nobody.status == 401 && nobody.problem().starts_with("NOAUTH"), "{nobody:?}");
    let alice = [("authorization", "Bearer alice:s:cret")];
    let mut http = Http::connect(&proxy.http);
    for n in 0..20 {
        // Both members are asked.
        let path = format!("/v1/keys/app:{n}");
        let put = http.ask(&format!("PUT {path}"), &alice, b"v");
        assert_eq!(put.status, 201, "{put:?}");
        let tag = put.field("etag").expect("a tag").to_owned();
        let changed = http.ask(&format!("PUT {path}"), &[alice[0], ("if-match", &tag)], b"w");
        assert_eq!(changed.status, 204, "{changed:?}");
        assert_eq!(http.ask(&format!("GET {path}"), &alice, b"").body, b"w");
    }
    let other = http.ask("GET /v1/keys/other", &alice, b"");
    assert!(other.status == 403 && other.problem().starts_with("NOPERM"), "{other:?}");
    for wrong in ["Bearer alice:wrong", "Bearer nobody:x", "Bearer x", "Basic YWxpY2U6eA=="] {
        let answer = http.ask("GET /v1/keys/app:1", &[("authorization", wrong)], b"");
        assert!(answer.status == 401 && answer.problem().starts_with("WRONGPASS"), "{wrong}: {answer:?}");
    }
    for right in ["Bearer default:master", "Basic ZGVmYXVsdDptYXN0ZXI="] {
        assert_eq!(proxy.ask("GET /v1/keys/app:1", &[("authorization", right)], b"").body, b"w", "{right}");
    }
    // A password is wanted of all, so a page of another origin has nothing to show, and its browser may be anywhere.
    let page = [alice[0], ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(proxy.ask("GET /v1/keys/app:1", &page, b"").status, 200);
}

#[test]
fn users_have_rates() {
    let config = scratch("rates").join("proxy.toml");
    std::fs::write(&config, "users = [\"user batch on >pw ~* +@all\"]\n").expect("a file below target");
    let args = ["--config", config.to_str().expect("a path in UTF-8"), "--rate", "batch=20/s"];
    let door = Door::open(&Options::args(&args));
    let batch = [("authorization", "Bearer batch:pw"), JSON];
    let mut refused = None;
    for _ in 0..1000 {
        let answer = door.ask("POST /v1/commands", &batch, br#"["SET","k","v"]"#);
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("1,000 commands are not run at 20/s");
    assert!(refused.status == 429 && refused.problem().starts_with("RATELIMIT "), "{refused:?}");
    let wait: u64 = refused.field("retry-after").expect("when").parse().expect("seconds");
    assert!((1..=2).contains(&wait), "{refused:?}");
    let several =
        door.ask("POST /v1/commands", &batch, format!("[{}]", [r#"["INCR","n"]"#; 50].join(",")).as_bytes());
    let told = String::from_utf8_lossy(&several.body).matches("RATELIMIT ").count();
    assert!(several.status == 429 || told > 0, "{several:?}");
    assert!(door.ask("GET /v1/keys/k", &[], b"").status < 300, "others have no such rate");
}

/// A PROXY header that speaks for this client.
fn proxied(ip: [u8; 4], port: u16) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    header.extend(ip);
    header.extend([127, 0, 0, 1]);
    header.extend(port.to_be_bytes());
    header.extend(443_u16.to_be_bytes());
    header
}

#[test]
fn load_balancers_say_for_whom_they_connect() {
    let servers = servers();
    let believed = ["--proxy-protocol", "--proxy-protocol-from", "127.0.0.0/8", "--maxclients-per-addr", "2"];
    let proxy = Proxy::before(&servers, &believed);
    let client = |ip| {
        let mut http = Http::connect(&proxy.http);
        http.conn.send(&proxied(ip, 5555)).expect("sent");
        http
    };
    let mut first = client([192, 0, 2, 7]);
    let list = first.commands(r#"["CLIENT","LIST"]"#).to_string();
    assert!(list.contains(" addr=192.0.2.7:5555 ") && list.contains("lib-name=http"), "{list}");
    let mut second = client([192, 0, 2, 7]);
    assert_eq!(second.ask("GET /", &[], b"").status, 200);
    let mut third = client([192, 0, 2, 7]);
    let refused = third.read(false);
    assert!(refused.status == 503 && refused.problem().contains("of this address"), "{refused:?}");
    assert_eq!(
        client([192, 0, 2, 8]).ask("GET /", &[], b"").status,
        200,
        "bounds are by the client's address"
    );
    let mut silent = Http::connect(&proxy.http);
    silent.send("GET /", &[], b"");
    assert!(silent.try_read(false).is_none(), "it is served without a header");
}

/// Puts values by connections of their own until told to stop: how many, and what went wrong.
fn call(http: &Endpoint, done: &std::sync::atomic::AtomicBool) -> (usize, Vec<String>) {
    let (mut count, mut failed) = (0, Vec::new());
    let value = vec![b'v'; 5000];
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let asked = http.connect_raw().and_then(|conn| {
            let mut http = Http::of(conn);
            http.try_send("PUT /v1/keys/k", &[], &value)?;
            http.try_read(false).ok_or_else(|| std::io::Error::other("no answer"))
        });
        match asked {
            Ok(answer) if [201, 204].contains(&answer.status) => count += 1,
            Ok(answer) => failed.push(format!("{answer:?}")),
            Err(error) => failed.push(error.to_string()),
        }
    }
    (count, failed)
}

#[test]
fn a_new_proxy_takes_the_port_over() {
    let servers = servers();
    let (file, main, http) = (servers_json(&servers), free_port(), free_port());
    let start = || Proxy::start(main, http, &file, &["--reuse-port"]);
    let mut proxy = start();
    let endpoint = proxy.http.clone();
    let done = std::sync::atomic::AtomicBool::new(false);
    let calls: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..3).map(|_| scope.spawn(|| call(&endpoint, &done))).collect();
        let replaced = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..3 {
                ringtail_tests::harness::pause(Duration::from_millis(300));
                let new = start();
                ringtail_tests::harness::pause(Duration::from_millis(300));
                std::mem::replace(&mut proxy, new).end();
            }
        }));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let calls = callers.into_iter().map(|caller| caller.join().expect("a caller")).collect();
        replaced.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        calls
    });
    for (count, failed) in calls {
        assert!(count > 20 && failed.is_empty(), "{count} calls, failed: {failed:?}");
    }
}

#[test]
fn requests_that_have_begun_are_done_before_the_end() {
    let servers = servers();
    let proxy = Proxy::before(&servers, &["--drain-timeout", "60s"]);
    let mut begun: Vec<Http> = (0..4).map(|_| Http::connect(&proxy.http)).collect();
    // Three that have sessions already, of which two wait; all with something sent.
    for http in &mut begun[..3] {
        assert_eq!(http.ask("GET /v1/keys/none", &[], b"").status, 404);
    }
    let head = "PUT /v1/keys/late HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n";
    let sent = [format!("{head}va"), head[..20].to_owned(), head.to_owned(), format!("{head}va")];
    for (http, sent) in begun.iter_mut().zip(&sent) {
        http.conn.send(sent.as_bytes()).expect("sent");
    }
    let mut idle = Http::connect(&proxy.http);
    idle.ask("GET /", &[], b"");
    let mut silent = Http::connect(&proxy.http);
    ringtail_tests::harness::pause(Duration::from_millis(200));
    let asked = Instant::now();
    proxy.process.signal(Signal::Terminate);
    assert!(idle.try_read(false).is_none() && silent.try_read(false).is_none(), "idle ones end");
    assert!(asked.elapsed() < Duration::from_secs(10), "at once");
    comes_true("no more to be accepted", || proxy.http.connect_raw().is_err());
    let whole = format!("{head}valu");
    for (which, (http, sent)) in begun.iter_mut().zip(&sent).enumerate() {
        http.conn.send(&whole.as_bytes()[sent.len()..]).expect("sent");
        let answer = http.try_read(false).unwrap_or_else(|| panic!("the {which}. is not answered"));
        assert!([201, 204].contains(&answer.status), "the {which}.: {answer:?}");
        assert_eq!(answer.field("connection"), Some("close"), "the {which}.");
        assert!(http.try_read(false).is_none());
    }
    let mut process = proxy.process;
    assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
    let pool = Pool::before(ringtail_tests::harness::Members::Ringtail(servers), &Options::default());
    assert_eq!(pool.endpoint.open().run("GET late").text(), "valu");
}
