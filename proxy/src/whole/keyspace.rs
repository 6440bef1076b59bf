//! KEYS and RANDOMKEY: only keys that the topology assigns to the member that has them, since no other can be reached.

use std::rc::Rc;

use ringtail_cluster::{Topology, slot_of};
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::Reply;

use super::counts::sizes;
use super::{Question, all_well, ask, ask_all, odd};
use crate::member::Member;
use crate::worker::Worker;

/// How often RANDOMKEY asks a member whose key turned out to be another's.
const TRIES: usize = 8;

/// The members' keys, one after the other.
pub(super) async fn keys(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let topology = worker.topology();
    let told = all_well(ask_all(worker, question.db, &question.request()).await)?;
    let mut reply = Reply::new(out, question.resp);
    let (open, mut count) = (reply.open(), 0);
    for (member, answer) in &told {
        for key in bulks(answer).ok_or_else(|| odd(member))? {
            if owns(&topology, member, key) {
                reply.bulk(key);
                count += 1;
            }
        }
    }
    reply.close_array(open, count);
    Ok(())
}

/// A random key of a member that is chosen by how many keys it has.
pub(super) async fn randomkey(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let topology = worker.topology();
    let mut sizes = sizes(worker, question.db).await?;
    while let Some(chosen) = choose(&sizes) {
        let (member, _) = sizes.swap_remove(chosen);
        if let Some(key) = owned_key(&topology, &member, question.db).await? {
            Reply::new(out, question.resp).bulk(&key);
            return Ok(());
        }
    }
    Reply::new(out, question.resp).null();
    Ok(())
}

/// One of the members that have keys, by their number.
fn choose(sizes: &[(Rc<Member>, i64)]) -> Option<usize> {
    let all: i64 = sizes.iter().map(|(_, size)| (*size).max(0)).sum();
    if all <= 0 {
        return None;
    }
    let mut left = fastrand::i64(0..all);
    sizes.iter().position(|(_, size)| {
        left -= (*size).max(0);
        left < 0
    })
}

async fn owned_key(topology: &Topology, member: &Rc<Member>, db: u8) -> Result<Option<Vec<u8>>, Error> {
    for _ in 0..TRIES {
        let answer = ask(member, db, &[b"RANDOMKEY"]).await?;
        let Some(key) = bulk(&answer).map(|(key, _)| key) else { return Ok(None) };
        if owns(topology, member, key) {
            return Ok(Some(key.to_vec()));
        }
    }
    Ok(None)
}

/// Whether requests for the key go to this member.
pub(super) fn owns(topology: &Topology, member: &Member, key: &[u8]) -> bool {
    topology.owner(slot_of(key)).name == member.name
}

/// The bulk string at the start of `bytes`, and what follows it.
pub(crate) fn bulk(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = header(bytes, b'$')?;
    Some((rest.get(..len)?, rest.get(len + 2..)?))
}

/// The number in a header line of this kind, and what follows it.
pub(super) fn header(bytes: &[u8], kind: u8) -> Option<(usize, &[u8])> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    let digits = bytes.strip_prefix(&[kind])?.get(..line.checked_sub(2)?)?;
    let number = ringtail_protocol::number::parse_u64(digits)?;
    Some((usize::try_from(number).ok()?, &bytes[line + 1..]))
}

/// The elements of an array of bulk strings.
pub(super) fn bulks(answer: &[u8]) -> Option<Vec<&[u8]>> {
    let (count, mut rest) = header(answer, b'*')?;
    let mut found = Vec::with_capacity(count.min(answer.len()));
    for _ in 0..count {
        let (element, after) = bulk(rest)?;
        found.push(element);
        rest = after;
    }
    Some(found)
}
