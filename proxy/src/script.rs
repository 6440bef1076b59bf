//! Scripts and functions over a pool.
//!
//! ```text
//! EVAL EVALSHA FCALL …   run          by the owner of their declared keys, on a connection of the session's own
//!   NOSCRIPT               heal         the script is brought from the proxy's own (bodies) or another member, and run
//!   Function not found     heal         so are the libraries that others have
//! in MULTI               in_queue     EVALSHA becomes EVAL where the member may not know the script: it can't be healed later
//! SCRIPT, FUNCTION       everywhere   all members, one answer
//! a member that comes    welcome      has the others' libraries at once
//! ```
//!
//! What runs long holds its own connection alone. It has no deadline while its member answers others: a script that is
//! cut off goes on at its member, so nothing would be won. SCRIPT KILL and FUNCTION KILL reach all members.

mod bodies;
mod everywhere;
mod heal;

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{CommandId, PoolRule, keys};
use ringtail_protocol::errors::{Error, printable};
use ringtail_protocol::reply::write_request;
use ringtail_protocol::request::OwnedRequest;
use ringtail_protocol::sha1::parse_hex;
use tokio::time::sleep;

pub(crate) use bodies::Scripts;
pub(crate) use everywhere::answer;
pub(crate) use heal::{know, welcome};

use crate::fault::{self, Fault};
use crate::link::Link;
use crate::member::{Member, until_led};
use crate::route::Request;
use crate::whole::Question;
use crate::worker::Worker;

/// Runs a script or function where its keys are.
pub(crate) async fn run(worker: &Rc<Worker>, question: &Question) -> Vec<u8> {
    let Some(slot) = question.slot(worker) else {
        let words = OwnedRequest::new(question.words.iter().map(Vec::as_slice));
        let request = Request { command: question.id.command(), args: words.args(), raw: None };
        return fault::line(cross_slot(worker, &request).text());
    };
    let Some(member) = worker.owner(slot) else { return fault::line("ERR the proxy is starting; try again") };
    if let (CommandId::Eval | CommandId::EvalRo, Some(body)) = (question.id, question.words.get(1)) {
        worker.shared.scripts.keep(body);
    }
    match until_led(worker.timeout(), async || run_at(worker, &member, question).await).await {
        Ok(answer) => answer,
        Err(fault) => member.fault(&fault),
    }
}

async fn run_at(worker: &Rc<Worker>, member: &Rc<Member>, question: &Question) -> Result<Vec<u8>, Fault> {
    let mut link = member.dedicated(question.db, question.resp).await?;
    let mut request = Vec::new();
    write_request(&mut request, question.words.iter().map(Vec::as_slice));
    let answer = ask(worker, member, &mut link, &request).await?;
    // A script that is not known has done nothing, so it may be run again.
    match heal::is_for(question.id, &answer) && heal::heal(worker, member, &mut link, question).await? {
        true => ask(worker, member, &mut link, &request).await,
        false => Ok(answer),
    }
}

/// Waits for the answer for as long as the member answers others.
async fn ask(worker: &Worker, member: &Member, link: &mut Link, request: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut asked = pin!(link.exchange(request, 1));
    loop {
        let looked = async {
            sleep(worker.timeout()).await;
            match member.ask(0, &[b"PING"]).await {
                // That others ask it much says nothing.
                Ok(_) | Err(Fault::Busy(_)) => Ok(()),
                Err(fault) => Err(fault),
            }
        };
        tokio::select! {
            biased;
            answers = &mut asked => {
                let answers = answers.map_err(|error| Fault::broken(&error))?;
                return Ok(answers.into_iter().next().unwrap_or_default());
            }
            alive = looked => alive?,
        }
    }
}

/// Whether a command between MULTI and EXEC is a script that the proxy must first look for.
#[inline]
pub(crate) fn is_unknown(worker: &Worker, request: &Request<'_>) -> bool {
    request.command.pool == PoolRule::Script
        && matches!(request.command.id, CommandId::Evalsha | CommandId::EvalshaRo)
        && parse_hex(&request.args[1]).is_some_and(|sha| worker.shared.scripts.find(&sha).is_none())
}

/// What to queue for an EVALSHA so that it finds its script: the command's name and the script.
pub(crate) fn in_queue(worker: &Worker, request: &Request<'_>) -> Option<(&'static [u8], Arc<[u8]>)> {
    let name: &[u8] = match request.command.id {
        CommandId::Evalsha => b"EVAL",
        CommandId::EvalshaRo => b"EVAL_RO",
        _ => return None,
    };
    let body = parse_hex(&request.args[1]).and_then(|sha| worker.shared.scripts.find(&sha))?;
    Some((name, body))
}

/// Keeps what comes by in a transaction.
pub(crate) fn note(worker: &Worker, request: &Request<'_>) {
    if matches!(request.command.id, CommandId::Eval | CommandId::EvalRo) {
        worker.shared.scripts.keep(&request.args[1]);
    }
}

/// Why a script whose keys are several members' can't run, and what would help.
pub(crate) fn cross_slot(worker: &Worker, request: &Request<'_>) -> Error {
    let all: Vec<&[u8]> =
        keys(request.command, &request.args).map(|at| request.args.get(at).unwrap_or_default()).collect();
    let topology = worker.topology();
    let owner = |key: &[u8]| &topology.owner(slot_of(key)).name;
    let first = all.first().copied().unwrap_or_default();
    let other = all.iter().copied().find(|key| owner(key) != owner(first)).unwrap_or(first);
    let rule = match rule_for(&all) {
        Some(rule) => format!(", or start proxies and servers with --colocate '{rule}*'"),
        None => String::new(),
    };
    Error::new(format!(
        "CROSSSLOT the script's keys '{}' and '{}' are of members {} and {}: give them one {{tag}}{rule}",
        printable(first, 64),
        printable(other, 64),
        owner(first),
        owner(other)
    ))
}

/// What all keys begin with, up to the last separator before a number, if a rule can be made of it.
fn rule_for(all: &[&[u8]]) -> Option<String> {
    let (first, rest) = all.split_first()?;
    let same = |key: &&[u8]| key.iter().zip(*first).take_while(|(one, other)| one == other).count();
    let common = &first[..rest.iter().map(same).min()?];
    let end = |text: &[u8]| text.iter().rposition(|byte| b":./_-|#".contains(byte));
    // A digit begins what is likely to be another one's number next time.
    let named = common.iter().position(u8::is_ascii_digit).unwrap_or(common.len());
    let end = end(&common[..named]).or_else(|| end(common))?;
    let prefix = std::str::from_utf8(&common[..=end]).ok()?;
    ringtail_cluster::Colocation::of([format!("{prefix}*")]).ok().map(|_| prefix.to_owned())
}
