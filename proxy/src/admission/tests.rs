//! Who finds a place, and who goes first.

use std::rc::Rc;

use tokio::task::{JoinSet, yield_now};

use super::*;
use crate::testing::{Fake, Proxy, echoing, on_a_worker};

async fn proxy() -> (Proxy, Fake) {
    let member = Fake::start(echoing()).await;
    (Proxy::start(&[&member], Duration::from_secs(5)).await, member)
}

#[test]
fn an_address_has_so_many_places_and_all_have_so_many() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (worker, live) = (&proxy.worker, &proxy.worker.shared.settings.live);
        live.max_clients_per_addr.store(2, Relaxed);
        let of = |ip: [u8; 4]| place(worker, 1, ip.into());
        let (first, _second) = (of([10, 0, 0, 1]).ok().unwrap(), of([10, 0, 0, 1]).ok().unwrap());
        let refusal = of([10, 0, 0, 1]).err().unwrap();
        assert_eq!(refusal.error.text(), "ERR max number of clients of this address reached");
        let mapped = place(worker, 1, "::ffff:10.0.0.1".parse().unwrap());
        assert!(mapped.is_err(), "it is the same address");
        assert!(of([10, 0, 0, 2]).is_ok());
        drop(first);
        assert!(of([10, 0, 0, 1]).is_ok());
        live.max_clients.store(5, Relaxed);
        assert!(place(worker, 5, [10, 0, 0, 3].into()).is_ok());
        let refusal = place(worker, 6, [10, 0, 0, 3].into()).err().unwrap();
        assert_eq!(refusal.error, errors::MAX_CLIENTS);
        let totals = worker.shared.totals();
        assert_eq!((totals.rejected, totals.rejected_per_addr), (1, 2));
    });
}

#[test]
fn handshakes_take_few_steps_between_what_established_clients_sent() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let (steps, mut tasks) = (Rc::new(Cell::new(0)), JoinSet::new());
        for _ in 0..100 {
            let (worker, steps) = (Rc::clone(&proxy.worker), Rc::clone(&steps));
            tasks.spawn_local(async move {
                poll_fn(|cx| match worker.door.admits(&worker.turn, cx) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                })
                .await;
                steps.set(steps.get() + 1);
            });
        }
        // An established client's task, which has something to do all the time.
        let seen = Rc::clone(&steps);
        tasks.spawn_local(async move {
            let mut before = 0;
            while seen.get() < 100 {
                yield_now().await;
                // One look for events is at most the end of one turn and the begin of the next.
                assert!(seen.get() - before <= 2 * limits::HANDSHAKE_STEPS, "{before} -> {}", seen.get());
                before = seen.get();
            }
        });
        tasks.join_all().await;
    });
}

#[test]
fn one_that_gives_up_waiting_holds_up_nobody() {
    on_a_worker(async {
        let (proxy, _member) = proxy().await;
        let worker = Rc::clone(&proxy.worker);
        let cx = Context::from_waker(Waker::noop());
        // Those whose turn it would be are gone: nobody answers their wakers.
        let admitted = (0..10).filter(|_| worker.door.admits(&worker.turn, &cx)).count();
        assert_eq!(admitted, limits::HANDSHAKE_STEPS);
        poll_fn(|cx| match worker.door.admits(&worker.turn, cx) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    });
}
