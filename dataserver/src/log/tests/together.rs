//! Threads that change the same keys: the log has one order of what they did, and it is the right one.

use super::super::testing::Mirror;
use crate::command::testing::{Harness, START};
use crate::execute::Executor;
use crate::server::Server;
use crate::session::Wait;
use crate::sweep::Sweep;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

const THREADS: usize = 4;
const REQUESTS: usize = 3000;

/// Each has `#`, for which a number stands that differs from one request to the next.
const LINES: [&str; 30] = [
    "SET a #",
    "SET b # PX 3",
    "INCR n",
    "APPEND b x",
    "RPUSH l #",
    "LPUSH m # #",
    "LMOVE l m LEFT RIGHT",
    "RPOPLPUSH m l",
    "LMPOP 2 l m RIGHT COUNT 2",
    "SADD s #",
    "SADD t 1 2 3 4",
    "SPOP s 2",
    "SMOVE t s 3",
    "SUNIONSTORE u s t",
    "ZADD z # m#",
    "ZPOPMIN z 3",
    "HSET h f# #",
    "HPEXPIRE h 3 FIELDS 1 f#",
    "HGETALL h",
    "HDEL h f#",
    "XADD x MAXLEN ~ 20 * f #",
    "XGROUP CREATE x g 0 MKSTREAM",
    "XREADGROUP GROUP g c# COUNT 2 STREAMS x >",
    "RENAME a b",
    "COPY b c DB 1 REPLACE",
    "MOVE c 1",
    "FLUSHDB",
    "SWAPDB 0 1",
    "MULTI",
    "EXEC",
];

fn client(server: &Arc<Server>, worker: usize) -> Harness {
    let mut client = Harness::of(Arc::clone(server));
    client.executor = Executor::new(Arc::clone(server), worker);
    client
}

fn work(client: &mut Harness, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for i in 0..REQUESTS as u64 {
        if client.session.is_parked() {
            // Kept back while a script ran: it is not tried again.
            client.session.wait = Wait::No;
        }
        // Clocks of threads differ by a little.
        client.now = START + i / 20 + random.u64(..3);
        let line = match random.usize(..100) {
            // Seldom, so that something is there.
            0 => "FLUSHALL",
            1 => "FUNCTION FLUSH",
            2 => {
                Sweep::new(0, 1).run(&client.server, client.now, || true);
                continue;
            }
            3..6 => {
                let script = b"redis.call('SET', 'other', ARGV[1]) return redis.call('LPUSH', KEYS[1], 'x')";
                client.run_args(&[b"EVAL", script, b"1", b"l", b"v"]);
                continue;
            }
            6..9 => {
                let code =
                    format!("#!lua name=lib{}\nredis.register_function('f{0}', print)", random.u8(..3));
                client.run_args(&[b"FUNCTION", b"LOAD", b"REPLACE", code.as_bytes()]);
                continue;
            }
            _ => LINES[random.usize(..LINES.len())],
        };
        client.run(&line.replace('#', &random.u8(..30).to_string()));
    }
    client.run("EXEC");
}

#[test]
fn what_threads_did_at_once_is_done_again_in_the_same_order() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::new(address, THREADS, ringtail_net::Shutdown::new());
    let mut mirror = Mirror::of(&server);
    for round in 0..10 {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let server = &server;
                scope.spawn(move || work(&mut client(server, thread), (round * THREADS + thread) as u64));
            }
        });
        mirror.follow();
        assert_eq!(mirror.differences(), "", "round {round}");
        assert_eq!(mirror.differences_after_restart(), "", "round {round}");
    }
}
