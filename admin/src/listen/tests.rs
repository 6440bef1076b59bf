use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::*;

crate::families! {
    static ALL;
    ASKED = Counter "demo_asked" []: "How often it was asked.";
}

#[derive(Default)]
struct Demo {
    loading: AtomicBool,
}

impl Observed for Demo {
    fn metrics(&self, out: &mut Metrics) {
        out.one(&ASKED, 1_u64);
    }

    fn ready(&self) -> Result<(), String> {
        if self.loading.load(Relaxed) { Err("loading: 42 %".to_owned()) } else { Ok(()) }
    }
}

fn admin(addr: &str) -> Admin {
    Admin { addr: addr.to_owned(), ..Admin::default() }
}

fn start() -> (SocketAddr, Arc<Demo>, Shutdown) {
    let (demo, shutdown) = (Arc::new(Demo::default()), Shutdown::new());
    let listening = admin("127.0.0.1:0").bind().unwrap();
    let address = listening.address();
    listening.serve("demo", Arc::clone(&demo) as Arc<dyn Observed>, shutdown.clone()).unwrap();
    (address, demo, shutdown)
}

/// All that is answered to these bytes.
fn send(address: SocketAddr, bytes: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = send(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[test]
fn metrics_and_health() {
    let (address, demo, shutdown) = start();
    let (status, text) = get(address, "/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("\ndemo_asked_total 1\n") && text.contains("program=\"demo\""), "{text}");
    assert!(text.ends_with("# EOF\n") && ALL.len() == 1);
    assert_eq!(get(address, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(address, "/readyz?verbose"), (200, "ready\n".to_owned()));
    demo.loading.store(true, Relaxed);
    assert_eq!(get(address, "/readyz"), (503, "loading: 42 %\n".to_owned()));
    assert_eq!(get(address, "/healthz").0, 200);
    demo.loading.store(false, Relaxed);
    shutdown.ask();
    assert_eq!(get(address, "/readyz"), (503, "stopping\n".to_owned()));
}

#[test]
fn what_is_no_such_request_is_told_so() {
    let (address, ..) = start();
    assert_eq!(get(address, "/").0, 404);
    assert_eq!(get(address, "/../../etc/passwd").0, 404);
    assert_eq!(get(address, "http://evil/metrics").0, 404);
    for (request, status) in [
        ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
        ("DELETE /readyz HTTP/1.1\r\n\r\n", "405"),
        ("BREW /pot HTTP/1.1\r\n\r\n", "404"),
        ("GET /metrics HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", "413"),
        ("*1\r\n$4\r\nPING\r\n", "400"),
    ] {
        assert!(send(address, request).starts_with(&format!("HTTP/1.1 {status} ")), "{request}");
    }
    let head = send(address, "HEAD /healthz HTTP/1.1\r\n\r\n");
    assert!(head.contains("Content-Length: 3") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn those_who_only_hold_connections_have_to_make_room() {
    let (address, ..) = start();
    let idle: Vec<_> = (0..limits::CONNECTIONS + 8).map(|_| TcpStream::connect(address).unwrap()).collect();
    let begun = Instant::now();
    assert_eq!(get(address, "/healthz").0, 200);
    let most = limits::CONNECTION * 2 + Duration::from_secs(10);
    assert!(begun.elapsed() < most, "{:?}", begun.elapsed());
    drop(idle);
}

#[test]
fn beyond_loopback_peers_have_to_show_who_they_are() {
    let refused = admin("0.0.0.0:0").bind().unwrap_err().to_string();
    assert!(refused.contains("--client-ca") && refused.contains("--insecure"), "{refused}");
    assert!(admin("nowhere").bind().unwrap_err().to_string().contains("--admin HOST:PORT"));
    let taken = admin("127.0.0.1:0").bind().unwrap();
    let again = admin(&taken.address().to_string()).bind().unwrap_err().to_string();
    assert!(again.contains("in use") && again.contains("another --admin"), "{again}");
}

#[test]
fn with_tls_plaintext_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let files = [("cert", cert.pem()), ("key", key.serialize_pem())].map(|(name, text)| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let tls = Some(TlsServer::new(&files[0], &files[1], None).unwrap());
    // On loopback there is none for the asking, so it is put in here.
    let plain = Admin { tls: tls.clone(), ..admin("127.0.0.1:0") }.bind().unwrap();
    assert!(plain.tls.is_none());
    let listening = Listening { tls, ..plain };
    let address = listening.address();
    listening.serve("demo", Arc::new(Demo::default()), Shutdown::new()).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    // An alert, or nothing but the end.
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}
