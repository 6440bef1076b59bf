//! Models of what threads share: the real code, run by shuttle in many orders of its threads. A model fails when an order breaks what
//! it asserts, and when all threads wait: so a wake that is lost is found, too.
//!
//! `make models` runs them, and so does `make test`. A failure prints its schedule, with which `shuttle::replay` runs it again.

mod blocking;
mod holds;
mod hub;
mod locks;
mod outbox;

use crate::command::testing::Harness;
use crate::server::Server;
use crate::session::Client;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

/// Changes of the thread at which PCT aims.
const DEPTH: usize = 3;

/// Runs the model in so many orders: half of them random ones, half with few changes of the thread (PCT).
fn check(name: &str, orders: usize, model: fn()) {
    let start = Instant::now();
    let random = run(RandomScheduler::new_from_seed(0x7269_6e67, orders / 2), model);
    let pct = run(PctScheduler::new_from_seed(0x7461_696c, DEPTH, orders / 2), model);
    #[expect(clippy::print_stdout, reason = "how much was tried")]
    {
        println!("{name}: {random} random orders and {pct} with {DEPTH} changes, {:.1?}", start.elapsed());
    }
    assert_eq!(random + pct, orders);
}

fn run(scheduler: impl Scheduler + 'static, model: fn()) -> usize {
    let mut config = Config::default();
    // Commands run deep in debug builds.
    config.stack_size = 512 << 10;
    Runner::new(scheduler, config).run(model)
}

fn server() -> Arc<Server> {
    Harness::new().server
}

/// Waits like a connection's task: looks when it is woken.
fn wait_until(client: &Arc<Client>, mut ready: impl FnMut() -> bool) {
    block_on(poll_fn(|cx| {
        client.set_task(cx.waker());
        if ready() { Poll::Ready(()) } else { Poll::Pending }
    }));
}
