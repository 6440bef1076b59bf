//! Whether three servers, of which two must have a write before it is acknowledged, are one to their clients: while they are killed, handed
//! over, deposed, and their links are cut, slow and still, what clients see of each key is linearizable, and nothing that was
//! acknowledged is lost.
//!
//! The operator keeps two rules. No server is killed or deposed while another one may still lack what it has lost. And who led is dead
//! or follows another before the next one leads: reads do not ask the replicas, so one that is cut off and does not know that it
//! was replaced answers what it knows.

mod clients;
mod edited;
mod rules;
mod trio;

use clients::{Board, Client, Noted};
use fastrand::Rng;
use ringtail_tests::harness::{Signal, Way, pause, say};
use ringtail_tests::history::{Counter, Event, Model, Register, first_impossible};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use trio::Trio;

const CLIENTS: u64 = 6;

/// How long there is trouble in one history.
const TIME: Duration = Duration::from_secs(5);

/// Histories of each kind unless told otherwise.
const HISTORIES: u64 = 1;

/// Tells the clients to end, also when a test fails.
struct End(Arc<Board>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.over.store(true, SeqCst);
    }
}

/// A history with trouble that follows from the seed.
fn history(seed: u64, with_disk: bool) {
    say(&format!("histories{}: RINGTAIL_SEED={seed}", if with_disk { ", with disks" } else { "" }));
    let mut trio = Trio::start(with_disk);
    let board = Arc::clone(&trio.board);
    let mut noted = watch(&board, seed, || make_trouble(&mut trio, &mut Rng::with_seed(seed)));
    trio.end();
    Client::new(&board, CLIENTS, seed).read_all(&mut noted);
    check_all(&noted, trio.story.len());
}

/// What clients have done and seen while there was trouble.
fn watch(board: &Arc<Board>, seed: u64, trouble: impl FnOnce()) -> Noted {
    std::thread::scope(|scope| {
        let work = |id| Client::new(board, id, seed).run();
        let clients: Vec<_> = (0..CLIENTS).map(|id| scope.spawn(move || work(id))).collect();
        let end = End(Arc::clone(board));
        trouble();
        drop(end);
        let mut noted = Noted::default();
        clients.into_iter().for_each(|client| noted.add(client.join().expect("a client")));
        noted
    })
}

fn check_all(noted: &Noted, steps: usize) {
    let values = noted.values.iter();
    let mut known: Vec<usize> =
        values.map(|(key, events)| check(&Register, key, &Register::settled(events))).collect();
    known.extend(noted.numbers.iter().map(|(key, events)| check(&Counter, key, events)));
    let (keys, known) = (known.len(), known.iter().sum::<usize>());
    say(&format!("histories: {known} operations of {keys} keys in {steps} steps"));
    assert!(known > 100);
}

/// Checks the history of a key; how many operations of it are known to have been done.
fn check<M: Model>(model: &M, key: &str, events: &[Event<M::Operation>]) -> usize
where
    M::Operation: Debug,
{
    let Some(culprit) = first_impossible(model, events) else {
        return events.iter().filter(|event| event.is_known()).count();
    };
    let mut near: Vec<_> = events.iter().collect();
    near.sort_by_key(|event| event.called);
    let at = near.partition_point(|event| event.called < events[culprit].called);
    let near: Vec<_> = near[at.saturating_sub(30)..near.len().min(at + 10)]
        .iter()
        .map(|event| {
            format!("{:>12} {:>20} {:?}", event.called / 1000, event.answered / 1000, event.operation)
        })
        .collect();
    panic!("{key} is not linearizable: {:?}\n{}", events[culprit], near.join("\n"));
}

fn make_trouble(trio: &mut Trio, rng: &mut Rng) {
    let begun = Instant::now();
    while begun.elapsed() < TIME {
        match rng.u8(..12) {
            0 => kill_a_replica(trio, rng),
            1 => kill_the_leader(trio, rng),
            2 | 3 => trio.hand_over(),
            4 => trio.depose(),
            5 => stop_one(trio, rng),
            6 | 7 => heal(trio),
            8 => lose(trio, rng),
            _ => trouble_a_link(trio, rng),
        }
        pause(Duration::from_millis(rng.u64(20..300)));
    }
    heal(trio);
    trio.settle();
}

fn heal(trio: &mut Trio) {
    trio.tell("heal");
    trio.heal();
}

fn one_of(rng: &mut Rng, ids: &[usize]) -> usize {
    ids[rng.usize(..ids.len())]
}

fn kill_a_replica(trio: &mut Trio, rng: &mut Rng) {
    let id = one_of(rng, &trio.others());
    trio.kill(id);
    pause(Duration::from_millis(rng.u64(..200)));
    trio.restart(id);
}

fn kill_the_leader(trio: &mut Trio, rng: &mut Rng) {
    let old = trio.leader;
    trio.kill(old);
    trio.promote_furthest();
    pause(Duration::from_millis(rng.u64(..200)));
    trio.restart(old);
}

fn stop_one(trio: &mut Trio, rng: &mut Rng) {
    let id = rng.usize(..trio::SERVERS);
    trio.tell(&format!("stop {id}"));
    trio.server(id).process.signal(Signal::Stop);
    pause(Duration::from_millis(rng.u64(50..400)));
    trio.server(id).process.signal(Signal::Continue);
}

fn trouble_a_link(trio: &mut Trio, rng: &mut Rng) {
    let id = one_of(rng, &trio.others());
    let ways = [some_way(rng), some_way(rng)];
    trio.tell(&format!("link of {id}: {ways:?}"));
    trio.link(id).set(ways);
    if rng.u8(..3) == 0 {
        trio.tell(&format!("cut {id}"));
        trio.link(id).cut();
    }
}

fn some_way(rng: &mut Rng) -> Way {
    let slow = Way::Slow(Duration::from_millis(rng.u64(1..60)));
    [Way::Open, slow, Way::Still, Way::Lossy][rng.usize(..4)]
}

/// Packets of a link are lost, in one direction or both.
fn lose(trio: &mut Trio, rng: &mut Rng) {
    let (id, which) = (one_of(rng, &trio.others()), rng.usize(..3));
    trio.lose(id, which != 0, which != 1);
}

fn histories(with_disk: bool) {
    let first = number("RINGTAIL_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    for round in 0..number("RINGTAIL_HISTORIES").unwrap_or(HISTORIES) {
        history(first + round, with_disk);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn in_memory_they_are_linearizable() {
    histories(false);
}

#[test]
fn with_disks_they_are_linearizable() {
    histories(true);
}
