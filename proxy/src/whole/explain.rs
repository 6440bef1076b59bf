//! RINGTAIL EXPLAIN: runs a command, and says where its time went.
//!
//! It runs on connections of its own, so what it tells is without the queues that others' requests make; those are in the slow log.

use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{Command, Found, PoolRule, find, keys, syntax};
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::reply::Reply;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::{Question, failed};
use crate::fault::Fault;
use crate::member::{Asked, Member};
use crate::worker::Worker;

/// What one member is to be sent.
struct Part {
    member: Rc<Member>,
    slot: u16,
    words: Vec<Vec<u8>>,
}

/// What came of it.
type Done = (Part, Result<Asked, Fault>);

/// RINGTAIL EXPLAIN command [arg …]
pub(super) async fn explain(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let begun = Instant::now();
    // The name, and the subcommand's.
    let words = &question.words[2..];
    let command = command(words)?;
    let parts = parts(worker, command, words)?;
    let routed = begun.elapsed();
    let tasks: Vec<_> = parts.into_iter().map(|part| spawn_local(ask(part, question.db))).collect();
    let mut done: Vec<Done> = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(task.await.map_err(|_| errors::INTERNAL)?);
    }
    let mut reply = Reply::new(out, question.resp);
    reply.map(4);
    reply.bulk(b"command");
    reply.bulk(command.full_name.as_bytes());
    reply.bulk(b"route-usec");
    reply.double(routed.as_nanos() as f64 / 1000.0);
    reply.bulk(b"total-usec");
    reply.double(begun.elapsed().as_nanos() as f64 / 1000.0);
    reply.bulk(b"members");
    reply.array(done.len());
    done.iter().for_each(|done| tell(done, &mut reply));
    Ok(())
}

/// The command that is to be explained, if that can be.
fn command(words: &[Vec<u8>]) -> Result<&'static Command, Error> {
    let name = words.first().map(Vec::as_slice).unwrap_or_default();
    let command = match find(words) {
        Found::Command(command) => command,
        _ => return Err(Error::new(format!("ERR unknown command '{}'", printable(name, 128)))),
    };
    if !command.arity_ok(words.len()) {
        return Err(errors::wrong_arity(command.full_name));
    }
    match command.pool {
        PoolRule::Keys | PoolRule::Split(_) if !keys(command, words).is_empty() => Ok(command),
        _ => Err(Error::new(format!(
            "ERR EXPLAIN is for commands that are sent to the owners of their keys; this is {}",
            syntax(command)
        ))),
    }
}

/// What is sent to whom.
fn parts(worker: &Worker, command: &Command, words: &[Vec<u8>]) -> Result<Vec<Part>, Error> {
    let (topology, members) = (worker.topology(), worker.members());
    let all: Vec<usize> = keys(command, words).collect();
    let mut parts: Vec<Part> = Vec::new();
    for (index, key) in all.iter().enumerate() {
        let slot = slot_of(&words[*key]);
        let member = members.get(topology.owner_index(slot)).ok_or(errors::INTERNAL)?;
        let known = parts.iter().position(|part| Rc::ptr_eq(&part.member, member));
        match (command.pool, known) {
            (PoolRule::Split(_), Some(part)) => parts[part].words.extend(with_value(words, &all, index)),
            (PoolRule::Split(_), None) => {
                let own = std::iter::once(words[0].clone()).chain(with_value(words, &all, index)).collect();
                parts.push(Part { member: Rc::clone(member), slot, words: own });
            }
            (_, Some(_)) => {}
            (_, None) if parts.is_empty() => {
                parts.push(Part { member: Rc::clone(member), slot, words: words.to_vec() });
            }
            _ => return Err(errors::CROSS_SLOT),
        }
    }
    Ok(parts)
}

/// A key with what follows it up to the next one.
fn with_value(words: &[Vec<u8>], keys: &[usize], index: usize) -> Vec<Vec<u8>> {
    let end = keys.get(index + 1).copied().unwrap_or(words.len());
    words[keys[index]..end].to_vec()
}

async fn ask(part: Part, db: u8) -> Done {
    let words: Vec<&[u8]> = part.words.iter().map(Vec::as_slice).collect();
    let asked = part.member.ask_timed(db, &words).await;
    (part, asked)
}

/// One member's part: which it was, what it answered, and in microseconds where the time went.
fn tell((part, asked): &Done, reply: &mut Reply<'_>) {
    reply.map(if asked.is_ok() { 7 } else { 3 });
    reply.bulk(b"member");
    reply.bulk(part.member.name.as_bytes());
    reply.bulk(b"slot");
    reply.int(i64::from(part.slot));
    reply.bulk(b"answer");
    let asked = match asked {
        Ok(asked) => asked,
        Err(fault) => return reply.error(&failed(&part.member, fault)),
    };
    reply.raw(&asked.answer);
    let away = asked.away.as_nanos() as f64 / 1000.0;
    let network = asked.network.map_or(0.0, |network| (network.as_nanos() as f64 / 1000.0).min(away));
    let connection = asked.connection.as_nanos() as f64 / 1000.0;
    let places = [
        ("connection-usec", connection),
        ("network-usec", network),
        ("member-usec", away - network),
        ("answer-bytes", asked.answer.len() as f64),
    ];
    for (name, value) in places {
        reply.bulk(name.as_bytes());
        reply.double(value);
    }
}
