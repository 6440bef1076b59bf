//! `kill -9` at random moments under load: what a mode promises is there afterwards, and nothing that was never written.

use super::effects::{State, Step, read_state, step, until};
use super::{number, restart, start};
use fastrand::Rng;
use ringtail_tests::harness::{Server, pause, say};
use ringtail_tests::resp::{Conn, Endpoint};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CLIENTS: usize = 8;

/// The most steps that a client sends at once.
const AHEAD: usize = 8;

/// How often the server is killed under each mode unless told otherwise.
const KILLS: u64 = 15;

/// What may be lost under `everysec`.
const SECOND: Duration = Duration::from_secs(1);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// One client, over all lives of the server.
struct Client {
    id: usize,
    rng: Rng,
    /// What was there when the server was started.
    state: State,
    /// The number of its first step in this life.
    first: u64,
    /// All that it sent in this life.
    sent: Vec<Step>,
    /// When each was acknowledged, as many as were.
    acknowledged: Vec<Instant>,
}

impl Client {
    fn new(id: usize, seed: u64) -> Self {
        let rng = Rng::with_seed(seed ^ (id as u64) << 32);
        Self { id, rng, state: State::new(), first: 0, sent: Vec::new(), acknowledged: Vec::new() }
    }

    /// Sends steps until the server is gone. Behind each goes its number into a list that all share.
    fn work(&mut self, endpoint: &Endpoint, shared: &str) {
        // It may be gone before it was there.
        let Ok(mut conn) = endpoint.connect() else { return };
        while self.burst(&mut conn, shared).is_ok() {}
    }

    fn burst(&mut self, conn: &mut Conn, shared: &str) -> std::io::Result<()> {
        let mut counts = Vec::new();
        let mut requests = Vec::new();
        for _ in 0..self.rng.usize(1..=AHEAD) {
            let number = self.first + self.sent.len() as u64;
            let step = step(self.id, number, now(), &mut self.rng);
            let mut own = step.requests();
            own.push(["RPUSH", shared, &format!("{}:{number}", self.id)].map(str::to_owned).to_vec());
            counts.push(own.len());
            requests.extend(own);
            self.sent.push(step);
        }
        let bytes: Vec<u8> = requests.iter().flat_map(|args| ringtail_tests::resp::request(args)).collect();
        conn.send(&bytes)?;
        for count in counts {
            for _ in 0..count {
                let reply = conn.read()?;
                assert_eq!(reply.error(), None, "client {}", self.id);
            }
            self.acknowledged.push(Instant::now());
        }
        Ok(())
    }

    /// Looks what is there after a kill; `lost_from` is from when on what was acknowledged may be lost.
    fn check(
        &mut self,
        conn: &mut Conn,
        shared: &[String],
        lost_from: Option<Instant>,
    ) -> Result<(), String> {
        let must = match lost_from {
            None => self.acknowledged.len(),
            Some(time) => self.acknowledged.partition_point(|at| *at < time),
        };
        let found = read_state(conn, self.id);
        let read = now();
        let found = until(found, read);
        let mut state = self.state.clone();
        let pushed = self.pushed(shared)?;
        for done in 0..=self.sent.len() {
            // One log: of two writes of one client the later is never there without the earlier.
            let fits = done == pushed || done == pushed + 1;
            if done >= must && fits && until(state.clone(), read) == found {
                self.begin_again(state);
                return Ok(());
            }
            if let Some(step) = self.sent.get(done) {
                step.apply(&mut state);
            }
        }
        Err(self.report(&found, read, must, pushed))
    }

    /// How many of its numbers are in the shared list: the first so many, each once and in order.
    fn pushed(&self, shared: &[String]) -> Result<usize, String> {
        let own = format!("{}:", self.id);
        let numbers: Vec<u64> =
            shared.iter().filter_map(|entry| entry.strip_prefix(&own)?.parse().ok()).collect();
        let whole = numbers.iter().copied().eq(self.first..self.first + numbers.len() as u64);
        if whole { Ok(numbers.len()) } else { Err(format!("client {}: {numbers:?}", self.id)) }
    }

    fn begin_again(&mut self, state: State) {
        self.state = state;
        // Numbers are never used twice.
        self.first += self.sent.len() as u64;
        self.sent.clear();
        self.acknowledged.clear();
    }

    /// The difference to each state that could be.
    fn report(&self, found: &State, read: u64, must: usize, pushed: usize) -> String {
        let mut text = format!(
            "client {}: {} sent, {} acknowledged, {must} must be there, {pushed} in the shared list",
            self.id,
            self.sent.len(),
            self.acknowledged.len()
        );
        let mut state = self.state.clone();
        for (done, step) in self.sent.iter().enumerate() {
            step.apply(&mut state);
            if (pushed..pushed + 2).contains(&(done + 1)) {
                let expected = until(state.clone(), read);
                for key in expected.keys().chain(found.keys()) {
                    let (own, there) = (expected.get(key), found.get(key));
                    if own != there {
                        text += &format!("\n after {}: {key}: {there:?} and not {own:?}", done + 1);
                    }
                }
                text += &format!("\n the last was {step:?}");
            }
        }
        text
    }
}

/// Kills the server again and again under load.
fn kill_often(policy: &str, kills: u64, may_lose: Option<Duration>) {
    let seed = number("RINGTAIL_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    say(&format!("kills, {policy}: RINGTAIL_SEED={seed}"));
    let mut rng = Rng::with_seed(seed);
    let (mut server, dir) = start(&["--log", policy]);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|id| Client::new(id, seed)).collect();
    for round in 0..kills {
        let shared = format!("shared:{round}");
        let killed = life(&mut server, &mut clients, &shared, &mut rng);
        restart(&mut server);
        let mut conn = server.endpoint.open();
        let entries = conn.call(&["LRANGE", &shared, "0", "-1"]);
        let entries: Vec<String> = entries.items().iter().map(|entry| entry.text()).collect();
        let lost_from = may_lose.and_then(|time| killed.checked_sub(time));
        for client in &mut clients {
            let checked = client.check(&mut conn, &entries, lost_from);
            let context = || format!("round {round}, seed {seed}, {}", dir.display());
            checked.unwrap_or_else(|why| panic!("{}: {why}\n{}", context(), server.process.output()));
        }
    }
    drop(server);
    std::fs::remove_dir_all(dir).expect("the server's directory");
}

/// Load until the server is killed; when that was.
fn life(server: &mut Server, clients: &mut [Client], shared: &str, rng: &mut Rng) -> Instant {
    let endpoint = server.endpoint.clone();
    std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                let endpoint = &endpoint;
                scope.spawn(move || client.work(endpoint, shared))
            })
            .collect();
        if rng.bool() {
            pause(Duration::from_millis(rng.u64(..50)));
            let begun = endpoint.open().run("BGREWRITEAOF");
            assert_eq!(begun.error(), None);
        }
        pause(Duration::from_millis(rng.u64(5..250)));
        let killed = Instant::now();
        server.process.kill();
        threads.into_iter().for_each(|thread| thread.join().expect("a client"));
        killed
    })
}

#[test]
fn always_loses_nothing_that_was_acknowledged() {
    kill_often("always", number("RINGTAIL_KILLS").unwrap_or(KILLS), None);
}

#[test]
fn everysec_loses_no_more_than_a_second() {
    kill_often("everysec", number("RINGTAIL_KILLS").unwrap_or(KILLS), Some(SECOND));
}
