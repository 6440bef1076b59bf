//! A member in all kinds of trouble, and clients who go on: a seeded run in network namespaces.
//!
//! `RINGTAIL_SEED` repeats a run's choices, `RINGTAIL_CHAOS` is its length in seconds (`make chaos`).

mod keys;
mod latency;
mod log;
mod network;
mod queue;
mod slow;
mod trouble;

use keys::Key;
use log::Stage;
use network::{MEMBERS, Place};
use ringtail_tests::harness::{Options, Process, pause, say, start_proxy};
use ringtail_tests::resp::{Conn, Endpoint};
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};
use trouble::Trouble;

/// The member that has all the trouble.
const VICTIM: usize = 1;

/// How long all is well before each trouble, how long it lasts, and how long recovery may take.
const QUIET: Duration = Duration::from_millis(1000);
const TROUBLE: Duration = Duration::from_millis(1500);
const RECOVERY: Duration = Duration::from_secs(1);

/// How long a member may take to answer.
const TIMEOUT: Duration = Duration::from_millis(500);

/// By then, those who don't ask the victim are as before.
const SETTLED: Duration = Duration::from_millis(100);

/// What the proxy may hold. Four slow readers alone may have 5 MiB each.
const MEMORY: u64 = 160 << 20;

/// Clients of each kind.
const OWNERS: usize = 8;
const PROBES: usize = 2;

/// Lengths of a run, in seconds.
const SHORT: u64 = 15;

#[test]
fn a_member_in_trouble_hurts_nobody_else() {
    let Some(mut places) = network::members() else { return };
    let seed = number("RINGTAIL_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    say(&format!("faults: RINGTAIL_SEED={seed}"));
    let options =
        Options::args(&["--timeout", &format!("{}ms", TIMEOUT.as_millis()), "--threads", "2", "--insecure"]);
    let (proxy, endpoint) = start_proxy(&options, &network::servers_json(&places));
    let mut run = Run::new(seed, &endpoint, &places);
    let plan = plan(seed, number("RINGTAIL_CHAOS").unwrap_or(SHORT));
    run.through(&mut places, &proxy, &plan);
    run.judge(&proxy);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// As many troubles as there is time for; all kinds come before one comes again.
fn plan(seed: u64, seconds: u64) -> Vec<Trouble> {
    let (mut rng, mut plan) = (fastrand::Rng::with_seed(seed), Vec::new());
    let count = Duration::from_secs(seconds).div_duration_f64(QUIET + TROUBLE + RECOVERY) as usize;
    while plan.len() < count {
        let mut all = Trouble::ALL;
        rng.shuffle(&mut all);
        plan.extend(all);
    }
    plan.truncate(count);
    plan
}

/// One trouble's time, from its beginning to its end, which is when the member answers a newcomer.
struct Spell {
    trouble: Trouble,
    quiet: Instant,
    begun: Instant,
    /// The time to measure the others in, without what it takes to make and to end the trouble.
    storm: latency::Window,
    ended: Instant,
}

impl Spell {
    /// What was sent then may fail: what is on its way at the beginning, too.
    fn excuses(&self) -> (Instant, Instant) {
        (self.begun - TIMEOUT, self.ended + RECOVERY)
    }
}

struct Run {
    seed: u64,
    stage: Arc<Stage>,
    names: Names,
    spells: Vec<Spell>,
    samples: Vec<latency::Sample>,
    answered: u64,
    peak: u64,
}

/// Names of keys whose owners are known.
struct Names {
    frail: Vec<String>,
    healthy: Vec<String>,
}

impl Names {
    /// Looks where each key is, at the members themselves.
    fn find(endpoint: &Endpoint, places: &[Place]) -> Names {
        let (mut conn, mut names) = (endpoint.open(), Names { frail: Vec::new(), healthy: Vec::new() });
        for n in 0..400 {
            let name = format!("key-{n}");
            assert!(conn.call(&["SET", &name, "x"]).is_ok());
            let here = places[VICTIM].ask(&["DEL", &name]).expect("the member's answer").int() == 1;
            if !here {
                assert_eq!(conn.call(&["DEL", &name]).int(), 1);
            }
            if here { names.frail.push(name) } else { names.healthy.push(name) }
        }
        assert!(names.frail.len() > 50 && names.healthy.len() > 100, "{MEMBERS} members with equal shares");
        names
    }

    fn take(&mut self, frail: bool) -> Key {
        let from = if frail { &mut self.frail } else { &mut self.healthy };
        Key::new(from.pop().expect("enough keys"), frail)
    }
}

type Worker<'scope, T> = ScopedJoinHandle<'scope, T>;

/// The clients' threads.
struct Clients<'scope> {
    owners: Vec<Worker<'scope, u64>>,
    probes: Vec<Worker<'scope, Vec<latency::Sample>>>,
    queues: Vec<(String, bool, Worker<'scope, queue::Pushed>, Worker<'scope, queue::Taken>)>,
}

impl Run {
    fn new(seed: u64, endpoint: &Endpoint, places: &[Place]) -> Run {
        Run {
            seed,
            stage: Stage::new(endpoint),
            names: Names::find(endpoint, places),
            spells: Vec::new(),
            samples: Vec::new(),
            answered: 0,
            peak: 0,
        }
    }

    fn through(&mut self, places: &mut [Place], proxy: &Process, plan: &[Trouble]) {
        let stage = self.stage.clone();
        std::thread::scope(|scope| {
            let clients = self.start(scope, &stage);
            // However this ends, they do.
            let _end = EndsWith(&stage);
            for (n, trouble) in plan.iter().enumerate() {
                self.suffer(&mut places[VICTIM], *trouble, self.seed + n as u64);
                self.peak = self.peak.max(proxy.rss());
            }
            stage.end();
            self.collect(clients);
        });
    }

    fn start<'scope>(&mut self, scope: &'scope Scope<'scope, '_>, stage: &'scope Stage) -> Clients<'scope> {
        let mut clients = Clients { owners: Vec::new(), probes: Vec::new(), queues: Vec::new() };
        let mut conn = stage.endpoint.open();
        for n in 0..OWNERS {
            let keys = (0..6).map(|n| self.names.take(n % 3 == 0)).collect();
            let (counter, seed) = (self.names.take(n % 2 == 0), self.seed ^ (n as u64) << 40);
            clients.owners.push(scope.spawn(move || keys::go_on(stage, keys, counter, seed)));
        }
        for frail in [false, true] {
            let (list, pushes, takes) = {
                let list = self.names.take(frail).name;
                (list.clone(), list.clone(), list)
            };
            let pushes = scope.spawn(move || queue::push(stage, &pushes, frail));
            clients.queues.push((
                list,
                frail,
                pushes,
                scope.spawn(move || queue::take(stage, &takes, frail)),
            ));
        }
        for _ in 0..PROBES {
            let key = self.prepared(&mut conn, false);
            clients.probes.push(scope.spawn(move || latency::measure(stage, &key)));
        }
        for reader in [slow::sip, slow::starve] {
            let key = self.names.take(false).name;
            slow::prepare(&mut conn, &key);
            scope.spawn(move || reader(stage, &key));
        }
        clients
    }

    /// A key with its own name in it.
    fn prepared(&mut self, conn: &mut Conn, frail: bool) -> String {
        let key = self.names.take(frail).name;
        assert!(conn.call(&["SET", &key, &key]).is_ok());
        key
    }

    fn suffer(&mut self, place: &mut Place, trouble: Trouble, seed: u64) {
        let quiet = Instant::now();
        pause(QUIET);
        if trouble.empties() {
            self.stage.empty();
        }
        let begun = Instant::now();
        trouble.begin(place, seed);
        let there = Instant::now();
        pause(TROUBLE);
        let storm = (there + SETTLED, Instant::now());
        trouble.end(place);
        let ended = Instant::now();
        pause(RECOVERY);
        self.spells.push(Spell { trouble, quiet, begun, storm, ended });
    }

    fn collect(&mut self, clients: Clients<'_>) {
        for owner in clients.owners {
            self.answered += owner.join().expect("a client");
        }
        for probe in clients.probes {
            self.samples.extend(probe.join().expect("a client"));
        }
        for (list, frail, pushes, takes) in clients.queues {
            let (pushed, taken) = (pushes.join().expect("a client"), takes.join().expect("a client"));
            taken.judge(&self.stage, &list, frail, &pushed);
        }
    }

    fn judge(&self, proxy: &Process) {
        for (n, spell) in self.spells.iter().enumerate() {
            let next = self.spells.get(n + 1).map_or_else(Instant::now, |next| next.excuses().0);
            let recovery = self.stage.recovery(spell.ended, next);
            let [before, beside] = [(spell.quiet, spell.begun), spell.storm]
                .map(|window| latency::p99(&self.samples, window).unwrap_or_default());
            say(&format!(
                "faults: {:?}: works {recovery:?} after it; the others' p99 {before:?} before it, {beside:?} beside it",
                spell.trouble
            ));
        }
        let quiet: Vec<_> = self.spells.iter().map(|spell| (spell.quiet, spell.begun)).collect();
        let storms: Vec<_> = self.spells.iter().map(|spell| spell.storm).collect();
        let latency = latency::judge(&self.samples, &quiet, &storms);
        let failed = self.stage.failed();
        let peak = self.peak.max(proxy.peak_rss());
        say(&format!(
            "faults: {} replies, {failed} errors; the proxy's memory at most {} MiB; {}",
            self.answered,
            peak >> 20,
            latency.as_ref().unwrap_or_else(|text| text)
        ));
        assert_eq!(self.stage.mistakes(), Vec::<String>::new(), "RINGTAIL_SEED={}", self.seed);
        let excused: Vec<_> = self.spells.iter().map(Spell::excuses).collect();
        assert_eq!(self.stage.out_of_season(&excused), Vec::<String>::new(), "RINGTAIL_SEED={}", self.seed);
        assert!(failed > 0, "nothing happened to the member");
        assert!(peak < MEMORY, "the proxy holds {} MiB", peak >> 20);
        if let Err(slower) = latency {
            panic!("{slower}");
        }
    }
}

/// Ends the stage when it goes, so that a panic leaves no thread behind.
struct EndsWith<'a>(&'a Stage);

impl Drop for EndsWith<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
