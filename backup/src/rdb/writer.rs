//! Lengths and strings, written one after another.

use ringtail_protocol::number::parse_i64;

/// Longer strings than this are no numbers that would be written shorter.
const LONGEST_NUMBER: usize = 11;

/// What was written so far.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A length, or a number written as one.
    pub(super) fn number(&mut self, number: u64) {
        match number {
            0..=0x3f => self.0.push(number as u8),
            0x40..=0x3fff => self.raw(&(number as u16 | 0x4000).to_be_bytes()),
            0x4000..=0xffff_ffff => {
                self.0.push(0x80);
                self.raw(&(number as u32).to_be_bytes());
            }
            _ => {
                self.0.push(0x81);
                self.raw(&number.to_be_bytes());
            }
        }
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// A string: short when it is a small number.
    pub(super) fn string(&mut self, bytes: &[u8]) {
        let number = if bytes.len() <= LONGEST_NUMBER { parse_i64(bytes) } else { None };
        let Some(number) = number.and_then(|n| i32::try_from(n).ok()) else { return self.plain(bytes) };
        match (i8::try_from(number), i16::try_from(number)) {
            (Ok(n), _) => self.raw(&[0xc0, n as u8]),
            (_, Ok(n)) => {
                self.0.push(0xc1);
                self.raw(&n.to_le_bytes());
            }
            _ => {
                self.0.push(0xc2);
                self.raw(&number.to_le_bytes());
            }
        }
    }

    /// A string as it is.
    pub(super) fn plain(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }
}
