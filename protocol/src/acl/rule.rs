//! What can be wrong with a rule, and how rules are told apart in a list of words.

use std::fmt;

/// Why a rule is refused; the texts are Redis's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// No such command or category.
    Unknown,
    /// No such rule, or a pattern with a space in it.
    Syntax,
    /// A key pattern where all keys are allowed already.
    AfterAllKeys,
    /// A channel pattern where all channels are allowed already.
    AfterAllChannels,
    /// The password to be taken away is not there.
    NoSuchPassword,
    /// The hash is none.
    BadHash,
    /// A first argument of a subcommand.
    FirstArgOfSubcommand,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown command or category name in ACL",
            Self::Syntax => "Syntax error",
            Self::AfterAllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
                 Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::AfterAllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            Self::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            Self::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            Self::FirstArgOfSubcommand => "Allowing first-arg of a subcommand is not supported",
        })
    }
}

impl std::error::Error for RuleError {}

/// Whether a name or pattern has what separates words in a file.
pub(super) fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|&byte| is_space(byte) || byte == 0)
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Puts the words of a selector, `(+get` `~a)`, together again.
///
/// # Errors
/// The word with a parenthesis that is never closed.
pub(super) fn joined<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, Vec<u8>> {
    let mut rules = Vec::new();
    let mut open: Option<(Vec<u8>, &[u8])> = None;
    for word in words {
        match &mut open {
            Some((selector, _)) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                if word.ends_with(b")") {
                    rules.extend(open.take().map(|(selector, _)| selector));
                }
            }
            None if word.starts_with(b"(") && !word.ends_with(b")") => open = Some((word.to_vec(), word)),
            None => rules.push(word.to_vec()),
        }
    }
    match open {
        Some((_, first)) => Err(first.to_vec()),
        None => Ok(rules),
    }
}
