//! A transaction over several members.
//!
//! ```text
//! on all at once:          RINGTAIL TRYLOCK lease slot …, MULTI, its commands    -> 1, OK, QUEUED …
//! if one was LOCKED:       RINGTAIL UNLOCK at those behind it, then RINGTAIL LOCK at each of them, one after the other
//! then, on all at once:    RINGTAIL EXEC (RELEASE where keys are only watched)   -> its answers
//! ```
//!
//! Only LOCK waits for others, and who waits at a member holds slots of those before it alone, by name: so no two wait for
//! each other. While the slots are held nobody else sees or changes their keys, so the parts are run as one. Until the first
//! RINGTAIL EXEC is sent it can be given up without a trace. After that, a member that dies, or that is reached only
//! when its lease is over, leaves it half done: that is said, and counted. A proxy that dies lets the leases free the slots.

use std::rc::Rc;
use std::time::Duration;

use ringtail_net::RateLimited;
use ringtail_protocol::errors;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::lock::{Ended, RELEASE, lock, release, try_lock, unlock};
use super::one::MULTI;
use super::parts::{Parts, Stream, elements};
use super::watch::{said, within};
use crate::fault::{self, Fault};
use crate::member::until_led;
use crate::shared::Counters;
use crate::worker::Worker;

/// How a member's part ended.
enum Outcome {
    /// Run, with these answers.
    Ran(Vec<Vec<u8>>),
    /// Not run, for this reason.
    NotRun(String),
    /// Nobody knows, for this reason.
    Unknown(String),
}

/// The answer; `None` if a watched key was changed.
pub(super) async fn run(worker: &Rc<Worker>, mut parts: Parts) -> Result<Option<Vec<u8>>, Vec<u8>> {
    let timeout = worker.timeout();
    match until_led(timeout, async || hold_or_release(&mut parts, timeout).await).await {
        Ok(Ok(())) => {}
        Ok(Err(Ended::Error(error))) => return Err(error),
        Ok(Err(Ended::Dirty | Ended::Turned)) => return Ok(None),
        Err(fault) => return Err(fault::line(&format!("EXECABORT a member {}", fault.why()))),
    }
    let (streams, outcomes) =
        on_all(std::mem::take(&mut parts.streams), async move |stream| commit(stream, timeout).await).await;
    parts.streams = streams;
    Counters::add(&worker.counters.transactions_across, 1);
    conclude(worker, &parts, outcomes).map(Some)
}

/// Has all members hold their slots, or none. A fault is one after which it may be tried again.
async fn hold_or_release(parts: &mut Parts, timeout: Duration) -> Result<Result<(), Ended>, Fault> {
    let Err(ended) = hold(&mut parts.streams, timeout).await else { return Ok(Ok(())) };
    release(&mut parts.streams).await;
    // Of what is watched nobody knows whether it was changed at the server that leads now.
    if !matches!(ended, Ended::Turned) || parts.streams.iter().any(|stream| stream.is_watched) {
        return Ok(Err(ended));
    }
    for stream in parts.streams.iter_mut().filter(|stream| !stream.link.owes_nothing()) {
        stream.renew(parts.resp).await?;
    }
    Err(Fault::Turned)
}

/// Does the same on all streams at once.
async fn on_all<T: 'static>(
    streams: Vec<Stream>,
    work: impl AsyncFn(&mut Stream) -> T + Clone + 'static,
) -> (Vec<Stream>, Vec<T>) {
    let begin = |mut stream: Stream| {
        let work = work.clone();
        spawn_local(async move {
            let done = work(&mut stream).await;
            (stream, done)
        })
    };
    let tasks: Vec<_> = streams.into_iter().map(begin).collect();
    let mut all = (Vec::new(), Vec::new());
    for task in tasks {
        if let Ok((stream, done)) = task.await {
            all.0.push(stream);
            all.1.push(done);
        }
    }
    all
}

/// Has all members hold their slots, and queue their commands.
async fn hold(streams: &mut Vec<Stream>, timeout: Duration) -> Result<(), Ended> {
    let (count, until) = (streams.len(), Instant::now() + timeout);
    let (back, wishes) = on_all(std::mem::take(streams), async move |stream| {
        let requests = [MULTI, &stream.requests.bytes].concat();
        let count = stream.requests.count + 1;
        try_lock(timeout, until, stream, &requests, count).await
    })
    .await;
    *streams = back;
    if wishes.len() < count {
        return Err(Ended::Error(fault::line(errors::INTERNAL.text())));
    }
    for (stream, wish) in streams.iter_mut().zip(wishes) {
        let (holds, answers) = wish?;
        stream.holds = holds;
        queued(&answers)?;
    }
    match streams.iter().position(|stream| !stream.holds) {
        Some(first) => wait_in_order(&mut streams[first..], until, timeout).await,
        None => Ok(()),
    }
}

fn queued(answers: &[Vec<u8>]) -> Result<(), Ended> {
    match answers.iter().find(|answer| answer.starts_with(b"-")) {
        None => Ok(()),
        Some(error) => Err(Ended::Error(fault::line(&format!(
            "EXECABORT Transaction discarded because of: {}",
            said(error)
        )))),
    }
}

/// Holds these slots, of which the first ones are another's, by waiting for them.
async fn wait_in_order(streams: &mut [Stream], until: Instant, timeout: Duration) -> Result<(), Ended> {
    for stream in streams.iter_mut().filter(|stream| stream.holds) {
        unlock(timeout, stream).await.map_err(Ended::Error)?;
    }
    for stream in streams {
        lock(timeout, until, stream, &[], 0).await?;
    }
    Ok(())
}

pub(super) const EXEC: &[u8] = b"*2\r\n$8\r\nRINGTAIL\r\n$4\r\nEXEC\r\n";

async fn commit(stream: &mut Stream, timeout: Duration) -> Outcome {
    let has_part = stream.requests.count > 0;
    let asked = stream.link.exchange(if has_part { EXEC } else { RELEASE }, 1);
    let answers = match within(timeout, asked).await {
        Ok(answers) => answers,
        Err(fault @ Fault::Turned) => return Outcome::NotRun(fault.why()),
        Err(fault) => return Outcome::Unknown(fault.why()),
    };
    stream.link.in_use = false;
    if stream.requests.first_db.unwrap_or(0) != stream.requests.db {
        stream.link.forget_db();
    }
    let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
    match (has_part, elements(answer)) {
        (true, Some(elements)) => Outcome::Ran(elements),
        (false, _) if answer == b"+OK\r\n" => Outcome::Ran(Vec::new()),
        _ if answer.starts_with(b"-") => Outcome::NotRun(said(answer)),
        _ => Outcome::Unknown(format!("it answered {}", said(answer))),
    }
}

/// One answer of all outcomes.
fn conclude(worker: &Worker, parts: &Parts, outcomes: Vec<Outcome>) -> Result<Vec<u8>, Vec<u8>> {
    let labels: Vec<String> = parts.streams.iter().map(|stream| stream.member.label()).collect();
    let (mut ran, mut others, mut answers, mut unknown) = (Vec::new(), Vec::new(), Vec::new(), false);
    for (label, outcome) in labels.iter().map(String::as_str).zip(outcomes) {
        match outcome {
            Outcome::Ran(elements) => {
                ran.push(label);
                answers.push(elements);
            }
            Outcome::NotRun(why) => others.push((label, why)),
            Outcome::Unknown(why) => {
                unknown = true;
                others.push((label, why));
            }
        }
    }
    if others.is_empty() {
        return parts.assemble(&answers).ok_or_else(|| fault::line(errors::INTERNAL.text()));
    }
    if ran.is_empty() && !unknown {
        let (label, why) = &others[0];
        return Err(fault::line(&format!("EXECABORT member {label}: {why}; no member ran its part")));
    }
    Err(report(worker, &ran, &others))
}

/// Says, counts and logs that something is half done.
pub(super) fn report<S: AsRef<str>>(worker: &Worker, ran: &[S], others: &[(S, String)]) -> Vec<u8> {
    static PARTIAL: RateLimited = RateLimited::new();
    Counters::add(&worker.counters.transactions_partial, 1);
    let error = fault::partial(ran, others);
    PARTIAL.log(|suppressed| {
        let text = String::from_utf8_lossy(&error);
        tracing::error!(suppressed, "a transaction is half done: {}", text.trim_end());
    });
    error
}
