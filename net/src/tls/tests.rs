use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use crate::testing::{Pki, WITHIN, listen, make_ca_named, read_some, take};
use crate::{Stream, TlsClient, TlsServer};

/// Both ends' outcome of connecting to `host` with TLS.
async fn meet(
    server: &TlsServer,
    client: &TlsClient,
    host: &str,
) -> (std::io::Result<Stream>, std::io::Result<Stream>) {
    let listener = std::net::TcpListener::bind((host, 0)).unwrap();
    let addr = format!("{host}:{}", listener.local_addr().unwrap().port());
    let accept = async {
        tokio::task::spawn_blocking(move || take(&listener))
            .await
            .map(|accepted| Stream::accept(accepted, Some(server)))
    };
    let accept = async { accept.await.unwrap().await };
    tokio::join!(accept, Stream::connect(&addr, Some(client), WITHIN))
}

fn text(result: std::io::Result<Stream>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn servers_are_known_by_name_or_by_address() {
    let pki = Pki::new();
    for host in ["localhost", "127.0.0.1"] {
        let (server, client) = meet(&pki.server(), &pki.client(), host).await;
        assert!(server.unwrap().is_tls() && client.unwrap().is_tls());
    }
    let (_, client) = meet(&pki.server(), &pki.client(), "127.0.0.2").await;
    let error = text(client);
    assert!(error.contains("is not for 127.0.0.2") && error.contains("localhost"), "{error}");
}

#[tokio::test]
async fn a_ca_that_did_not_sign_the_server_is_named_with_the_address() {
    let pki = Pki::new();
    // Another CA, and one made anew under the same name.
    for other in [Pki::of(make_ca_named("another")), Pki::new()] {
        let (server, client) = meet(&pki.server(), &other.client(), "127.0.0.1").await;
        let error = text(client);
        assert!(error.starts_with("127.0.0.1:"), "{error}");
        assert!(error.contains(&format!("was not signed by the CA in {}", other.ca.display())), "{error}");
        assert_eq!(text(server), "the peer does not trust the CA of our certificate");
    }
}

#[tokio::test]
async fn mutual_tls_wants_a_certificate_of_the_client_ca() {
    let (pki, other) = (Pki::new(), Pki::new());
    let known = TlsClient::new(Some(&pki.ca), Some(pki.identity())).unwrap();
    let (server, client) = meet(&pki.mutual_server(), &known, "localhost").await;
    client.unwrap().write_all(b"hello").await.unwrap();
    assert_eq!(read_some(&mut server.unwrap(), 5, 100).await, b"hello");

    let (server, client) = meet(&pki.mutual_server(), &pki.client(), "localhost").await;
    assert_eq!(text(server), "the client sent no certificate, and one is required");
    // TLS 1.3 tells a client of it only after the client's own handshake.
    let mut client = client.unwrap();
    let error = loop {
        client.readable().await.unwrap();
        match client.try_read(&mut Vec::new(), 100) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => break other.unwrap_err().to_string(),
        }
    };
    assert!(error.contains("client certificate"), "{error}");

    let stranger = TlsClient::new(Some(&pki.ca), Some(other.identity())).unwrap();
    let (server, _) = meet(&pki.mutual_server(), &stranger, "localhost").await;
    assert_eq!(text(server), "the peer's certificate was not signed by the CA that we trust");
}

#[test]
fn tickets_only_without_client_certificates() {
    let pki = Pki::new();
    let plain = pki.server().inner.config.load_full();
    assert!(plain.ticketer.enabled() && plain.send_tls13_tickets == 1);
    let mutual = pki.mutual_server().inner.config.load_full();
    assert!(!mutual.ticketer.enabled() && mutual.send_tls13_tickets == 0);
    assert!(!mutual.session_storage.can_cache());
}

fn fleet_server(pki: &Pki, keys: &str) -> TlsServer {
    let keys = pki.scratch.write(&format!("keys-{}", &keys[..2]), keys);
    TlsServer::from_flags(Some(&pki.cert), Some(&pki.key), None, Some(&keys)).unwrap().unwrap()
}

/// Whether the second of two connections goes on with the first one's session.
async fn resumes(client: &TlsClient, first: &TlsServer, second: &TlsServer) -> bool {
    let (server, near) = meet(first, client, "127.0.0.1").await;
    let (mut server, mut near) = (server.unwrap(), near.unwrap());
    assert!(!server.is_resumed());
    server.write_all(b"x").await.unwrap();
    // The ticket comes before it.
    assert_eq!(read_some(&mut near, 1, 10).await, b"x");
    let (server, _near) = meet(second, client, "127.0.0.1").await;
    server.unwrap().is_resumed()
}

#[tokio::test]
async fn a_session_goes_on_at_every_process_that_has_the_key() {
    let pki = Pki::new();
    let (one, other) = ("11".repeat(32), "22".repeat(32));
    let [a, b, stranger] = [&one, &format!("{other}\n{one}"), &other].map(|keys| fleet_server(&pki, keys));
    assert!(resumes(&pki.client(), &a, &a).await);
    assert!(resumes(&pki.client(), &a, &b).await, "the first's key is the second's old one");
    assert!(!resumes(&pki.client(), &a, &stranger).await);
    assert!(!resumes(&pki.client(), &pki.server(), &pki.server()).await, "keys of their own");
}

#[tokio::test]
async fn nothing_is_resumed_where_clients_show_certificates() {
    let pki = Pki::new();
    let client = TlsClient::new(Some(&pki.ca), Some(pki.identity())).unwrap();
    let server = pki.mutual_server();
    assert!(!resumes(&client, &server, &server).await);
}

#[test]
fn flags_that_need_others_or_contradict_them_are_refused() {
    let pki = Pki::new();
    let (cert, key, ca) = (Some(pki.cert.as_path()), Some(pki.key.as_path()), Some(pki.ca.as_path()));
    assert!(TlsServer::from_flags(None, None, None, None).unwrap().is_none());
    for (given, expected) in [
        ((cert, None, None, None), "--cert without --key"),
        ((None, key, None, None), "--key without --cert"),
        ((None, None, ca, None), "--client-ca needs TLS"),
        ((None, None, None, ca), "--tls-ticket-keys needs TLS"),
        ((cert, key, ca, ca), "--tls-ticket-keys with --client-ca"),
        ((cert, key, None, cert), "is no key"),
    ] {
        let (cert, key, ca, keys) = given;
        let problem = TlsServer::from_flags(cert, key, ca, keys).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[tokio::test]
async fn garbage_and_plaintext_on_a_tls_port_end_with_an_alert() {
    let pki = Pki::new();
    for garbage in [&b"*1\r\n$4\r\nPING\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64]] {
        let (listener, addr) = listen();
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        client.write_all(garbage).unwrap();
        let error = text(Stream::accept(take(&listener), Some(&pki.server())).await);
        assert_eq!(error, "the peer does not speak TLS");
        let mut answer = Vec::new();
        // The reset that follows is the kernel's, for what was left unread.
        let _ = client.read_to_end(&mut answer);
        assert_eq!(answer.first(), Some(&0x15), "{answer:?}");
    }
}

#[tokio::test]
async fn tls_to_a_plaintext_server_says_so() {
    let pki = Pki::new();
    let (listener, addr) = listen();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"-ERR Protocol error\r\n").unwrap();
        let _ = socket.read(&mut [0; 4096]);
    });
    let error = text(Stream::connect(&addr.to_string(), Some(&pki.client()), WITHIN).await);
    assert!(error.starts_with(&addr.to_string()) && error.contains("does not speak TLS there"), "{error}");
    server.join().unwrap();
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    let pki = Pki::new();
    let (listener, addr) = listen();
    let _silent = std::net::TcpStream::connect(addr).unwrap();
    let accepted = take(&listener);
    // From here on time passes by itself whenever nothing else is to be done.
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let error = Stream::accept(accepted, Some(&pki.server())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(started.elapsed() >= crate::limits::HANDSHAKE_TIMEOUT);
}

#[tokio::test]
async fn a_client_gives_up_a_silent_server_within_its_deadline() {
    let pki = Pki::new();
    let (_listener, addr) = listen();
    let within = Duration::from_millis(50);
    let error = Stream::connect(&addr.to_string(), Some(&pki.client()), within).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), format!("{addr}: no connection within 50 ms"));
}
