//! The same for a member whose file is edited: servers find out among themselves who leads, and clients whom to ask.

use super::super::equal;
use super::super::switching::Member;
use super::clients::{Board, Client};
use super::{CLIENTS, TIME, check_all, number, one_of, watch};
use fastrand::Rng;
use ringtail_tests::harness::{Signal, pause, say};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Histories unless told otherwise.
const HISTORIES: u64 = 1;

/// Servers of a member.
const SERVERS: [usize; 3] = [0, 1, 2];

/// Three servers and their file. Of three, a quorum bears that one at a time is away; what it has acknowledged is on its disk.
struct Edited {
    member: Member,
    /// Whom the file calls the primary.
    primary: usize,
    story: Vec<String>,
    began: Instant,
}

impl Edited {
    fn start() -> Self {
        let member = Member::start(&["--ack", "quorum", "--log", "always"]);
        Self { member, primary: 0, story: Vec::new(), began: Instant::now() }
    }

    fn tell(&mut self, what: &str) {
        self.story.push(format!("{:>6} ms: {what}", self.began.elapsed().as_millis()));
    }

    fn edit(&mut self, rng: &mut Rng) {
        self.primary = one_of(rng, &SERVERS);
        self.tell(&format!("{} is to lead", self.primary));
        self.member.edit(self.primary);
    }

    /// `kill -9`, and back. Who had led is replaced by an edit, or leads on.
    fn kill(&mut self, rng: &mut Rng) {
        let id = one_of(rng, &SERVERS);
        self.tell(&format!("kill {id}"));
        self.member.servers[id].process.kill();
        if rng.bool() {
            self.edit(rng);
        }
        pause(Duration::from_millis(rng.u64(..1500)));
        self.tell(&format!("restart {id}"));
        self.member.servers[id].restart();
    }

    fn stop(&mut self, rng: &mut Rng) {
        let id = one_of(rng, &SERVERS);
        self.tell(&format!("stop {id}"));
        self.member.servers[id].process.signal(Signal::Stop);
        if rng.bool() {
            self.edit(rng);
        }
        pause(Duration::from_millis(rng.u64(50..2500)));
        self.member.servers[id].process.signal(Signal::Continue);
    }

    /// All as the file says, and the same everywhere.
    fn settle(&mut self) {
        self.tell("settle");
        // Who was killed while it was to lead may have to be told once more.
        self.member.edit((self.primary + 1) % SERVERS.len());
        pause(Duration::from_millis(500));
        self.member.edit(self.primary);
        self.member.is_led_by(self.primary, &SERVERS);
        let servers = &self.member.servers;
        SERVERS
            .iter()
            .filter(|at| **at != self.primary)
            .for_each(|at| equal(&servers[self.primary], &servers[*at]));
    }
}

impl Drop for Edited {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("{}\n{}", self.story.join("\n"), self.member.tell()));
        }
    }
}

fn history(seed: u64) {
    say(&format!("histories, by edits: RINGTAIL_SEED={seed}"));
    let mut edited = Edited::start();
    let ports: Vec<u16> = edited.member.servers.iter().map(|server| server.endpoint.port).collect();
    let board = Arc::new(Board::to_be_searched(&ports));
    let mut noted = watch(&board, seed, || {
        let (mut rng, begun) = (Rng::with_seed(seed), Instant::now());
        while begun.elapsed() < 2 * TIME {
            match rng.u8(..6) {
                0 => edited.kill(&mut rng),
                1 => edited.stop(&mut rng),
                _ => edited.edit(&mut rng),
            }
            pause(Duration::from_millis(rng.u64(50..1500)));
        }
    });
    edited.settle();
    board.leads(edited.primary);
    Client::new(&board, CLIENTS, seed).read_all(&mut noted);
    check_all(&noted, edited.story.len());
}

#[test]
fn by_edits_they_are_linearizable() {
    let first = number("RINGTAIL_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    for round in 0..number("RINGTAIL_HISTORIES").unwrap_or(HISTORIES) {
        history(first + round);
    }
}
