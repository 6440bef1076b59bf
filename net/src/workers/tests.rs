use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Instant;

use super::*;
use crate::listener::{Exposure, Listener};
use crate::{Stream, testing::WITHIN};

const DRAIN: Duration = Duration::from_millis(100);

/// Runs workers behind a listener while `act` plays the clients, then ends all; `true` if no worker panicked.
fn with_workers<C, F>(count: usize, connection: C, act: impl FnOnce(SocketAddr, &Workers)) -> bool
where
    C: Fn(usize, Accepted) -> F + Send + Sync + Copy + 'static,
    F: Future<Output = ()> + 'static,
{
    let shutdown = Shutdown::new();
    let body = move |context: WorkerContext| {
        let index = context.index;
        context.serve(DRAIN, move |accepted| connection(index, accepted))
    };
    let workers = Workers::spawn("test", count, &shutdown, body).unwrap();
    let exposure = Exposure { encrypted: false, authenticated: false, insecure: false };
    let listener = Listener::bind("127.0.0.1:0", exposure).unwrap();
    let addr = listener.local_addr();
    std::thread::scope(|scope| {
        let deal = async || listener.open().unwrap().deal(Door::Main, &workers, &shutdown).await;
        scope.spawn(|| runtime().unwrap().block_on(deal()));
        act(addr, &workers);
        shutdown.trigger();
    });
    workers.join()
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < WITHIN, "never: {what}");
        std::thread::yield_now();
    }
}

async fn tell_index(index: usize, accepted: Accepted) {
    let mut stream = Stream::accept(accepted, None).await.unwrap();
    stream.write_all(&[index as u8]).await.unwrap();
    stream.shutdown().await;
}

#[test]
fn connections_are_dealt_in_turn() {
    let order = Mutex::new(Vec::new());
    let well = with_workers(3, tell_index, |addr, workers| {
        for _ in 0..6 {
            let mut told = [9];
            TcpStream::connect(addr).unwrap().read_exact(&mut told).unwrap();
            order.lock().unwrap().push(told[0]);
        }
        let live = workers.live_connections();
        eventually("all connections off the count", || live.load(Ordering::Relaxed) == 0);
    });
    assert!(well);
    assert_eq!(order.into_inner().unwrap(), [0, 1, 2, 0, 1, 2]);
}

async fn panic_on_first(_: usize, accepted: Accepted) {
    let mut stream = Stream::accept(accepted, None).await.unwrap();
    let mut first = Vec::new();
    stream.readable().await.unwrap();
    let _ = stream.try_read(&mut first, 1);
    assert!(first != b"p", "as the client wished");
    stream.write_all(b"fine").await.unwrap();
}

#[test]
fn a_panic_ends_its_connection_alone_and_is_counted() {
    use std::io::Write;
    let well = with_workers(1, panic_on_first, |addr, workers| {
        let mut victim = TcpStream::connect(addr).unwrap();
        victim.write_all(b"p").unwrap();
        let panics = workers.panics();
        eventually("the panic counted", || panics.load(Ordering::Relaxed) == 1);
        assert_eq!(victim.read(&mut [0]).unwrap(), 0);
        let mut other = TcpStream::connect(addr).unwrap();
        other.write_all(b"x").unwrap();
        let mut text = String::new();
        other.read_to_string(&mut text).unwrap();
        assert_eq!(text, "fine");
    });
    assert!(well);
}

async fn hang(_: usize, accepted: Accepted) {
    let _stream = Stream::accept(accepted, None).await.unwrap();
    std::future::pending::<()>().await;
}

#[test]
fn shutdown_does_not_wait_for_connections_that_hang() {
    let mut client = None;
    let well = with_workers(2, hang, |addr, workers| {
        client = Some(TcpStream::connect(addr).unwrap());
        let live = workers.live_connections();
        eventually("the connection counted", || live.load(Ordering::Relaxed) == 1);
    });
    assert!(well);
    assert_eq!(client.unwrap().read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_worker_that_dies_ends_the_program() {
    let shutdown = Shutdown::new();
    let workers = Workers::spawn("test", 2, &shutdown, |worker| async move {
        assert!(worker.index != 1, "this worker dies");
        worker.shutdown.wait().await;
    });
    assert!(!workers.unwrap().join());
    assert!(shutdown.is_triggered());
}
