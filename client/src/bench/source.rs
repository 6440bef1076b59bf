//! Where requests come from: drawn from a mix, or the rows of a trace.

use std::rc::Rc;
use std::sync::Arc;

use fastrand::Rng;

use super::mix::Mix;
use super::template::{Fill, write_length};
use super::trace::{Op, Row, Trace};

/// Requests, one after the other.
pub(super) enum Source {
    Drawn { mix: Arc<Mix>, fill: Rc<Fill>, random: Rng },
    Replayed { trace: Box<Rows>, fill: Rc<Fill>, random: Rng },
}

impl Source {
    /// Appends the next request; whether its reply has an element for each key.
    #[inline]
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Drawn { mix, fill, random } => mix.write(out, fill, random),
            Self::Replayed { trace, fill, random } => {
                if let Some(row) = trace.take() {
                    write_row(&row, out, fill, random);
                }
                false
            }
        }
    }
}

/// A thread's share of a trace, of which the next row is known.
pub(super) struct Rows {
    /// `None` if the file is gone since it was checked, which is the same as its end.
    trace: Option<Trace>,
    next: Option<Row>,
    /// How many rows of other threads lie between two of this one.
    others: u32,
}

impl Rows {
    /// Each `threads`-th row, beginning with that of number `thread`.
    pub(super) fn new(trace: Option<Trace>, thread: u32, threads: u32) -> Self {
        let mut rows = Self { trace, next: None, others: threads - 1 };
        rows.advance(thread);
        rows
    }

    pub(super) fn peek(&self) -> Option<&Row> {
        self.next.as_ref()
    }

    fn take(&mut self) -> Option<Row> {
        let row = self.next.take();
        self.advance(self.others);
        row
    }

    /// The trace was read before; if it has become bad since, that is its end.
    fn advance(&mut self, skip: u32) {
        for _ in 0..=skip {
            self.next = self.trace.as_mut().and_then(|trace| trace.next().ok().flatten());
        }
    }
}

fn write_row(row: &Row, out: &mut Vec<u8>, fill: &Fill, random: &mut Rng) {
    let (name, words): (&[u8], _) = match (row.op, row.ttl_ms) {
        (Op::Get, _) => (b"GET", 2),
        (Op::Set, None) => (b"SET", 3),
        (Op::Set, Some(_)) => (b"SET", 5),
        (Op::Del, _) => (b"DEL", 2),
        (Op::Incr, _) => (b"INCR", 2),
        (Op::Exists, _) => (b"EXISTS", 2),
        (Op::Expire, _) => (b"PEXPIRE", 3),
    };
    out.push(b'*');
    out.extend_from_slice(itoa::Buffer::new().format(words).as_bytes());
    out.extend_from_slice(b"\r\n");
    word(out, name);
    word(out, &row.key);
    if row.op == Op::Set {
        let size = row.size.unwrap_or_else(|| fill.sizes.draw(random));
        write_length(out, size);
        fill.stock.write(out, size, random);
        out.extend_from_slice(b"\r\n");
    }
    if let (Op::Set | Op::Expire, Some(ms)) = (row.op, row.ttl_ms) {
        if row.op == Op::Set {
            word(out, b"PX");
        }
        word(out, itoa::Buffer::new().format(ms).as_bytes());
    }
}

fn word(out: &mut Vec<u8>, word: &[u8]) {
    write_length(out, word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::keys::{Keys, Spread};
    use crate::bench::sizes::Stock;

    #[test]
    fn a_row_becomes_its_request() {
        let fill =
            Fill { keys: Keys::new(Spread::Uniform, 1), sizes: "2".parse().unwrap(), stock: Stock::new(1) };
        let written = |op, size, ttl_ms| {
            let (mut out, row) =
                (Vec::new(), Row { at: Default::default(), key: b"k".into(), size, op, ttl_ms });
            write_row(&row, &mut out, &fill, &mut Rng::with_seed(1));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Op::Get, Some(9), Some(5)), "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        assert_eq!(written(Op::Expire, None, Some(5)), "*3\r\n$7\r\nPEXPIRE\r\n$1\r\nk\r\n$1\r\n5\r\n");
        let set = written(Op::Set, Some(0), Some(12));
        assert_eq!(set, "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n$2\r\nPX\r\n$2\r\n12\r\n");
        assert!(written(Op::Set, None, None).starts_with("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n"));
    }
}
