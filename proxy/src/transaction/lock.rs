//! Holding slots at a member, for what is done on several members as one.

use std::time::Duration;

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
    /// The answer to the client.
    Error(Vec<u8>),
}

pub(super) const RELEASE: &[u8] = b"*2\r\n$8\r\nRINGTAIL\r\n$7\r\nRELEASE\r\n";

/// How long a connection may take to let its slots go before it is closed.
const RELEASE_WITHIN: Duration = Duration::from_millis(100);

/// Has the stream's member hold its slots until `until` has passed twice over, and then run `requests`, so many of
/// them: their answers.
pub(super) async fn lock(
    timeout: Duration,
    until: Instant,
    stream: &mut Stream,
    requests: &[u8],
    count: usize,
) -> Result<Vec<Vec<u8>>, Ended> {
    let mut bytes = lock_request(timeout * limits::LEASE_TIMEOUTS, stream);
    bytes.extend_from_slice(requests);
    let db = stream.requests.first_db.unwrap_or(0);
    let link = &mut stream.link;
    let asked = async {
        link.select(db).await?;
        link.in_use = true;
        link.forget_db();
        link.exchange(&bytes, 1 + count).await
    };
    let left = until.saturating_duration_since(Instant::now());
    let answered = within(left, asked).await;
    let mut answers = answered.map_err(|fault| Ended::Error(not_sent(stream, fault, timeout)))?;
    match answers.first().map(Vec::as_slice) {
        Some(b":1\r\n") => Ok(answers.split_off(1)),
        Some(b":0\r\n") => Err(Ended::Dirty),
        other => Err(Ended::Error(not_locked(stream, other.unwrap_or_default()))),
    }
}

fn lock_request(lease: Duration, stream: &Stream) -> Vec<u8> {
    let mut words = vec!["RINGTAIL".to_owned(), "LOCK".to_owned(), lease.as_millis().max(1).to_string()];
    words.extend(stream.slots.iter().map(u16::to_string));
    let mut bytes = Vec::new();
    write_request(&mut bytes, words.iter().map(String::as_bytes));
    bytes
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
