//! A request whose bytes are passed on as they come.

use super::{Line, ProtocolError, bulk_length, number_line};
use crate::limits::{MAX_LINE, RequestLimits};

/// Follows the arguments of one request.
/// By default one of which nothing is to come.
#[derive(Debug, Default)]
pub struct Passage {
    /// Arguments that are still to come.
    missing: usize,
    /// Bytes of the present argument, with its CR LF, that are still to come.
    body: usize,
}

impl Passage {
    /// `missing` arguments are to come, from the start of the first on.
    pub(super) fn new(missing: usize) -> Self {
        Self { missing, body: 0 }
    }

    /// How many bytes at the start of `buf` are of this request and can be passed on. `buf` starts with the first byte that
    /// was not; a header that is not all there is to be given again with more.
    pub fn take(&mut self, buf: &[u8]) -> Result<usize, ProtocolError> {
        let mut at = 0;
        loop {
            at += self.take_body(&buf[at..])?;
            if self.body > 0 || self.missing == 0 {
                return Ok(at);
            }
            let Some(&kind) = buf.get(at) else { return Ok(at) };
            if kind != b'$' {
                return Err(ProtocolError::ExpectedBulk(kind));
            }
            match number_line(buf, at + 1) {
                Line::Number(n, after) => {
                    self.body = bulk_length(n, RequestLimits::FULL)? + 2;
                    self.missing -= 1;
                    at = after;
                }
                Line::Bad => return Err(ProtocolError::BulkLength),
                Line::Incomplete if buf.len() - at > MAX_LINE => {
                    return Err(ProtocolError::BulkHeaderTooLong);
                }
                Line::Incomplete => return Ok(at),
            }
        }
    }

    fn take_body(&mut self, buf: &[u8]) -> Result<usize, ProtocolError> {
        let part = self.body.min(buf.len());
        for (at, byte) in buf.iter().enumerate().take(part).skip(part.saturating_sub(2)) {
            let wrong = match self.body - at {
                2 => *byte != b'\r',
                1 => *byte != b'\n',
                _ => false,
            };
            if wrong {
                return Err(ProtocolError::BulkEnd);
            }
        }
        self.body -= part;
        Ok(part)
    }

    /// Whether all of the request was taken.
    pub fn is_over(&self) -> bool {
        self.missing == 0 && self.body == 0
    }
}
