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
    /// It lives: its log's end, the stamp of its clock, and how many milliseconds ago a primary spoke, itself or the one that its own log comes
    /// of: three u64. It is answered at once.
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
    head(out, kind, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends what comes before a frame's own bytes.
pub fn head(out: &mut Vec<u8>, kind: Kind, length: usize) {
    out.push(kind as u8);
    out.extend_from_slice(&(length as u32).to_le_bytes());
}

/// Begins a frame, whose bytes are appended by the caller. Returns where it [ends](end) from.
pub fn begin(out: &mut Vec<u8>, kind: Kind) -> usize {
    push(out, kind, b"");
    out.len()
}

/// Ends the frame that was begun there; how many bytes it has. Without any it is taken back.
pub fn end(out: &mut Vec<u8>, start: usize) -> usize {
    let length = out.len() - start;
    if length == 0 {
        out.truncate(start - HEAD);
    } else {
        out[start - 4..start].copy_from_slice(&(length as u32).to_le_bytes());
    }
    length
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

/// What a primary has said besides its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Its last heartbeat: where its log ends, its stamp, and how long ago a primary spoke.
    pub heartbeat: Option<[u64; 3]>,
    /// The replica is to lead.
    pub leads: bool,
}

/// Takes the frames that are whole off the bytes, and adds what they have of the log to `groups`. What comes behind an order to lead is
/// nobody's any more.
///
/// # Errors
/// They are none, or not those of a primary whose log is followed.
pub fn take_log(unread: &mut Vec<u8>, groups: &mut Vec<u8>) -> io::Result<Told> {
    let (mut at, mut told) = (0, Told::default());
    while let Some((kind, bytes, length)) = frame(&unread[at..])?.filter(|_| !told.leads) {
        match kind {
            Kind::Log => groups.extend_from_slice(bytes),
            Kind::Heartbeat => told.heartbeat = Some(numbers(bytes)?),
            Kind::Lead => told.leads = true,
            Kind::Snapshot | Kind::Ack => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the primary says what it should not",
                ));
            }
        }
        at += length;
    }
    unread.drain(..at);
    Ok(told)
}

/// Takes an acknowledgement off the bytes, if one is there: up to where a replica has applied the log, has it on disk, and the stamp of the
/// heartbeat that it has heard. It was sent the log up to `sent`, and the clock stands at `now`.
///
/// # Errors
/// What is there is none, or can't be true.
pub fn take_ack(unread: &mut Vec<u8>, sent: u64, now: u64) -> io::Result<Option<[u64; 3]>> {
    let odd = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let Some((kind, bytes, length)) = frame(unread)? else {
        return if unread.len() > HEAD + 24 { Err(odd("it says too much")) } else { Ok(None) };
    };
    if kind != Kind::Ack {
        return Err(odd("a replica only acknowledges"));
    }
    let [applied, on_disk, heard] = numbers(bytes)?;
    if applied > sent || on_disk > applied || heard > now {
        return Err(odd("it has what it was never sent"));
    }
    unread.drain(..length);
    Ok(Some([applied, on_disk, heard]))
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
    fn frames(all: &[(Kind, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        all.iter().for_each(|(kind, bytes)| push(&mut out, *kind, bytes));
        out
    }

    #[test]
    fn the_log_is_taken_in_whole_frames_up_to_the_order_to_lead() {
        let beat = [77_u64, 5, 3].map(u64::to_le_bytes).concat();
        let all =
            frames(&[(Kind::Log, b"ab"), (Kind::Heartbeat, &beat), (Kind::Log, b"c"), (Kind::Lead, b"")]);
        let (mut groups, mut unread, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for byte in &all {
            unread.push(*byte);
            let one = take_log(&mut unread, &mut groups).unwrap();
            told.extend((one != Told::default()).then_some(one));
        }
        assert_eq!((&groups[..], unread.len()), (&b"abc"[..], 0));
        let heartbeat = Told { heartbeat: Some([77, 5, 3]), leads: false };
        assert_eq!(told, [heartbeat, Told { heartbeat: None, leads: true }]);
        let mut more = [all, frames(&[(Kind::Log, b"no more")])].concat();
        groups.clear();
        assert!(take_log(&mut more, &mut groups).unwrap().leads);
        assert_eq!(groups, b"abc");
        for wrong in [(Kind::Snapshot, &b"x"[..]), (Kind::Ack, b""), (Kind::Heartbeat, b"short")] {
            assert!(take_log(&mut frames(&[wrong]), &mut groups).is_err());
        }
    }

    #[test]
    fn acknowledgements_are_of_what_was_sent() {
        let ack = |numbers: [u64; 3]| numbers.map(u64::to_le_bytes).concat();
        let mut unread = frames(&[(Kind::Ack, &ack([7, 5, 3])), (Kind::Ack, &ack([9, 9, 4]))]);
        unread.push(Kind::Ack as u8);
        assert_eq!(take_ack(&mut unread, 9, 4).unwrap(), Some([7, 5, 3]));
        assert_eq!(take_ack(&mut unread, 9, 4).unwrap(), Some([9, 9, 4]));
        assert_eq!((take_ack(&mut unread, 9, 4).unwrap(), unread.len()), (None, 1));
        for wrong in [ack([10, 0, 0]), ack([5, 6, 0]), ack([5, 5, 5]), b"short".to_vec(), vec![0; 32]] {
            assert!(take_ack(&mut frames(&[(Kind::Ack, &wrong)]), 9, 4).is_err());
        }
        assert!(take_ack(&mut frames(&[(Kind::Log, &ack([1, 1, 1]))]), 9, 4).is_err());
        // It claims more than an acknowledgement has.
        let mut large = frames(&[(Kind::Ack, &[0; 1000])]);
        large.truncate(500);
        assert!(take_ack(&mut large, 9, 4).is_err());
    }
}
