//! The same for a member whose file is edited: servers find out among themselves who leads, and clients whom to ask. Servers are away for up to ten
//! seconds, several of them, and links between any two are cut, slow, still and lossy, while the file changes and commands switch. What was acknowledged is
//! on the disks of a quorum, so nothing has to be waited for.

use super::super::equal;
use super::super::member::Member;
use super::clients::{Board, Client};
use super::{CLIENTS, TIME, check_all, number, one_of, some_way, watch};
use fastrand::Rng;
use ringtail_tests::harness::{Signal, pause, say};
use ringtail_tests::resp::Conn;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Histories unless told otherwise.
const HISTORIES: u64 = 1;

/// How long there is trouble in one history, ...
const SHORT: Duration = TIME.saturating_mul(2);

/// ... and in those of `make histories`.
const LONG: Duration = TIME.saturating_mul(6);

/// Servers of a member.
const SERVERS: [usize; 3] = [0, 1, 2];

/// The most that are away at once.
const AWAY: usize = 2;

/// How often it is looked who is back.
const LOOK: Duration = Duration::from_millis(10);

/// How long a command may take to be answered.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a server does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    Killed,
    Stopped,
}

/// Three servers and their file.
struct Edited {
    member: Member,
    /// Whom the file calls the primary.
    primary: usize,
    /// Who is away, and until when.
    away: [Option<(Away, Instant)>; SERVERS.len()],
    /// The two at the ends of links in trouble, and until when.
    troubled: Vec<([usize; 2], Instant)>,
    story: Vec<String>,
    began: Instant,
    /// When the trouble ends.
    ends: Instant,
}

impl Edited {
    fn start(time: Duration) -> Self {
        let member = Member::linked(&["--ack", "quorum", "--log", "always"]);
        let (away, troubled) = ([None; SERVERS.len()], Vec::new());
        let began = Instant::now();
        Self { member, primary: 0, away, troubled, story: Vec::new(), began, ends: began + time }
    }

    fn tell(&mut self, what: &str) {
        self.story.push(format!("{:>6} ms: {what}", self.began.elapsed().as_millis()));
    }

    fn step(&mut self, rng: &mut Rng) {
        match rng.u8(..10) {
            0 => self.send_away(Away::Killed, rng),
            1 => self.send_away(Away::Stopped, rng),
            2 | 3 => self.trouble_a_link(rng),
            4 => self.cut_off(rng),
            5 | 6 => self.hand_over(rng),
            _ => self.edit(rng),
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    /// Nothing new happens for a while.
    fn go_on(&mut self, time: Duration) {
        let end = self.ends.min(Instant::now() + time);
        while Instant::now() < end {
            pause(LOOK);
            self.bring_back(Instant::now());
        }
    }

    fn edit(&mut self, rng: &mut Rng) {
        self.primary = one_of(rng, &SERVERS);
        self.tell(&format!("{} is to lead", self.primary));
        self.member.edit(self.primary);
    }

    /// Every other time the one that is to lead: those matter most.
    fn victim(&self, rng: &mut Rng) -> usize {
        let any = one_of(rng, &SERVERS);
        if rng.bool() { self.primary } else { any }
    }

    /// Who had led is replaced by an edit, or leads on. It may take until another one has given up waiting for it, and has got votes.
    fn perhaps_replaced(&mut self, id: usize, rng: &mut Rng) {
        if rng.bool() {
            self.primary = (id + rng.usize(1..SERVERS.len())) % SERVERS.len();
            self.tell(&format!("{} is to lead instead", self.primary));
            self.member.edit(self.primary);
            self.go_on(Duration::from_millis(rng.u64(..8000)));
        }
    }

    fn send_away(&mut self, why: Away, rng: &mut Rng) {
        let (id, time) = (self.victim(rng), some_time(rng));
        let is_free = self.away[id].is_none() && self.away.iter().flatten().count() < AWAY;
        if is_free {
            self.tell(&format!("{id} is {why:?} for {time:?}"));
            match why {
                Away::Killed => self.member.servers[id].process.kill(),
                Away::Stopped => self.member.servers[id].process.signal(Signal::Stop),
            }
            self.away[id] = Some((why, Instant::now() + time));
        }
        self.perhaps_replaced(id, rng);
    }

    /// Brings those back who have been away long enough by now, servers and links.
    fn bring_back(&mut self, now: Instant) {
        let healed: Vec<_> = self.troubled.extract_if(.., |(_, until)| *until <= now).collect();
        for ([one, other], _) in healed {
            self.tell(&format!("{one} and {other} are healed"));
            self.member.links().heal(one, other);
        }
        for id in SERVERS {
            let Some((why, _)) = self.away[id].take_if(|(_, until)| *until <= now) else { continue };
            self.tell(&format!("{id} is back"));
            match why {
                Away::Killed => self.member.restart(id),
                Away::Stopped => self.member.servers[id].process.signal(Signal::Continue),
            }
        }
    }

    /// Bytes between two are late, wait, are lost, or there is no connection.
    fn trouble_a_link(&mut self, rng: &mut Rng) {
        let one = one_of(rng, &SERVERS);
        let other = (one + rng.usize(1..SERVERS.len())) % SERVERS.len();
        let (ways, time) = ([some_way(rng), some_way(rng)], some_time(rng));
        match rng.u8(..3) == 0 {
            true => self.cut(one, other, time),
            false => {
                self.tell(&format!("from {one} to {other} and back: {ways:?} for {time:?}"));
                self.member.links().set(one, other, ways);
                self.troubled.push(([one, other], Instant::now() + time));
            }
        }
    }

    fn cut(&mut self, one: usize, other: usize, time: Duration) {
        self.tell(&format!("cut {one} and {other} for {time:?}"));
        self.member.links().cut(one, other);
        self.troubled.push(([one, other], Instant::now() + time));
    }

    /// One has no link with any other. Its clients reach it.
    fn cut_off(&mut self, rng: &mut Rng) {
        let (id, time) = (self.victim(rng), some_time(rng));
        SERVERS.into_iter().filter(|at| *at != id).for_each(|at| self.cut(id, at, time));
        self.perhaps_replaced(id, rng);
    }

    /// FAILOVER to one of them, which whoever leads may refuse, or give up.
    fn hand_over(&mut self, rng: &mut Rng) {
        let to = one_of(rng, &SERVERS);
        let port = self.member.port(to).to_string();
        let request = ["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "1000"];
        for id in SERVERS.iter().filter(|id| **id != to && self.away[**id].is_none()) {
            let addr = ([127, 0, 0, 1], self.member.servers[*id].endpoint.port).into();
            let said = Conn::connect_to(addr, PATIENCE).and_then(|mut conn| conn.try_call(&request));
            self.story.push(format!("{id} is to hand over to {to}: {said:?}"));
        }
    }

    /// All as the file says, and the same everywhere.
    fn settle(&mut self) {
        self.bring_back(Instant::now() + Duration::from_secs(3600));
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

/// How long there is one trouble: less than others wait for whom they miss, or so long that they do without it.
fn some_time(rng: &mut Rng) -> Duration {
    let time = if rng.bool() { 3500..10_000 } else { 0..2500 };
    Duration::from_millis(rng.u64(time))
}

/// From one step to the next: now and then so long that one takes over meanwhile.
fn some_quiet(rng: &mut Rng) -> Duration {
    let time = if rng.u8(..3) == 0 { 2000..7000 } else { 50..1000 };
    Duration::from_millis(rng.u64(time))
}

fn history(seed: u64, time: Duration) {
    say(&format!("histories, by edits: RINGTAIL_SEED={seed}"));
    let mut edited = Edited::start(time);
    let ports: Vec<u16> = edited.member.servers.iter().map(|server| server.endpoint.port).collect();
    let board = Arc::new(Board::to_be_searched(&ports));
    let mut noted = watch(&board, seed, || {
        let mut rng = Rng::with_seed(seed);
        while !edited.is_over() {
            edited.step(&mut rng);
            edited.go_on(some_quiet(&mut rng));
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
    let (histories, time) = number("RINGTAIL_HISTORIES").map_or((HISTORIES, SHORT), |many| (many, LONG));
    (first..first + histories).for_each(|seed| history(seed, time));
}
