use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, advance};

use super::{Breaker, State};
use crate::limits;

const TIMEOUT: Duration = Duration::from_millis(500);

/// A breaker that runs in paused time, a member that answers probes while `up`, and the states so far.
struct Bench {
    breaker: Rc<Breaker>,
    up: Rc<Cell<bool>>,
    probes: Rc<Cell<u32>>,
    states: Rc<RefCell<Vec<State>>>,
}

impl Bench {
    fn start() -> Self {
        let bench =
            Self { breaker: Rc::default(), up: Rc::default(), probes: Rc::default(), states: Rc::default() };
        let (breaker, up) = (Rc::clone(&bench.breaker), Rc::clone(&bench.up));
        let (probes, states) = (Rc::clone(&bench.probes), Rc::clone(&bench.states));
        spawn_local(async move {
            let probe = async || {
                probes.set(probes.get() + 1);
                up.get()
            };
            breaker.run(|| true, probe, |state| states.borrow_mut().push(state)).await;
        });
        bench
    }

    fn fail(&self) {
        self.breaker.failed(Instant::now(), || "gone".to_owned());
    }

    fn answer(&self) {
        self.breaker.answered(Instant::now());
    }

    /// Lets time pass, and the breaker run at each millisecond of it.
    async fn wait(&self, time: Duration) {
        for _ in 0..time.as_millis() {
            advance(Duration::from_millis(1)).await;
            yield_now().await;
        }
    }

    fn state(&self) -> State {
        *self.states.borrow().last().unwrap()
    }
}

fn in_paused_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&runtime.unwrap(), test);
}

#[test]
fn opens_after_failures_in_a_row_and_closes_by_a_probe() {
    in_paused_time(async {
        let bench = Bench::start();
        for _ in 1..limits::BREAKER_FAILURES {
            bench.wait(limits::BREAKER_APART).await;
            bench.fail();
        }
        assert!(!bench.breaker.refuses());
        bench.wait(limits::BREAKER_APART).await;
        bench.fail();
        assert!(bench.breaker.refuses(), "refuses at once, not when its task comes round to it");
        assert_eq!(*bench.breaker.why(), *"gone");
        bench.wait(limits::PROBE_MOST * 3).await;
        assert!(bench.breaker.refuses() && bench.probes.get() >= 3, "{} probes", bench.probes.get());
        bench.up.set(true);
        bench.wait(limits::PROBE_MOST + Duration::from_millis(2)).await;
        assert!(!bench.breaker.refuses());
        let states = bench.states.borrow();
        assert_eq!(states[..4], [State::Closed, State::Open, State::Probation, State::Open]);
        assert_eq!(states[states.len() - 2..], [State::Probation, State::Closed]);
    });
}

#[test]
fn an_answer_in_between_makes_failures_count_anew() {
    in_paused_time(async {
        let bench = Bench::start();
        for _ in 0..limits::BREAKER_FAILURES * 3 {
            bench.wait(limits::BREAKER_APART).await;
            bench.fail();
            bench.answer();
        }
        assert_eq!((bench.breaker.refuses(), bench.probes.get()), (false, 0));
    });
}

/// All lanes of a member break together when somebody kills its clients: that is no reason to give it up.
#[test]
fn what_fails_together_counts_once() {
    in_paused_time(async {
        let bench = Bench::start();
        bench.wait(Duration::from_millis(1)).await;
        (0..limits::BREAKER_FAILURES * 3).for_each(|_| bench.fail());
        assert!(!bench.breaker.refuses());
    });
}

#[test]
fn silence_for_a_whole_deadline_opens_it_and_one_slow_request_among_others_does_not() {
    in_paused_time(async {
        let bench = Bench::start();
        let late = || bench.breaker.late(Instant::now(), TIMEOUT, || "late".to_owned());
        bench.answer();
        bench.wait(TIMEOUT / 2).await;
        late();
        assert!(!bench.breaker.refuses());
        bench.wait(TIMEOUT).await;
        late();
        assert!(bench.breaker.refuses());
    });
}

/// A member that answers probes and nothing else is not trusted twice: it is refused at its next failure, and probed less often.
#[test]
fn one_failure_after_a_probe_opens_it_again() {
    in_paused_time(async {
        let bench = Bench::start();
        bench.up.set(true);
        bench.breaker.late(Instant::now(), TIMEOUT, || "late".to_owned());
        bench.wait(Duration::from_millis(2)).await;
        assert_eq!(
            (bench.state(), bench.probes.get()),
            (State::Closed, 1),
            "the first probe goes out at once"
        );
        bench.wait(limits::BREAKER_APART).await;
        bench.fail();
        bench.wait(limits::PROBE_FIRST / 2).await;
        assert_eq!((bench.state(), bench.probes.get()), (State::Open, 1));
        bench.wait(limits::PROBE_FIRST).await;
        assert_eq!((bench.state(), bench.probes.get()), (State::Closed, 2));
        bench.answer();
        bench.wait(limits::BREAKER_APART).await;
        bench.fail();
        assert!(!bench.breaker.refuses(), "an answer earns the trust back");
    });
}
