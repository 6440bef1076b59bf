//! WATCH: on a connection of the session's own to each member that owns one of the keys.

use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ringtail_cluster::slot_of;
use ringtail_protocol::errors;
use ringtail_protocol::reply::write_request;
use tokio::time::timeout;

use crate::fault::{self, Fault};
use crate::member::{Member, until_led};
use crate::own::Held;
use crate::session::Session;
use crate::whole::Question;
use crate::worker::Worker;

/// Keys that are watched at one member.
pub(super) struct Watch {
    pub(super) member: Rc<Member>,
    pub(super) link: Held,
    pub(super) slots: BTreeSet<u16>,
    /// Keys are watched on the link.
    holds: bool,
    /// Some were, on another one before it, at a server that leads no more: nobody knows whether they were changed since.
    pub(super) is_void: bool,
}

/// WATCH, by the session's task.
pub(crate) async fn watch(worker: &Rc<Worker>, session: &Rc<Session>, question: &Question) -> Vec<u8> {
    let mut transaction = session.take_transaction().unwrap_or_default();
    let answer = watch_all(worker, &mut transaction.watches, question).await;
    session.keep_transaction(transaction);
    answer.err().unwrap_or_else(|| b"+OK\r\n".to_vec())
}

async fn watch_all(worker: &Worker, watches: &mut Vec<Watch>, question: &Question) -> Result<(), Vec<u8>> {
    for (member, keys) in by_owner(worker, &question.words[1..])? {
        let watched = watch_at(worker, watches, &member, &keys, question).await;
        watched.map_err(|fault| member.fault(&fault))?;
    }
    Ok(())
}

type Owned<'a> = (Rc<Member>, Vec<&'a [u8]>);

fn by_owner<'a>(worker: &Worker, keys: &'a [Vec<u8>]) -> Result<Vec<Owned<'a>>, Vec<u8>> {
    let mut owned: Vec<Owned<'a>> = Vec::new();
    for key in keys {
        let member = worker.owner(slot_of(key)).ok_or_else(|| fault::line(errors::INTERNAL.text()))?;
        match owned.iter_mut().find(|(other, _)| Rc::ptr_eq(other, &member)) {
            Some((_, keys)) => keys.push(key),
            None => owned.push((member, vec![key])),
        }
    }
    Ok(owned)
}

async fn watch_at(
    worker: &Worker,
    watches: &mut Vec<Watch>,
    member: &Rc<Member>,
    keys: &[&[u8]],
    question: &Question,
) -> Result<(), Fault> {
    let at = match watches.iter().position(|watch| Rc::ptr_eq(&watch.member, member)) {
        Some(at) => at,
        None => {
            let link = member.dedicated(question.db, question.resp).await?;
            let (member, slots) = (Rc::clone(member), BTreeSet::new());
            watches.push(Watch { member, link, slots, holds: false, is_void: false });
            watches.len() - 1
        }
    };
    let watch = &mut watches[at];
    watch.slots.extend(keys.iter().map(|key| slot_of(key)));
    let (mut request, mut words) = (Vec::new(), vec![&b"WATCH"[..]]);
    words.extend(keys);
    write_request(&mut request, words.into_iter());
    let asked = until_led(worker.timeout(), async || {
        let answers = watch.ask(worker, &request, question.db).await;
        if let Err(Fault::Turned) = answers {
            watch.is_void |= std::mem::take(&mut watch.holds);
            watch.link = member.dedicated(question.db, question.resp).await?;
        }
        answers
    });
    let answer = asked.await?;
    match answer.first().map(Vec::as_slice) {
        Some(b"+OK\r\n") => {
            watch.holds = true;
            Ok(())
        }
        other => Err(Fault::Lost(format!("it refuses WATCH: {}", said(other.unwrap_or_default())))),
    }
}

impl Watch {
    async fn ask(&mut self, worker: &Worker, request: &[u8], db: u8) -> Result<Vec<Vec<u8>>, Fault> {
        self.link.in_use = true;
        let asked = async {
            self.link.select(db).await?;
            self.link.exchange(request, 1).await
        };
        within(worker.timeout(), asked).await
    }
}

/// What is not done within `limit` is late.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, Fault> {
    match timeout(limit, work).await {
        Err(_) => Err(Fault::Late(limit)),
        Ok(done) => done.map_err(|error| Fault::broken(&error)),
    }
}

/// An answer's text, for a line of an error.
pub(super) fn said(answer: &[u8]) -> String {
    let text = answer.strip_prefix(b"-").unwrap_or(answer);
    String::from_utf8_lossy(&text[..text.len().min(200)]).trim_end().to_owned()
}

/// Lets the watched keys go; a connection that does not answer at once is closed instead.
pub(super) async fn unwatch(watches: Vec<Watch>) {
    for mut watch in watches {
        let request = b"*1\r\n$7\r\nUNWATCH\r\n";
        let answer = within(UNWATCH_WITHIN, watch.link.exchange(request, 1)).await;
        watch.link.in_use = !answer.is_ok_and(|answers| answers == [b"+OK\r\n".to_vec()]);
    }
}

/// How long a connection may take to forget its watched keys.
const UNWATCH_WITHIN: Duration = Duration::from_millis(100);
