//! Libraries of functions as one string (FUNCTION DUMP): each text behind a byte that says what it is, and the footer of a
//! dumped value.

use super::Refusal;
use super::payload::{closed, opened};
use super::reader::Reader;
use super::version::COMMON;
use super::writer::Writer;
use crate::Corrupt;

/// What stands before each library.
pub(super) const LIBRARY: u8 = 245;

/// The libraries of these texts.
pub fn dump_libraries<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut writer = Writer::default();
    for code in codes {
        writer.raw(&[LIBRARY]);
        writer.string(code);
    }
    closed(writer, COMMON)
}

/// The texts of dumped libraries.
///
/// # Errors
/// It is no such dump.
pub fn restore_libraries(payload: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let (mut reader, mut codes) = (Reader(opened(payload)?.0), Vec::new());
    while !reader.0.is_empty() {
        if reader.byte()? != LIBRARY {
            return Err(Corrupt.into());
        }
        codes.push(reader.string()?.into_owned());
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dumped_is_restored() {
        let codes = [b"a".to_vec(), vec![b'b'; 100], b"cd".repeat(100_000)];
        let payload = dump_libraries(codes.iter().map(Vec::as_slice));
        assert_eq!(restore_libraries(&payload).unwrap(), codes);
        let mut changed = payload.clone();
        changed[1] ^= 1;
        assert_eq!(restore_libraries(&changed), Err(Refusal::VersionOrChecksum));
        assert_eq!(restore_libraries(b""), Err(Refusal::VersionOrChecksum));
        let mut writer = Writer::default();
        writer.raw(b"\0x");
        assert_eq!(restore_libraries(&closed(writer, COMMON)), Err(Refusal::Format));
    }
}
