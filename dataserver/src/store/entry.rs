//! One key with its value, in one allocation: header, expiry, key, value.
//!
//! ```text
//! | Header 16 B | expiry 8 B, if it has one | object 32 B, if the value is one | key | string value |
//! ```
//!
//! An [`Entry`] is the pointer to it. The upper 16 bits of the pointer hold the entry's tag (the top bits of its
//! key's hash), so that a table is an array of entries: a probe compares tags without touching the allocation.
//!
//! # Why the `unsafe` here is sound
//! * An `Entry` owns its allocation: it is made by [`Entry::allocate`] alone, is not `Clone`, and frees it once, in
//!   `Drop` (or hands it to `realloc`).
//! * The layout is computed from the header by [`Entry::layout`] alone, in the constructor and at every later use,
//!   and the header's lengths and flags change only together with the allocation.
//! * All bytes of the key and the value are written before a reference to them is made.
//! * With `IS_OBJECT` set an [`Object`] stands at its place, at all times: it is written before the entry is handed
//!   out, replaced through `&mut`, moved with the bytes around it, and dropped once, in `Drop`.
//! * User space addresses have at most 48 bits on the targets that we build for, checked when a pointer is tagged.
#![allow(unsafe_code)]

use super::memory::class_size;
use super::table::Tagged;
use crate::value::Object;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;

/// Longer strings are objects of their own, so that an expiry or a rename never copies them.
pub const INLINE_MAX: usize = 4096;

const HEADER: usize = size_of::<Header>();
/// Where a pointer's tag is.
pub(super) const TAG_SHIFT: u32 = 48;
/// The bits of a pointer that are its address.
pub(super) const ADDRESS: usize = (1 << TAG_SHIFT) - 1;

const HAS_EXPIRY: u8 = 1;
const IS_OBJECT: u8 = 2;
/// The string was edited in place, which Redis's OBJECT ENCODING calls `raw`.
const IS_RAW: u8 = 4;
/// The object is a hash of which fields expire.
const IS_TIMED: u8 = 8;

// An object stands in the entry, at a multiple of 8.
const _: () = assert!(align_of::<Object>() == 8 && HEADER.is_multiple_of(8));

#[cfg(not(target_pointer_width = "64"))]
compile_error!("an entry's tag is kept in the upper bits of a 64-bit pointer");

#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    key_len: u32,
    /// Bytes of an inline string; 0 for an object.
    value_len: u32,
    /// When it was last used, in milliseconds that wrap; or how often, see [`frequency`](super::frequency).
    used: u32,
    db: u8,
    flags: u8,
    _unused: u16,
}

/// A key, its value and its expiry.
pub struct Entry(NonNull<u8>);

// SAFETY: an entry owns all that it points to, and what it owns is Send.
unsafe impl Send for Entry {}

/// A borrowed value.
pub enum Value<'e> {
    /// A string.
    Bytes(&'e [u8]),
    /// Anything else.
    Object(&'e Object),
}

impl Entry {
    /// A key with a string value and no expiry.
    pub fn string(tag: u16, db: u8, key: &[u8], value: &[u8]) -> Self {
        if value.len() > INLINE_MAX {
            return Self::object(tag, db, key, Object::Bytes(value.to_vec()));
        }
        let header = Header::new(db, key.len(), value.len(), 0);
        let entry = Self::allocate(tag, header, key);
        // SAFETY: the allocation has value_len bytes from the value's offset on.
        unsafe { entry.at(header.value_at()).copy_from_nonoverlapping(value.as_ptr(), value.len()) };
        entry
    }

    /// A key with an object as its value and no expiry.
    pub fn object(tag: u16, db: u8, key: &[u8], object: Object) -> Self {
        let timed = if object.timed().is_some() { IS_TIMED } else { 0 };
        let header = Header::new(db, key.len(), 0, IS_OBJECT | timed);
        let entry = Self::allocate(tag, header, key);
        // SAFETY: the object's place is within the allocation, aligned to 8, and holds nothing yet.
        unsafe { entry.at(header.object_at()).cast::<Object>().write(object) };
        entry
    }

    /// Allocates for `header`, and writes it and the key. The caller writes the value's part.
    fn allocate(tag: u16, header: Header, key: &[u8]) -> Self {
        let layout = header.layout();
        // SAFETY: the layout is never of size 0.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        // SAFETY: the layout has room for the header at 0 (aligned) and the key at key_at().
        unsafe {
            memory.cast::<Header>().write(header);
            memory.as_ptr().add(header.key_at()).copy_from_nonoverlapping(key.as_ptr(), key.len());
        }
        Self(tagged(memory, tag))
    }

    /// The top 16 bits of the key's hash.
    #[inline]
    pub fn tag(&self) -> u16 {
        (self.0.as_ptr().addr() >> TAG_SHIFT) as u16
    }

    #[inline]
    fn memory(&self) -> *mut u8 {
        self.0.as_ptr().map_addr(|a| a & ADDRESS)
    }

    /// # Safety
    /// `offset` is within the allocation.
    #[inline]
    unsafe fn at(&self, offset: usize) -> *mut u8 {
        // SAFETY: by the caller's promise.
        unsafe { self.memory().add(offset) }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: every entry starts with a header, and it is changed through &mut self alone.
        unsafe { &*self.memory().cast::<Header>() }
    }

    #[inline]
    fn header_mut(&mut self) -> &mut Header {
        // SAFETY: as above, and &mut self is exclusive.
        unsafe { &mut *self.memory().cast::<Header>() }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let header = self.header();
        // SAFETY: the key's bytes were written when the entry was made.
        unsafe { std::slice::from_raw_parts(self.at(header.key_at()), header.key_len as usize) }
    }

    /// The database that it is in.
    #[inline]
    pub fn db(&self) -> u8 {
        self.header().db
    }

    /// Puts it into another database.
    pub fn set_db(&mut self, db: u8) {
        self.header_mut().db = db;
    }

    /// Whether it is this key of this database.
    #[inline]
    pub fn is(&self, db: u8, key: &[u8]) -> bool {
        self.header().db == db && self.key() == key
    }

    /// When it was last used, in milliseconds that wrap at 2^32, or how often: by the policy of the time.
    #[inline]
    pub fn used(&self) -> u32 {
        self.header().used
    }

    /// Notes when it was last used, or how often.
    #[inline]
    pub fn set_used(&mut self, used: u32) {
        self.header_mut().used = used;
    }

    /// When it expires, in milliseconds since 1970.
    #[inline]
    pub fn expiry(&self) -> Option<u64> {
        // SAFETY: with the flag set, the expiry is at HEADER, aligned to 8.
        (self.header().flags & HAS_EXPIRY != 0).then(|| unsafe { self.at(HEADER).cast::<u64>().read() })
    }

    /// Whether it has an expiry, or its fields have.
    #[inline]
    pub fn may_expire(&self) -> bool {
        self.header().flags & (HAS_EXPIRY | IS_TIMED) != 0
    }

    /// Whether it is a hash of which fields expire.
    #[inline]
    pub fn is_timed(&self) -> bool {
        self.header().flags & IS_TIMED != 0
    }

    /// Notes that it is a hash of which fields expire.
    pub fn mark_timed(&mut self) {
        self.header_mut().flags |= IS_TIMED;
    }

    /// Sets or removes the expiry.
    pub fn set_expiry(&mut self, expiry: Option<u64>) {
        let had = self.header().flags & HAS_EXPIRY != 0;
        if had != expiry.is_some() {
            self.toggle_expiry();
        }
        if let Some(at) = expiry {
            // SAFETY: the flag is set now, so the place exists, aligned to 8.
            unsafe { self.at(HEADER).cast::<u64>().write(at) };
        }
    }

    /// Makes room for an expiry, or takes it away. What is after it moves, the object among it.
    fn toggle_expiry(&mut self) {
        let old = *self.header();
        let new = Header { flags: old.flags ^ HAS_EXPIRY, ..old };
        let (from, to) = (old.object_at(), new.object_at());
        let tail = old.layout().size() - from;
        if new.layout().size() > old.layout().size() {
            self.resize(old.layout(), new.layout());
        }
        // SAFETY: both ranges are within the larger of the two layouts, which the allocation has at this point.
        unsafe { self.at(to).copy_from(self.at(from), tail) };
        if new.layout().size() < old.layout().size() {
            self.resize(old.layout(), new.layout());
        }
        *self.header_mut() = new;
    }

    fn resize(&mut self, from: Layout, to: Layout) {
        let tag = self.tag();
        // SAFETY: the allocation has layout `from`; `to` has the same alignment and is not empty.
        let memory = unsafe { realloc(self.memory(), from, to.size()) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(to) };
        self.0 = tagged(memory, tag);
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Value<'_> {
        let header = self.header();
        if header.flags & IS_OBJECT != 0 {
            // SAFETY: with the flag set, the place holds an object, aligned to 8.
            return Value::Object(unsafe { &*self.at(header.object_at()).cast::<Object>() });
        }
        // SAFETY: an inline value's bytes are written before the entry is handed out.
        let bytes =
            unsafe { std::slice::from_raw_parts(self.at(header.value_at()), header.value_len as usize) };
        Value::Bytes(bytes)
    }

    /// The object that is the value, if it is one.
    #[inline]
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        let header = *self.header();
        // SAFETY: as in value(); &mut self is exclusive.
        (header.flags & IS_OBJECT != 0).then(|| unsafe { &mut *self.at(header.object_at()).cast::<Object>() })
    }

    /// The string that is the value, if it is one, short or long.
    #[inline]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self.value() {
            Value::Bytes(bytes) => Some(bytes),
            Value::Object(Object::Bytes(bytes)) => Some(bytes),
            Value::Object(_) => None,
        }
    }

    /// The bytes of a string, to be changed in place.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        let header = *self.header();
        if header.flags & IS_OBJECT != 0 {
            return match self.object_mut() {
                Some(Object::Bytes(bytes)) => Some(bytes),
                _ => None,
            };
        }
        // SAFETY: as in value(); &mut self is exclusive.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.at(header.value_at()), header.value_len as usize) };
        Some(bytes)
    }

    /// Whether the string was edited in place since it was set.
    pub fn is_raw(&self) -> bool {
        self.header().flags & IS_RAW != 0
    }

    /// Notes that the string was edited in place.
    pub fn set_raw(&mut self) {
        self.header_mut().flags |= IS_RAW;
    }

    /// Replaces the value by a string; the expiry stays.
    pub fn set_bytes(&mut self, value: &[u8]) {
        self.header_mut().flags &= !IS_RAW;
        if value.len() > INLINE_MAX {
            return self.set_object(Object::Bytes(value.to_vec()));
        }
        if self.header().flags & IS_OBJECT != 0 {
            return self.replace(Self::string(self.tag(), self.db(), self.key(), value));
        }
        self.set_inline_len(value.len());
        let at = self.header().value_at();
        // SAFETY: the allocation has value.len() bytes at `at` now.
        unsafe { self.at(at).copy_from_nonoverlapping(value.as_ptr(), value.len()) };
    }

    /// Replaces the value by an object; the expiry stays.
    pub fn set_object(&mut self, object: Object) {
        match self.object_mut() {
            Some(place) => *place = object,
            None => self.replace(Self::object(self.tag(), self.db(), self.key(), object)),
        }
    }

    /// Takes `other`'s value and keeps its own expiry and time of use.
    fn replace(&mut self, mut other: Self) {
        other.set_expiry(self.expiry());
        other.set_used(self.used());
        *self = other;
    }

    /// Appends to a string. Returns its new length, or `None` when the value is no string.
    pub fn append(&mut self, more: &[u8]) -> Option<usize> {
        let old = self.bytes()?.len();
        let new = old + more.len();
        match self.object_mut() {
            Some(Object::Bytes(bytes)) => {
                make_room(bytes, more.len());
                bytes.extend_from_slice(more);
            }
            _ if new > INLINE_MAX => {
                let mut bytes = Vec::with_capacity(new);
                bytes.extend_from_slice(self.bytes()?);
                bytes.extend_from_slice(more);
                self.set_object(Object::Bytes(bytes));
            }
            _ => self.append_inline(more),
        }
        self.set_raw();
        Some(new)
    }

    fn append_inline(&mut self, more: &[u8]) {
        let old = self.header().value_len as usize;
        self.set_inline_len(old + more.len());
        let at = self.header().value_at() + old;
        // SAFETY: the allocation has more.len() bytes at `at` now.
        unsafe { self.at(at).copy_from_nonoverlapping(more.as_ptr(), more.len()) };
    }

    /// Makes room for an inline string of `len` bytes; bytes that are new are not written yet, so callers do at once.
    fn set_inline_len(&mut self, len: usize) {
        let old = *self.header();
        if old.value_len as usize == len {
            return;
        }
        let new = Header { value_len: len as u32, ..old };
        self.resize(old.layout(), new.layout());
        *self.header_mut() = new;
    }

    /// Moves the value, with its expiry and time of use, to another key.
    pub fn renamed(mut self, tag: u16, db: u8, key: &[u8]) -> Self {
        let mut new = match self.take_object() {
            Some(object) => Self::object(tag, db, key, object),
            None => Self::string(tag, db, key, self.bytes().unwrap_or_default()),
        };
        new.set_expiry(self.expiry());
        new.set_used(self.used());
        if self.is_raw() {
            new.set_raw();
        }
        new
    }

    /// A copy under another key.
    pub fn copied(&self, tag: u16, db: u8, key: &[u8]) -> Self {
        let mut new = match self.value() {
            Value::Bytes(bytes) => Self::string(tag, db, key, bytes),
            Value::Object(object) => Self::object(tag, db, key, object.clone()),
        };
        new.set_expiry(self.expiry());
        new.set_used(self.used());
        if self.is_raw() {
            new.set_raw();
        }
        new
    }

    fn take_object(&mut self) -> Option<Object> {
        self.object_mut().map(|object| std::mem::replace(object, Object::Bytes(Vec::new())))
    }

    /// Bytes of the entry's own allocation, without what its object holds.
    pub fn size(&self) -> usize {
        self.header().layout().size()
    }

    /// Bytes that the allocator gave for the entry and what it holds, estimated for an object of many parts.
    pub fn full_size(&self) -> usize {
        let object = match self.value() {
            Value::Bytes(_) => 0,
            Value::Object(object) => object.size_estimate(),
        };
        class_size(self.size()) + object
    }

    /// Asks the processor to bring the entry's first line near.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.memory());
    }
}

/// Asks the processor to bring the line at `at` near. `at` need not be valid.
#[inline]
pub fn prefetch<T>(at: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch is a hint that never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast::<i8>());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = at;
}

impl Tagged for Entry {
    #[inline]
    fn tag(&self) -> u16 {
        self.tag()
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.key()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let header = *self.header();
        if header.flags & IS_OBJECT != 0 {
            // SAFETY: with the flag set, the place holds an object, which is not used after this.
            unsafe { self.at(header.object_at()).cast::<Object>().drop_in_place() };
        }
        // SAFETY: the allocation has the layout that its header says.
        unsafe { dealloc(self.memory(), header.layout()) };
    }
}

/// A long string grows by an eighth at a time: `Vec`'s doubling would take the same again from the memory's limit.
pub fn make_room(bytes: &mut Vec<u8>, more: usize) {
    if bytes.capacity() - bytes.len() < more {
        bytes.reserve_exact(more.max(bytes.len() / 8));
    }
}

/// The pointer with a tag in its upper 16 bits.
pub(super) fn tagged(memory: NonNull<u8>, tag: u16) -> NonNull<u8> {
    assert!(memory.addr().get() <= ADDRESS, "an address of more than 48 bits");
    memory.map_addr(|a| a | (usize::from(tag) << TAG_SHIFT))
}

impl Header {
    fn new(db: u8, key_len: usize, value_len: usize, flags: u8) -> Self {
        let key_len = u32::try_from(key_len).unwrap_or_else(|_| unreachable!("keys are bounded by MAX_BULK"));
        Self { key_len, value_len: value_len as u32, used: 0, db, flags, _unused: 0 }
    }

    #[inline]
    fn object_at(&self) -> usize {
        HEADER + if self.flags & HAS_EXPIRY != 0 { 8 } else { 0 }
    }

    #[inline]
    fn key_at(&self) -> usize {
        self.object_at() + if self.flags & IS_OBJECT != 0 { size_of::<Object>() } else { 0 }
    }

    #[inline]
    fn value_at(&self) -> usize {
        self.key_at() + self.key_len as usize
    }

    #[inline]
    fn layout(&self) -> Layout {
        let size = self.value_at() + self.value_len as usize;
        // SAFETY: 8 is a power of two, and the size is far below isize::MAX: both lengths are u32.
        unsafe { Layout::from_size_align_unchecked(size, 8) }
    }
}

#[cfg(test)]
mod tests;
