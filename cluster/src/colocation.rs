//! Colocation rules: keys that begin with the same fixed text hash by it alone, as if it were their `{tag}`.
//!
//! The rules are the process's: a key's slot is asked for everywhere, and must be the same everywhere. They are put in
//! force once, before there is a key.

use std::fmt;
use std::sync::OnceLock;

use crate::slot::{SLOTS, crc16};

#[cfg(test)]
mod tests;

static IN_FORCE: OnceLock<Colocation> = OnceLock::new();
static NONE: Colocation = Colocation { rules: Vec::new() };

/// Rules, in the one order that they have however they were given: the longest first, so that the first which fits is the narrowest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Colocation {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    prefix: String,
    slot: u16,
}

impl Colocation {
    /// The rules that these patterns mean, each a fixed text and then `*`.
    ///
    /// # Errors
    /// A pattern is something else, in words.
    pub fn of<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, String> {
        let mut rules: Vec<Rule> = Vec::new();
        for pattern in patterns {
            let pattern = pattern.as_ref();
            let prefix = prefix_of(pattern).ok_or_else(|| format!("'{pattern}' is no colocation rule"))?;
            let slot = crc16(prefix.as_bytes()) & (SLOTS as u16 - 1);
            rules.push(Rule { prefix: prefix.to_owned(), slot });
        }
        rules.sort_by(|one, other| {
            other.prefix.len().cmp(&one.prefix.len()).then_with(|| one.prefix.cmp(&other.prefix))
        });
        rules.dedup();
        Ok(Self { rules })
    }

    /// Puts the rules in force for the whole process. Only the first ones are, and none if there are none.
    pub fn put_in_force(self) {
        if !self.rules.is_empty() {
            let _ = IN_FORCE.set(self);
        }
    }

    /// The process's rules.
    #[must_use]
    pub fn in_force() -> &'static Self {
        IN_FORCE.get().unwrap_or(&NONE)
    }

    /// The process's rules, if it has any.
    #[inline]
    pub(crate) fn any() -> Option<&'static Self> {
        IN_FORCE.get()
    }

    /// The slot that a rule gives to `key`.
    pub(crate) fn slot(&self, key: &[u8]) -> Option<u16> {
        self.rules.iter().find(|rule| key.starts_with(rule.prefix.as_bytes())).map(|rule| rule.slot)
    }

    /// Whether a rule fits some of the keys that begin with `prefix`, but not all.
    pub(crate) fn divides(&self, prefix: &[u8]) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.prefix.len() > prefix.len() && rule.prefix.as_bytes().starts_with(prefix))
    }
}

/// The patterns, separated by spaces: the same text for the same rules.
impl fmt::Display for Colocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rule) in self.rules.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{}*", rule.prefix)?;
        }
        Ok(())
    }
}

/// The fixed text of a pattern: visible ASCII without what else means something in a glob.
fn prefix_of(pattern: &str) -> Option<&str> {
    let prefix = pattern.strip_suffix('*')?;
    let fixed = |byte: u8| byte.is_ascii_graphic() && !b"*?[]\\".contains(&byte);
    (!prefix.is_empty() && prefix.bytes().all(fixed)).then_some(prefix)
}
