//! Commands that every member runs and whose answers add up: DBSIZE, FLUSHALL, FLUSHDB, SWAPDB, CONFIG of what all members have.

use std::rc::Rc;

use ringtail_protocol::errors::Error;
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Reply;

use super::keyspace::bulks;
use super::{Answered, Question, all_well, ask_all, odd};
use crate::member::Member;
use crate::worker::Worker;

/// The sum of the members' keys.
pub(super) async fn dbsize(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let sizes = sizes(worker, question.db).await?;
    Reply::new(out, question.resp).int(sizes.iter().map(|(_, size)| *size).sum());
    Ok(())
}

/// How many keys each member has.
pub(super) async fn sizes(worker: &Worker, db: u8) -> Result<Vec<(Rc<Member>, i64)>, Error> {
    let told = all_well(ask_all(worker, db, &[b"DBSIZE"]).await)?;
    let size = |(member, answer): Answered| match integer(&answer) {
        Some(size) => Ok((member, size)),
        None => Err(odd(&member)),
    };
    told.into_iter().map(size).collect()
}

/// `:n`
pub(super) fn integer(answer: &[u8]) -> Option<i64> {
    parse_i64(answer.strip_prefix(b":")?.strip_suffix(b"\r\n")?)
}

/// A setting that all members have: the first one's.
pub(super) async fn setting(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let told = all_well(ask_all(worker, question.db, &question.request()).await)?;
    let Some((member, answer)) = told.first() else { return Err(ringtail_protocol::errors::INTERNAL) };
    let words = bulks(answer).filter(|words| words.len() == 2).ok_or_else(|| odd(member))?;
    let mut reply = Reply::new(out, question.resp);
    reply.map(1);
    words.iter().for_each(|word| reply.bulk(word));
    Ok(())
}

/// `OK` if all members say so.
pub(super) async fn all_ok(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    for (member, answer) in all_well(ask_all(worker, question.db, &question.request()).await)? {
        if !answer.starts_with(b"+") {
            return Err(odd(&member));
        }
    }
    Reply::new(out, question.resp).ok();
    Ok(())
}
