//! Who waits for what was committed to be somewhere safe, and how far that is.

use crate::blocking::Waiter;
use crate::replication::bound::runs_anywhere;
use crate::session::Client;
use nix::time::{ClockId, clock_gettime};
use ringtail_protocol::command::{Command, CommandId, Flags};
use ringtail_protocol::reply::{Reply, Resp};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Copies of a write that can be asked for, this server's own among them.
pub const COPIES_MOST: usize = 7;

/// How many servers must have a write before it is acknowledged.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// This one.
    #[default]
    Local,
    /// One more.
    Replica,
    /// More than half of the member's servers.
    Quorum,
}

impl Ack {
    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        clap::ValueEnum::from_str(name, true).ok()
    }

    /// Whether it is more than one.
    pub fn waits(self) -> bool {
        self != Self::Local
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Replica => "replica",
            Self::Quorum => "quorum",
        }
    }

    /// How many these are, of a member of so many servers.
    pub fn copies(self, servers: usize) -> u8 {
        match self {
            Self::Local => 1,
            Self::Replica => 2,
            Self::Quorum => (servers.min(COPIES_MOST) / 2 + 1) as u8,
        }
    }
}

/// Where a group has to be before its reply goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// On this server's disk.
    pub disk: bool,
    /// At so many servers, this one among them; 0 and 1 are the same.
    pub copies: u8,
    /// And these were heard of since this [`stamp`]: else others may have gone on without this server; 0 = no matter.
    pub heard: u64,
    /// In which [term](Reached::term) it was asked for.
    pub term: u64,
}

/// Whether a reply of this command may acknowledge a write, or tell of one: where writes need copies, it waits for them.
pub fn tells_of_keys(command: &Command) -> bool {
    use CommandId::{Discard, Multi, Unwatch, Wait, Waitaof, Watch};
    // How many copies there are is told as it stands, and what a transaction does is told by EXEC.
    let tells_nothing = matches!(command.executes(), Discard | Multi | Unwatch | Wait | Waitaof | Watch);
    // What operators ask is answered, also where copies are lacking.
    !tells_nothing && !runs_anywhere(command) && !command.flags.contains(Flags::ADMIN)
}

/// How long nobody else can have taken over from a server after it last told others that it leads. Who takes over waits for longer.
pub const LEASE: Duration = Duration::from_millis(1500);

/// Milliseconds of a clock that goes on while the machine sleeps, and is never set.
pub fn stamp() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    now.as_millis() as u64 + 1
}

/// One more than the tickets at one other server, at two, and so on; 0 where there are not so many: they have not even nothing.
type Others = [AtomicU64; COPIES_MOST - 1];

/// How far the log has come, by tickets: what is below is there.
#[derive(Debug, Default)]
pub struct Reached {
    disk: AtomicU64,
    /// In the memory of others, of those that follow now.
    copies: Others,
    /// The same, also of those that followed once: what was there is acknowledged, whoever has left since.
    safe: Others,
    /// `safe` as it was when this server ceased to lead. What replicas acknowledge later may be another log.
    kept: Others,
    /// On the disks of others.
    on_disks: Others,
    /// When others were told that this server leads, and have said that they heard it: the latest of them, the second, and so on.
    heard: Others,
    term: AtomicU64,
    /// What is here is the log of who is followed.
    in_step: AtomicBool,
}

/// Whether a server leads in a term.
pub fn leads(term: u64) -> bool {
    term.is_multiple_of(2)
}

fn count(others: &Others, ticket: u64) -> usize {
    others.iter().take_while(|reached| reached.load(SeqCst) > ticket).count()
}

/// Whether all below the ticket is, or was, at so many servers.
fn has_been_at(safe: &Others, ticket: u64, copies: u8) -> bool {
    let others = usize::from(copies).saturating_sub(1);
    // Before the first one there is nothing that anybody could lack.
    ticket == 0 || others == 0 || safe.get(others - 1).is_some_and(|reached| reached.load(SeqCst) > ticket)
}

fn set(others: &Others, mut tickets: impl Iterator<Item = u64>) {
    others.iter().for_each(|reached| reached.store(tickets.next().map_or(0, |ticket| ticket + 1), SeqCst));
}

impl Reached {
    /// Whether all below this ticket is where it has to be.
    #[inline]
    pub fn is_at(&self, ticket: u64, need: Need) -> bool {
        (!need.disk || self.is_on_disk(ticket))
            && (need.copies <= 1 || (self.has_copies(ticket, need) && self.was_heard(need)))
    }

    fn has_copies(&self, ticket: u64, need: Need) -> bool {
        let now = self.term();
        let reached = if need.term == now && leads(now) {
            has_been_at(&self.safe, ticket, need.copies)
        } else if need.term == now && self.in_step.load(SeqCst) {
            // Who reads at a replica takes what it has.
            true
        } else {
            // Of a term before the last one nothing is known any more.
            let is_last = if leads(need.term) { now <= need.term + 2 } else { now == need.term };
            is_last && has_been_at(&self.kept, ticket, need.copies)
        };
        // If a term has ended meanwhile, it is asked again.
        reached && self.term() == now
    }

    /// How often this server has begun or ceased to lead: it [leads] in even terms. A write is acknowledged by what replicas have said in
    /// its own term: later ones may follow a log without it.
    #[inline]
    pub fn term(&self) -> u64 {
        self.term.load(SeqCst)
    }

    /// It leads no more. To be called while no replica is heard.
    pub fn end_term(&self) {
        if leads(self.term()) {
            self.in_step.store(false, SeqCst);
            self.kept.iter().zip(&self.safe).for_each(|(kept, safe)| kept.store(safe.load(SeqCst), SeqCst));
            self.term.fetch_add(1, SeqCst);
        }
    }

    /// It leads.
    pub fn begin_term(&self) {
        if !leads(self.term()) {
            self.term.fetch_add(1, SeqCst);
        }
    }

    /// What is here is the log of who is followed from now on.
    pub fn set_in_step(&self) {
        self.in_step.store(true, SeqCst);
    }

    fn was_heard(&self, need: Need) -> bool {
        let others = usize::from(need.copies).saturating_sub(1);
        let last = || self.heard.get(others - 1).map_or(0, |stamp| stamp.load(SeqCst));
        need.heard == 0 || others == 0 || last() >= need.heard
    }

    /// Whether all below this ticket is on this server's disk.
    pub fn is_on_disk(&self, ticket: u64) -> bool {
        self.disk.load(SeqCst) >= ticket
    }

    /// How many other servers have all below this ticket.
    pub fn copies(&self, ticket: u64) -> usize {
        if leads(self.term()) { count(&self.copies, ticket) } else { 0 }
    }

    /// How many of them have it on disk.
    pub fn on_disks(&self, ticket: u64) -> usize {
        if leads(self.term()) { count(&self.on_disks, ticket) } else { 0 }
    }

    /// All below this ticket is on disk.
    pub fn set_disk(&self, ticket: u64) {
        // Marks are forgotten, so an offset may seem to be of an earlier ticket than before.
        self.disk.fetch_max(ticket, SeqCst);
    }

    /// Others have all below these tickets: the furthest of them the first, and so on; and have it on disk.
    pub fn set_copies(&self, copies: impl Iterator<Item = u64>, on_disks: impl Iterator<Item = u64>) {
        set(&self.copies, copies);
        let pairs = self.safe.iter().zip(&self.copies);
        pairs.for_each(|(safe, now)| _ = safe.fetch_max(now.load(SeqCst), SeqCst));
        set(&self.on_disks, on_disks);
    }

    /// When others were told that this server leads, the latest first.
    pub fn set_heard(&self, stamps: &[u64]) {
        let stamps = stamps.iter().copied().chain(std::iter::repeat(0));
        self.heard.iter().zip(stamps).for_each(|(heard, stamp)| heard.store(stamp, SeqCst));
    }
}

/// Tickets and the offsets behind their groups, ascending; only those that somebody may still ask for.
#[derive(Debug, Default)]
pub struct Marks {
    marks: VecDeque<(u64, u64)>,
}

/// Beyond so many every other one is forgotten: then some wait for a little more than they need.
const MARKS_MOST: usize = 1 << 16;

impl Marks {
    /// The group before this ticket ends at this offset.
    pub fn push(&mut self, ticket: u64, offset: u64) {
        self.marks.push_back((ticket, offset));
        if self.marks.len() > MARKS_MOST {
            let mut keep = false;
            self.marks.retain(|_| {
                keep = !keep;
                keep
            });
            self.marks.push_back((ticket, offset));
        }
    }

    /// The ticket below which all groups end at or before an offset.
    pub fn ticket_at(&self, offset: u64) -> u64 {
        let behind = self.marks.partition_point(|(_, end)| *end <= offset);
        behind.checked_sub(1).map_or(0, |last| self.marks[last].0)
    }

    /// The offset behind all groups below a ticket, if it is known.
    pub fn offset_of(&self, ticket: u64) -> Option<u64> {
        self.marks.get(self.marks.partition_point(|(own, _)| *own < ticket)).map(|(_, offset)| *offset)
    }

    /// Nobody asks for offsets before this one any more.
    pub fn forget(&mut self, offset: u64) {
        let behind = self.marks.partition_point(|(_, end)| *end <= offset);
        self.marks.drain(..behind.saturating_sub(1));
    }
}

/// A command that waits until what was committed before it is somewhere.
pub struct Awaited {
    /// The command.
    pub waiter: Arc<Waiter>,
    /// What is below this ticket ...
    pub ticket: u64,
    /// ... is to be on this server's disk, ...
    pub disk: bool,
    /// ... and at so many others.
    pub others: usize,
    /// WAITAOF, for which only disks count.
    pub only_disks: bool,
}

impl Awaited {
    /// Its reply as it stands, and whether that is what is waited for.
    pub fn reply(&self, reached: &Reached) -> (Vec<u8>, bool) {
        let here = reached.is_on_disk(self.ticket);
        let others =
            if self.only_disks { reached.on_disks(self.ticket) } else { reached.copies(self.ticket) };
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, Resp::V2);
        if self.only_disks {
            reply.array(2);
            reply.int(i64::from(here));
        }
        reply.int(others as i64);
        (out, others >= self.others && (here || !self.disk))
    }

    /// Serves it if what it waits for is there; whether it waits no more.
    fn serve(&self, reached: &Reached) -> bool {
        let (reply, done) = self.reply(reached);
        if !done {
            self.waiter.set_timed_out(reply);
        } else if self.waiter.claim() {
            // A connection that has ended needs no reply.
            let _ = self.waiter.finish(reply);
        }
        done || !self.waiter.is_waiting()
    }
}

/// Clients whose replies are kept back, and commands that wait.
#[derive(Default)]
pub struct Waiters {
    waiting: Mutex<Waiting>,
    any: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    /// One for each client, by its number.
    replies: HashMap<u64, KeptBack>,
    commands: Vec<Awaited>,
}

/// Whose replies are kept back, and until when.
struct KeptBack {
    ticket: u64,
    need: Need,
    client: Arc<Client>,
}

impl Waiters {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the client's task woken once the ticket is reached, unless it is already; whether it has to wait.
    pub fn wait(&self, reached: &Reached, ticket: u64, need: Need, client: &Arc<Client>) -> bool {
        let mut waiting = self.waiting();
        // It may have asked before.
        waiting.replies.insert(client.id, KeptBack { ticket, need, client: Arc::clone(client) });
        self.any.store(true, SeqCst);
        // Either we see that the log has moved on, or who moves it sees that somebody waits.
        let reached = reached.is_at(ticket, need);
        if reached {
            waiting.replies.remove(&client.id);
        }
        !reached
    }

    /// The client waits no more, whether its ticket is reached or not: it may never be.
    pub fn wait_no_more(&self, client: &Client) {
        let mut waiting = self.waiting();
        waiting.replies.remove(&client.id);
        self.note_any(&waiting);
    }

    fn note_any(&self, waiting: &Waiting) {
        self.any.store(!waiting.replies.is_empty() || !waiting.commands.is_empty(), SeqCst);
    }

    /// Has a command served once what it waits for is there.
    pub fn wait_for(&self, reached: &Reached, awaited: Awaited) {
        let mut waiting = self.waiting();
        self.any.store(true, SeqCst);
        if !awaited.serve(reached) {
            waiting.commands.push(awaited);
        }
    }

    /// Whether anybody waits.
    pub fn any(&self) -> bool {
        self.any.load(SeqCst)
    }

    /// Wakes those whose ticket is reached.
    pub fn serve(&self, reached: &Reached) {
        if !self.any() {
            return;
        }
        let mut waiting = self.waiting();
        waiting.replies.retain(|_, kept| {
            let served = reached.is_at(kept.ticket, kept.need);
            if served {
                kept.client.wake();
            }
            !served
        });
        waiting.commands.retain(|awaited| !awaited.serve(reached));
        self.note_any(&waiting);
    }

    /// Wakes all whose replies are kept back: they look what is wrong.
    pub fn wake_all(&self) {
        self.waiting().replies.drain().for_each(|(_, kept)| kept.client.wake());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Clients;
    use ringtail_protocol::command::lookup;
    use std::net::{Ipv4Addr, SocketAddr};

    #[test]
    fn who_is_not_there_has_no_copy_of_nothing() {
        let reached = Reached::default();
        assert_eq!((reached.copies(0), reached.on_disks(0)), (0, 0));
        reached.set_copies([7, 0].into_iter(), [0].into_iter());
        assert_eq!([0, 7, 8].map(|ticket| reached.copies(ticket)), [2, 1, 0]);
        assert_eq!([0, 1].map(|ticket| reached.on_disks(ticket)), [1, 0]);
    }

    #[test]
    fn a_server_that_hears_of_too_few_others_may_have_been_replaced() {
        let reached = Reached::default();
        reached.set_copies([7, 7].into_iter(), [0].into_iter());
        reached.set_heard(&[500, 300]);
        let is_at = |copies, heard| reached.is_at(7, Need { disk: false, copies, heard, term: 0 });
        assert!(is_at(1, 900) && is_at(2, 500) && is_at(3, 300) && is_at(3, 0));
        assert!(!is_at(2, 501) && !is_at(3, 301));
        reached.set_heard(&[500]);
        assert!(is_at(2, 500) && !is_at(3, 1));
        assert!(stamp() > LEASE.as_millis() as u64 && stamp() <= stamp());
    }

    #[test]
    fn a_write_is_acknowledged_by_what_was_said_in_its_own_term() {
        let reached = Reached::default();
        let is_at = |ticket, term| reached.is_at(ticket, Need { disk: false, copies: 2, heard: 0, term });
        let acked = |ticket: u64| reached.set_copies([ticket].into_iter(), [0].into_iter());
        acked(7);
        reached.end_term();
        // Those who follow this server now may have another log.
        acked(9);
        assert_eq!([7, 8].map(|ticket| is_at(ticket, 0)), [true, false]);
        assert_eq!((reached.copies(7), reached.on_disks(0)), (0, 0));
        // Nor may anybody see what may be gone soon, until all is as it is at the new primary.
        assert_eq!([7, 8].map(|ticket| is_at(ticket, 1)), [true, false]);
        reached.set_in_step();
        assert_eq!([0, 1].map(|term| is_at(8, term)), [false, true]);
        reached.begin_term();
        acked(9);
        assert_eq!([0, 1, 2].map(|term| is_at(8, term)), [false, false, true]);
        reached.end_term();
        assert_eq!([0, 2, 3].map(|term| is_at(7, term)), [false, true, true]);
    }

    #[test]
    fn replies_that_tell_of_no_key_wait_for_no_copies() {
        let tells = |name: &str| tells_of_keys(lookup(name.as_bytes()).expect(name));
        let of_keys = ["get", "set", "dbsize", "flushall", "blpop", "exec", "eval", "xread", "keys", "del"];
        assert_eq!(of_keys.map(tells), [true; 10]);
        let others =
            ["wait", "waitaof", "multi", "discard", "watch", "unwatch", "ping", "info", "bgsave", "save"];
        assert_eq!(others.map(tells), [false; 10]);
        assert_eq!(["backup", "lastsave", "bgrewriteaof", "role", "client"].map(tells), [false; 5]);
    }

    #[test]
    fn who_waits_no_more_is_forgotten() {
        let (waiters, reached, clients) = (Waiters::default(), Reached::default(), Clients::default());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let need = Need { disk: false, copies: 2, heard: 0, term: 0 };
        let [first, second] = [(); 2].map(|()| clients.register(address, address, 0));
        let held = Arc::strong_count(&first);
        // A connection asks again whenever it is woken.
        (0..3).for_each(|_| assert!(waiters.wait(&reached, 7, need, &first)));
        assert!(waiters.wait(&reached, 7, need, &second));
        assert_eq!((Arc::strong_count(&first), waiters.any()), (held + 1, true));
        waiters.wait_no_more(&first);
        assert_eq!((Arc::strong_count(&first), waiters.any()), (held, true));
        waiters.wait_no_more(&second);
        assert!(!waiters.any());
    }

    #[test]
    fn tickets_and_offsets_say_each_other() {
        let mut marks = Marks::default();
        for ticket in [3, 5, 6] {
            marks.push(ticket, ticket * 100);
        }
        assert_eq!([0, 299, 300, 499, 500, 900].map(|offset| marks.ticket_at(offset)), [0, 0, 3, 3, 5, 6]);
        assert_eq!(
            [1, 3, 4, 6, 7].map(|ticket| marks.offset_of(ticket)),
            [Some(300), Some(300), Some(500), Some(600), None]
        );
        marks.forget(500);
        assert_eq!([300, 500, 600].map(|offset| marks.ticket_at(offset)), [0, 5, 6]);
        for ticket in 7..200_000 {
            marks.push(ticket, ticket * 100);
        }
        assert!(marks.marks.len() <= MARKS_MOST + 1);
        assert_eq!(marks.ticket_at(199_999 * 100), 199_999);
    }
}
