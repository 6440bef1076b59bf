//! Rows of columns as they stand in a block, read one after another by the file's schema.

use crate::number::{take, take_array, take_bytes, take_exact, take_signed};
use crate::schema::{Kind, Step, skip};
use crate::{Corrupt, Read};

/// What a column holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Cell<'b> {
    /// The file has no such column.
    #[default]
    None,
    Uint(u64),
    Int(i64),
    Bytes(&'b [u8]),
    Double(f64),
    Rows(Rows<'b>),
}

impl<'b> Cell<'b> {
    #[inline]
    pub(crate) fn uint(self) -> u64 {
        if let Self::Uint(n) = self { n } else { 0 }
    }

    #[inline]
    pub(crate) fn int(self) -> i64 {
        if let Self::Int(n) = self { n } else { 0 }
    }

    #[inline]
    pub(crate) fn bytes(self) -> &'b [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }

    #[inline]
    pub(crate) fn double(self) -> f64 {
        if let Self::Double(n) = self { n } else { 0.0 }
    }

    #[inline]
    pub(crate) fn rows(self) -> Rows<'b> {
        if let Self::Rows(rows) = self { rows } else { Rows::NONE }
    }
}

/// The columns of one row, in the order in which they are known here.
#[inline]
pub(crate) fn row<'b, const N: usize>(bytes: &mut &'b [u8], steps: &'b [Step]) -> Read<[Cell<'b>; N]> {
    let mut cells = [Cell::None; N];
    for step in steps {
        match step.column.and_then(|column| cells.get_mut(column)) {
            Some(cell) => *cell = read(step, bytes)?,
            None => skip(step.kind, bytes)?,
        }
    }
    Ok(cells)
}

#[inline]
fn read<'b>(step: &'b Step, bytes: &mut &'b [u8]) -> Read<Cell<'b>> {
    Ok(match step.kind {
        Kind::Uint => Cell::Uint(take(bytes)?),
        Kind::Int => Cell::Int(take_signed(bytes)?),
        Kind::Bytes => Cell::Bytes(take_bytes(bytes)?),
        Kind::Double => Cell::Double(f64::from_le_bytes(take_array(bytes)?)),
        Kind::Rows => Cell::Rows(Rows::read(bytes, &step.nested)?),
        Kind::Unknown => return Err(Corrupt),
    })
}

/// Rows that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'b> {
    bytes: &'b [u8],
    left: u32,
    steps: &'b [Step],
}

impl<'b> Rows<'b> {
    const NONE: Self = Rows { bytes: &[], left: 0, steps: &[] };

    fn read(bytes: &mut &'b [u8], steps: &'b [Step]) -> Read<Self> {
        let len = u32::from_le_bytes(take_array(bytes)?);
        let mut rows = take_exact(bytes, len as usize)?;
        let left = u32::from_le_bytes(take_array(&mut rows)?);
        // Each takes a byte at least.
        if left as usize <= rows.len() { Ok(Self { bytes: rows, left, steps }) } else { Err(Corrupt) }
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.left as usize
    }

    /// The next row.
    #[inline]
    pub(crate) fn next<const N: usize>(&mut self) -> Option<Read<[Cell<'b>; N]>> {
        if self.left == 0 {
            // No more than was said: what is left over is damage.
            return if std::mem::take(&mut self.bytes).is_empty() { None } else { Some(Err(Corrupt)) };
        }
        self.left -= 1;
        let cells = row(&mut self.bytes, self.steps);
        if cells.is_err() {
            *self = Self::NONE;
        }
        Some(cells)
    }
}
