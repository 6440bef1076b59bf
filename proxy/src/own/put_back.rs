//! An element that was taken for a client that has left goes back to where it was.

use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_net::RateLimited;
use ringtail_protocol::command::CommandId;

use crate::whole::Question;
use crate::worker::Worker;

#[cfg(test)]
mod tests;

/// Undoes what the member has answered to this request, if that took elements away. What BLMOVE moved is where it was
/// moved to, and what XREADGROUP delivered is pending there: neither is lost.
pub(super) async fn put_back(worker: &Rc<Worker>, question: &Question, answer: &[u8]) {
    static FAILED: RateLimited = RateLimited::new();
    let Some(words) = inverse(question, answer) else { return };
    let request: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let Some(member) = worker.owner(slot_of(request[1])) else { return };
    let done = member.ask(question.db, &request).await;
    let why = match done {
        Ok(answer) if answer.starts_with(b":") => return,
        Ok(answer) => String::from_utf8_lossy(&answer).trim_end().to_owned(),
        Err(fault) => fault.why(),
    };
    FAILED.log(|suppressed| {
        tracing::error!(suppressed, "an element taken for a client that left could not be put back: {why}");
    });
}

/// The request that undoes it.
fn inverse(question: &Question, answer: &[u8]) -> Option<Vec<Vec<u8>>> {
    let parts = strings(answer)?;
    let (key, elements) = parts.split_first().filter(|(_, elements)| !elements.is_empty())?;
    let from_right = question.words.iter().any(|word| word.eq_ignore_ascii_case(b"RIGHT"));
    let push = |command: &[u8]| {
        let mut words = vec![command.to_vec(), key.clone()];
        // The one that was taken first was outermost.
        words.extend(elements.iter().rev().cloned());
        Some(words)
    };
    match question.id {
        CommandId::Blpop => push(b"LPUSH"),
        CommandId::Brpop => push(b"RPUSH"),
        CommandId::Blmpop if from_right => push(b"RPUSH"),
        CommandId::Blmpop => push(b"LPUSH"),
        CommandId::Bzpopmin | CommandId::Bzpopmax | CommandId::Bzmpop => {
            let mut words = vec![b"ZADD".to_vec(), key.clone()];
            for pair in elements.chunks_exact(2) {
                words.extend([pair[1].clone(), pair[0].clone()]);
            }
            Some(words)
        }
        _ => None,
    }
}

/// All strings and numbers of a reply, in order, whatever arrays they are in. `None` if it is an error or nothing.
fn strings(answer: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut rest, mut found) = (answer, Vec::new());
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[1..end.checked_sub(1)?], &rest[end + 1..]);
        rest = match rest[0] {
            b'*' if line != b"-1" => after,
            b',' => {
                found.push(line.to_vec());
                after
            }
            b'$' if line != b"-1" => {
                let len: usize = std::str::from_utf8(line).ok()?.parse().ok()?;
                found.push(after.get(..len)?.to_vec());
                after.get(len + 2..)?
            }
            _ => return None,
        };
    }
    Some(found)
}
