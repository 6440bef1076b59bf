//! One command whose keys are several members'.
//!
//! ```text
//! for each member, by name:  RINGTAIL LOCK lease slot …; of those that are not home: DUMP, PEXPIRETIME of its keys
//! at home, as one:           MULTI; RESTORE of the others' keys; the command; DUMP of them; DEL; RINGTAIL EXEC
//! at the others:             RINGTAIL EXEC of what was changed, or RELEASE
//! ```
//!
//! Home is the member that has most of the keys, so that little is moved. The keys are held throughout, so nobody sees a
//! half of it; home never shows the others' keys, because they come and go within one EXEC. What a death in the last step leaves half
//! done is said, as it is of transactions. The price is that whole values travel: a {tag} or a colocation rule spares it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{CommandId, Group, PoolRule, keys};
use ringtail_protocol::errors;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::OwnedRequest;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::lock::{Ended, RELEASE, lock, release};
use super::many::{EXEC, report};
use super::one::MULTI;
use super::parts::{Requests, Stream, elements};
use super::watch::{said, within};
use crate::fault::{self, Fault};
use crate::member::until_led;
use crate::route::Request;
use crate::shared::Counters;
use crate::whole::Question;
use crate::worker::Worker;

/// Whether a command can be run so. Scripts may touch keys that they do not name, and COPY may name another database.
pub(crate) fn is_for(request: &Request<'_>) -> bool {
    matches!(request.command.pool, PoolRule::Keys | PoolRule::Options | PoolRule::Waits)
        && request.command.group != Group::Scripting
        && !(request.command.executes() == CommandId::Copy && request.args.len() > 4)
}

/// The answer. What is begun is ended, even if the client leaves.
pub(crate) async fn run(worker: &Rc<Worker>, question: &Question) -> Vec<u8> {
    Counters::add(&worker.counters.transactions_across, 1);
    let (worker, question) = (Rc::clone(worker), question.clone());
    let run = spawn_local(async move {
        until_led(worker.timeout(), async || match run_all(&worker, &question).await {
            Ok(answer) | Err(Ended::Error(answer)) => Ok(answer),
            Err(Ended::Turned) => Err(Fault::Turned),
            Err(Ended::Dirty) => Ok(fault::line(errors::INTERNAL.text())),
        })
        .await
    });
    let answer = match run.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => fault::line(&format!("TRYAGAIN a member {}", fault.why())),
        Err(_) => fault::line(errors::INTERNAL.text()),
    };
    // There was no EXEC.
    match answer.strip_prefix(b"-EXECABORT ") {
        Some(why) => [b"-TRYAGAIN ", why].concat(),
        None => answer,
    }
}

/// A key's value as DUMP gives it, and when it expires; `None` if there is no such key.
type Value = Option<(Vec<u8>, i64)>;

/// A key that is not at home.
struct Foreign {
    stream: usize,
    key: Vec<u8>,
    before: Value,
    after: Value,
}

async fn run_all(worker: &Rc<Worker>, question: &Question) -> Result<Vec<u8>, Ended> {
    let plan = Plan::of(worker, question).await.map_err(Ended::Error)?;
    let (mut streams, home, mut foreign) = (plan.streams, plan.home, plan.foreign);
    let until = Instant::now() + worker.timeout();
    for at in 0..streams.len() {
        if let Err(error) = fetch(worker.timeout(), until, &mut streams, at, &mut foreign).await {
            release(&mut streams[..=at]).await;
            return Err(error);
        }
    }
    let answer = match run_at_home(worker.timeout(), question, &mut streams[home], &mut foreign).await {
        Ok(answer) => answer,
        Err(error) => {
            release(&mut streams).await;
            return Err(error);
        }
    };
    Ok(bring_back(worker, streams, home, &foreign, answer).await)
}

struct Plan {
    streams: Vec<Stream>,
    home: usize,
    foreign: Vec<Foreign>,
}

impl Plan {
    async fn of(worker: &Rc<Worker>, question: &Question) -> Result<Self, Vec<u8>> {
        let words = OwnedRequest::new(question.words.iter().map(Vec::as_slice));
        let args = words.args();
        let mut owned: Vec<(Rc<crate::member::Member>, Vec<Vec<u8>>)> = Vec::new();
        let mut first = None;
        for at in keys(question.id.command(), &args) {
            let key = args[at].to_vec();
            let owner = worker.owner(slot_of(&key)).ok_or_else(|| fault::line(errors::INTERNAL.text()))?;
            first.get_or_insert_with(|| Rc::clone(&owner));
            match owned.iter_mut().find(|(member, _)| Rc::ptr_eq(member, &owner)) {
                Some((_, keys)) if keys.contains(&key) => {}
                Some((_, keys)) => keys.push(key),
                None => owned.push((owner, vec![key])),
            }
        }
        owned.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        // The keys that SORT's patterns name are beside its first key.
        let home = match (question.id.command().pool, &first) {
            (PoolRule::Options, Some(first)) => {
                owned.iter().position(|(member, _)| Rc::ptr_eq(member, first))
            }
            _ => (0..owned.len()).rev().max_by_key(|at| owned[*at].1.len()),
        };
        let home = home.unwrap_or(0);
        let mut plan = Self { streams: Vec::new(), home, foreign: Vec::new() };
        for (at, (member, keys)) in owned.into_iter().enumerate() {
            let link = member.dedicated(question.db, question.resp).await;
            let link = link.map_err(|fault| member.fault(&fault))?;
            let slots: BTreeSet<u16> = keys.iter().map(|key| slot_of(key)).collect();
            let requests = Requests { first_db: Some(question.db), ..Requests::default() };
            plan.streams.push(Stream { member, link, slots, holds: false, is_watched: false, requests });
            if at != home {
                let foreign =
                    keys.into_iter().map(|key| Foreign { stream: at, key, before: None, after: None });
                plan.foreign.extend(foreign);
            }
        }
        Ok(plan)
    }
}

fn request(out: &mut Vec<u8>, words: &[&[u8]]) {
    let mut reply = Reply::new(out, Resp::V2);
    reply.array(words.len());
    words.iter().for_each(|word| reply.bulk(word));
}

/// Locks the stream's slots, and reads its keys if it is not home.
async fn fetch(
    timeout: Duration,
    until: Instant,
    streams: &mut [Stream],
    at: usize,
    foreign: &mut [Foreign],
) -> Result<(), Ended> {
    let mut mine: Vec<&mut Foreign> = foreign.iter_mut().filter(|foreign| foreign.stream == at).collect();
    let mut bytes = Vec::new();
    for foreign in &mine {
        ask_value(&mut bytes, &foreign.key);
    }
    let stream = &mut streams[at];
    let answers = lock(timeout, until, stream, &bytes, mine.len() * 2).await?;
    for (foreign, answer) in mine.iter_mut().zip(answers.chunks(2)) {
        let not_run = |why| Ended::Error(stream.member.fault(&Fault::NotRun(why)));
        foreign.before = value(answer).map_err(not_run)?;
    }
    Ok(())
}

fn ask_value(out: &mut Vec<u8>, key: &[u8]) {
    request(out, &[b"DUMP", key]);
    request(out, &[b"PEXPIRETIME", key]);
}

/// What DUMP and PEXPIRETIME answered; an error's text if that was one.
fn value(answers: &[Vec<u8>]) -> Result<Value, String> {
    let [dump, expiry] = answers else { return Err("answers are missing".to_owned()) };
    if dump.starts_with(b"-") {
        return Err(said(dump));
    }
    let Some(rest) = dump.strip_prefix(b"$").filter(|rest| !rest.starts_with(b"-1")) else { return Ok(None) };
    let line = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| said(dump))?;
    let payload = rest[line + 1..].strip_suffix(b"\r\n").ok_or_else(|| said(dump))?;
    let text = expiry.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b"\r\n"));
    let at = text.and_then(ringtail_protocol::number::parse_i64).ok_or_else(|| said(expiry))?;
    Ok(Some((payload.to_vec(), at.max(0))))
}

fn restore(out: &mut Vec<u8>, key: &[u8], (payload, at): &(Vec<u8>, i64)) {
    let at = at.to_string();
    request(out, &[b"RESTORE", key, at.as_bytes(), payload, b"REPLACE", b"ABSTTL"]);
}

/// Runs the command with all its keys in one place: its answer, and what has become of the others' keys.
async fn run_at_home(
    timeout: Duration,
    question: &Question,
    home: &mut Stream,
    foreign: &mut [Foreign],
) -> Result<Vec<u8>, Ended> {
    let (mut bytes, mut count) = (MULTI.to_vec(), 1);
    for foreign in &*foreign {
        match &foreign.before {
            Some(value) => restore(&mut bytes, &foreign.key, value),
            // What a key of another topology may have left.
            None => request(&mut bytes, &[b"DEL", &foreign.key]),
        }
        count += 1;
    }
    let words: Vec<&[u8]> = question.words.iter().map(Vec::as_slice).collect();
    request(&mut bytes, &words);
    for foreign in &*foreign {
        ask_value(&mut bytes, &foreign.key);
        request(&mut bytes, &[b"DEL", &foreign.key]);
        count += 3;
    }
    bytes.extend_from_slice(EXEC);
    let asked = home.link.exchange(&bytes, count + 2);
    let answers = within(timeout, asked).await.map_err(|fault| match fault {
        Fault::Turned => Ended::Turned,
        fault => Ended::Error(home.member.fault(&fault)),
    })?;
    let answer = answers.last().map(Vec::as_slice).unwrap_or_default();
    let Some(mut done) = elements(answer) else {
        let refused = answers.iter().find(|answer| answer.starts_with(b"-")).map_or(answer, Vec::as_slice);
        return Err(Ended::Error(home.member.fault(&Fault::NotRun(said(refused)))));
    };
    home.link.in_use = false;
    let after = done.split_off(foreign.len() + 1);
    for (foreign, answer) in foreign.iter_mut().zip(after.chunks(3)) {
        let lost = |why| Ended::Error(home.member.fault(&Fault::Lost(why)));
        foreign.after = value(&answer[..2]).map_err(lost)?;
    }
    Ok(done.pop().unwrap_or_default())
}

/// Has the others take what became of their keys, and lets them go.
async fn bring_back(
    worker: &Rc<Worker>,
    streams: Vec<Stream>,
    home: usize,
    foreign: &[Foreign],
    answer: Vec<u8>,
) -> Vec<u8> {
    let timeout = worker.timeout();
    let mut tasks = Vec::new();
    let (mut ran, mut others) = (Vec::new(), Vec::new());
    for (at, mut stream) in streams.into_iter().enumerate() {
        if at == home {
            ran.push(stream.member.label());
            continue;
        }
        let (bytes, count) = changes(foreign.iter().filter(|foreign| foreign.stream == at));
        let label = stream.member.label();
        let task = spawn_local(async move {
            let answers = within(timeout, stream.link.exchange(&bytes, count)).await;
            let answers = answers.map_err(|fault| fault.why())?;
            stream.link.in_use = false;
            let last = answers.last().map(Vec::as_slice).unwrap_or_default();
            let wrong = elements(last).and_then(|all| all.into_iter().find(|one| one.starts_with(b"-")));
            match wrong {
                Some(error) => Err(said(&error)),
                None if last.starts_with(b"-") => Err(said(last)),
                None => Ok(()),
            }
        });
        tasks.push((label, count > 1, task));
    }
    for (label, changed, task) in tasks {
        match task.await.unwrap_or_else(|_| Err("an error of the proxy".to_owned())) {
            Ok(()) => ran.push(label),
            // Nothing was to be changed there: only its lease ran out, or it has left.
            Err(_) if !changed => {}
            Err(why) => others.push((label, why)),
        }
    }
    if others.is_empty() { answer } else { report(worker, &ran, &others) }
}

/// What a member has to do to have its keys as the command left them: requests, and how many.
fn changes<'a>(foreign: impl Iterator<Item = &'a Foreign>) -> (Vec<u8>, usize) {
    let (mut bytes, mut count) = (MULTI.to_vec(), 0);
    for foreign in foreign.filter(|foreign| foreign.before != foreign.after) {
        match &foreign.after {
            Some(value) => restore(&mut bytes, &foreign.key, value),
            None => request(&mut bytes, &[b"DEL", &foreign.key]),
        }
        count += 1;
    }
    if count == 0 {
        return (RELEASE.to_vec(), 1);
    }
    bytes.extend_from_slice(EXEC);
    (bytes, count + 2)
}
