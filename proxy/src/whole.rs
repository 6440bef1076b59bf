//! Commands about the whole pool: the session's task asks the members on dedicated connections, with nothing else of its
//! session on the way, and makes one answer of theirs.

mod channels;
mod counts;
mod explain;
mod info;
mod keyspace;
mod scan;

pub(crate) use info::{REDIS_VERSION, servers};
pub(crate) use keyspace::bulk;

use std::rc::Rc;

use ringtail_protocol::command::{CommandId, Found, find};
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::{Args, OwnedRequest, Span};
use tokio::task::spawn_local;

use crate::alias;
use crate::fault::Fault;
use crate::member::Member;
use crate::pubsub::Kind;
use crate::route::{self, Request};
use crate::session::State;
use crate::worker::Worker;

/// A request that outlives the buffer it came in.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) id: CommandId,
    /// It has an option by which it waits.
    pub(crate) blocks: bool,
    /// In Redis's words, the name first.
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) db: u8,
    pub(crate) resp: Resp,
}

impl Question {
    /// The request with these arguments, by this session. `None` if there is no such command.
    pub(crate) fn new(state: &State, args: Args<'_>) -> Option<Self> {
        let Found::Command(command) = find(&args) else { return None };
        let request = Request { command, args, raw: None };
        let blocks = route::blocks(&request);
        let (id, words) = alias::meaning(&request);
        let words = words.into_iter().map(<[u8]>::to_vec).collect();
        Some(Self { id, blocks, words, db: state.db, resp: state.resp })
    }

    /// A slot of the one member that owns all its keys. `None` for keys of several members.
    pub(crate) fn slot(&self, worker: &Worker) -> Option<u16> {
        let request = OwnedRequest::new(self.words.iter().map(Vec::as_slice));
        route::one_owner(worker, &Request { command: self.id.command(), args: request.args(), raw: None })
    }

    /// As arguments, for a member to be asked the same.
    fn request(&self) -> Vec<&[u8]> {
        self.words.iter().map(Vec::as_slice).collect()
    }
}

/// Asks the members and joins their answers: a reply as the session is to get it.
pub(crate) async fn answer(worker: &Rc<Worker>, question: &Question) -> Vec<u8> {
    let mut out = Vec::new();
    let result = match question.id {
        CommandId::Scan => scan::scan(worker, question, &mut out).await,
        CommandId::Keys => keyspace::keys(worker, question, &mut out).await,
        CommandId::Randomkey => keyspace::randomkey(worker, question, &mut out).await,
        CommandId::Dbsize => counts::dbsize(worker, question, &mut out).await,
        CommandId::PubsubChannels | CommandId::PubsubShardchannels => {
            channels::names(worker, question, &mut out).await
        }
        CommandId::PubsubNumsub => channels::subscribers(worker, question, Kind::Channel, &mut out).await,
        CommandId::PubsubShardnumsub => channels::subscribers(worker, question, Kind::Shard, &mut out).await,
        CommandId::PubsubNumpat => channels::patterns(worker, question, &mut out).await,
        CommandId::ConfigGet => counts::setting(worker, question, &mut out).await,
        CommandId::Info => info::info(worker, question, &mut out).await,
        CommandId::RingtailExplain => explain::explain(worker, question, &mut out).await,
        _ => counts::all_ok(worker, question, &mut out).await,
    };
    if let Err(error) = result {
        out.clear();
        Reply::new(&mut out, question.resp).error(&error);
    }
    out
}

/// What one member said.
pub(crate) type Told = (Rc<Member>, Result<Vec<u8>, Error>);

/// A member and its answer, which is no error.
pub(crate) type Answered = (Rc<Member>, Vec<u8>);

/// Asks one member; its error reply, or what kept it from answering, is an error.
pub(crate) async fn ask(member: &Rc<Member>, db: u8, request: &[&[u8]]) -> Result<Vec<u8>, Error> {
    match member.ask(db, request).await {
        Ok(answer) => match answer.strip_prefix(b"-") {
            None => Ok(answer),
            Some(error) => Err(Error::new(String::from_utf8_lossy(error).trim_end().to_owned())),
        },
        Err(fault) => Err(failed(member, &fault)),
    }
}

pub(crate) fn failed(member: &Member, fault: &Fault) -> Error {
    let line = member.fault(fault);
    Error::new(String::from_utf8_lossy(line.strip_prefix(b"-").unwrap_or(&line)).trim_end().to_owned())
}

/// Asks all members at once.
pub(crate) async fn ask_all(worker: &Worker, db: u8, request: &[&[u8]]) -> Vec<Told> {
    let tasks: Vec<_> = worker
        .members()
        .into_iter()
        .map(|member| {
            let (asked, request) = (Rc::clone(&member), packed(request));
            let task = spawn_local(async move {
                let (buf, spans) = request;
                let words: Vec<&[u8]> = spans.iter().map(|span| span.of(&buf)).collect();
                ask(&asked, db, &words).await
            });
            (member, task)
        })
        .collect();
    let mut told = Vec::with_capacity(tasks.len());
    for (member, task) in tasks {
        let answer = task.await.unwrap_or(Err(ringtail_protocol::errors::INTERNAL));
        told.push((member, answer));
    }
    told
}

fn packed(words: &[&[u8]]) -> (Vec<u8>, Vec<Span>) {
    let (mut buf, mut spans) = (Vec::new(), Vec::new());
    for word in words {
        spans.push(Span { start: buf.len() as u32, len: word.len() as u32 });
        buf.extend_from_slice(word);
    }
    (buf, spans)
}

/// All members' answers, or the first error with what became of the others, where one did its part.
pub(crate) fn all_well(told: Vec<Told>) -> Result<Vec<Answered>, Error> {
    let (all, done) = (told.len(), told.iter().filter(|(_, answer)| answer.is_ok()).count());
    let with_rest = |error: Error| match done {
        0 => error,
        _ => Error::new(format!("{}; {done} of {all} members did their part", error.text())),
    };
    told.into_iter().map(|(member, answer)| Ok((member, answer.map_err(with_rest)?))).collect()
}

/// A member's answer is not what the command answers.
pub(crate) fn odd(member: &Member) -> Error {
    Error::new(format!("ERR member {} answered something else", member.label()))
}
