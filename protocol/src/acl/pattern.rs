//! Patterns of keys and channels.

use crate::command::KeyFlags;
use crate::glob;
use bitflags::bitflags;

bitflags! {
    /// What may be done, or is done, with a key.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Permission: u8 {
        /// `%R~`: what it holds may be read or copied.
        const READ = 1;
        /// `%W~`: what it holds may be changed, added to or removed.
        const WRITE = 1 << 1;
    }
}

impl Permission {
    /// What a command needs to do with a key what its key spec says. Nothing for one that asks only for its name, type or size:
    /// such a key must match a pattern of any kind.
    #[inline]
    pub const fn needed(flags: KeyFlags) -> Self {
        let mut needed = Self::empty();
        if flags.contains(KeyFlags::ACCESS) {
            needed = needed.union(Self::READ);
        }
        if flags.intersects(KeyFlags::INSERT.union(KeyFlags::DELETE).union(KeyFlags::UPDATE)) {
            needed = needed.union(Self::WRITE);
        }
        needed
    }
}

/// A glob pattern, sorted by how it can be matched: most are a prefix and a star.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    text: Box<[u8]>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing in it is special.
    Exact,
    /// A star behind what is not special.
    Prefix,
    Other,
}

impl Glob {
    pub(super) fn new(text: &[u8]) -> Self {
        let special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
        let kind = match text.iter().position(special) {
            None => Kind::Exact,
            Some(at) if at + 1 == text.len() && text[at] == b'*' => Kind::Prefix,
            Some(_) => Kind::Other,
        };
        Self { text: text.into(), kind }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    #[inline]
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match (self.kind, self.text.split_last()) {
            (Kind::Prefix, Some((_, prefix))) => name.starts_with(prefix),
            (Kind::Other, _) => glob::matches(&self.text, name),
            _ => *self.text == *name,
        }
    }

    /// Whether it matches every name.
    pub(super) fn is_all(&self) -> bool {
        *self.text == *b"*"
    }
}

/// Keys, and what may be done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPattern {
    pub(super) may: Permission,
    pub(super) glob: Glob,
}

impl KeyPattern {
    /// From `~pattern` or `%RW~pattern`; none if there is no such rule.
    pub(super) fn parse(rule: &[u8]) -> Option<Self> {
        let tilde = rule.iter().position(|&byte| byte == b'~')?;
        let may = match &rule[..tilde] {
            [] => Permission::all(),
            [b'%', letters @ ..] => permissions(letters)?,
            _ => return None,
        };
        Some(Self { may, glob: Glob::new(&rule[tilde + 1..]) })
    }

    /// In the same notation.
    pub(super) fn show(&self) -> Vec<u8> {
        let sign: &[u8] = match (self.may.contains(Permission::READ), self.may.contains(Permission::WRITE)) {
            (true, false) => b"%R~",
            (false, true) => b"%W~",
            _ => b"~",
        };
        [sign, self.glob.text()].concat()
    }
}

/// `R`, `W` or both, each at most once.
fn permissions(letters: &[u8]) -> Option<Permission> {
    let mut may = Permission::empty();
    for letter in letters {
        let one = match letter.to_ascii_uppercase() {
            b'R' => Permission::READ,
            b'W' => Permission::WRITE,
            _ => return None,
        };
        if may.contains(one) {
            return None;
        }
        may |= one;
    }
    (!may.is_empty()).then_some(may)
}
