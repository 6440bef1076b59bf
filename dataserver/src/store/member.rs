//! A string in one allocation and nothing beside it but its length: a member of a large set.
//!
//! ```text
//! | length, 1 B; 255 and 4 B more from 255 on | bytes |
//! ```
//!
//! As in an [`Entry`](super::entry::Entry), the upper 16 bits of the pointer hold the tag.
//!
//! # Why the `unsafe` here is sound
//! * A `Member` owns its allocation: it is made by [`Member::new`] alone, is not `Clone`, and frees it once, in `Drop`.
//! * Every byte is written before the member is handed out, and none changes after that; so the layout, which follows
//!   from the length, is the same in `new` and in `Drop`.
#![allow(unsafe_code)]

use super::entry::{ADDRESS, TAG_SHIFT, tagged};
use super::table::Tagged;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// A length byte that stands for four more.
const LONG: u8 = u8::MAX;

/// A tagged string.
pub struct Member(NonNull<u8>);

// SAFETY: a member owns the bytes that it points to, and no one changes them.
unsafe impl Send for Member {}

/// Bytes before the string.
#[inline]
fn head(len: usize) -> usize {
    if len < usize::from(LONG) { 1 } else { 5 }
}

#[inline]
fn layout(len: usize) -> Layout {
    // SAFETY: 1 is a power of two, and a length that fits u32 is far below isize::MAX.
    unsafe { Layout::from_size_align_unchecked(head(len) + len, 1) }
}

impl Member {
    /// A member of these bytes, below 4 GiB.
    pub fn new(tag: u16, bytes: &[u8]) -> Self {
        let len = u32::try_from(bytes.len()).unwrap_or_else(|_| unreachable!("bounded by MAX_BULK"));
        let layout = layout(bytes.len());
        // SAFETY: the layout is never of size 0.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        let at = memory.as_ptr();
        // SAFETY: the layout has head(len) bytes and then the string's.
        unsafe {
            match u8::try_from(len) {
                Ok(short) if short < LONG => at.write(short),
                _ => {
                    at.write(LONG);
                    at.add(1).copy_from_nonoverlapping(len.to_le_bytes().as_ptr(), 4);
                }
            }
            at.add(head(bytes.len())).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        Self(tagged(memory, tag))
    }

    #[inline]
    fn memory(&self) -> *mut u8 {
        self.0.as_ptr().map_addr(|a| a & ADDRESS)
    }

    #[inline]
    fn len(&self) -> usize {
        let at = self.memory();
        // SAFETY: the first byte is there, and with LONG in it four more.
        unsafe {
            match at.read() {
                LONG => u32::from_le_bytes(at.add(1).cast::<[u8; 4]>().read()) as usize,
                short => usize::from(short),
            }
        }
    }

    /// Bytes of its allocation.
    pub fn size(&self) -> usize {
        layout(self.len()).size()
    }
}

impl Tagged for Member {
    #[inline]
    fn tag(&self) -> u16 {
        (self.0.as_ptr().addr() >> TAG_SHIFT) as u16
    }

    #[inline]
    fn key(&self) -> &[u8] {
        let len = self.len();
        // SAFETY: the string's bytes follow its head and were written when the member was made.
        unsafe { std::slice::from_raw_parts(self.memory().add(head(len)), len) }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let layout = layout(self.len());
        // SAFETY: the allocation has this layout, and is not used after this.
        unsafe { dealloc(self.memory(), layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_strings_of_any_length() {
        for len in [0, 1, 253, 254, 255, 256, 70_000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let member = Member::new(0xabcd, &bytes);
            assert_eq!((member.tag(), member.key()), (0xabcd, &bytes[..]));
            assert_eq!(member.size(), len + if len < 255 { 1 } else { 5 });
        }
    }
}
