//! A request that may wait at its member: BLPOP and its like, XREAD and XREADGROUP with BLOCK.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{self, UNBLOCKED};
use ringtail_protocol::reply::write_request;
use ringtail_protocol::value::Value;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::clients::{Client, Unblock};
use crate::fault::{self, Fault};
use crate::limits;
use crate::link::Link;
use crate::member::{Member, until_led};
use crate::session::Session;
use crate::transaction::{across, is_null};
use crate::whole::Question;
use crate::worker::Worker;

/// Asks the keys' owner, and waits for as long as the request says; at another member when the keys have moved there.
pub(super) async fn wait(worker: &Rc<Worker>, session: &Rc<Session>, question: &Question) -> Vec<u8> {
    let client = session.client();
    let until = patience(question).map(|time| Instant::now() + time);
    let mut question = question.clone();
    loop {
        let Some(slot) = question.slot(worker) else { return poll(worker, session, &question).await };
        let Some(member) = worker.owner(slot) else { return fault::line(errors::INTERNAL.text()) };
        let again = Cell::new(false);
        let asked = until_led(worker.timeout(), async || {
            let mut question = question.clone();
            if again.replace(true) {
                set_patience(&mut question, until);
            }
            wait_at(worker, &member, &client, &question).await
        });
        tokio::select! {
            answer = asked => return answer.unwrap_or_else(|fault| member.fault(&fault)),
            // The connection is closed with that: the old owner takes its client for gone.
            () = moved(worker, slot, &member) => set_patience(&mut question, until),
        }
    }
}

/// Waits until another member owns the slot.
async fn moved(worker: &Worker, slot: u16, member: &Rc<Member>) {
    loop {
        let adopted = worker.adopted.notified();
        if worker.owner(slot).is_none_or(|owner| !Rc::ptr_eq(&owner, member)) {
            return;
        }
        adopted.await;
    }
}

/// Keys of several members: none of them could wait for the others' keys, so they are looked at again and again.
async fn poll(worker: &Rc<Worker>, session: &Rc<Session>, question: &Question) -> Vec<u8> {
    let client = session.client();
    let _blocked = Blocked::begin(&client);
    let until = patience(question).map(|time| Instant::now() + time);
    let question = &from_now_on(worker, question).await;
    let mut pause = limits::POLL_FIRST;
    loop {
        let answer = across::run(worker, question).await;
        if !is_null(&answer) || until.is_some_and(|until| Instant::now() >= until) {
            return answer;
        }
        let left = until.map_or(pause, |until| until.saturating_duration_since(Instant::now()));
        tokio::select! {
            () = sleep(pause.min(left)) => {}
            how = unblock_asked(&client) => match how {
                Unblock::Timeout => return answer,
                Unblock::Error => return fault::line(UNBLOCKED.text()),
            },
        }
        pause = (pause * 2).min(limits::POLL_MOST);
    }
}

/// XREAD's `$` is what is last in the stream when the waiting begins, not at each look.
async fn from_now_on(worker: &Worker, question: &Question) -> Question {
    let mut question = question.clone();
    let streams = question.words.iter().position(|word| word.eq_ignore_ascii_case(b"STREAMS"));
    let Some(first) = streams.filter(|_| question.id == CommandId::Xread).map(|at| at + 1) else {
        return question;
    };
    let count = (question.words.len() - first) / 2;
    for at in first + count..question.words.len() {
        let key = question.words[at - count].clone();
        if question.words[at] == b"$"
            && let Some(last) = last_id(worker, question.db, &key).await
        {
            question.words[at] = last;
        }
    }
    question
}

/// The last id of the stream; `None` if nobody can say, which the request itself will show.
async fn last_id(worker: &Worker, db: u8, key: &[u8]) -> Option<Vec<u8>> {
    let member = worker.owner(slot_of(key))?;
    let answer = member.ask(db, &[b"XINFO", b"STREAM", key]).await.ok()?;
    if answer.starts_with(b"-ERR no such key") {
        return Some(b"0-0".to_vec());
    }
    let (told, _) = Value::decode(&answer).ok()??;
    let pairs = told.as_pairs()?;
    let last = pairs.iter().find(|(name, _)| name.as_str() == Some("last-generated-id"));
    last.and_then(|(_, id)| Some(id.as_str()?.as_bytes().to_vec()))
}

async fn unblock_asked(client: &Client) -> Unblock {
    poll_fn(|_| client.unblock_asked().map_or(Poll::Pending, Poll::Ready)).await
}

async fn wait_at(
    worker: &Rc<Worker>,
    member: &Rc<Member>,
    client: &Arc<Client>,
    question: &Question,
) -> Result<Vec<u8>, Fault> {
    let mut link = member.dedicated(question.db, question.resp).await?;
    let lost = |error: std::io::Error| Fault::broken(&error);
    let id = link.id().await.map_err(lost)?;
    let _blocked = Blocked::begin(client);
    let mut request = Vec::new();
    write_request(&mut request, question.words.iter().map(Vec::as_slice));
    let late = async {
        match patience(question) {
            Some(time) => sleep(time.saturating_add(worker.timeout())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        answer = ask(&mut link, &request) => answer.map_err(lost),
        () = late => Err(Fault::Late(worker.timeout())),
        () = pass_unblock_on(member, client, id) => unreachable!("it goes on for ever"),
    }
}

async fn ask(link: &mut Link, request: &[u8]) -> std::io::Result<Vec<u8>> {
    Ok(link.exchange(request, 1).await?.pop().unwrap_or_default())
}

/// CLIENT UNBLOCK is for the member to do: it alone knows whether the client is still waiting.
async fn pass_unblock_on(member: &Rc<Member>, client: &Arc<Client>, id: Option<i64>) {
    loop {
        let how = unblock_asked(client).await;
        let Some(id) = id else { continue };
        let member = Rc::clone(member);
        // Not awaited: the answer that the client waits for comes on the link itself.
        spawn_local(async move {
            let (id, how) = (id.to_string(), how.word().as_bytes());
            let _ = member.ask(0, &[b"CLIENT", b"UNBLOCK", id.as_bytes(), how]).await;
        });
    }
}

/// How long the request waits at most; `None` for ever. What is not a time is answered by the member at once.
fn patience(question: &Question) -> Option<Duration> {
    let (at, unit) = patience_at(question);
    let text = question.words.get(at).and_then(|word| std::str::from_utf8(word).ok());
    let number = text.and_then(|text| text.parse::<f64>().ok());
    match number.and_then(|number| Duration::try_from_secs_f64(number * unit).ok()) {
        Some(Duration::ZERO) => None,
        Some(time) => Some(time),
        None => Some(Duration::ZERO),
    }
}

/// Where the request says how long it waits, and in which unit, in seconds.
fn patience_at(question: &Question) -> (usize, f64) {
    let words = &question.words;
    match question.id {
        CommandId::Blmpop | CommandId::Bzmpop => (1, 1.0),
        CommandId::Xread | CommandId::Xreadgroup => {
            let block = words.iter().position(|word| word.eq_ignore_ascii_case(b"BLOCK"));
            (block.map_or(usize::MAX, |at| at + 1), 0.001)
        }
        _ => (words.len() - 1, 1.0),
    }
}

/// Has the request wait until then, and no longer.
fn set_patience(question: &mut Question, until: Option<Instant>) {
    let (at, unit) = patience_at(question);
    let (Some(until), Some(word)) = (until, question.words.get_mut(at)) else { return };
    // 0 would be for ever.
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    *word =
        if unit < 1.0 { left.as_millis().to_string() } else { left.as_secs_f64().to_string() }.into_bytes();
}

/// Marks a client as waiting, for CLIENT UNBLOCK, CLIENT LIST and INFO.
struct Blocked<'a>(&'a Client);

impl<'a> Blocked<'a> {
    fn begin(client: &'a Client) -> Self {
        client.set_blocked(true);
        Self(client)
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.set_blocked(false);
    }
}
