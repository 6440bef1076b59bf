//! A dumped value: its kind, the value, the version of the format, a checksum of it all.

use super::load::load;
use super::save::Saver;
use super::version::{FIELD_TIMES, VALKEY};
use super::writer::Writer;
use super::{crc64, kind};
use crate::sink::{Sink, Taken};
use crate::{Corrupt, Read};

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

/// What `tell` tells of a value, with its footer, in the oldest version of the format that has all that the value needs.
///
/// # Errors
/// What `tell` returns.
pub fn dump(tell: impl FnOnce(&mut Saver) -> Taken) -> Read<Vec<u8>> {
    dump_up_to(u16::MAX, tell)
}

/// The same for a server that takes no later version than this: what such versions have beside the value is left out.
///
/// # Errors
/// No such version can have the value; or what `tell` returns.
pub fn dump_up_to(newest: u16, tell: impl FnOnce(&mut Saver) -> Taken) -> Read<Vec<u8>> {
    let mut saver = Saver::up_to(newest);
    tell(&mut saver)?;
    let (bytes, version) = saver.finish();
    Ok(closed(Writer(bytes), version))
}

/// What was written, with its footer.
pub(super) fn closed(mut writer: Writer, version: u16) -> Vec<u8> {
    writer.raw(&version.to_le_bytes());
    let checksum = crc64::of(&writer.0);
    writer.raw(&checksum.to_le_bytes());
    writer.0
}

/// Bytes of the footer.
pub const FOOTER: usize = VERSION + CHECKSUM;

/// Any bytes, with the footer that belongs to them.
pub fn sealed(body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.raw(body);
    closed(writer, FIELD_TIMES)
}

/// What stands before the footer, which is right, and the version.
pub(super) fn opened(payload: &[u8]) -> Result<(&[u8], u16), Refusal> {
    let refused = Refusal::VersionOrChecksum;
    let (rest, checksum) = payload.split_last_chunk::<CHECKSUM>().ok_or(Refusal::VersionOrChecksum)?;
    let (value, version) = rest.split_last_chunk::<VERSION>().ok_or(Refusal::VersionOrChecksum)?;
    let version = u16::from_le_bytes(*version);
    if !is_known(version) || crc64::of(rest) != u64::from_le_bytes(*checksum) {
        return Err(refused);
    }
    Ok((value, version))
}

/// Whether what this version has is read here.
pub(super) fn is_known(version: u16) -> bool {
    version <= FIELD_TIMES || version == VALKEY
}

/// Tells the value of a payload.
///
/// # Errors
/// Its checksum or version is not right, or it is no value, or the sink refuses it.
pub fn restore(payload: &[u8], sink: &mut impl Sink) -> Result<(), Refusal> {
    let (body, version) = opened(payload)?;
    let (&number, value) = body.split_first().ok_or(Refusal::Format)?;
    // As in Redis, what follows the value is not looked at.
    Ok(load(kind::of(number, version), value, sink).map(drop)?)
}
