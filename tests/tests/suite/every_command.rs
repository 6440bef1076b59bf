//! Every command that the server says it has, with arguments at every edge, from many clients at once: each request gets
//! one well-formed reply, nobody's connection ends, nobody else waits for long, and nothing is left in the end.
//!
//! `RINGTAIL_HOSTILE_SECONDS` makes it longer, `RINGTAIL_HOSTILE_SEED` another.

mod arguments;
mod catalogue;

use crate::front::Front;
use arguments::Maker;
use catalogue::Command;
use ringtail_tests::harness::{Options, say, wait_for};
use ringtail_tests::resp::{Conn, Value, escape};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Clients that send at once; every other one speaks RESP3.
const CLIENTS: u64 = 8;

/// The longest that somebody else's PING may take, on a machine that runs other tests as well.
const STALL: Duration = Duration::from_secs(3);

/// Memory that may be left when all keys are gone, for buffers, counters and what threads keep.
const LEFT: i64 = 24 << 20;

/// Left out: they end, stop or wait for the server or other clients, or take away the right to speak to it.
const EXCEPT: [&str; 22] = [
    "shutdown",
    "debug",
    "debug|sleep",
    "client|pause",
    "client|kill",
    "acl|setuser",
    "acl|deluser",
    "acl|load",
    "acl|save",
    "config|set",
    "config|rewrite",
    "wait",
    "waitaof",
    "ringtail|peer",
    "ringtail|vote",
    "script|kill",
    "function|kill",
    "ringtail|lock",
    "ringtail|trylock",
    "ringtail|ack",
    "replicaof",
    "failover",
];

/// Sent on a connection of their own: how many replies follow is another question.
const ALONE: [&str; 13] = [
    "auth",
    "client|reply",
    "monitor",
    "psubscribe",
    "punsubscribe",
    "quit",
    "ringtail|snapshot",
    "ringtail|sync",
    "reset",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "unsubscribe",
];

/// What all clients share.
struct Run {
    front: Front,
    commands: Vec<Command>,
    until: Instant,
    stop: AtomicBool,
    sent: AtomicU64,
    taken: AtomicU64,
}

#[test]
fn every_command_takes_any_arguments() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |n| n.parse().expect("a number"));
    let seconds = Duration::from_secs(number("RINGTAIL_HOSTILE_SECONDS", 8));
    let seed = number("RINGTAIL_HOSTILE_SEED", 1);
    // Bounded, so that a reply or a value that grows without end is refused before the machine is full.
    let front = Front::server(&Options::args(&["--maxmemory", "512mb"]));
    let mut conn = front.endpoint().open3();
    let mut commands = catalogue::read(&mut conn);
    commands.retain(|command| !EXCEPT.contains(&&*command.name()));
    let until = Instant::now() + seconds;
    let run =
        Run { front, commands, until, stop: false.into(), sent: AtomicU64::new(0), taken: AtomicU64::new(0) };
    // In RESP2, where nobody can have invalidations sent to it.
    let mut conn = run.front.endpoint().open();
    let before = used(&mut conn);
    let worst = send_all(&run, seed);
    let (sent, taken) = (run.sent.load(Relaxed), run.taken.load(Relaxed));
    say(&format!("{sent} requests of {} commands, {taken} taken; worst PING {worst:?}", run.commands.len()));
    assert!(taken > sent / 10, "{taken} of {sent} requests were taken");
    assert!(worst < STALL, "a PING took {worst:?}");
    nothing_is_left(&mut conn, before);
    let logged = run.front.process().output();
    assert!(!logged.contains("panic"), "{logged}");
}

/// Lets all clients send until the time is over; the longest that a bystander waited.
fn send_all(run: &Run, seed: u64) -> Duration {
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|i| scope.spawn(move || Client::new(run, seed * 1000 + i, i % 2 == 1).run()))
            .collect();
        let bystander = scope.spawn(|| bystander(run));
        let failed = clients.into_iter().filter_map(|client| client.join().err()).collect::<Vec<_>>();
        run.stop.store(true, Relaxed);
        let worst = bystander.join().expect("the bystander");
        if let Some(panic) = failed.into_iter().next() {
            std::panic::resume_unwind(panic);
        }
        worst
    })
}

#[expect(clippy::disallowed_methods, reason = "it asks now and then, and is no load itself")]
fn bystander(run: &Run) -> Duration {
    let mut conn = run.front.endpoint().open();
    let mut worst = Duration::ZERO;
    while !run.stop.load(Relaxed) {
        let asked = Instant::now();
        assert_eq!(conn.run("PING").text(), "PONG");
        worst = worst.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    worst
}

fn nothing_is_left(conn: &mut Conn, before: i64) {
    for line in ["FLUSHALL SYNC", "FUNCTION FLUSH", "SCRIPT FLUSH"] {
        assert!(conn.run(line).is_ok(), "{line}");
    }
    let mut left = 0;
    let gone = wait_for(Duration::from_secs(10), || {
        left = used(conn) - before;
        left < LEFT
    });
    assert!(gone, "{left} bytes are left");
    assert_eq!(conn.run("DBSIZE").int(), 0);
}

fn used(conn: &mut Conn) -> i64 {
    let info = conn.run("INFO memory").text();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|n| n.trim().parse().ok()).expect("used_memory")
}

/// One client and what it sent last.
struct Client<'r> {
    run: &'r Run,
    resp3: bool,
    conn: Conn,
    make: Maker,
    last: Vec<Vec<u8>>,
}

impl<'r> Client<'r> {
    fn new(run: &'r Run, seed: u64, resp3: bool) -> Self {
        let conn = open(run, resp3);
        Self { run, resp3, conn, make: Maker::new(seed), last: Vec::new() }
    }

    fn run(mut self) {
        while Instant::now() < self.run.until {
            if self.make.percent(15) {
                let fill = self.make.fill();
                self.ask(fill);
            }
            if self.make.percent(3) {
                self.dump();
            }
            let command = &self.run.commands[self.make.random.usize(..self.run.commands.len())];
            let request = self.make.request(command);
            if ALONE.contains(&&*command.name()) {
                self.alone(request);
            } else {
                self.in_step(request);
            }
        }
    }

    /// Asks, and then whether the connection is in step still.
    fn in_step(&mut self, request: Vec<Vec<u8>>) {
        let reply = self.ask(request.clone());
        self.run.sent.fetch_add(1, Relaxed);
        self.run.taken.fetch_add(u64::from(reply.error().is_none()), Relaxed);
        let token = self.make.random.u32(..).to_string().into_bytes();
        match self.ask(vec![b"ECHO".to_vec(), token.clone()]) {
            Value::Bulk(echoed) if echoed == token => {}
            // MULTI may have been among the commands.
            Value::Simple(queued) if queued == "QUEUED" => self.end_transaction(),
            other => panic!("{} was answered {reply}, and then ECHO {other}", shown(&request)),
        }
    }

    fn end_transaction(&mut self) {
        if self.make.percent(30) {
            let end = if self.make.percent(80) { "EXEC" } else { "DISCARD" };
            self.ask(vec![end.into()]);
        }
    }

    /// The next reply, past messages.
    fn ask(&mut self, request: Vec<Vec<u8>>) -> Value {
        self.conn.send(&ringtail_tests::resp::request(&request)).unwrap_or_else(|e| self.fail(&request, &e));
        let reply = loop {
            match self.conn.read() {
                Ok(Value::Push(_)) => {}
                Ok(reply) => break reply,
                Err(e) => self.fail(&request, &e),
            }
        };
        self.last = request;
        reply
    }

    fn fail(&self, request: &[Vec<u8>], error: &std::io::Error) -> ! {
        panic!("RESP3 {}: {error} at {} after {}", self.resp3, shown(request), shown(&self.last))
    }

    fn alone(&mut self, request: Vec<Vec<u8>>) {
        let mut conn = open(self.run, self.resp3);
        conn.set_patience(Duration::from_millis(20));
        conn.send(&ringtail_tests::resp::request(&request)).expect("a connection that is taken");
        // CLIENT REPLY OFF has none, QUIT ends it.
        if let Err(e) = conn.read() {
            assert!(e.kind() != std::io::ErrorKind::InvalidData, "{}: {e}", shown(&request));
        }
    }

    fn dump(&mut self) {
        let key = self.make.key();
        if let Value::Bulk(payload) = self.ask(vec![b"DUMP".to_vec(), key]) {
            self.make.dumped.truncate(30);
            self.make.dumped.insert(0, payload);
        }
    }
}

fn open(run: &Run, resp3: bool) -> Conn {
    if resp3 { run.front.endpoint().open3() } else { run.front.endpoint().open() }
}

/// A request for a message, long arguments cut.
fn shown(request: &[Vec<u8>]) -> String {
    request.iter().map(|arg| escape(&arg[..arg.len().min(60)])).collect::<Vec<_>>().join(" ")
}
