use std::future::poll_fn;
use std::io::ErrorKind::{BrokenPipe, WouldBlock};

use super::*;
use crate::Stream;

fn ends() -> Ends {
    Ends { peer: "10.1.2.3:4567".parse().unwrap(), local: "127.0.0.1:80".parse().unwrap(), fd: 7 }
}

#[tokio::test]
async fn what_is_written_at_one_end_is_read_at_the_other_and_no_more_than_fits() {
    let (asking, mut served) = Stream::pipe(ends());
    let sent: Vec<u8> = (0..limits::PIPE + 1000).map(|n| n as u8).collect();
    let first = asking.try_write(&sent).unwrap();
    assert_eq!(first, limits::PIPE);
    assert_eq!(asking.try_write(&sent[first..]).unwrap_err().kind(), WouldBlock);
    let mut got = Vec::with_capacity(sent.len());
    served.readable().await.unwrap();
    served.try_read(&mut got, 700).unwrap();
    poll_fn(|cx| asking.poll_write_ready(cx)).await.unwrap();
    assert_eq!(asking.try_write(&sent[first..]).unwrap(), 700);
    while got.len() < limits::PIPE + 700 {
        served.try_read(&mut got, usize::MAX).unwrap();
    }
    assert_eq!(got, sent[..limits::PIPE + 700]);
    assert_eq!(served.try_read(&mut got, 10).unwrap_err().kind(), WouldBlock);
}

#[tokio::test]
async fn a_stream_made_of_it_says_whom_it_is_for() {
    let (_asking, served) = Stream::pipe(ends());
    assert_eq!(served.peer_addr().unwrap(), ends().peer);
    assert_eq!(served.local_addr().unwrap(), ends().local);
    assert_eq!((served.raw_fd(), served.is_tls(), served.round_trip()), (7, false, None));
}

#[tokio::test]
async fn each_end_learns_that_the_other_is_closed() {
    let (asking, mut served) = Stream::pipe(ends());
    asking.try_write(b"last").unwrap();
    drop(asking);
    assert!(served.peer_has_left());
    let mut got = Vec::new();
    assert_eq!(served.try_read(&mut got, 100).unwrap(), 4);
    assert_eq!(served.try_read(&mut got, 100).unwrap(), 0, "the end, behind what was sent");
    assert_eq!(served.try_write(b"x").unwrap_err().kind(), BrokenPipe);

    let (asking, served) = Stream::pipe(ends());
    let waits = tokio::spawn(async move { poll_fn(|cx| asking.poll_read_ready(cx)).await.map(|()| asking) });
    tokio::task::yield_now().await;
    drop(served);
    let asking = waits.await.unwrap().unwrap();
    assert_eq!(asking.try_read(&mut got).unwrap(), 0);
    assert!(asking.is_over());
}

#[test]
fn it_keeps_no_large_buffer_when_it_is_empty() {
    let (asking, served) = pair(ends());
    asking.try_write(&vec![1; limits::PIPE]).unwrap();
    served.try_read(&mut Vec::with_capacity(limits::PIPE)).unwrap();
    assert!(asking.writes.lock().bytes.capacity() <= limits::PIPE_KEPT);
}
