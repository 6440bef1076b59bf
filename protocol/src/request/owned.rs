//! A request that outlives the buffer it came in.

use super::{Args, Span};

/// A copy of one request: for commands that run later (in a transaction, after waiting).
#[derive(Clone, Debug)]
pub struct OwnedRequest {
    bytes: Box<[u8]>,
    spans: Box<[Span]>,
}

impl OwnedRequest {
    /// A request of these arguments, the command's name first; together they are shorter than
    /// [`MAX_REQUEST`](crate::limits::MAX_REQUEST).
    pub fn new<'a>(args: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for arg in args {
            spans.push(Span { start: bytes.len() as u32, len: arg.len() as u32 });
            bytes.extend_from_slice(arg);
        }
        Self { bytes: bytes.into(), spans: spans.into() }
    }

    /// Its arguments.
    #[inline]
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// Bytes that it holds.
    pub fn size(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_arguments() {
        let request = OwnedRequest::new([&b"SET"[..], b"", b"a b"].into_iter());
        assert_eq!(request.args().iter().collect::<Vec<_>>(), [&b"SET"[..], b"", b"a b"]);
        assert_eq!(request.size(), 6 + 3 * 8);
    }
}
