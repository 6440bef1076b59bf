//! From a name as the client wrote it to its row: a table of folded names, built at compile time.

use super::keys::Arguments;
use super::{COMMANDS, Command};

/// A name of at most 16 bytes as two words: its first and last eight bytes (they overlap below 16). The
/// length is kept beside them, so that no two names share a form.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Folded {
    head: u64,
    tail: u64,
    length: usize,
}

/// A slot of the index. A letter is in either case when its bit 0x20 is ignored; any other byte must be
/// the same. `letters` has that bit set for the letters only, so `raw | letters == name` is exact.
#[derive(Clone, Copy)]
struct Slot {
    name: Folded,
    letters: (u64, u64),
    row: u16,
}

/// The longest name that the index holds.
const LONGEST: usize = 24;
/// Longer names have bytes that neither their first nor their last eight hold.
const COVERED: usize = 16;
const SLOTS: usize = 1024;
const EMPTY: Slot =
    Slot { name: Folded { head: 0, tail: 0, length: usize::MAX }, letters: (0, 0), row: u16::MAX };
const CASE: u64 = 0x2020_2020_2020_2020;

static INDEX: [Slot; SLOTS] = index();

/// The command of this name, in any case: `GET`, `client`. Subcommands are found by
/// [`Command::subcommand`], or both at once by [`find`].
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let raw = fold(name)?;
    let mut at = hash(raw.head | CASE, raw.tail | CASE);
    loop {
        let slot = &INDEX[at % SLOTS];
        let (head, tail) = slot.letters;
        if (Folded { head: raw.head | head, tail: raw.tail | tail, length: raw.length }) == slot.name
            && (raw.length <= COVERED || is_spelled(slot.row, name))
        {
            return Some(&COMMANDS[usize::from(slot.row)]);
        }
        if slot.row == u16::MAX {
            return None;
        }
        at += 1;
    }
}

#[cold]
fn is_spelled(row: u16, name: &[u8]) -> bool {
    COMMANDS[usize::from(row)].full_name.as_bytes().eq_ignore_ascii_case(name)
}

/// What [`find`] found.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// The row to run: a command's, or its subcommand's when the request names one.
    Command(&'static Command),
    /// No such command.
    NoCommand,
    /// A command with subcommands, but none of the name that the request has.
    NoSubcommand(&'static Command),
}

/// The row for a whole request, as Redis looks it up: by the first argument, and by the second where the
/// first is a command with subcommands. A lone `CLIENT` is found as itself (its arity is then wrong).
#[inline]
pub fn find<A: Arguments + ?Sized>(request: &A) -> Found {
    let Some(command) = request.argument(0).and_then(lookup) else { return Found::NoCommand };
    if command.subcommand_count == 0 {
        return Found::Command(command);
    }
    let Some(name) = request.argument(1) else { return Found::Command(command) };
    match command.subcommand(name) {
        Some(sub) => Found::Command(sub),
        None => Found::NoSubcommand(command),
    }
}

/// None for what is no name: empty or longer than any.
#[inline]
const fn fold(name: &[u8]) -> Option<Folded> {
    let length = name.len();
    let (head, tail) = match length {
        1 => (name[0] as u64, 0),
        2..=3 => (pair(name[0], name[1]), name[length - 1] as u64),
        4..=7 => match (name.first_chunk(), name.last_chunk()) {
            (Some(head), Some(tail)) => (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64),
            _ => return None,
        },
        8..=LONGEST => match (name.first_chunk(), name.last_chunk()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => return None,
        },
        _ => return None,
    };
    Some(Folded { head, tail, length })
}

#[inline]
const fn pair(low: u8, high: u8) -> u64 {
    low as u64 | (high as u64) << 8
}

/// Where to begin looking; equal for all spellings of a name, because the case bit is set in all bytes.
#[inline]
const fn hash(head: u64, tail: u64) -> usize {
    let mixed = (head ^ tail.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - SLOTS.trailing_zeros())) as usize
}

/// Puts every command that is no subcommand at its hash, or at the next free slot.
const fn index() -> [Slot; SLOTS] {
    let (mut index, mut row, mut used) = ([EMPTY; SLOTS], 0, 0);
    while row < COMMANDS.len() {
        if COMMANDS[row].parent.is_none() {
            let slot = slot(COMMANDS[row].full_name.as_bytes(), row as u16);
            let mut at = hash(slot.name.head | CASE, slot.name.tail | CASE);
            while index[at % SLOTS].row != u16::MAX {
                at += 1;
            }
            index[at % SLOTS] = slot;
            used += 1;
        }
        row += 1;
    }
    assert!(used * 2 <= SLOTS, "the index is too full for short searches: double SLOTS");
    index
}

const fn slot(name: &[u8], row: u16) -> Slot {
    let (mut letters, mut i) = ([0; LONGEST], 0);
    while i < name.len() {
        letters[i] = if name[i].is_ascii_lowercase() { 0x20 } else { 0 };
        i += 1;
    }
    match (fold(name), fold(letters.split_at(name.len()).0)) {
        (Some(name), Some(mask)) => Slot { name, letters: (mask.head, mask.tail), row },
        _ => panic!("a command's name is empty or longer than the index can hold"),
    }
}
