//! A user: a name, passwords, and what it may do.

use super::password::Hash;
use super::rule::RuleError;
use super::selector::Selector;

/// A user. Immutable once it is in a [`Users`](super::Users) table; a change there makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: Box<[u8]>,
    /// Which user of this name it is: one that was deleted and made again is another.
    pub(super) serial: u64,
    enabled: bool,
    no_pass: bool,
    skip_sanitize: bool,
    passwords: Vec<Hash>,
    root: Selector,
    selectors: Vec<Selector>,
    /// Whether one of the selectors allows everything; kept because it is asked before every command.
    unrestricted: bool,
}

impl User {
    /// A user that can't log in and may do nothing.
    pub(super) fn new(name: &[u8], serial: u64, all_channels: bool) -> Self {
        Self {
            name: name.into(),
            serial,
            enabled: false,
            no_pass: false,
            skip_sanitize: false,
            passwords: Vec::new(),
            root: Selector::new(all_channels),
            selectors: Vec::new(),
            unrestricted: false,
        }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether `other` is this user, perhaps after a change.
    pub fn is_same(&self, other: &Self) -> bool {
        self.serial == other.serial && self.name == other.name
    }

    /// Whether clients are this user, and may run commands, without showing a password.
    pub fn is_open(&self) -> bool {
        self.enabled && self.no_pass
    }

    /// Whether it has no password, so that any will do.
    pub fn needs_no_password(&self) -> bool {
        self.no_pass
    }

    /// Whether it may do everything, so that nothing needs to be checked.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// Whether a client that shows this password is let in.
    pub fn lets_in(&self, password: &[u8]) -> bool {
        // Always hashed, so that the time does not tell which names there are.
        let hash = Hash::of(password);
        let known = self.passwords.iter().fold(false, |found, one| found | one.matches(&hash));
        self.enabled && (self.no_pass || known)
    }

    /// The selectors beside the root.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// What is allowed by the rules that stand in no parentheses.
    pub fn root(&self) -> &Selector {
        &self.root
    }

    pub(super) fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// The flags as `ACL GETUSER` names them.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let sanitize = if self.skip_sanitize { "skip-sanitize-payload" } else { "sanitize-payload" };
        let no_pass = self.no_pass.then_some("nopass");
        [Some(if self.enabled { "on" } else { "off" }), no_pass, Some(sanitize)].into_iter().flatten()
    }

    /// The passwords' hashes, in hexadecimal.
    pub fn password_hashes(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(Hash::digits)
    }

    /// Applies one rule, a selector in parentheses included. `all_channels` is what new selectors begin with.
    ///
    /// # Errors
    /// The rule is none; nothing was changed.
    pub(super) fn apply(&mut self, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        match &rule.to_ascii_lowercase()[..] {
            b"" => {}
            b"on" => self.enabled = true,
            b"off" => self.enabled = false,
            b"skip-sanitize-payload" => self.skip_sanitize = true,
            b"sanitize-payload" => self.skip_sanitize = false,
            b"nopass" => self.set_no_pass(true),
            b"resetpass" => self.set_no_pass(false),
            b"clearselectors" => self.selectors.clear(),
            b"reset" => *self = Self::new(&self.name, self.serial, all_channels),
            _ => self.apply_with_name(rule, all_channels)?,
        }
        let unrestricted = self.all_selectors().any(Selector::is_unrestricted);
        self.unrestricted = unrestricted;
        Ok(())
    }

    fn apply_with_name(&mut self, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        match rule {
            [b'>', password @ ..] => self.add_password(Hash::of(password)),
            [b'#', digits @ ..] => self.add_password(Hash::parse(digits).ok_or(RuleError::BadHash)?),
            [b'<', password @ ..] => self.remove_password(Hash::of(password))?,
            [b'!', digits @ ..] => self.remove_password(Hash::parse(digits).ok_or(RuleError::BadHash)?)?,
            [b'(', rules @ .., b')'] => self.selectors.push(Selector::parse(rules, all_channels)?),
            _ => self.root.apply(rule)?,
        }
        Ok(())
    }

    fn set_no_pass(&mut self, no_pass: bool) {
        self.no_pass = no_pass;
        self.passwords.clear();
    }

    fn add_password(&mut self, hash: Hash) {
        self.no_pass = false;
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
    }

    fn remove_password(&mut self, hash: Hash) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|known| *known == hash).ok_or(RuleError::NoSuchPassword)?;
        self.passwords.remove(at);
        Ok(())
    }

    /// The line that makes this user, as a file has it: `user alice on #… ~* &* +@all`.
    pub fn show(&self) -> Vec<u8> {
        let mut line = [b"user ", &self.name[..]].concat();
        let mut put = |word: &[u8]| line.extend_from_slice(&[b" ", word].concat());
        self.flags().for_each(|flag| put(flag.as_bytes()));
        self.password_hashes().for_each(|digits| put(format!("#{digits}").as_bytes()));
        put(&self.root.show());
        self.selectors.iter().for_each(|selector| put(&[b"(", &selector.show()[..], b")"].concat()));
        line
    }
}
