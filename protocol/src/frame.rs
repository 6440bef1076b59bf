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

/// First bytes of a reply's elements, in RESP2 and RESP3.
const KINDS: &[u8] = b"+-:$*_,#(=!~>%|";

/// The end of the element at `at` and how many elements it announces, or `None` when it isn't all there.
#[inline]
fn element(buf: &[u8], at: usize) -> Result<Option<(usize, u64)>, NotAReply> {
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
    let after = at + 1 + line + 1;
    let number = || length(&rest[..line - 1]);
    match kind {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Ok(Some((after, 0))),
        b'$' | b'=' | b'!' => match number()? {
            None => Ok(Some((after, 0))),
            Some(len) => {
                let end = after.checked_add(len as usize + 2).ok_or(NotAReply)?;
                Ok((end <= buf.len()).then_some((end, 0)))
            }
        },
        b'*' | b'~' | b'>' => Ok(Some((after, number()?.unwrap_or(0)))),
        b'%' => Ok(Some((after, number()?.unwrap_or(0) * 2))),
        // An attribute comes before the reply that it describes.
        b'|' => Ok(Some((after, number()?.unwrap_or(0) * 2 + 1))),
        _ => Err(NotAReply),
    }
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

    proptest::proptest! {
        #[test]
        fn pieces_make_no_difference(data in "[-+:$*%~>_|0-9a\r\n]{0,80}", piece in 1usize..20) {
            let (whole, pieces) = (exercise(data.as_bytes(), usize::MAX), exercise(data.as_bytes(), piece));
            proptest::prop_assert_eq!(whole, pieces);
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["HTTP/1.1 200 OK\r\n", "$x\r\n", "*-2\r\n", "\n", "+OK\n", "$99999999999\r\n"] {
            assert_eq!(Scanner::default().scan(text.as_bytes()), Err(NotAReply), "{text:?}");
        }
    }
}
