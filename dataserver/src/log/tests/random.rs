//! Random commands at a server, and the same state at one that does what its log says.

use super::super::testing::Mirror;
use super::lines;
use crate::command::testing::{Harness, START};
use crate::exercise::Source;
use crate::exercise::commands::{fill, request_of, send, shown};
use crate::store::evict::Evictor;
use crate::store::memory::Policy;
use crate::sweep::Sweep;
use ringtail_protocol::command::{COMMANDS, Command, CommandId, Flags};
use ringtail_protocol::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The first of them; each is found again by its number.
const SEQUENCES: std::ops::Range<u64> = 0..300;
const STEPS: usize = 200;
const CLIENTS: usize = 3;

/// Settings that decide what form values have in memory.
const SETTINGS: [(&str, [&str; 3]); 9] = [
    ("hash-max-listpack-entries", ["0", "3", "128"]),
    ("hash-max-listpack-value", ["1", "3", "64"]),
    ("hll-sparse-max-bytes", ["0", "30", "3000"]),
    ("list-max-listpack-size", ["1", "3", "-2"]),
    ("set-max-intset-entries", ["0", "3", "512"]),
    ("set-max-listpack-entries", ["0", "3", "128"]),
    ("stream-node-max-bytes", ["20", "100", "4096"]),
    ("stream-node-max-entries", ["1", "3", "100"]),
    ("zset-max-listpack-entries", ["0", "3", "128"]),
];

/// What changes something, and what decides where and together with what.
fn is_of_interest(command: &Command) -> bool {
    use CommandId as C;
    let others = [
        C::Eval,
        C::Exec,
        C::Exists,
        C::Hgetall,
        C::Multi,
        C::Pfcount,
        C::Select,
        C::Smembers,
        C::Ttl,
        C::Watch,
    ];
    command.flags.contains(Flags::WRITE) || others.contains(&command.executes())
}

/// A server with clients, each of a thread whose clock is its own, and another one that follows.
struct Run {
    clients: Vec<Harness>,
    mirror: Mirror,
    now: u64,
    /// What was done since the last comparison.
    done: Vec<String>,
}

impl Run {
    fn new(source: &mut Source<'_>) -> Self {
        let first = Harness::new();
        let server = Arc::clone(&first.server);
        let mut mirror = Mirror::of(&server);
        let mut clients = vec![first];
        clients.extend((1..CLIENTS).map(|_| Harness::of(Arc::clone(&server))));
        for (name, values) in SETTINGS {
            clients[0].run(&format!("CONFIG SET {name} {}", source.one_of(&values)));
            mirror.second.run(&format!("CONFIG SET {name} {}", source.one_of(&values)));
        }
        if source.often(60) {
            clients[0].run("CONFIG SET default-ttl 1");
        }
        mirror.second.server.store.set_keeps(source.often(128));
        Self { clients, mirror, now: START, done: Vec::new() }
    }

    fn step(&mut self, commands: &[&Command], source: &mut Source<'_>) {
        self.now += u64::from(source.byte() / 20);
        match source.byte() {
            0..6 => self.sweep(),
            6..9 => self.evict(source),
            9..12 => self.now += 1000,
            12..40 => {
                let args = fill(source);
                self.send(&args, source);
            }
            40..50 => self.restore(source),
            50..200 => {
                let some = if source.often(60) { lines::CHAINS } else { &lines::LINES[..] };
                let line = source.one_of(some);
                let line = lines::filled(line, |end| source.below(end));
                let args: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
                self.send(&args, source);
            }
            _ => {
                let args = request_of(commands[source.below(commands.len())], source);
                self.send(&args, source);
            }
        }
    }

    fn send(&mut self, args: &[Vec<u8>], source: &mut Source<'_>) {
        let now = self.now - u64::from(source.byte() / 100);
        let client = &mut self.clients[source.below(CLIENTS)];
        client.now = now;
        client.served();
        if client.session.stops() && source.often(128) {
            // It has waited long enough, or has quit.
            client.executor.leave(&mut client.session, now);
            *client = Harness { now, ..Harness::of(Arc::clone(&client.server)) };
        }
        if !client.session.stops() {
            self.done.push(format!("{now} {}", shown(args)));
            send(client, args);
        }
    }

    /// What is under one key, put under another one.
    fn restore(&mut self, source: &mut Source<'_>) {
        let from = source.one_of(&["l1", "h1", "h2", "S1", "z1", "x1", "x2", "s1"]);
        let client = &mut self.clients[0];
        client.now = self.now;
        if client.session.stops() || client.session.transaction.is_some() {
            return;
        }
        let replies = client.replies(format!("DUMP {from}\r\n").into_bytes());
        if let Some(payload) = replies.first().and_then(Value::as_bytes) {
            let (to, time) = (source.one_of(&["h1", "l2", "x2", "new"]), source.one_of(&["0", "30"]));
            let words = [&b"RESTORE"[..], to.as_bytes(), time.as_bytes(), payload, b"REPLACE"];
            self.send(&words.map(<[u8]>::to_vec), source);
        }
    }

    fn sweep(&mut self) {
        self.done.push(format!("{} sweep", self.now));
        Sweep::new(0, 1).run(&self.clients[0].server, self.now, || true);
    }

    /// Some keys go to make room.
    fn evict(&mut self, source: &mut Source<'_>) {
        self.done.push(format!("{} evict", self.now));
        let store = &self.clients[0].server.store;
        let policies = [Policy::AllKeysRandom, Policy::AllKeysLru, Policy::VolatileTtl];
        store.memory.set_policy(source.one_of(&policies));
        store.memory.publish_all();
        store.memory.set_limit(store.memory.used().saturating_sub(300).max(1));
        let _ = Evictor::default().make_room(store, self.now);
        store.memory.set_limit(0);
    }

    /// What clients read at the other one, whose clock may run ahead, changes nothing there.
    fn read(&mut self, source: &mut Source<'_>) {
        let second = &mut self.mirror.second;
        if !second.server.store.keeps() {
            return;
        }
        second.now = self.now + u64::from(source.byte()) * 8;
        let commands: Vec<&Command> =
            COMMANDS.iter().filter(|command| command.flags.contains(Flags::READONLY)).collect();
        for _ in 0..20 {
            let args = request_of(commands[source.below(commands.len())], source);
            second.served();
            if !second.session.stops() {
                self.done.push(format!("read: {}", shown(&args)));
                send(second, &args);
            }
        }
    }

    /// The log up to here says all.
    fn compare(&mut self, seed: u64, seen: &mut BTreeSet<String>) {
        let told = self.mirror.follow();
        let names = told.iter().flatten().filter_map(|(words, _)| words.split(' ').next());
        seen.extend(names.map(str::to_uppercase));
        let differences = self.mirror.differences();
        assert!(
            differences.is_empty(),
            "sequence {seed}:\n{differences}after\n{}\nlogged: {told:#?}",
            self.done.join("\n")
        );
        self.done.clear();
    }
}

/// Runs a sequence; the names of the effects that were logged go into `seen`.
fn run(seed: u64, seen: &mut BTreeSet<String>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let data: Vec<u8> = (0..STEPS * 60).map(|_| random.u8(..)).collect();
    let mut source = Source(&data);
    let commands: Vec<&Command> = COMMANDS.iter().filter(|command| is_of_interest(command)).collect();
    let mut run = Run::new(&mut source);
    for _ in 0..STEPS {
        run.step(&commands, &mut source);
        if source.often(30) {
            run.compare(seed, seen);
            run.read(&mut source);
        }
    }
    for i in 0..CLIENTS {
        let client = &mut run.clients[i];
        client.executor.leave(&mut client.session, run.now);
    }
    run.compare(seed, seen);
    assert_eq!(run.mirror.differences_after_restart(), "", "sequence {seed}, after a restart");
}

#[test]
fn a_server_that_does_what_the_log_says_has_the_same() {
    let mut seen = BTreeSet::new();
    SEQUENCES.for_each(|seed| run(seed, &mut seen));
    // Of no use where nothing happens.
    let expected = "APPEND BITFIELD DEL EXPIREFIELDS FLUSHALL FLUSHDB FUNCTION GEOADD HDEL HGETDEL HINCRBY \
        HINCRBYFLOAT HMSET HPERSIST HPEXPIREAT HSET HSETEX HSETNX LINSERT LMOVE LPOP LPUSH LPUSHX LREM LSET LTRIM PERSIST \
        PEXPIREAT PFADD RESTORE RPOP RPUSH RPUSHX SADD SET SETBIT SETRANGE SREM SWAPDB XACK XADD XCLAIM XDEL XGROUP \
        XREADGROUP XSETID XTRIM ZADD ZINCRBY ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYRANK";
    let missing: Vec<&str> = expected.split_whitespace().filter(|name| !seen.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
#[ignore = "minutes"]
fn so_it_has_after_many_more_sequences() {
    let mut seen = BTreeSet::new();
    (SEQUENCES.end..SEQUENCES.end * 50).for_each(|seed| run(seed, &mut seen));
}
