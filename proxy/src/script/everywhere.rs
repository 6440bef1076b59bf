//! SCRIPT and FUNCTION: asked of all members, and answered as one server would.

use std::collections::HashSet;
use std::rc::Rc;

use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{Error, INTERNAL};
use ringtail_protocol::reply::{Reply, write_request};
use ringtail_protocol::sha1::{hex, parse_hex};
use ringtail_protocol::value::Value;

use super::heal::{know, libraries};
use crate::member::{Member, until_led};
use crate::transaction::{elements, within};
use crate::whole::{self, Question, Told};
use crate::worker::Worker;

/// Asks the members and joins their answers: a reply as the session is to get it.
pub(crate) async fn answer(worker: &Rc<Worker>, question: &Question) -> Vec<u8> {
    let mut out = Vec::new();
    let answered = match question.id {
        CommandId::ScriptLoad => load(worker, question, &mut out).await,
        CommandId::ScriptExists => exists(worker, question, &mut out).await,
        CommandId::ScriptShow => show(worker, question, &mut out).await,
        CommandId::ScriptFlush => flush(worker, question, &mut out).await,
        CommandId::ScriptKill | CommandId::FunctionKill => kill(worker, question, &mut out).await,
        CommandId::FunctionDelete => delete(worker, question, &mut out).await,
        CommandId::FunctionList => list(worker, question, &mut out).await,
        CommandId::FunctionStats => stats(worker, question, &mut out).await,
        CommandId::FunctionDump => dump(worker, question, &mut out).await,
        _ => same(worker, question, &mut out).await,
    };
    if let Err(error) = answered {
        out.clear();
        Reply::new(&mut out, question.resp).error(&error);
    }
    out
}

async fn told(worker: &Worker, question: &Question) -> Vec<Told> {
    let words: Vec<&[u8]> = question.words.iter().map(Vec::as_slice).collect();
    whole::ask_all(worker, 0, &words).await
}

/// One member that takes the script is enough: the others get it when they miss it.
async fn load(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let told = told(worker, question).await;
    if told.iter().all(|(_, answer)| answer.is_err()) {
        return Err(first_error(told));
    }
    let sha = worker.shared.scripts.keep(&question.words[2]);
    Reply::new(out, question.resp).bulk(hex(&sha).as_bytes());
    Ok(())
}

/// A script exists if EVALSHA would find it at every member: it has it, or the proxy would bring it.
async fn exists(worker: &Rc<Worker>, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let answers = whole::all_well(told(worker, question).await)?;
    let everywhere = |at: usize| {
        let known =
            |answer: &[u8]| elements(answer).and_then(|flags| flags.get(at).map(|flag| flag == b":1\r\n"));
        let known: Vec<bool> = answers.iter().map(|(_, answer)| known(answer).unwrap_or(false)).collect();
        (known.iter().all(|known| *known), known.contains(&true))
    };
    let names = &question.words[2..];
    let mut flags = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        flags.push(match everywhere(at) {
            (true, _) => true,
            (_, true) => know(worker, name).await.is_some(),
            _ => parse_hex(name).is_some_and(|sha| worker.shared.scripts.find(&sha).is_some()),
        });
    }
    let mut reply = Reply::new(out, question.resp);
    reply.array(flags.len());
    flags.into_iter().for_each(|flag| reply.flag(flag));
    Ok(())
}

async fn show(worker: &Rc<Worker>, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let told = told(worker, question).await;
    if let Some((_, Ok(shown))) = told.iter().find(|(_, answer)| answer.is_ok()) {
        out.extend_from_slice(shown);
        return Ok(());
    }
    // Where members say who may see it, only they show it.
    let own = parse_hex(&question.words[2]).filter(|_| worker.login.is_none());
    match own.and_then(|sha| worker.shared.scripts.find(&sha)) {
        Some(body) => Reply::new(out, question.resp).bulk(&body),
        None => return Err(first_error(told)),
    }
    Ok(())
}

async fn flush(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let told = told(worker, question).await;
    if told.iter().any(|(_, answer)| answer.is_ok()) {
        worker.shared.scripts.flush();
    }
    join_same(told, out)
}

/// What all members answer alike.
async fn same(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    join_same(told(worker, question).await, out)
}

fn join_same(told: Vec<Told>, out: &mut Vec<u8>) -> Result<(), Error> {
    let answers = whole::all_well(told)?;
    let (_, first) = answers.first().ok_or(INTERNAL)?;
    if let Some((member, _)) = answers.iter().find(|(_, answer)| answer != first) {
        return Err(whole::odd(member));
    }
    out.extend_from_slice(first);
    Ok(())
}

/// Well if a script was ended anywhere; else the error of a member that has one, or can't say.
async fn kill(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let told = told(worker, question).await;
    if told.iter().any(|(_, answer)| answer.is_ok()) {
        Reply::new(out, question.resp).ok();
        return Ok(());
    }
    let idle = |(_, answer): &Told| answer.as_ref().is_err_and(|error| error.text().starts_with("NOTBUSY"));
    let (idle, others): (Vec<Told>, Vec<Told>) = told.into_iter().partition(idle);
    Err(first_error(if others.is_empty() { idle } else { others }))
}

/// A member that has the library no more is as well as one that deletes it: so what was half done can be done again.
async fn delete(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let told = told(worker, question).await;
    let gone =
        |(_, answer): &Told| answer.as_ref().is_err_and(|error| error.text() == "ERR Library not found");
    let (gone, others): (Vec<Told>, Vec<Told>) = told.into_iter().partition(gone);
    if others.is_empty() {
        return Err(first_error(gone));
    }
    join_same(others, out)
}

/// All libraries of all members. Which member's version is told of one that differs is not said.
async fn list(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let (mut names, mut found) = (HashSet::new(), Vec::new());
    for member in worker.members() {
        let answer = ask_as(worker, &member, question).await?;
        let odd = || whole::odd(&member);
        let described = elements(&answer).ok_or_else(odd)?;
        for ((name, _), library) in libraries(&answer).ok_or_else(odd)?.into_iter().zip(described) {
            if names.insert(name) {
                found.push(library);
            }
        }
    }
    let mut reply = Reply::new(out, question.resp);
    reply.array(found.len());
    found.iter().for_each(|library| reply.raw(library));
    Ok(())
}

/// Of a member that runs something, if any does.
async fn stats(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    for member in worker.members() {
        let answer = ask_as(worker, &member, question).await?;
        let runs = runs(&answer).ok_or_else(|| whole::odd(&member))?;
        if out.is_empty() || runs {
            *out = answer;
        }
        if runs {
            break;
        }
    }
    Ok(())
}

fn runs(answer: &[u8]) -> Option<bool> {
    let Ok(Some((stats, _))) = Value::decode(answer) else { return None };
    let pairs = stats.as_pairs()?;
    pairs.iter().find(|(key, _)| key.as_str() == Some("running_script")).map(|(_, value)| !value.is_null())
}

/// Of the member that has most, since one may have missed some.
async fn dump(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let answers = whole::all_well(told(worker, question).await)?;
    let (_, longest) = answers.into_iter().max_by_key(|(_, answer)| answer.len()).ok_or(INTERNAL)?;
    *out = longest;
    Ok(())
}

/// Asks a member in the session's version of the protocol: the answer's form depends on it.
async fn ask_as(worker: &Worker, member: &Rc<Member>, question: &Question) -> Result<Vec<u8>, Error> {
    let mut request = Vec::new();
    write_request(&mut request, question.words.iter().map(Vec::as_slice));
    let asked = until_led(worker.timeout(), async || {
        let mut link = member.dedicated(0, question.resp).await?;
        within(worker.timeout(), link.exchange(&request, 1)).await
    });
    let answers = asked.await.map_err(|fault| whole::failed(member, &fault))?;
    let answer = answers.into_iter().next().unwrap_or_default();
    match answer.strip_prefix(b"-") {
        Some(error) => Err(Error::new(String::from_utf8_lossy(error).trim_end().to_owned())),
        None => Ok(answer),
    }
}

fn first_error(told: Vec<Told>) -> Error {
    told.into_iter().find_map(|(_, answer)| answer.err()).unwrap_or(INTERNAL)
}
