//! The order of one session's answers: every request takes a ticket, answers come in any order, and leave in the
//! order of the tickets.

use std::collections::VecDeque;
use std::sync::Arc;

use ringtail_net::outbox::Frame;

use crate::limits;

#[cfg(test)]
mod tests;

/// A request's place in its session's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u32);

/// What has become of one request.
enum Place {
    /// No answer yet.
    Waiting,
    /// Answered before its turn: bytes of the spill buffer.
    Spilled { start: u32, len: u32 },
    /// Answered before its turn, at length.
    Large(Box<[u8]>),
    /// A long answer that comes before its turn: what is there of it.
    Flowing(Vec<u8>),
}

struct Slot {
    place: Place,
    /// The client asked for no answer (`CLIENT REPLY`).
    muted: bool,
}

impl Slot {
    /// Keeps a part of a long answer that comes before its turn.
    fn keep(&mut self, part: &[u8], over: bool) {
        let mut held = match std::mem::replace(&mut self.place, Place::Waiting) {
            Place::Flowing(held) => held,
            _ => Vec::new(),
        };
        held.extend_from_slice(part);
        self.place = if over { Place::Large(held.into()) } else { Place::Flowing(held) };
    }
}

/// The requests of one session that are on their way.
#[derive(Default)]
pub(crate) struct Sequence {
    /// The ticket of the first slot.
    first: u32,
    slots: VecDeque<Slot>,
    /// Answers that came before their turn, one after the other, with dead bytes between them.
    spill: Vec<u8>,
    /// Bytes of `spill` that are alive.
    alive: usize,
    /// Bytes in [`Place::Large`].
    large: usize,
    /// Messages, each with the request behind whose answer it goes out, in order.
    behind: VecDeque<(Ticket, Frame)>,
    /// A part of the next answer is out, and the rest of it is still to come.
    amid: bool,
}

impl Sequence {
    /// How many requests are on their way.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no request is on its way.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of answers that wait for their turn.
    pub(crate) fn held(&self) -> usize {
        self.spill.len() + self.large
    }

    /// Takes the next place.
    #[inline]
    pub(crate) fn take(&mut self, muted: bool) -> Ticket {
        let ticket = self.first.wrapping_add(self.slots.len() as u32);
        self.slots.push_back(Slot { place: Place::Waiting, muted });
        Ticket(ticket)
    }

    /// The answer to a request: goes to `out` if it is its turn, with all those that waited for it.
    #[inline]
    pub(crate) fn answer(&mut self, ticket: Ticket, answer: &[u8], out: &mut Vec<u8>) {
        let index = ticket.0.wrapping_sub(self.first) as usize;
        if index > 0 {
            return self.hold(index, answer);
        }
        if let Some(slot) = self.slots.pop_front() {
            if !slot.muted {
                out.extend_from_slice(answer);
            }
            self.popped(out);
            self.release(out);
        }
    }

    /// A part of an answer that comes in parts; `over` with its last.
    pub(crate) fn pass(&mut self, ticket: Ticket, part: &[u8], over: bool, out: &mut Vec<u8>) {
        let index = ticket.0.wrapping_sub(self.first) as usize;
        let Some(slot) = self.slots.get_mut(index) else { return };
        let part = if slot.muted { &[] } else { part };
        if index > 0 {
            self.large += part.len();
            return slot.keep(part, over);
        }
        out.extend_from_slice(part);
        self.amid = !over;
        if over {
            self.slots.pop_front();
            self.first = self.first.wrapping_add(1);
            self.release(out);
        }
    }

    /// Whether a part of an answer is out and nothing else may follow it.
    #[inline]
    pub(crate) fn is_amid(&self) -> bool {
        self.amid
    }

    /// Says so of an answer that has no ticket.
    pub(crate) fn set_amid(&mut self, amid: bool) {
        self.amid = amid;
    }

    /// Forgets what is there of an answer that comes in parts, so that another can be given. `false` if some of it is out.
    pub(crate) fn take_back(&mut self, ticket: Ticket) -> bool {
        let index = ticket.0.wrapping_sub(self.first) as usize;
        let Some(slot) = self.slots.get_mut(index).filter(|_| index > 0) else { return false };
        if let Place::Flowing(held) = std::mem::replace(&mut slot.place, Place::Waiting) {
            self.large -= held.len();
        }
        true
    }

    /// Lets out the answers whose turn has come.
    #[inline]
    fn release(&mut self, out: &mut Vec<u8>) {
        while let Some(slot) = self.slots.front() {
            match &slot.place {
                Place::Waiting => break,
                Place::Flowing(held) => {
                    self.large -= held.len();
                    out.extend_from_slice(held);
                    // Its turn has come: what follows goes straight out.
                    self.slots[0].place = Place::Waiting;
                    self.amid = true;
                    break;
                }
                Place::Spilled { start, len } => {
                    self.alive -= *len as usize;
                    out.extend_from_slice(&self.spill[*start as usize..][..*len as usize]);
                }
                Place::Large(answer) => {
                    self.large -= answer.len();
                    out.extend_from_slice(answer);
                }
            }
            self.slots.pop_front();
            self.popped(out);
        }
        if self.alive == 0 {
            self.spill.clear();
            self.spill.shrink_to(limits::KEEP_BUFFER);
        }
    }

    /// The first request is answered: what was kept behind its answer follows.
    #[inline]
    fn popped(&mut self, out: &mut Vec<u8>) {
        let answered = Ticket(self.first);
        self.first = self.first.wrapping_add(1);
        while let Some((_, message)) = self.behind.pop_front_if(|(ticket, _)| *ticket == answered) {
            out.extend_from_slice(&message);
        }
    }

    /// Keeps a message until all that is on its way now is answered. `false` if nothing is: it may go at once.
    pub(crate) fn keep_behind(&mut self, message: &Frame) -> bool {
        let Some(last) = self.slots.len().checked_sub(1) else { return false };
        let newest = Ticket(self.first.wrapping_add(last as u32));
        self.behind.push_back((newest, Arc::clone(message)));
        true
    }

    /// How many messages are kept.
    pub(crate) fn behind(&self) -> usize {
        self.behind.len()
    }

    /// Drops the messages that are kept.
    pub(crate) fn drop_behind(&mut self) {
        self.behind.clear();
    }

    fn hold(&mut self, index: usize, answer: &[u8]) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let answer = if slot.muted { &[] } else { answer };
        if answer.len() > limits::SPILL_ANSWER {
            self.large += answer.len();
            slot.place = Place::Large(answer.into());
            return;
        }
        // An empty answer lives nowhere, so that its place is right whatever becomes of the buffer.
        let start = if answer.is_empty() { 0 } else { self.spill.len() as u32 };
        self.spill.extend_from_slice(answer);
        self.alive += answer.len();
        slot.place = Place::Spilled { start, len: answer.len() as u32 };
        if self.spill.len() > limits::SPILL_COMPACT && self.alive * 2 < self.spill.len() {
            self.compact();
        }
    }

    /// Leaves the dead bytes of the spill buffer behind.
    #[cold]
    fn compact(&mut self) {
        let mut spill = Vec::with_capacity(self.alive * 2);
        for slot in &mut self.slots {
            if let Place::Spilled { start, len: len @ 1.. } = &mut slot.place {
                let bytes = &self.spill[*start as usize..][..*len as usize];
                *start = spill.len() as u32;
                spill.extend_from_slice(bytes);
            }
        }
        self.spill = spill;
    }

    /// Gives memory back, if nothing is on its way.
    pub(crate) fn rest(&mut self) {
        if self.slots.is_empty() {
            self.spill = Vec::new();
            self.slots.shrink_to(64);
            self.behind = VecDeque::new();
        }
    }
}
