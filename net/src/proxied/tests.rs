use std::io::Write;

use super::*;
use crate::Stream;
use crate::testing::{listen, read_some, take};

fn header(command: u8, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let length = (rest.len() as u16).to_be_bytes();
    [SIGNATURE, &[command, protocol][..], &length, rest].concat()
}

const V4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0x30, 0x39, 0x24, 0xe3];

fn believing(networks: &[&str]) -> Proxied {
    let from: Vec<String> = networks.iter().map(|network| (*network).to_owned()).collect();
    Proxied::from_flags(true, &from).unwrap().unwrap()
}

/// What becomes of a connection from loopback on which these bytes come: its peer, and what is left to read.
async fn identify(proxied: &Proxied, bytes: &[u8]) -> io::Result<(SocketAddr, Vec<u8>)> {
    let (listener, addr) = listen();
    let mut client = std::net::TcpStream::connect(addr).unwrap();
    client.write_all(bytes).unwrap();
    drop(client);
    let accepted = proxied.identify(take(&listener)).await?;
    let peer = accepted.peer;
    let mut stream = Stream::accept(accepted, None).await?;
    Ok((peer, read_some(&mut stream, 100, 100).await))
}

#[tokio::test]
async fn the_client_is_who_the_balancer_says_and_its_bytes_are_left() {
    let proxied = believing(&["127.0.0.0/8"]);
    let v6 = ["2001:db8::7".parse::<Ipv6Addr>().unwrap().octets(), [0; 16]].concat();
    let v6 = [&v6[..], &[0x30, 0x39, 0, 1]].concat();
    // A type, a length, a value: of any kind.
    let tlvs = [&V4[..], &[0x04, 0, 3, 1, 2, 3, 0xea, 0, 0]].concat();
    for (rest, protocol, peer) in [
        (&V4[..], 0x11, "203.0.113.7:12345"),
        (&tlvs, 0x11, "203.0.113.7:12345"),
        (&v6, 0x21, "[2001:db8::7]:12345"),
    ] {
        let bytes = [&header(0x21, protocol, rest)[..], b"PING\r\n"].concat();
        let (is, left) = identify(&proxied, &bytes).await.unwrap();
        assert_eq!((is, &left[..]), (peer.parse().unwrap(), &b"PING\r\n"[..]));
    }
}

#[tokio::test]
async fn the_balancers_own_connections_are_its_own() {
    let proxied = believing(&["127.0.0.1"]);
    for (command, protocol) in [(0x20, 0x00), (0x20, 0x11), (0x21, 0x00), (0x21, 0x31)] {
        let bytes = [&header(command, protocol, &V4)[..], b"x"].concat();
        let (peer, left) = identify(&proxied, &bytes).await.unwrap();
        assert!(peer.ip().is_loopback() && left == b"x", "{peer} {left:?}");
    }
}

#[tokio::test]
async fn whoever_is_not_trusted_is_a_client_like_others() {
    let bytes = header(0x21, 0x11, &V4);
    let (peer, left) = identify(&believing(&["10.0.0.0/8", "::/0"]), &bytes).await.unwrap();
    assert!(peer.ip().is_loopback());
    assert_eq!(left, bytes, "and the header is what it sends");
}

#[tokio::test]
async fn what_is_no_header_is_refused() {
    let proxied = believing(&["127.0.0.1"]);
    let long = header(0x21, 0x11, &vec![0; limits::PROXY_HEADER + 1]);
    for (bytes, why) in [
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n".to_vec(), "version 1"),
        (b"*1\r\n$4\r\nPING\r\n*1\r\n".to_vec(), "there is none"),
        (header(0x21, 0x11, &V4[..11]), "too short"),
        (header(0x21, 0x21, &[0; 35]), "too short"),
        (header(0x21, 0x12, &V4), "protocol 0x12"),
        (header(0x22, 0x11, &V4), "command 0x22"),
        (header(0x11, 0x11, &V4), "command 0x11"),
        (long, "longer than 4096 bytes"),
        (header(0x21, 0x11, &V4)[..20].to_vec(), "ended before"),
        (Vec::new(), "ended before"),
    ] {
        let error = identify(&proxied, &bytes).await.unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[tokio::test]
async fn a_header_that_never_ends_is_given_up() {
    let (listener, addr) = listen();
    let mut client = std::net::TcpStream::connect(addr).unwrap();
    client.write_all(&SIGNATURE[..5]).unwrap();
    let accepted = take(&listener);
    tokio::time::pause();
    let error = believing(&["127.0.0.1"]).identify(accepted).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn networks() {
    let has = |network: &str, ip: &str| network.parse::<Network>().unwrap().has(ip.parse().unwrap());
    assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
    assert!(has("0.0.0.0/0", "8.8.8.8") && !has("0.0.0.0/0", "::1"));
    assert!(has("192.0.2.1", "192.0.2.1") && !has("192.0.2.1", "192.0.2.2"));
    assert!(has("192.0.2.0/31", "::ffff:192.0.2.1"), "as a listener on [::] sees it");
    assert!(has("fd00::/8", "fdff::1") && !has("fd00::/8", "fe00::1") && has("::/0", "::1"));
    for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "host", "10.0.0.0/x", "10.0.0.0/-1"] {
        assert!(text.parse::<Network>().unwrap_err().contains(text), "{text}");
    }
}

#[test]
fn it_is_believed_only_from_somewhere() {
    assert!(Proxied::from_flags(false, &[]).unwrap().is_none());
    for (on, from) in [(true, &[][..]), (false, &["10.0.0.0/8"]), (true, &["10.0.0.0/99"])] {
        let from: Vec<String> = from.iter().map(|network| (*network).to_owned()).collect();
        let problem = Proxied::from_flags(on, &from).unwrap_err().to_string();
        assert!(problem.contains("--proxy-protocol-from"), "{problem}");
    }
}
