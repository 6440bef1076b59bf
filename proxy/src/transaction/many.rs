//! A transaction over several members.
//!
//! ```text
//! for each member, by name:  RINGTAIL LOCK lease slot …, MULTI, its commands     -> 1, OK, QUEUED …
//! then, on all at once:      RINGTAIL EXEC (RELEASE where keys are only watched)  -> its answers
//! ```
//!
//! While the slots are held nobody else sees or changes their keys, so the parts are run as one. Until the first
//! RINGTAIL EXEC is sent it can be given up without a trace. After that, a member that dies, or that is reached only
//! when its lease is over, leaves it half done: that is said, and counted. A proxy that dies lets the leases free the slots.

use std::rc::Rc;
use std::time::Duration;

use ringtail_net::RateLimited;
use ringtail_protocol::errors;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::lock::{Ended, RELEASE, lock, release};
use super::one::MULTI;
use super::parts::{Parts, Stream, elements};
use super::watch::{said, within};
use crate::fault;
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
    let until = Instant::now() + worker.timeout();
    for at in 0..parts.streams.len() {
        if let Err(ended) = prepare(worker.timeout(), until, &mut parts.streams[at]).await {
            release(&mut parts.streams[..=at]).await;
            return match ended {
                Ended::Dirty => Ok(None),
                Ended::Error(error) => Err(error),
            };
        }
    }
    let (streams, outcomes) = commit(std::mem::take(&mut parts.streams), worker.timeout()).await;
    parts.streams = streams;
    Counters::add(&worker.counters.transactions_across, 1);
    conclude(worker, &parts, outcomes).map(Some)
}

/// Locks the stream's slots, and has its commands queued there.
async fn prepare(timeout: Duration, until: Instant, stream: &mut Stream) -> Result<(), Ended> {
    let requests = [MULTI, &stream.requests.bytes].concat();
    let answers = lock(timeout, until, stream, &requests, stream.requests.count + 1).await?;
    match answers.iter().find(|answer| answer.starts_with(b"-")) {
        None => Ok(()),
        Some(error) => Err(Ended::Error(fault::line(&format!(
            "EXECABORT Transaction discarded because of: {}",
            said(error)
        )))),
    }
}

pub(super) const EXEC: &[u8] = b"*2\r\n$8\r\nRINGTAIL\r\n$4\r\nEXEC\r\n";

/// Has all run their parts, at once.
async fn commit(streams: Vec<Stream>, timeout: Duration) -> (Vec<Stream>, Vec<Outcome>) {
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            spawn_local(async move {
                let outcome = commit_one(&mut stream, timeout).await;
                (stream, outcome)
            })
        })
        .collect();
    let mut done = (Vec::new(), Vec::new());
    for task in tasks {
        if let Ok((stream, outcome)) = task.await {
            done.0.push(stream);
            done.1.push(outcome);
        }
    }
    done
}

async fn commit_one(stream: &mut Stream, timeout: Duration) -> Outcome {
    let has_part = stream.requests.count > 0;
    let asked = stream.link.exchange(if has_part { EXEC } else { RELEASE }, 1);
    let answers = match within(timeout, asked).await {
        Ok(answers) => answers,
        Err(fault) => return Outcome::Unknown(fault.why()),
    };
    stream.link.in_use = false;
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
    let labels: Vec<&str> = parts.streams.iter().map(|stream| &*stream.member.label).collect();
    let (mut ran, mut others, mut answers, mut unknown) = (Vec::new(), Vec::new(), Vec::new(), false);
    for (label, outcome) in labels.iter().zip(outcomes) {
        match outcome {
            Outcome::Ran(elements) => {
                ran.push(*label);
                answers.push(elements);
            }
            Outcome::NotRun(why) => others.push((*label, why)),
            Outcome::Unknown(why) => {
                unknown = true;
                others.push((*label, why));
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
