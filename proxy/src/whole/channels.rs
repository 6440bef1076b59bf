//! PUBSUB: who is subscribed to what, in the whole pool.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_protocol::errors::{Error, unknown_form};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Reply;

use super::counts::integer;
use super::keyspace::{bulk, bulks, header};
use super::{Question, all_well, ask, ask_all, odd};
use crate::member::Member;
use crate::pubsub::Kind;
use crate::worker::Worker;

/// The members' channels, each once: those of keys' events are on all of them.
pub(super) async fn names(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    if question.words.len() > 3 {
        return Err(unknown_form("PUBSUB", &question.words[1]));
    }
    let told = all_well(ask_all(worker, question.db, &question.request()).await)?;
    let mut names = BTreeSet::new();
    for (member, answer) in &told {
        names.extend(bulks(answer).ok_or_else(|| odd(member))?);
    }
    let mut reply = Reply::new(out, question.resp);
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

/// How many subscribers each channel has: its owner's count, with the sessions that one link of ours stands for.
pub(super) async fn subscribers(
    worker: &Worker,
    question: &Question,
    kind: Kind,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let (command, channels) = question.words.split_at(2);
    let mut parts: BTreeMap<String, (Rc<Member>, Vec<usize>)> = BTreeMap::new();
    for (at, channel) in channels.iter().enumerate() {
        let owner = worker.owner(slot_of(channel)).ok_or(ringtail_protocol::errors::INTERNAL)?;
        parts.entry(owner.label()).or_insert_with(|| (owner, Vec::new())).1.push(at);
    }
    let mut counts = vec![0; channels.len()];
    for (member, part) in parts.values() {
        let words = command.iter().chain(part.iter().map(|at| &channels[*at]));
        let words: Vec<&[u8]> = words.map(Vec::as_slice).collect();
        let answer = ask(member, question.db, &words).await?;
        let counted = numbers(&answer).filter(|counted| counted.len() == part.len());
        for (at, count) in part.iter().zip(counted.ok_or_else(|| odd(member))?) {
            counts[*at] = (count + member.audience.of(kind, &channels[*at])).max(0);
        }
    }
    let mut reply = Reply::new(out, question.resp);
    reply.array(2 * channels.len());
    for (channel, count) in channels.iter().zip(counts) {
        reply.bulk(channel);
        reply.int(count);
    }
    Ok(())
}

/// The numbers of an array of names and numbers.
fn numbers(answer: &[u8]) -> Option<Vec<i64>> {
    let (count, mut rest) = header(answer, b'*')?;
    let mut found = Vec::new();
    for _ in 0..count / 2 {
        let (_, after) = bulk(rest)?;
        let line = after.iter().position(|byte| *byte == b'\n')?;
        found.push(parse_i64(after.strip_prefix(b":")?.get(..line.checked_sub(2)?)?)?);
        rest = &after[line + 1..];
    }
    Some(found)
}

/// How many different patterns there are. Every proxy subscribes its own at every member, so that the most that one has is the truth.
pub(super) async fn patterns(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut most = 0;
    for (member, answer) in all_well(ask_all(worker, question.db, &question.request()).await)? {
        most = most.max(integer(&answer).ok_or_else(|| odd(&member))?);
    }
    Reply::new(out, question.resp).int(most);
    Ok(())
}
