//! Rounds over the targets, and what comes of them.

use std::convert::Infallible;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;
use ringtail::Error;
use ringtail_net::Problem;
use ringtail_net::exit::{INTERRUPTED, RUNTIME, fail};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;

use super::feed::Schedule;
use super::plan::{Plan, Work};
use super::progress::Progress;
use super::sizes::Stock;
use super::source::{Rows, Source};
use super::summary::{Results, Round};
use super::target::Target;
use super::template::Fill;
use super::trace::{Speed, Trace};
use super::worker::{Done, Job, Live, Worker};
use super::{json, preload, table};
use crate::{PROGRAM, explain};

/// Between the word to begin and the beginning, so that all threads have heard it.
const TAKE_OFF: Duration = Duration::from_millis(2);
/// How often the line of progress changes.
const GLANCE: Duration = Duration::from_millis(250);

/// Runs the plan and prints what was measured, also if it was interrupted.
pub(super) async fn run(plan: Plan) -> ExitCode {
    let (interrupt, stop) = watch::channel(false);
    tokio::spawn(end_on_ctrl_c(interrupt));
    let progress = Progress::new();
    let mut results = Results::new(plan.targets.len());
    let outcome = rounds(&plan, &stop, &progress, &mut results).await;
    progress.end();
    results.interrupted = *stop.borrow() || outcome.is_err();
    // What was measured before a target was lost is worth as much as before Ctrl-C.
    let printed = match (results.targets.iter().all(Vec::is_empty) && outcome.is_err(), plan.show.json) {
        (true, _) => Ok(()),
        (false, true) => json::print(&plan, &results),
        (false, false) => table::print(&plan, &results),
    };
    match (outcome, printed) {
        (Err((target, Fault::Target(error))), _) => explain::end(&error, &plan.targets[target].settings),
        (Err((_, Fault::Other(problem))), _) => fail(PROGRAM, RUNTIME, &problem),
        // Who asks by the exit code must not take half a measurement for a good one.
        (Ok(()), Ok(())) if *stop.borrow() => ExitCode::from(u8::try_from(INTERRUPTED).unwrap_or(RUNTIME)),
        (Ok(()), Ok(())) if results.is_clean() => ExitCode::SUCCESS,
        _ => ExitCode::from(RUNTIME),
    }
}

/// Why there is no load.
pub(super) enum Fault {
    /// The target can't be reached.
    Target(Error),
    Other(Problem),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Target(error)
    }
}

/// Something of this machine's.
fn broken(why: &str) -> Fault {
    Fault::Other(Problem::new(format!("no thread for the load: {why}"), "free some memory or descriptors"))
}

async fn end_on_ctrl_c(interrupt: watch::Sender<bool>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if interrupt.send_replace(true) {
            std::process::exit(INTERRUPTED);
        }
    }
}

/// The fault comes with the number of its target.
async fn rounds(
    plan: &Plan,
    stop: &watch::Receiver<bool>,
    progress: &Progress,
    results: &mut Results,
) -> Result<(), (usize, Fault)> {
    if let Some(preload) = &plan.preload {
        for (number, target) in plan.targets.iter().enumerate() {
            let written = preload::run(plan, preload, target, stop, progress).await;
            written.map_err(|fault| (number, fault))?;
        }
    }
    for round in 0..plan.rounds {
        for number in turns(round, plan.targets.len()) {
            if *stop.borrow() {
                return Ok(());
            }
            let seen = one(plan, round, &plan.targets[number], stop, progress).await;
            results.add(number, seen.map_err(|fault| (number, fault))?);
        }
    }
    Ok(())
}

/// The order of the targets: every second time the other way round, so that what else the machine does hits all alike.
fn turns(round: u32, targets: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..targets).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

async fn one(
    plan: &Plan,
    round: u32,
    target: &Target,
    stop: &watch::Receiver<bool>,
    progress: &Progress,
) -> Result<Round, Fault> {
    let live = Arc::new(Live::default());
    let mut workers = Vec::new();
    for thread in 0..plan.threads {
        let job = job(plan, thread, target, &live, stop);
        let source = source(plan, round, thread);
        workers.push(Worker::start(job, source).map_err(|error| broken(&error.to_string()))?);
    }
    for worker in &mut workers {
        (&mut worker.ready).await.map_err(|_| broken("it has ended"))??;
    }
    let start = Instant::now() + TAKE_OFF;
    let mut finishing = Vec::new();
    for Worker { go, done, .. } in workers {
        let _heard = go.send(start);
        finishing.push(done);
    }
    let title = format!("round {} of {}, {}", round + 1, plan.rounds, target.name());
    let watching = glance(&title, &live, progress);
    let measuring = finish(plan, start, finishing);
    tokio::select! {
        seen = measuring => seen,
        never = watching => match never {},
    }
}

fn job(plan: &Plan, thread: u32, target: &Target, live: &Arc<Live>, stop: &watch::Receiver<bool>) -> Job {
    let schedule = match (&plan.work, plan.rate) {
        (Work::Replay { rules, .. }, _) if rules.speed != Speed::Max => Schedule::Trace,
        (_, Some(rate)) => Schedule::of_rate(rate, thread, plan.threads),
        _ => Schedule::Free,
    };
    Job {
        options: target.options().clone(),
        clients: share(u64::from(plan.clients), thread, plan.threads) as u32,
        pipeline: plan.pipeline,
        schedule,
        warmup: plan.warmup,
        duration: plan.duration,
        requests: plan.requests.map_or(u64::MAX, |requests| share(requests, thread, plan.threads)),
        patience: plan.patience,
        live: Arc::clone(live),
        stop: stop.clone(),
    }
}

/// A thread's share of so many.
fn share(whole: u64, thread: u32, threads: u32) -> u64 {
    let (thread, threads) = (u64::from(thread), u64::from(threads));
    whole / threads + u64::from(thread < whole % threads)
}

/// What makes a thread's requests: the same ones for each target.
fn source(plan: &Plan, round: u32, thread: u32) -> impl FnOnce() -> Source + Send + 'static {
    let seed = plan.seed.wrapping_add(u64::from(round) << 32).wrapping_add(u64::from(thread));
    let (sizes, threads) = (plan.sizes.clone(), plan.threads);
    let work = match &plan.work {
        Work::Mix { mix, keys } => Ok((Arc::clone(mix), *keys)),
        Work::Replay { path, rules, .. } => Err((path.clone(), *rules)),
    };
    move || {
        let (random, stock) = (Rng::with_seed(seed), Stock::new(seed));
        match work {
            Ok((mix, keys)) => Source::Drawn { mix, fill: Rc::new(Fill { keys, sizes, stock }), random },
            Err((path, rules)) => {
                let keys = super::keys::Keys::Uniform(1);
                let trace = Trace::open(&path, rules).ok();
                let trace = Box::new(Rows::new(trace, thread, threads));
                Source::Replayed { trace, fill: Rc::new(Fill { keys, sizes, stock }), random }
            }
        }
    }
}

/// Says how it goes, for ever.
async fn glance(title: &str, live: &Live, progress: &Progress) -> Infallible {
    let (mut last, mut then) = (0, Instant::now());
    loop {
        tokio::time::sleep(GLANCE).await;
        let (replies, now) = (live.replies.load(Ordering::Relaxed), Instant::now());
        let rate = (replies - last) as f64 / (now - then).as_secs_f64();
        let errors = live.errors.load(Ordering::Relaxed);
        progress.say(|| match errors {
            0 => format!("{title}: {} requests a second", table::number(rate)),
            _ => format!("{title}: {} requests a second, {errors} lost", table::number(rate)),
        });
        (last, then) = (replies, now);
    }
}

async fn finish(
    plan: &Plan,
    start: Instant,
    finishing: Vec<tokio::sync::oneshot::Receiver<Done>>,
) -> Result<Round, Fault> {
    tokio::time::sleep_until((start + plan.warmup).into()).await;
    let (before, mut round) = (cpu_time(), Round::default());
    for done in finishing {
        round.add(&done.await.map_err(|_| broken("it has ended"))?);
    }
    round.cpu = cpu_time().saturating_sub(before);
    Ok(round)
}

/// What this program has used so far, by all threads that it ever had.
fn cpu_time() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_whole() {
        for (whole, threads) in [(50, 3), (2, 4), (7, 1), (0, 2)] {
            assert_eq!((0..threads).map(|thread| share(whole, thread, threads)).sum::<u64>(), whole);
        }
        assert_eq!((share(50, 0, 3), share(50, 2, 3)), (17, 16));
    }

    #[test]
    fn every_second_round_goes_the_other_way() {
        assert_eq!((turns(0, 3), turns(1, 3), turns(2, 1)), (vec![0, 1, 2], vec![2, 1, 0], vec![0]));
    }
}
