//! A transaction cut up by member, and put together again from what the members answer.

use std::collections::BTreeSet;
use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{Found, Join, find, keys};
use ringtail_protocol::errors;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp, write_request};
use ringtail_protocol::request::{Batch, Parser};

use super::queue::{Place, Queue, Queued};
use super::watch::Watch;
use crate::fault::{self, Fault};
use crate::gather::Answers;
use crate::gather::join::join;
use crate::member::Member;
use crate::own::Held;
use crate::worker::Worker;

/// A command's keys were one member's when it was queued.
const MOVED: &str = "EXECABORT a command's keys are of several members since the topology changed: nothing was run, a retry is safe";

/// What one member has to do.
pub(super) struct Stream {
    pub(super) member: Rc<Member>,
    pub(super) link: Held,
    /// Of the keys that it has a part in, watched ones among them.
    pub(super) slots: BTreeSet<u16>,
    /// The member holds them.
    pub(super) holds: bool,
    /// Keys are watched on the link.
    pub(super) is_watched: bool,
    pub(super) requests: Requests,
}

/// One member's commands, as bytes.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
    /// The database of the first one.
    pub(super) first_db: Option<u8>,
    /// The one that the last left selected.
    pub(super) db: u8,
}

/// Where a command's answer comes from.
enum Origin {
    /// The answers' place in a stream.
    One(usize, usize),
    /// Parts in several streams.
    Split(Join, Vec<u16>, Vec<(usize, usize)>),
    /// The proxy itself, which selected a database.
    Select,
}

/// A transaction, by member, in the order of the members' names: that is the order in which slots are locked, in every
/// proxy, so that no two transactions wait for each other.
pub(super) struct Parts {
    pub(super) streams: Vec<Stream>,
    origins: Vec<Origin>,
    pub(super) resp: Resp,
}

/// The owners that take part, before there are connections to them.
struct Plan<'a> {
    worker: &'a Worker,
    members: Vec<(Rc<Member>, BTreeSet<u16>, Requests)>,
}

impl Parts {
    /// Cuts up what was queued. An error is the answer to EXEC: that a watched key has moved to another member, or that a member
    /// can't be connected to.
    pub(super) async fn of(
        worker: &Rc<Worker>,
        queue: &Queue,
        mut watches: Vec<Watch>,
        resp: Resp,
    ) -> Result<Self, Vec<u8>> {
        let mut plan = Plan { worker, members: Vec::new() };
        for watch in &watches {
            if watch.is_void || !plan.still_owns(watch) {
                return Err(super::nothing(resp));
            }
            plan.part(&watch.member).extend(&watch.slots);
        }
        for slot in &queue.slots {
            let owner = plan.owner(*slot)?;
            plan.part(&owner).insert(*slot);
        }
        plan.members.sort_by(|(one, ..), (other, ..)| one.name.cmp(&other.name));
        let origins: Result<Vec<Origin>, Vec<u8>> =
            queue.commands.iter().map(|queued| plan.add(queue, queued)).collect();
        let origins = origins?;
        let mut streams = Vec::with_capacity(plan.members.len());
        for (member, slots, requests) in plan.members {
            let watched = watches.iter().position(|watch| Rc::ptr_eq(&watch.member, &member));
            let link = match watched {
                Some(at) => watches.swap_remove(at).link,
                None => member.dedicated(0, resp).await.map_err(|fault| member.fault(&fault))?,
            };
            let is_watched = watched.is_some();
            streams.push(Stream { member, link, slots, holds: false, is_watched, requests });
        }
        Ok(Self { streams, origins, resp })
    }

    /// The answer to EXEC, from the elements of each stream's. `None` if they are not what was asked for.
    pub(super) fn assemble(&self, streams: &[Vec<Vec<u8>>]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, self.resp);
        reply.array(self.origins.len());
        for origin in &self.origins {
            match origin {
                Origin::Select => reply.ok(),
                Origin::One(stream, at) => reply.raw(streams.get(*stream)?.get(*at)?),
                Origin::Split(rule, order, parts) => {
                    let part = |(stream, at): &(usize, usize)| {
                        let bytes = streams.get(*stream)?.get(*at)?.clone();
                        Some((Rc::clone(&self.streams[*stream].member), bytes))
                    };
                    let parts: Option<Vec<_>> = parts.iter().map(part).collect();
                    reply.raw(&join(&Answers::complete(parts?, order.clone()), *rule));
                }
            }
        }
        Some(out)
    }
}

impl Plan<'_> {
    fn owner(&self, slot: u16) -> Result<Rc<Member>, Vec<u8>> {
        self.worker.owner(slot).ok_or_else(|| fault::line(errors::INTERNAL.text()))
    }

    /// Whether the keys are still where they are watched.
    fn still_owns(&self, watch: &Watch) -> bool {
        let owns =
            |slot: &u16| self.worker.owner(*slot).is_some_and(|owner| Rc::ptr_eq(&owner, &watch.member));
        watch.slots.iter().all(owns)
    }

    fn part(&mut self, member: &Rc<Member>) -> &mut BTreeSet<u16> {
        let at = self.index(member).unwrap_or_else(|| {
            self.members.push((Rc::clone(member), BTreeSet::new(), Requests::default()));
            self.members.len() - 1
        });
        &mut self.members[at].1
    }

    fn index(&self, member: &Rc<Member>) -> Option<usize> {
        self.members.iter().position(|(other, ..)| Rc::ptr_eq(other, member))
    }

    fn index_of_slot(&self, slot: u16) -> Result<usize, Vec<u8>> {
        let owner = self.owner(slot)?;
        // All slots were noted before, in the same turn of the event loop.
        self.index(&owner).ok_or_else(|| fault::line(errors::INTERNAL.text()))
    }

    fn add(&mut self, queue: &Queue, queued: &Queued) -> Result<Origin, Vec<u8>> {
        let bytes = &queue.bytes[queued.bytes.clone()];
        match queued.place {
            Place::Select => Ok(Origin::Select),
            Place::Slot(slot) => {
                let at = self.index_of_slot(slot)?;
                Ok(Origin::One(at, self.members[at].2.add(queued.db, bytes)))
            }
            Place::Together(from, count) => {
                let slots = &queue.slots[from..from + count];
                let at = self.index_of_slot(slots[0])?;
                for slot in slots {
                    if self.index_of_slot(*slot)? != at {
                        return Err(fault::line(MOVED));
                    }
                }
                Ok(Origin::One(at, self.members[at].2.add(queued.db, bytes)))
            }
            Place::Any => {
                if self.members.is_empty() {
                    let owner = self.owner(0)?;
                    self.part(&owner).insert(0);
                }
                Ok(Origin::One(0, self.members[0].2.add(queued.db, bytes)))
            }
            Place::Split(join) => self.split(queued.db, bytes, join),
        }
    }

    fn split(&mut self, db: u8, bytes: &[u8], join: Join) -> Result<Origin, Vec<u8>> {
        let (mut buf, mut batch) = (bytes.to_vec(), Batch::default());
        Parser::default().parse(&mut buf, RequestLimits::FULL, &mut batch);
        let internal = || fault::line(errors::INTERNAL.text());
        let args = batch.requests().first().map(|request| batch.args(request, &buf)).ok_or_else(internal)?;
        let Found::Command(command) = find(&args) else { return Err(internal()) };
        let width = usize::try_from(command.range.step).unwrap_or(1).max(1);
        // For each part its stream and its words, for each key its part.
        let mut parts: Vec<(usize, Vec<&[u8]>)> = Vec::new();
        let mut order: Vec<u16> = Vec::new();
        for key in keys(command, &args) {
            let stream = self.index_of_slot(slot_of(&args[key]))?;
            let part = parts.iter().position(|(other, _)| *other == stream).unwrap_or_else(|| {
                parts.push((stream, vec![&args[0]]));
                parts.len() - 1
            });
            parts[part].1.extend((key..key + width).map(|at| &args[at]));
            order.push(part as u16);
        }
        let places = parts.iter().map(|(stream, words)| {
            let mut request = Vec::new();
            write_request(&mut request, words.iter().copied());
            (*stream, self.members[*stream].2.add(db, &request))
        });
        Ok(Origin::Split(join, order, places.collect()))
    }
}

impl Requests {
    /// Adds a command; its answer's place among the stream's.
    fn add(&mut self, db: u8, bytes: &[u8]) -> usize {
        if *self.first_db.get_or_insert(db) == db && self.count == 0 {
            self.db = db;
        }
        if self.db != db {
            let digits = db.to_string();
            write_request(&mut self.bytes, [&b"SELECT"[..], digits.as_bytes()].into_iter());
            self.count += 1;
            self.db = db;
        }
        self.bytes.extend_from_slice(bytes);
        self.count += 1;
        self.count - 1
    }
}

impl Stream {
    /// The server of its link leads no more, and has run nothing: another link, to the one that does.
    pub(super) async fn renew(&mut self, resp: Resp) -> Result<(), Fault> {
        self.link = self.member.dedicated(self.requests.first_db.unwrap_or(0), resp).await?;
        Ok(())
    }
}

/// The elements of an array. `None` if it is none.
pub(crate) fn elements(answer: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = answer.iter().position(|byte| *byte == b'\n')?;
    let count = parse_i64(answer.strip_prefix(b"*")?.get(..line.checked_sub(2)?)?)?;
    let mut rest = &answer[line + 1..];
    let mut elements = Vec::new();
    for _ in 0..usize::try_from(count).ok()? {
        let end = Scanner::default().scan(rest).ok()??;
        elements.push(rest[..end].to_vec());
        rest = &rest[end..];
    }
    Some(elements)
}
