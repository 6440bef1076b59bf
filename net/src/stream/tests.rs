use std::io::{ErrorKind, Read, Write};

use socket2::SockRef;

use super::*;
use crate::testing::{Pki, listen, pair, read_some, take};

/// 10 MB that repeat nowhere in step with any buffer.
fn payload() -> Vec<u8> {
    (0..10_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Small on the sending side only: a small receive window makes the kernel wait for its probe timers.
fn shrink_buffers(stream: &Stream) {
    SockRef::from(stream.socket.tcp().unwrap()).set_send_buffer_size(4096).unwrap();
}

async fn both_ways(mut one: Stream, mut other: Stream, bytes: usize, max: usize) {
    let sent = &payload()[..bytes];
    let there = async {
        one.write_all(sent).await.unwrap();
        read_some(&mut one, bytes, max).await
    };
    let and_back = async {
        let got = read_some(&mut other, bytes, max).await;
        other.write_all(&got).await.unwrap();
    };
    let (back, ()) = tokio::join!(there, and_back);
    assert!(back == sent, "{} of {bytes} bytes came back, or others", back.len());
}

#[tokio::test]
async fn ten_megabytes_both_ways() {
    let pki = Pki::new();
    for pki in [None, Some(&pki)] {
        let (one, other) = pair(pki).await;
        assert_eq!(one.is_tls(), pki.is_some());
        both_ways(one, other, 10_000_000, 64 << 10).await;
    }
}

#[tokio::test]
async fn tiny_socket_buffers_and_reads() {
    let pki = Pki::new();
    for pki in [None, Some(&pki)] {
        for (bytes, max) in [(300_000, 64 << 10), (5_000, 1)] {
            let (one, other) = pair(pki).await;
            shrink_buffers(&one);
            shrink_buffers(&other);
            both_ways(one, other, bytes, max).await;
        }
    }
}

#[tokio::test]
async fn a_read_appends_at_most_max_and_stays_readable_while_bytes_wait() {
    let pki = Pki::new();
    for pki in [None, Some(&pki)] {
        let (mut one, mut other) = pair(pki).await;
        one.write_all(b"hello world").await.unwrap();
        let mut got = b">".to_vec();
        while got.len() < 12 {
            let before = got.len();
            other.readable().await.unwrap();
            match other.try_read(&mut got, 4) {
                Ok(read) => assert!(read <= 4 && got.len() == before + read),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert_eq!(got, b">hello world");
        assert_eq!(other.try_read(&mut got, 4).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn half_close_delivers_everything_and_then_the_end() {
    let pki = Pki::new();
    for pki in [None, Some(&pki)] {
        let (mut one, mut other) = pair(pki).await;
        let closing = async {
            one.write_all(b"last words").await.unwrap();
            one.shutdown().await;
        };
        let reading = async {
            let got = read_some(&mut other, usize::MAX >> 1, 1 << 10).await;
            drop(other);
            got
        };
        let (got, ()) = tokio::join!(reading, closing);
        assert_eq!(got, b"last words");
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_makes_us_hold_a_bounded_amount() {
    let pki = Pki::new();
    for pki in [None, Some(&pki)] {
        let (mut one, _other) = pair(pki).await;
        let sent = payload();
        let mut accepted = 0;
        let stuck = loop {
            match one.try_write(&sent[accepted..]) {
                Ok(written) => accepted += written,
                Err(error) => break error,
            }
        };
        assert_eq!(stuck.kind(), ErrorKind::WouldBlock);
        assert_eq!(one.has_pending(), pki.is_some());
        assert!(accepted < sent.len());
    }
}

#[tokio::test]
async fn tls_on_a_plaintext_port_gets_an_alert() {
    let (listener, addr) = listen();
    let mut client = std::net::TcpStream::connect(addr).unwrap();
    client.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]).unwrap();
    let mut stream = Stream::accept(take(&listener), None).await.unwrap();
    stream.readable().await.unwrap();
    let error = stream.try_read(&mut Vec::new(), 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let mut alert = [0; 7];
    client.read_exact(&mut alert).unwrap();
    assert_eq!(alert, TLS_ALERT);
}
