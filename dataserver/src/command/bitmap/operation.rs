//! BITOP.

use super::super::arguments::is;
use super::super::{Call, Done};
use crate::event;
use crate::store::Key;
use crate::store::view::View;
use ringtail_protocol::errors::{self, Error};

const ONE_SOURCE: Error = Error::fixed("ERR BITOP NOT must be called with a single source key.");

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn named(word: &[u8]) -> Result<Self, Error> {
        let names = [("AND", Self::And), ("OR", Self::Or), ("XOR", Self::Xor), ("NOT", Self::Not)];
        names
            .into_iter()
            .find(|(name, _)| is(word, name))
            .map(|(_, operation)| operation)
            .ok_or(errors::SYNTAX)
    }

    /// Puts one more string into the result, which is at least as long; it goes on with zeros.
    fn join(self, result: &mut [u8], source: &[u8]) {
        let (same, rest) = result.split_at_mut(source.len());
        let pairs = same.iter_mut().zip(source);
        match self {
            Self::And => {
                pairs.for_each(|(to, from)| *to &= from);
                rest.fill(0);
            }
            Self::Or => pairs.for_each(|(to, from)| *to |= from),
            Self::Xor => pairs.for_each(|(to, from)| *to ^= from),
            Self::Not => pairs.for_each(|(to, from)| *to = !from),
        }
    }
}

/// BITOP <AND | OR | XOR | NOT> destkey key [key ...]
pub(in super::super) fn operation(c: &mut Call<'_, '_>) -> Done {
    let operation = Operation::named(&c.args[1])?;
    let keys = c.keys;
    let Some((to, sources)) = keys.split_first() else { return Err(errors::SYNTAX) };
    if operation == Operation::Not && sources.len() > 1 {
        return Err(ONE_SOURCE);
    }
    let mut length = 0;
    for key in sources {
        length = length.max(c.view.read_bytes(key)?.map_or(0, <[u8]>::len));
    }
    let result = joined(c.view, operation, sources, length);
    if result.is_empty() {
        c.view.delete(to);
    } else {
        let expiry = c.default_expiry();
        c.view.set_bytes_owned(to, result, expiry);
        c.view.changed(to, event::SET);
    }
    c.reply.count(length);
    Ok(())
}

fn joined(view: &mut View<'_>, operation: Operation, sources: &[Key<'_>], length: usize) -> Vec<u8> {
    let mut result = vec![0; length];
    for (i, key) in sources.iter().enumerate() {
        let source = view.peek(key).and_then(|entry| entry.bytes()).unwrap_or_default();
        match operation {
            Operation::And if i == 0 => result[..source.len()].copy_from_slice(source),
            _ => operation.join(&mut result, source),
        }
    }
    result
}
