//! Bringing scripts and libraries to a member that has them not: one that was restarted, or that is new.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::NO_SCRIPT;
use ringtail_protocol::reply::write_request;
use ringtail_protocol::sha1::{Sha, parse_hex};
use ringtail_protocol::value::Value;
use tokio::task::spawn_local;

use crate::fault::Fault;
use crate::limits;
use crate::link::Link;
use crate::member::Member;
use crate::transaction::within;
use crate::whole::{self, Question};
use crate::worker::Worker;

/// What a member answers that does not know a function.
const NO_FUNCTION: &str = "ERR Function not found";

/// Whether this is the answer of a member that misses what it was to run.
pub(super) fn is_for(id: CommandId, answer: &[u8]) -> bool {
    let is = |text: &str| {
        answer.strip_prefix(b"-").and_then(|line| line.strip_suffix(b"\r\n")) == Some(text.as_bytes())
    };
    match id {
        CommandId::Evalsha | CommandId::EvalshaRo => is(NO_SCRIPT.text()),
        CommandId::Fcall | CommandId::FcallRo => is(NO_FUNCTION),
        _ => false,
    }
}

/// Brings what is missing; whether there is any sense in asking again.
pub(super) async fn heal(
    worker: &Rc<Worker>,
    member: &Rc<Member>,
    link: &mut Link,
    question: &Question,
) -> Result<bool, Fault> {
    if matches!(question.id, CommandId::Fcall | CommandId::FcallRo) {
        return Ok(bring_unless_fruitless(worker, member).await);
    }
    let Some(body) = know(worker, &question.words[1]).await else { return Ok(false) };
    let mut request = Vec::new();
    write_request(&mut request, [&b"SCRIPT"[..], b"LOAD", &body].into_iter());
    let answers = within(worker.timeout(), link.exchange(&request, 1)).await?;
    worker.shared.scripts.brought.fetch_add(1, Relaxed);
    Ok(answers.first().is_some_and(|answer| answer.starts_with(b"$")))
}

/// The script of this name: of those that the proxy knows, or that any member shows.
pub(crate) async fn know(worker: &Rc<Worker>, name: &[u8]) -> Option<Arc<[u8]>> {
    let sha = parse_hex(name)?;
    match worker.shared.scripts.find(&sha) {
        Some(body) => Some(body),
        None => show(worker, name, &sha).await,
    }
}

/// Stock Redis does not show scripts; Valkey and Ringtail do.
async fn show(worker: &Rc<Worker>, name: &[u8], sha: &Sha) -> Option<Arc<[u8]>> {
    for (_, answer) in whole::ask_all(worker, 0, &[b"SCRIPT", b"SHOW", name]).await {
        if let Ok(answer) = answer
            && let Ok(Some((Value::Bulk(body), _))) = Value::decode(&answer)
            && worker.shared.scripts.keep(&body) == *sha
        {
            return Some(body.into());
        }
    }
    None
}

/// A function that no member has is not looked for at every call.
async fn bring_unless_fruitless(worker: &Rc<Worker>, member: &Rc<Member>) -> bool {
    let (shared, now) = (&worker.shared, worker.shared.millis(tokio::time::Instant::now()));
    if now < shared.scripts.fruitless.load(Relaxed) {
        return false;
    }
    let brought = bring(worker, member).await;
    if !brought {
        shared.scripts.fruitless.store(now + limits::FRUITLESS.as_millis() as u64, Relaxed);
    }
    brought
}

/// A member has come: it gets the others' libraries, so that it need not wait for the first who misses one.
pub(crate) fn welcome(worker: &Rc<Worker>, member: &Rc<Member>) {
    // One worker is enough.
    if worker.is_first() && worker.members().len() > 1 {
        let (worker, member) = (Rc::clone(worker), Rc::clone(member));
        spawn_local(async move { bring(&worker, &member).await });
    }
}

/// Loads on `member` the libraries that others have and it has not: whether there are any.
async fn bring(worker: &Rc<Worker>, member: &Rc<Member>) -> bool {
    let Ok(own) = whole::ask(member, 0, &[b"FUNCTION", b"LIST"]).await else { return false };
    let Some(own) = libraries(&own) else { return false };
    let mut has: HashSet<Vec<u8>> = own.into_iter().map(|(name, _)| name).collect();
    let mut missed = false;
    for (other, answer) in whole::ask_all(worker, 0, &[b"FUNCTION", b"LIST", b"WITHCODE"]).await {
        let others =
            answer.ok().filter(|_| !Rc::ptr_eq(&other, member)).and_then(|answer| libraries(&answer));
        for (name, code) in others.unwrap_or_default() {
            if has.insert(name.clone()) {
                missed = true;
                load(worker, member, &name, &code).await;
            }
        }
    }
    missed
}

async fn load(worker: &Worker, member: &Rc<Member>, name: &[u8], code: &[u8]) {
    let (library, label) = (String::from_utf8_lossy(name), member.label());
    match whole::ask(member, 0, &[b"FUNCTION", b"LOAD", code]).await {
        Ok(_) => {
            worker.shared.scripts.brought.fetch_add(1, Relaxed);
            tracing::info!(member = label, "brought it the library {library}, which other members have");
        }
        // Another proxy was faster.
        Err(error) if error.text().ends_with("already exists") => {}
        Err(error) => tracing::warn!(member = label, "does not take the library {library}: {}", error.text()),
    }
}

/// The names of FUNCTION LIST's libraries, with their code where it was asked for.
pub(super) fn libraries(answer: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let Ok(Some((list, _))) = Value::decode(answer) else { return None };
    let one = |library: &Value| {
        let pairs = library.as_pairs()?;
        let field = |name: &str| {
            let pair = pairs.iter().find(|(key, _)| key.as_str() == Some(name));
            pair.and_then(|(_, value)| value.as_bytes()).map(<[u8]>::to_vec)
        };
        Some((field("library_name")?, field("library_code").unwrap_or_default()))
    };
    list.as_array()?.iter().map(one).collect()
}
