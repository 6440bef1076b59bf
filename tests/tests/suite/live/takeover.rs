//! A new process takes the place of an old one, and of those who connect all the while nobody is refused.

use super::{Program, SOON, plain};
use ringtail_tests::harness::{Process, Signal, wait_for};
use ringtail_tests::resp::{Endpoint, Value};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

const CLIENTS: usize = 4;

/// Clients that connect, ask, and leave, again and again.
#[derive(Default)]
struct Callers {
    served: AtomicU64,
    done: AtomicBool,
    failed: Mutex<Vec<String>>,
}

impl Callers {
    fn call(&self, endpoint: &Endpoint) {
        while !self.done.load(Relaxed) {
            match endpoint.connect().and_then(|mut conn| conn.try_call(&["PING"])) {
                Ok(Value::Simple(reply)) if reply == "PONG" => drop(self.served.fetch_add(1, Relaxed)),
                Ok(reply) => self.failed.lock().expect("no panic").push(reply.to_string()),
                Err(error) => self.failed.lock().expect("no panic").push(error.to_string()),
            }
        }
    }

    /// Waits until a good many more were served.
    fn go_on(&self) {
        let until = self.served.load(Relaxed) + 200;
        assert!(wait_for(SOON, || self.served.load(Relaxed) >= until), "nobody is served");
    }
}

/// Has clients call while `act` replaces the process.
fn without_a_refusal(name: &str, endpoint: &Endpoint, act: impl FnOnce(&Callers)) {
    let callers = Callers::default();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| callers.call(endpoint));
        }
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(&callers)));
        callers.done.store(true, Relaxed);
        if let Err(panic) = acted {
            std::panic::resume_unwind(panic);
        }
    });
    let failed = callers.failed.into_inner().expect("no panic");
    assert!(failed.is_empty(), "{name}: of {} calls failed: {failed:?}", callers.served.into_inner());
}

fn end(mut process: Process) {
    process.signal(Signal::Terminate);
    assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
}

#[test]
fn by_the_same_port() {
    for program in Program::both() {
        let endpoint = plain();
        let mut process = program.start(&endpoint, &["--reuse-port"]);
        without_a_refusal(program.name, &endpoint, |callers| {
            for _ in 0..3 {
                callers.go_on();
                // It answers: all new connections are its own from now on.
                let new = program.start(&endpoint, &["--reuse-port"]);
                callers.go_on();
                end(std::mem::replace(&mut process, new));
            }
            callers.go_on();
        });
    }
}

#[test]
fn by_a_socket_that_is_passed() {
    for program in Program::both() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let endpoint = Endpoint::plain(listener.local_addr().expect("its address").port());
        let start = || {
            let socket = OwnedFd::from(listener.try_clone().expect("a descriptor"));
            program.run(&mut program.command(&["--listen-fd", "0"]), Stdio::from(socket), &endpoint)
        };
        let mut process = Some(start());
        without_a_refusal(program.name, &endpoint, |callers| {
            for _ in 0..2 {
                callers.go_on();
                // Nobody accepts in between; who connects waits.
                process.take().into_iter().for_each(end);
                process = Some(start());
            }
            callers.go_on();
        });
    }
}
