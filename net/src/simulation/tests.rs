use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::{MOST_CAPACITY, Network};
use crate::stream::Stream;

const ADDR: &str = "127.0.0.1:7001";
const SECOND: Duration = Duration::from_secs(1);

fn simulated<T>(seed: u64, test: impl AsyncFnOnce(Network) -> T) -> T {
    let runtime =
        Builder::new_current_thread().enable_all().start_paused(true).build_local(LocalOptions::default());
    runtime.unwrap().block_on(async {
        let network = Network::new(seed, Duration::from_millis(10));
        spawn_local(network.run());
        test(network).await
    })
}

async fn connected(network: &Network) -> (Stream, Stream) {
    let incoming = network.listen(ADDR);
    let ours = Stream::connect(ADDR, None, SECOND).await.unwrap();
    (ours, incoming.accept().await)
}

async fn everything(stream: &mut Stream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match stream.receive().await.unwrap() {
            piece if piece.is_empty() => return all,
            piece => all.extend(piece),
        }
    }
}

#[test]
fn bytes_arrive_in_order_and_whole() {
    simulated(1, async |network| {
        let (mut ours, mut theirs) = connected(&network).await;
        let sent: Vec<u8> = (0..MOST_CAPACITY * 3).map(|n| n as u8).collect();
        let copy = sent.clone();
        let sending = spawn_local(async move {
            ours.write_all(&copy).await.unwrap();
            drop(ours);
        });
        assert!(everything(&mut theirs).await == sent);
        assert!(theirs.peer_has_left());
        sending.await.unwrap();
    });
}

#[test]
fn a_seed_takes_the_same_time_again() {
    let run = |seed| {
        simulated(seed, async |network| {
            let begun = Instant::now();
            let (mut ours, mut theirs) = connected(&network).await;
            ours.write_all(&[7; 3000]).await.unwrap();
            drop(ours);
            everything(&mut theirs).await;
            begun.elapsed()
        })
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn what_is_severed_arrives_when_it_is_healed() {
    simulated(2, async |network| {
        let (mut ours, mut theirs) = connected(&network).await;
        network.sever(ADDR);
        ours.write_all(b"late").await.unwrap();
        assert!(tokio::time::timeout(SECOND, theirs.receive()).await.is_err());
        assert!(Stream::connect(ADDR, None, SECOND).await.is_err());
        network.heal(ADDR);
        assert!(b"late".starts_with(&theirs.receive().await.unwrap()));
    });
}

#[test]
fn a_reset_is_seen_at_both_ends_and_nobody_listens_at_other_addresses() {
    simulated(2, async |network| {
        let (mut ours, mut theirs) = connected(&network).await;
        network.reset(ADDR);
        assert!(ours.receive().await.is_err() && theirs.receive().await.is_err());
        assert!(Stream::connect("127.0.0.1:7002", None, SECOND).await.is_err());
    });
}
