//! Ziplists and zipmaps, in which Redis before 7 and before 2.6 wrote small collections.

use super::intset::integer;
use super::listpack::Piece;
use super::reader::Reader;
use crate::{Corrupt, Read};

const END: u8 = 0xff;
/// More elements than the header can say.
const MANY: u16 = u16::MAX;
/// A byte that says that a length of four more follows.
const LONG: u8 = 254;

/// The elements of a ziplist.
pub(super) fn read(bytes: &[u8]) -> Read<Vec<Piece<'_>>> {
    let mut reader = Reader(bytes);
    let size = u32::from_le_bytes(reader.array()?);
    let _last = reader.take(4)?;
    let count = u16::from_le_bytes(reader.array()?);
    if size as usize != bytes.len() {
        return Err(Corrupt);
    }
    let mut pieces = Vec::new();
    while reader.0 != [END] {
        let before = if reader.byte()? == LONG { 4 } else { 0 };
        reader.take(before)?;
        pieces.push(piece(&mut reader)?);
    }
    if count == MANY || usize::from(count) == pieces.len() { Ok(pieces) } else { Err(Corrupt) }
}

fn piece<'b>(reader: &mut Reader<'b>) -> Read<Piece<'b>> {
    let first = reader.byte()?;
    let low = usize::from(first & 0x3f);
    Ok(match first {
        0x00..=0x3f => Piece::Bytes(reader.take(low)?),
        0x40..=0x7f => {
            let length = low << 8 | usize::from(reader.byte()?);
            Piece::Bytes(reader.take(length)?)
        }
        0x80 => {
            let length = u32::from_be_bytes(reader.array()?);
            Piece::Bytes(reader.take(length as usize)?)
        }
        0xc0 => Piece::Int(integer(reader.take(2)?)),
        0xd0 => Piece::Int(integer(reader.take(4)?)),
        0xe0 => Piece::Int(integer(reader.take(8)?)),
        0xf0 => Piece::Int(integer(reader.take(3)?)),
        0xfe => Piece::Int(integer(reader.take(1)?)),
        0xf1..=0xfd => Piece::Int(i64::from(first & 0x0f) - 1),
        _ => return Err(Corrupt),
    })
}

/// The fields and values of a zipmap, in turn.
pub(super) fn read_map(bytes: &[u8]) -> Read<Vec<Piece<'_>>> {
    let mut reader = Reader(bytes);
    let _count = reader.byte()?;
    let mut pieces = Vec::new();
    while reader.0 != [END] {
        let field = map_length(&mut reader)?;
        pieces.push(Piece::Bytes(reader.take(field)?));
        let value = map_length(&mut reader)?;
        let unused = reader.byte()?;
        pieces.push(Piece::Bytes(reader.take(value)?));
        reader.take(unused.into())?;
    }
    Ok(pieces)
}

fn map_length(reader: &mut Reader<'_>) -> Read<usize> {
    match reader.byte()? {
        LONG => Ok(u32::from_le_bytes(reader.array()?) as usize),
        END => Err(Corrupt),
        length => Ok(length.into()),
    }
}
