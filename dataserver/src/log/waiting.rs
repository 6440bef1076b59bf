//! Who waits for what was committed to be somewhere safe, and how far that is.

use crate::blocking::Waiter;
use crate::session::Client;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Copies of a write that can be asked for, this server's own among them.
pub const COPIES_MOST: usize = 7;

/// Where a group has to be before its reply goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// On this server's disk.
    Disk,
    /// At so many servers, this one among them.
    Copies(u8),
}

/// How far the log has come, by tickets: what is below is there.
#[derive(Debug, Default)]
pub struct Reached {
    disk: AtomicU64,
    /// At two servers, at three, and so on.
    copies: [AtomicU64; COPIES_MOST - 1],
}

impl Reached {
    /// Whether all below this ticket is where it has to be.
    #[inline]
    pub fn is_at(&self, ticket: u64, need: Need) -> bool {
        match need {
            Need::Disk => self.disk.load(SeqCst) >= ticket,
            Need::Copies(0 | 1) => true,
            Need::Copies(n) => {
                self.copies.get(usize::from(n) - 2).is_some_and(|copies| copies.load(SeqCst) >= ticket)
            }
        }
    }

    /// All below this ticket is on disk.
    pub fn set_disk(&self, ticket: u64) {
        // Marks are forgotten, so an offset may seem to be of an earlier ticket than before.
        self.disk.fetch_max(ticket, SeqCst);
    }

    /// All below these tickets is at so many other servers: the first for one, and so on.
    pub fn set_copies(&self, tickets: impl Iterator<Item = u64>) {
        let mut tickets = tickets;
        for copies in &self.copies {
            copies.store(tickets.next().unwrap_or(0), SeqCst);
        }
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

/// A command that waits for the disk, and what it gets then.
pub struct Awaited {
    /// The command.
    pub waiter: Arc<Waiter>,
    /// Its reply.
    pub reply: Vec<u8>,
}

impl Awaited {
    fn serve(&mut self) {
        if self.waiter.claim() {
            // A connection that has ended needs no reply.
            let _ = self.waiter.finish(std::mem::take(&mut self.reply));
        }
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
    replies: Vec<(u64, Need, Arc<Client>)>,
    /// All of them for the disk.
    commands: Vec<(u64, Awaited)>,
}

impl Waiters {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the client's task woken once the ticket is reached, unless it is already; whether it has to wait.
    pub fn wait(&self, reached: &Reached, ticket: u64, need: Need, client: &Arc<Client>) -> bool {
        let mut waiting = self.waiting();
        waiting.replies.push((ticket, need, Arc::clone(client)));
        self.any.store(true, SeqCst);
        // Either we see that the log has moved on, or who moves it sees that somebody waits.
        let reached = reached.is_at(ticket, need);
        if reached {
            waiting.replies.pop();
        }
        !reached
    }

    /// Has a command served once the ticket is on disk.
    pub fn await_disk(&self, reached: &Reached, ticket: u64, mut awaited: Awaited) {
        let mut waiting = self.waiting();
        self.any.store(true, SeqCst);
        if reached.is_at(ticket, Need::Disk) {
            awaited.serve();
        } else {
            waiting.commands.push((ticket, awaited));
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
        waiting.replies.retain(|(ticket, need, client)| {
            let served = reached.is_at(*ticket, *need);
            if served {
                client.wake();
            }
            !served
        });
        waiting.commands.retain_mut(|(ticket, awaited)| {
            let served = reached.is_at(*ticket, Need::Disk);
            if served {
                awaited.serve();
            }
            // Its time may be over, or its connection.
            !served && awaited.waiter.is_waiting()
        });
        self.any.store(!waiting.replies.is_empty() || !waiting.commands.is_empty(), SeqCst);
    }

    /// Wakes all whose replies are kept back: they look what is wrong.
    pub fn wake_all(&self) {
        self.waiting().replies.drain(..).for_each(|(_, _, client)| client.wake());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
