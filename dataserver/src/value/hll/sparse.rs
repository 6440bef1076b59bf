//! Registers as runs of equal values.
//!
//! ```text
//! 00llllll            l + 1 zeros
//! 01llllll llllllll   l + 1 zeros
//! 1vvvvvll            l + 1 times v + 1
//! ```

use super::{Corrupt, HEADER, REGISTERS, Registers, SPARSE, dense, written_out};
use std::borrow::Cow;

const SHORT_ZEROS: usize = 64;
const LONG_VALUES: usize = 4;
const LARGEST_VALUE: u8 = 32;
const IS_LONG: u8 = 0x40;
const IS_VALUE: u8 = 0x80;
/// Opcodes that a change can have made joinable: Redis looks at as many.
const JOINED: usize = 5;

/// One opcode.
#[derive(Clone, Copy)]
struct Run {
    /// Its bytes.
    size: usize,
    /// Registers that it stands for.
    length: usize,
    value: u8,
}

impl Run {
    fn read(bytes: &[u8]) -> Option<Self> {
        let &first = bytes.first()?;
        let six = usize::from(first % IS_LONG) + 1;
        Some(match first & (IS_VALUE | IS_LONG) {
            0 => Self { size: 1, length: six, value: 0 },
            IS_LONG => Self { size: 2, length: ((six - 1) << 8 | usize::from(*bytes.get(1)?)) + 1, value: 0 },
            _ => Self { size: 1, length: usize::from(first % 4) + 1, value: (first >> 2) % 32 + 1 },
        })
    }
}

/// Appends a run of at most all registers, or of four for other values than 0, which are at most 32.
pub(super) fn push(bytes: &mut Vec<u8>, value: u8, length: usize) {
    match (value, length) {
        (_, 0) => {}
        (0, ..=SHORT_ZEROS) => bytes.push(length as u8 - 1),
        (0, _) => {
            let less = length as u16 - 1;
            bytes.extend_from_slice(&[IS_LONG | (less >> 8) as u8, less as u8]);
        }
        _ => bytes.push(IS_VALUE | (value - 1) << 2 | (length as u8 - 1)),
    }
}

/// Visits all runs: their first register, how many they are, their value.
pub(super) fn each(sketch: &[u8], mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Corrupt> {
    let (mut rest, mut index) = (&sketch[HEADER..], 0);
    while !rest.is_empty() {
        let run = Run::read(rest).filter(|run| index + run.length <= REGISTERS).ok_or(Corrupt)?;
        visit(index, run.length, run.value);
        index += run.length;
        rest = &rest[run.size..];
    }
    if index == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// Where the opcode of a register stands.
struct Found {
    at: usize,
    run: Run,
    /// Registers of the run before this one, and after it.
    before: usize,
    after: usize,
    /// The opcode before that one, or the run itself.
    previous: usize,
}

fn find(sketch: &[u8], index: usize) -> Result<Found, Corrupt> {
    let (mut at, mut first, mut previous) = (HEADER, 0, HEADER);
    loop {
        let run = Run::read(&sketch[at..]).ok_or(Corrupt)?;
        if index < first + run.length {
            return Ok(Found {
                at,
                run,
                before: index - first,
                after: first + run.length - index - 1,
                previous,
            });
        }
        previous = at;
        at += run.size;
        first += run.length;
    }
}

/// Raises a register to `value`. Whether that is a change. The sketch becomes dense when it would grow beyond `most` bytes.
pub(super) fn raise(
    sketch: &mut Cow<'_, [u8]>,
    index: usize,
    value: u8,
    most: usize,
) -> Result<bool, Corrupt> {
    if value > LARGEST_VALUE {
        return promote(sketch, index, value);
    }
    let Found { at, run, before, after, previous } = find(sketch, index)?;
    if run.value >= value {
        return Ok(false);
    }
    let mut new = Vec::with_capacity(5);
    push(&mut new, run.value, before);
    push(&mut new, value, 1);
    push(&mut new, run.value, after);
    if new.len() > run.size && sketch.len() + new.len() - run.size > most {
        return promote(sketch, index, value);
    }
    let bytes = sketch.to_mut();
    bytes.splice(at..at + run.size, new);
    join_from(bytes, previous);
    Ok(true)
}

fn promote(sketch: &mut Cow<'_, [u8]>, index: usize, value: u8) -> Result<bool, Corrupt> {
    let mut bytes = written_out(sketch)?;
    dense::set(&mut bytes, index, value);
    *sketch = Cow::Owned(bytes);
    Ok(true)
}

/// Joins neighbours of the same value, from the opcode at `at` on.
fn join_from(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED {
        let Some(run) = Run::read(&bytes[at..]) else { return };
        let next = Run::read(&bytes[at + run.size..]);
        match next.filter(|next| run.value > 0 && next.value == run.value) {
            Some(next) if run.length + next.length <= LONG_VALUES => {
                bytes.remove(at);
                bytes[at] = IS_VALUE | (run.value - 1) << 2 | (run.length + next.length - 1) as u8;
            }
            _ => at += run.size,
        }
    }
}

/// A sketch of these registers, if it can be one of at most `most` bytes.
pub(super) fn of_registers(registers: &Registers, most: usize) -> Option<Vec<u8>> {
    let mut bytes = super::header(SPARSE);
    for run in registers.chunk_by(|a, b| a == b) {
        match run[0] {
            0 => push(&mut bytes, 0, run.len()),
            value if value > LARGEST_VALUE => return None,
            value => run.chunks(LONG_VALUES).for_each(|part| push(&mut bytes, value, part.len())),
        }
        if bytes.len() > most {
            return None;
        }
    }
    Some(bytes)
}

/// The opcodes, to be read by people.
pub(super) fn decoded(sketch: &[u8]) -> String {
    let (mut rest, mut words) = (&sketch[HEADER..], Vec::new());
    while let Some(run) = Run::read(rest) {
        words.push(match run {
            Run { value: 0, size: 1, length } => format!("z:{length}"),
            Run { value: 0, length, .. } => format!("Z:{length}"),
            Run { value, length, .. } => format!("v:{value},{length}"),
        });
        rest = &rest[run.size..];
    }
    words.join(" ")
}
