//! A selector: commands, keys and channels that are allowed together.

use super::commands::Commands;
use super::pattern::{Glob, KeyPattern, Permission};
use super::rule::{RuleError, has_spaces, is_space};
use crate::command::{Arguments, Command};

/// Commands, keys and channels that are allowed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    commands: Commands,
    all_keys: bool,
    keys: Vec<KeyPattern>,
    all_channels: bool,
    channels: Vec<Glob>,
}

impl Selector {
    /// No command, no key, and no channel or all of them.
    pub(super) fn new(all_channels: bool) -> Self {
        Self {
            commands: Commands::NONE,
            all_keys: false,
            keys: Vec::new(),
            all_channels,
            channels: Vec::new(),
        }
    }

    /// From rules in parentheses.
    pub(super) fn parse(rules: &[u8], all_channels: bool) -> Result<Self, RuleError> {
        let mut selector = Self::new(all_channels);
        let words = rules.split(|&byte| is_space(byte)).filter(|word| !word.is_empty());
        for word in words {
            // It would be taken for the end of the selector when it is read again.
            if word.ends_with(b")") {
                return Err(RuleError::Syntax);
            }
            selector.apply(word)?;
        }
        Ok(selector)
    }

    /// Applies one rule.
    ///
    /// # Errors
    /// It is none, or makes no sense here.
    pub(super) fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        match &rule.to_ascii_lowercase()[..] {
            b"allkeys" | b"~*" => self.set_all_keys(true),
            b"resetkeys" => self.set_all_keys(false),
            b"allchannels" | b"&*" => self.set_all_channels(true),
            b"resetchannels" => self.set_all_channels(false),
            b"allcommands" => self.commands = Commands::ALL,
            b"nocommands" => self.commands = Commands::NONE,
            _ => return self.apply_with_name(rule),
        }
        Ok(())
    }

    fn apply_with_name(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        match rule {
            [b'~' | b'%', ..] => self.add_key(rule),
            [b'&', pattern @ ..] => self.add_channel(pattern),
            [sign @ (b'+' | b'-'), what @ ..] => self.commands.apply(*sign == b'+', what),
            _ => Err(RuleError::Syntax),
        }
    }

    pub(super) fn set_all_keys(&mut self, all: bool) {
        self.all_keys = all;
        self.keys.clear();
    }

    pub(super) fn set_all_channels(&mut self, all: bool) {
        self.all_channels = all;
        self.channels.clear();
    }

    fn add_key(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AfterAllKeys);
        }
        let pattern = KeyPattern::parse(rule).ok_or(RuleError::Syntax)?;
        if has_spaces(pattern.glob.text()) {
            return Err(RuleError::Syntax);
        }
        let known = self.keys.iter().position(|known| known.glob == pattern.glob);
        let at = known.unwrap_or(self.keys.len());
        match known {
            Some(at) => self.keys[at].may |= pattern.may,
            None => self.keys.push(pattern),
        }
        // It would be shown as `~*`, which no pattern may follow.
        if self.keys[at].may.is_all() && self.keys[at].glob.is_all() {
            self.set_all_keys(true);
        }
        Ok(())
    }

    fn add_channel(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::AfterAllChannels);
        }
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        let glob = Glob::new(pattern);
        if !self.channels.contains(&glob) {
            self.channels.push(glob);
        }
        Ok(())
    }

    /// Whether it allows everything.
    pub(super) fn is_unrestricted(&self) -> bool {
        self.commands.are_all() && self.all_keys && self.all_channels
    }

    /// Whether it allows the request's command, whatever its keys.
    #[inline]
    pub(super) fn allows_command<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> bool {
        self.commands.allow(command, request)
    }

    /// Whether it allows all keys.
    #[inline]
    pub(super) fn allows_all_keys(&self) -> bool {
        self.all_keys
    }

    /// Whether it allows to do that with this key.
    #[inline]
    pub(super) fn allows_key(&self, key: &[u8], needed: Permission) -> bool {
        self.all_keys || self.keys.iter().any(|p| p.may.contains(needed) && p.glob.matches(key))
    }

    /// Whether it allows to do that with every key there might be.
    pub(super) fn allows_every_key(&self, needed: Permission) -> bool {
        self.all_keys || self.keys.iter().any(|p| p.may.contains(needed) && p.glob.is_all())
    }

    /// Whether it allows all channels.
    #[inline]
    pub(super) fn allows_all_channels(&self) -> bool {
        self.all_channels
    }

    /// Whether it allows a channel, or a pattern of channels; a pattern must be allowed as it is written, since what it
    /// matches can't be compared.
    pub(super) fn allows_channel(&self, name: &[u8], is_pattern: bool) -> bool {
        self.all_channels
            || self
                .channels
                .iter()
                .any(|glob| if is_pattern { glob.text() == name } else { glob.matches(name) })
    }

    /// The commands as rules: `-@all +get`.
    pub fn show_commands(&self) -> Vec<u8> {
        self.commands.show()
    }

    /// The key patterns as rules: `~a* %R~b`.
    pub fn show_keys(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        self.keys.iter().map(KeyPattern::show).collect::<Vec<_>>().join(&b' ')
    }

    /// The channel patterns as rules: `&a*`.
    pub fn show_channels(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        self.channels.iter().map(|glob| [b"&", glob.text()].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// All of it, as rules.
    pub(super) fn show(&self) -> Vec<u8> {
        let reset: &[u8] = if self.all_channels { b"" } else { b"resetchannels" };
        let parts = [&self.show_keys()[..], reset, &self.show_channels(), &self.show_commands()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b' ')
    }
}
