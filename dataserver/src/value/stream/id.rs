//! What entries are called: milliseconds and a sequence number.

use std::fmt::Write as _;

/// An entry's id. Ids of a stream only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// Milliseconds since 1970, unless the client chose otherwise.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

impl Id {
    /// Before every id that an entry can have.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The largest.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// An id.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The id right after this one.
    pub const fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None if self.ms < u64::MAX => Some(Self { ms: self.ms + 1, seq: 0 }),
            None => None,
        }
    }

    /// The id right before this one.
    pub const fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None if self.ms > 0 => Some(Self { ms: self.ms - 1, seq: u64::MAX }),
            None => None,
        }
    }

    /// `1526919030474-0`, handed to `take`.
    #[inline]
    pub fn with_text<T>(self, take: impl FnOnce(&[u8]) -> T) -> T {
        let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (ms, seq) = (ms.format(self.ms).as_bytes(), seq.format(self.seq).as_bytes());
        let mut text = [b'-'; 41];
        let end = ms.len() + 1 + seq.len();
        text[..ms.len()].copy_from_slice(ms);
        text[ms.len() + 1..end].copy_from_slice(seq);
        take(&text[..end])
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.ms)?;
        f.write_char('-')?;
        write!(f, "{}", self.seq)
    }
}
