//! Passwords, of which only the SHA-256 is kept.

use sha2::{Digest, Sha256};
use std::fmt;
use std::hint::black_box;

/// What is kept of a password. It is what the file and `ACL LIST` show, and never part of a log line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash([u8; 32]);

impl Hash {
    /// Of a password.
    pub(super) fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// From 64 lower-case hexadecimal digits; none for anything else.
    pub(super) fn parse(digits: &[u8]) -> Option<Self> {
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(hash))
    }

    /// The 64 digits.
    pub(super) fn digits(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether both are equal, in a time that does not depend on where they differ.
    pub(super) fn matches(&self, other: &Self) -> bool {
        let different = self.0.iter().zip(other.0).fold(0, |sum, (a, b)| sum | black_box(a ^ b));
        black_box(different) == 0
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(***)")
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
