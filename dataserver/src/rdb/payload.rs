//! A dumped value: its kind, the value, the version of the format, a checksum of it all.

use super::load::{self, Loaded, Shape};
use super::reader::Reader;
use super::writer::Writer;
use super::{Corrupt, crc64, save};
use crate::store::entry::Value;

/// The newest version of the format that is read: Redis 7.4's.
const NEWEST: u16 = 12;
const VERSION: usize = size_of::<u16>();
const CHECKSUM: usize = size_of::<u64>();

/// Why a dumped value is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is newer than what is known here, or not what was dumped.
    VersionOrChecksum,
    /// It is no value.
    Format,
}

impl From<Corrupt> for Refusal {
    fn from(_: Corrupt) -> Self {
        Self::Format
    }
}

/// A value with its footer, in the oldest version of the format that has all that the value needs.
pub fn dump(value: &Value<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    let version = save::value(value, &mut writer);
    closed(writer, version)
}

/// What was written, with its footer.
pub(super) fn closed(mut writer: Writer, version: u16) -> Vec<u8> {
    writer.raw(&version.to_le_bytes());
    let checksum = crc64::of(&writer.0);
    writer.raw(&checksum.to_le_bytes());
    writer.0
}

/// Bytes of the footer.
#[cfg(any(test, fuzzing))]
pub(crate) const FOOTER: usize = VERSION + CHECKSUM;

/// Any bytes, with the footer that belongs to them.
#[cfg(any(test, fuzzing))]
pub(crate) fn sealed(body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.raw(body);
    closed(writer, NEWEST)
}

/// What stands before the footer, which is right.
pub(super) fn opened(payload: &[u8]) -> Result<&[u8], Refusal> {
    let refused = Refusal::VersionOrChecksum;
    let (rest, checksum) = payload.split_last_chunk::<CHECKSUM>().ok_or(Refusal::VersionOrChecksum)?;
    let (value, version) = rest.split_last_chunk::<VERSION>().ok_or(Refusal::VersionOrChecksum)?;
    if u16::from_le_bytes(*version) > NEWEST || crc64::of(rest) != u64::from_le_bytes(*checksum) {
        return Err(refused);
    }
    Ok(value)
}

/// The value of a payload.
///
/// # Errors
/// Its checksum or version is not right, or it is no value.
pub fn restore(payload: &[u8], shape: &Shape) -> Result<Loaded, Refusal> {
    let mut reader = Reader(opened(payload)?);
    let kind = reader.byte().map_err(|Corrupt| Refusal::Format)?;
    Ok(load::value(kind, &mut reader, shape)?)
}
