//! Which of a turn's replies acknowledge a write, or tell of one.

use ringtail_protocol::errors::Error;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::reply::{Reply, Resp};
use std::ops::Range;

/// Where they are in its output.
#[derive(Debug, Default)]
pub struct Told {
    ranges: Vec<Range<usize>>,
}

impl Told {
    /// None is, so far.
    pub fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Whether none is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// This is one, or some.
    pub fn note(&mut self, replies: Range<usize>) {
        match self.ranges.last_mut() {
            Some(last) if last.end == replies.start => last.end = replies.end,
            _ => self.ranges.push(replies),
        }
    }

    /// The output with an error in the place of each of them; `None` if it is not what it should be.
    pub fn replaced(&self, output: &[u8], resp: Resp, error: &Error) -> Option<Vec<u8>> {
        let (mut out, mut at) = (Vec::with_capacity(output.len()), 0);
        for range in &self.ranges {
            out.extend_from_slice(output.get(at..range.start)?);
            at = range.start;
            while at < range.end {
                let length = Scanner::default().scan(output.get(at..range.end)?).ok()??;
                // Messages are no replies.
                match output[at] {
                    b'>' => out.extend_from_slice(&output[at..at + length]),
                    _ => Reply::new(&mut out, resp).error(error),
                }
                at += length;
            }
        }
        out.extend_from_slice(output.get(at..)?);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: Error = Error::fixed("LOST it may be");

    #[test]
    fn only_what_tells_of_keys_is_replaced() {
        let mut told = Told::default();
        let output = b"+OK\r\n$1\r\nv\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n>1\r\n+x\r\n*1\r\n:1\r\n+QUEUED\r\n";
        let at = |text: &str| String::from_utf8_lossy(output).find(text).expect("it is there");
        assert_eq!(told.replaced(output, Resp::V2, &LOST).as_deref(), Some(&output[..]));
        told.note(0..5);
        told.note(5..at("*3"));
        told.note(at(">1")..at("+QUEUED"));
        assert_eq!(told.ranges.len(), 2);
        let replaced = told.replaced(output, Resp::V2, &LOST).expect("frames");
        let wanted = "-LOST it may be\r\n-LOST it may be\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n>1\r\n+x\r\n-LOST it may be\r\n+QUEUED\r\n";
        assert_eq!(String::from_utf8_lossy(&replaced), wanted);
        // Half a reply is none.
        assert!(told.replaced(&output[..at("+QUEUED") - 2], Resp::V2, &LOST).is_none());
    }
}
