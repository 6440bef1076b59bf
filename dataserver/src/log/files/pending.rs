//! What was appended and is not on disk for certain: held in memory, as it came, until a sync has succeeded.

use std::collections::VecDeque;
use std::mem;

/// Memory of emptied buffers that is kept for those to come, while there are any.
const SPARE_MOST: usize = 32 << 20;

/// Bytes in the buffers that they came in.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of all of them, and of their buffers.
    len: usize,
    held: usize,
    /// Emptied ones: memory that is used again costs less than new memory.
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
}

impl Pending {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory for them and for those to come.
    pub(super) fn held(&self) -> usize {
        self.held + self.spare_bytes
    }

    /// The bytes, piece by piece.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(Vec::as_slice)
    }

    /// Takes the bytes, and leaves an empty buffer. Small ones are put together: the buffers are never more than twice what they hold, but for the
    /// last.
    pub(super) fn push(&mut self, bytes: &mut Vec<u8>) {
        self.len += bytes.len();
        match self.pieces.back_mut() {
            Some(last) if last.capacity() - last.len() >= bytes.len() => last.append(bytes),
            _ => {
                let spare = self.spare.pop().unwrap_or_default();
                self.spare_bytes -= spare.capacity();
                self.held += bytes.capacity();
                self.pieces.push_back(mem::replace(bytes, spare));
            }
        }
    }

    /// The first so many bytes are on disk.
    pub(super) fn forget(&mut self, mut count: usize) {
        self.len -= count;
        while let Some(first) = self.pieces.front_mut() {
            if first.len() > count {
                first.drain(..count);
                return;
            }
            count -= first.len();
            self.pop();
        }
        // Nothing is written any more, or little.
        (self.spare, self.spare_bytes) = (Vec::new(), 0);
    }

    fn pop(&mut self) {
        let Some(mut piece) = self.pieces.pop_front() else { return };
        self.held -= piece.capacity();
        if self.spare_bytes + piece.capacity() <= SPARE_MOST {
            piece.clear();
            self.spare_bytes += piece.capacity();
            self.spare.push(piece);
        }
    }

    /// Nothing of it counts any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_forgotten_is_there_in_its_order() {
        let (mut pending, mut all, mut gone) = (Pending::default(), Vec::new(), 0);
        let mut buffer = Vec::new();
        for round in 0..500_usize {
            assert!(buffer.is_empty());
            buffer.extend((0..round * 37 % 1000).map(|n| (n + round) as u8));
            all.extend_from_slice(&buffer);
            pending.push(&mut buffer);
            if round % 7 == 0 {
                let some = pending.len() * (round % 5) / 4;
                pending.forget(some);
                gone += some;
            }
            assert_eq!(pending.pieces().collect::<Vec<_>>().concat(), all[gone..]);
            assert_eq!(pending.len(), all.len() - gone);
            let capacity: usize = pending.pieces.iter().map(Vec::capacity).sum();
            assert_eq!(pending.held(), capacity + pending.spare.iter().map(Vec::capacity).sum::<usize>());
            let last = pending.pieces.back().map_or(0, Vec::capacity);
            assert!(capacity <= 2 * pending.len() + 2 * last + 1000, "{capacity} for {}", pending.len());
        }
    }
}
