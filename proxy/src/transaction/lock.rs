//! Holding slots at a member, for what is done on several members as one.

use std::collections::BTreeSet;
use std::time::Duration;

use ringtail_protocol::errors;
use ringtail_protocol::reply::write_request;
use tokio::time::Instant;

use super::parts::Stream;
use super::watch::{said, within};
use crate::fault::{self, Fault};
use crate::limits;

/// Why nothing was run.
pub(super) enum Ended {
    /// A watched key was changed.
    Dirty,
    /// A server leads no more: the links on which nothing was answered are of no use, the others are.
    Turned,
    /// The answer to the client.
    Error(Vec<u8>),
}

pub(super) const RELEASE: &[u8] = b"*2\r\n$8\r\nRINGTAIL\r\n$7\r\nRELEASE\r\n";

const UNLOCK: &[u8] = b"*2\r\n$8\r\nRINGTAIL\r\n$6\r\nUNLOCK\r\n";

/// How long a connection may take to let its slots go before it is closed.
const RELEASE_WITHIN: Duration = Duration::from_millis(100);

/// Has the stream's member hold its slots until `until` has passed twice over, once nobody else does, and then run `requests`, so
/// many of them: their answers.
pub(super) async fn lock(
    timeout: Duration,
    until: Instant,
    stream: &mut Stream,
    requests: &[u8],
    count: usize,
) -> Result<Vec<Vec<u8>>, Ended> {
    match ask(b"LOCK", timeout, until, stream, requests, count).await? {
        (true, answers) => Ok(answers),
        (false, _) => Err(Ended::Error(fault::line(errors::INTERNAL.text()))),
    }
}

/// The same, without waiting for others: whether it holds them now. The requests are run if it does not, too.
pub(super) async fn try_lock(
    timeout: Duration,
    until: Instant,
    stream: &mut Stream,
    requests: &[u8],
    count: usize,
) -> Result<(bool, Vec<Vec<u8>>), Ended> {
    ask(b"TRYLOCK", timeout, until, stream, requests, count).await
}

async fn ask(
    how: &[u8],
    timeout: Duration,
    until: Instant,
    stream: &mut Stream,
    requests: &[u8],
    count: usize,
) -> Result<(bool, Vec<Vec<u8>>), Ended> {
    let mut bytes = Vec::with_capacity(requests.len() + 128);
    let db = stream.requests.first_db.unwrap_or(0);
    let link = &mut stream.link;
    let selects = usize::from(link.select_within(&mut bytes, db));
    lock_request(&mut bytes, how, timeout * limits::LEASE_TIMEOUTS, &stream.slots);
    bytes.extend_from_slice(requests);
    let asked = async {
        link.in_use = true;
        link.forget_db();
        link.exchange(&bytes, selects + 1 + count).await
    };
    let left = until.saturating_duration_since(Instant::now());
    let answered = within(left, asked).await;
    let mut answers = answered.map_err(|fault| match fault {
        Fault::Turned => Ended::Turned,
        fault => Ended::Error(not_sent(stream, fault, timeout)),
    })?;
    let behind = answers.split_off((selects + 1).min(answers.len()));
    if let [first, _] = &answers[..]
        && first != b"+OK\r\n"
    {
        return Err(Ended::Error(not_locked(stream, first)));
    }
    stream.link.selected(db);
    match answers.last().map(Vec::as_slice).unwrap_or_default() {
        b":1\r\n" => Ok((true, behind)),
        b":0\r\n" => Err(Ended::Dirty),
        answer if answer.starts_with(b"-LOCKED ") => Ok((false, behind)),
        answer => Err(Ended::Error(not_locked(stream, answer))),
    }
}

fn lock_request(out: &mut Vec<u8>, how: &[u8], lease: Duration, slots: &BTreeSet<u16>) {
    let (lease, numbers) = (lease.as_millis().max(1).to_string(), slots.iter().map(u16::to_string));
    let numbers: Vec<String> = numbers.collect();
    let mut words = vec![&b"RINGTAIL"[..], how, lease.as_bytes()];
    words.extend(numbers.iter().map(String::as_bytes));
    write_request(out, words.into_iter());
}

/// Lets the stream's slots go, so that they can be waited for in order. What it queued and watches stays.
pub(super) async fn unlock(timeout: Duration, stream: &mut Stream) -> Result<(), Vec<u8>> {
    let answers = within(timeout, stream.link.exchange(UNLOCK, 1)).await;
    let answers = answers.map_err(|fault| not_sent(stream, fault, timeout))?;
    match answers.first().map(Vec::as_slice).unwrap_or_default() {
        b"+OK\r\n" => {
            stream.holds = false;
            Ok(())
        }
        answer => Err(stream.member.fault(&Fault::NotRun(said(answer)))),
    }
}

/// Whatever went wrong before the commit: nothing was run anywhere.
fn not_sent(stream: &Stream, fault: Fault, timeout: Duration) -> Vec<u8> {
    let why = match fault {
        Fault::Late(_) => format!("its keys could not be locked within {} ms", timeout.as_millis()),
        Fault::Lost(why) => why,
        other => other.why(),
    };
    stream.member.fault(&Fault::NotRun(why))
}

fn not_locked(stream: &Stream, answer: &[u8]) -> Vec<u8> {
    match answer.starts_with(b"-ERR unknown command") {
        true => fault::line(
            "CROSSSLOT keys of several members need Ringtail's servers behind the proxy; \
             give the keys one {tag}, so that one member has them",
        ),
        false => stream.member.fault(&Fault::NotRun(said(answer))),
    }
}

/// Lets the slots go, where they were had: a connection that does not answer is closed, which does the same.
pub(super) async fn release(streams: &mut [Stream]) {
    for stream in streams.iter_mut().filter(|stream| stream.link.is_answered()) {
        let asked = stream.link.exchange(RELEASE, 1);
        let answers = within(RELEASE_WITHIN, asked).await;
        stream.link.in_use = !answers.is_ok_and(|answers| answers == [b"+OK\r\n".to_vec()]);
    }
}
