//! Those who push messages to a client, and its connection, which takes them: all come, in order, or the client is closed.

use super::check;
use crate::session::wake::{Home, Turn};
use crate::session::{Client, Clients};
use ringtail_net::outbox::Frame;
use shuttle::future::block_on;
use shuttle::thread::{JoinHandle, spawn};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// What a frame of two bytes takes.
const FRAME: u64 = 34;

fn client(clients: &Clients) -> Arc<Client> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    clients.register(address, address, 0)
}

/// Pushes two frames; in a turn, whose wakes are put off to its end, or outside of any.
fn pusher(client: &Arc<Client>, frames: [&'static [u8; 2]; 2], in_turn: bool) -> JoinHandle<()> {
    let client = Arc::clone(client);
    spawn(move || {
        let _turn = in_turn.then(Turn::begin);
        frames.into_iter().for_each(|frame| client.push(&Frame::from(&frame[..])));
    })
}

/// Takes frames as a connection does, until there were so many or the client is closed.
fn take(client: &Arc<Client>, count: usize) -> Vec<u8> {
    let home = Home::settle();
    let mut serve = pin!(home.serve());
    let mut got = Vec::new();
    block_on(poll_fn(|cx| {
        client.set_task(cx.waker());
        assert!(serve.as_mut().poll(cx).is_pending(), "a home is for ever");
        if client.outbox.is_pending() {
            let mut out = Vec::new();
            // A little at first, so that something stays.
            client.outbox.drain(&mut out, if got.is_empty() { 1 } else { 1000 });
            got.extend(out);
            cx.waker().wake_by_ref();
        }
        if got.len() == 2 * count || client.is_killed() { Poll::Ready(()) } else { Poll::Pending }
    }));
    got
}

/// The frames of one who pushed, in the order in which they came.
fn of(who: u8, got: &[u8]) -> Vec<u8> {
    got.chunks(2).filter(|frame| frame[0] == who).map(|frame| frame[1]).collect()
}

fn all_come() {
    let client = client(&Clients::default());
    let taker = {
        let client = Arc::clone(&client);
        spawn(move || take(&client, 4))
    };
    let pushers = [pusher(&client, [b"a1", b"a2"], true), pusher(&client, [b"b1", b"b2"], false)];
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    let got = taker.join().unwrap();
    assert_eq!([of(b'a', &got), of(b'b', &got)], [b"12", b"12"]);
    assert!(!client.outbox.is_pending() && client.outbox.bytes() == 0);
}

fn bounded() {
    let clients = Clients::default();
    clients.limits.set((3 * FRAME, 0, 0));
    let client = client(&clients);
    let taker = {
        let client = Arc::clone(&client);
        spawn(move || take(&client, 6))
    };
    let pushers = [
        pusher(&client, [b"a1", b"a2"], true),
        pusher(&client, [b"b1", b"b2"], false),
        pusher(&client, [b"c1", b"c2"], false),
    ];
    assert!(client.outbox.bytes() as u64 <= 5 * FRAME, "each who pushes is one too far at most");
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    let got = taker.join().unwrap();
    for who in *b"abc" {
        assert!(b"12".starts_with(&of(who, &got)), "{got:?}");
    }
    let closed = client.is_killed();
    assert!(closed || got.len() == 12, "{got:?}");
    assert_eq!((clients.limits.disconnections(), client.outbox.bytes()), (u64::from(closed), 0));
    clients.remove(client.id);
    client.push(&Frame::from(&b"d1"[..]));
    assert!(client.is_gone() && !client.outbox.is_pending());
}

#[test]
fn all_messages_come_in_order_and_no_wake_is_lost() {
    check("outbox: all come", 3000, all_come);
}

#[test]
fn who_takes_too_little_is_closed_once() {
    check("outbox: bounded", 3000, bounded);
}
