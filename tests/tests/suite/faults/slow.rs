//! Clients that ask for much and take it slowly, or not at all.

use super::log::Stage;
use ringtail_tests::harness::pause;
use ringtail_tests::resp::{Conn, parse, request};
use std::time::Duration;

/// The size of each value.
const SIZE: usize = 100_000;

/// How many are asked for in one go.
const COUNT: usize = 100;

/// Writes the value that they ask for.
pub(super) fn prepare(conn: &mut Conn, key: &str) {
    let value = format!("{key}|{}", "y".repeat(SIZE));
    assert!(conn.call(&["SET", key, &value]).is_ok());
}

/// 10 MB at about 6 MB/s; each reply must still be the right one, unless the proxy has had enough of us.
pub(super) fn sip(stage: &Stage, key: &str) {
    while !stage.is_over() {
        let mut conn = stage.endpoint.open();
        let mut left = if ask(&mut conn, key) { COUNT } else { 0 };
        let (mut buf, mut piece) = (Vec::new(), vec![0; 64 << 10]);
        while left > 0 && !stage.is_over() {
            pause(Duration::from_millis(10));
            match conn.receive(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(read) => buf.extend_from_slice(&piece[..read]),
            }
            while let Some((value, len)) =
                parse(&buf).unwrap_or_else(|error| panic!("a slow reader: {error}"))
            {
                buf.drain(..len);
                left -= 1;
                if !value.bytes().is_some_and(|bytes| {
                    bytes.len() == key.len() + 1 + SIZE && bytes.starts_with(key.as_bytes())
                }) {
                    stage.odd("a slow reader's GET", &value);
                }
            }
        }
    }
}

/// Takes nothing, and leaves in the end.
pub(super) fn starve(stage: &Stage, key: &str) {
    while !stage.is_over() {
        let mut conn = stage.endpoint.open();
        ask(&mut conn, key);
        for _ in 0..100 {
            pause(Duration::from_millis(10));
            if stage.is_over() {
                return;
            }
        }
    }
}

fn ask(conn: &mut Conn, key: &str) -> bool {
    conn.send(&request(&["GET", key]).repeat(COUNT)).is_ok()
}
