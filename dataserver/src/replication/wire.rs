//! What primary and replica say to each other, after the primary's first line.
//!
//! ```text
//! +CONTINUE history offset     the log goes on from there
//! +FULL history common         all keys come first; up to `common` both logs are the same, `-` if nobody knows
//!
//! frame: kind u8 | length u32, little endian | so many bytes
//! ```

use std::io;

/// Bytes before a frame's own.
pub const HEAD: usize = 5;

/// Longest frame that is taken: what is sent is shorter.
pub const MOST: usize = 16 << 20;

/// What a frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of a backup; an empty frame ends it.
    Snapshot = 0,
    /// Bytes of the log.
    Log = 1,
    /// The primary lives: its log's end and the stamp of its clock, two u64.
    Heartbeat = 2,
    /// The replica has applied the log up to an offset, has it on disk up to another, and has heard the heartbeat of that stamp: three
    /// u64.
    Ack = 3,
    /// The replica is the primary from here on.
    Lead = 4,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Snapshot, Self::Log, Self::Heartbeat, Self::Ack, Self::Lead]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Appends a frame.
pub fn push(out: &mut Vec<u8>, kind: Kind, bytes: &[u8]) {
    out.push(kind as u8);
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The frame at the start of the bytes and its length, if all of it is there.
///
/// # Errors
/// There is none.
pub fn frame(bytes: &[u8]) -> io::Result<Option<(Kind, &[u8], usize)>> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "what came is no frame of replication");
    let kind = Kind::of(head[0]).ok_or_else(odd)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > MOST {
        return Err(odd());
    }
    Ok(rest.get(..length).map(|bytes| (kind, bytes, HEAD + length)))
}

/// The numbers of a frame that has `N` of them.
///
/// # Errors
/// It has not.
pub fn numbers<const N: usize>(bytes: &[u8]) -> io::Result<[u64; N]> {
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "a frame of replication has another length");
    let mut numbers = [0; N];
    let chunks = bytes.chunks_exact(8);
    if bytes.len() != 8 * N {
        return Err(odd());
    }
    for (number, chunk) in numbers.iter_mut().zip(chunks) {
        *number = u64::from_le_bytes(chunk.try_into().map_err(|_| odd())?);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_in_pieces_and_garbage_is_refused() {
        let mut out = Vec::new();
        push(&mut out, Kind::Log, b"abc");
        push(&mut out, Kind::Ack, &[7_u64.to_le_bytes(), 9_u64.to_le_bytes()].concat());
        for cut in 0..HEAD + 3 {
            assert_eq!(frame(&out[..cut]).unwrap(), None);
        }
        let (kind, bytes, length) = frame(&out).unwrap().unwrap();
        assert_eq!((kind, bytes, length), (Kind::Log, &b"abc"[..], HEAD + 3));
        let (kind, bytes, _) = frame(&out[length..]).unwrap().unwrap();
        assert_eq!((kind, numbers(bytes).unwrap()), (Kind::Ack, [7, 9]));
        assert!(numbers::<1>(bytes).is_err());
        assert!(frame(b"\x09\0\0\0\0").is_err() && frame(b"\x01\xff\xff\xff\xff").is_err());
    }
}
