//! Finds where a reply ends, without decoding it: what the proxy needs to pass replies on as bytes.

use memchr::memchr;

/// Longest line of a reply (simple strings, errors, headers), in bytes.
pub const MAX_REPLY_LINE: usize = 1024 * 1024;

/// What came can't be a reply; the connection it came on is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAReply;

impl std::fmt::Display for NotAReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server sent something that is no reply")
    }
}

impl std::error::Error for NotAReply {}

/// Remembers how much of one reply was seen, so that a reply of many reads is looked at once.
#[derive(Debug)]
pub struct Scanner {
    /// Offset of the next byte to look at, from the reply's start.
    at: usize,
    /// Elements that are still to come.
    missing: u64,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { at: 0, missing: 1 }
    }
}

impl Scanner {
    /// The length of the reply that starts at `buf[0]`, once all of it is there. The same bytes, and more, are to be given again
    /// until then; after that the scanner is ready for the next reply.
    #[inline]
    pub fn scan(&mut self, buf: &[u8]) -> Result<Option<usize>, NotAReply> {
        while self.missing > 0 {
            let Some((end, more)) = element(buf, self.at)? else { return Ok(None) };
            self.missing = self.missing.checked_add(more).ok_or(NotAReply)? - 1;
            self.at = end;
        }
        let end = self.at;
        *self = Self::default();
        Ok(Some(end))
    }

    /// Bytes of the reply that are known to be part of it.
    pub fn seen(&self) -> usize {
        self.at
    }
}

/// Follows one reply whose bytes are passed on as they come.
#[derive(Debug)]
pub struct Passage {
    /// Elements that are still to come.
    missing: u64,
    /// Bytes of the present element that are still to come.
    body: u64,
}

impl Default for Passage {
    fn default() -> Self {
        Self { missing: 1, body: 0 }
    }
}

impl Passage {
    /// How many bytes at the start of `buf` are of this reply and can be passed on. `buf` starts with the first byte that
    /// was not; a header that is not all there is to be given again with more.
    pub fn take(&mut self, buf: &[u8]) -> Result<usize, NotAReply> {
        let mut at = 0;
        loop {
            let part = self.body.min((buf.len() - at) as u64);
            ends_as_told(self.body, &buf[at..at + part as usize])?;
            self.body -= part;
            at += part as usize;
            if self.body > 0 || self.missing == 0 {
                return Ok(at);
            }
            let Some(header) = header(buf, at)? else { return Ok(at) };
            self.missing = self.missing.checked_add(header.more).ok_or(NotAReply)? - 1;
            (at, self.body) = (header.end, header.body);
        }
    }

    /// Whether all of the reply was taken.
    pub fn is_over(&self) -> bool {
        self.missing == 0 && self.body == 0
    }
}

/// First bytes of a reply's elements, in RESP2 and RESP3.
const KINDS: &[u8] = b"+-:$*_,#(=!~>%|";

/// The end of the element at `at` and how many elements it announces, or `None` when it isn't all there.
#[inline]
fn element(buf: &[u8], at: usize) -> Result<Option<(usize, u64)>, NotAReply> {
    let Some(header) = header(buf, at)? else { return Ok(None) };
    let end = header.end.checked_add(header.body as usize).ok_or(NotAReply)?;
    let Some(body) = buf.get(header.end..end) else { return Ok(None) };
    ends_as_told(header.body, body)?;
    Ok(Some((end, header.more)))
}

/// Whether a string of which `left` bytes are to come ends with CR LF, as far as `part` of them says. What follows another end would be
/// taken for the next reply.
#[inline]
fn ends_as_told(left: u64, part: &[u8]) -> Result<(), NotAReply> {
    let from_end = |n: u64| left.checked_sub(n).and_then(|at| part.get(at as usize));
    match (from_end(2), from_end(1)) {
        (None | Some(b'\r'), None | Some(b'\n')) => Ok(()),
        _ => Err(NotAReply),
    }
}

/// The line that begins an element.
struct Header {
    /// Where it ends.
    end: usize,
    /// How many elements it announces.
    more: u64,
    /// How many bytes belong to it, the last CR LF among them.
    body: u64,
}

/// The header at `at`, or `None` when it isn't all there.
#[inline]
fn header(buf: &[u8], at: usize) -> Result<Option<Header>, NotAReply> {
    let Some(&kind) = buf.get(at) else { return Ok(None) };
    if !KINDS.contains(&kind) {
        return Err(NotAReply);
    }
    let rest = &buf[at + 1..];
    let Some(line) = memchr(b'\n', &rest[..rest.len().min(MAX_REPLY_LINE)]) else {
        return if rest.len() >= MAX_REPLY_LINE { Err(NotAReply) } else { Ok(None) };
    };
    if line == 0 || rest[line - 1] != b'\r' {
        return Err(NotAReply);
    }
    let number = || length(&rest[..line - 1]);
    let (more, body) = match kind {
        b'$' | b'=' | b'!' => (0, number()?.map_or(0, |length| length + 2)),
        b'*' | b'~' | b'>' => (number()?.unwrap_or(0), 0),
        b'%' => (number()?.unwrap_or(0) * 2, 0),
        // An attribute comes before the reply that it describes.
        b'|' => (number()?.unwrap_or(0) * 2 + 1, 0),
        _ => (0, 0),
    };
    Ok(Some(Header { end: at + 1 + line + 1, more, body }))
}

/// A length; `None` for null (-1).
#[inline]
fn length(digits: &[u8]) -> Result<Option<u64>, NotAReply> {
    match crate::number::parse_i64(digits) {
        Some(-1) => Ok(None),
        Some(n @ 0..=0xffff_ffff) => Ok(Some(n as u64)),
        _ => Err(NotAReply),
    }
}

/// The lengths of the replies in `data`, given in pieces of `piece` bytes, and whether they ended well; the
/// fuzz target's body.
pub fn exercise(data: &[u8], piece: usize) -> (Vec<usize>, bool) {
    let (mut scanner, mut buf, mut lengths) = (Scanner::default(), Vec::new(), Vec::new());
    for chunk in data.chunks(piece.max(1)) {
        buf.extend_from_slice(chunk);
        loop {
            match scanner.scan(&buf) {
                Ok(Some(length)) => {
                    assert!(length > 0 && length <= buf.len());
                    buf.drain(..length);
                    lengths.push(length);
                }
                Ok(None) => break,
                Err(NotAReply) => return (lengths, false),
            }
        }
    }
    (lengths, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: [&str; 12] = [
        "+OK\r\n",
        "-ERR x\r\n",
        ":12\r\n",
        "$3\r\nabc\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
        "%1\r\n+a\r\n~2\r\n:1\r\n:2\r\n",
        "|1\r\n+k\r\n+v\r\n$2\r\nhi\r\n",
        "=7\r\ntxt:abc\r\n",
        "_\r\n",
    ];

    #[test]
    fn every_reply_in_any_pieces() {
        for reply in REPLIES {
            let buf = format!("{reply}+next\r\n").into_bytes();
            let mut scanner = Scanner::default();
            for n in 0..reply.len() {
                assert_eq!(scanner.scan(&buf[..n]), Ok(None), "{reply:?} cut at {n}");
            }
            assert_eq!(scanner.scan(&buf), Ok(Some(reply.len())), "{reply:?}");
            assert_eq!(scanner.scan(&buf[reply.len()..]), Ok(Some(7)));
        }
    }

    /// What a passage takes of `data` in pieces of `piece` bytes, and whether the reply ended.
    fn passed(data: &[u8], piece: usize) -> Result<(Vec<u8>, bool), NotAReply> {
        let (mut passage, mut taken, mut buf) = (Passage::default(), Vec::new(), Vec::new());
        for chunk in data.chunks(piece) {
            buf.extend_from_slice(chunk);
            let length = passage.take(&buf)?;
            taken.extend(buf.drain(..length));
        }
        Ok((taken, passage.is_over()))
    }

    #[test]
    fn a_reply_is_passed_on_to_its_end_and_no_further() {
        for reply in REPLIES {
            let data = format!("{reply}+next\r\n").into_bytes();
            for piece in 1..=data.len() {
                assert_eq!(
                    passed(&data, piece),
                    Ok((reply.as_bytes().to_vec(), true)),
                    "{reply:?} by {piece}"
                );
            }
        }
        assert_eq!(
            passed(b"$9\r\nabc", 4),
            Ok((b"$9\r\nabc".to_vec(), false)),
            "as it comes, not at its end"
        );
    }

    proptest::proptest! {
        #[test]
        fn pieces_make_no_difference(data in "[-+:$*%~>_|0-9a\r\n]{0,80}", piece in 1usize..20) {
            let (whole, pieces) = (exercise(data.as_bytes(), usize::MAX), exercise(data.as_bytes(), piece));
            proptest::prop_assert_eq!(whole, pieces);
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\n",
            "$x\r\n",
            "*-2\r\n",
            "\n",
            "+OK\n",
            "$99999999999\r\n",
            "$3\r\nabcdef\r\n",
        ] {
            assert_eq!(Scanner::default().scan(text.as_bytes()), Err(NotAReply), "{text:?}");
        }
    }
}
