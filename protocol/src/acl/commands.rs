//! Which commands a selector allows, and the rules that made it so.

use super::rule::{RuleError, has_spaces};
use crate::command::{Acl, Arguments, COMMANDS, Command, CommandId, Flags, named};

const WORDS: usize = CommandId::COUNT.div_ceil(64);

/// One rule: whether it adds, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    adds: bool,
    /// `get`, `config|get`, `@read`, `select|0`; lower case.
    what: Vec<u8>,
}

/// A set of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commands {
    /// A bit for each row of the table.
    allowed: [u64; WORDS],
    /// Every command.
    all: bool,
    /// The rules below begin at `+@all`; otherwise at `-@all`.
    from_all: bool,
    /// Arguments with which a command is allowed that otherwise isn't.
    first_args: Vec<(CommandId, Vec<u8>)>,
    /// In order; no rule is about what a later one is about.
    rules: Vec<Rule>,
}

impl Commands {
    pub(super) const NONE: Self =
        Self { allowed: [0; WORDS], all: false, from_all: false, first_args: Vec::new(), rules: Vec::new() };

    pub(super) const ALL: Self = Self {
        allowed: [u64::MAX; WORDS],
        all: true,
        from_all: true,
        first_args: Vec::new(),
        rules: Vec::new(),
    };

    /// Whether every command is allowed.
    #[inline]
    pub(super) fn are_all(&self) -> bool {
        self.all
    }

    /// Whether the request's command is allowed. What leads to authentication always is, and what leads to the primary: a connection that
    /// is not bound to it would stay at a server that leads no more, and all that is shown is who leads.
    #[inline]
    pub(super) fn allow<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> bool {
        self.has(command.executes())
            || command.flags.contains(Flags::NO_AUTH)
            || command.id == CommandId::RingtailPrimary
            || (!self.first_args.is_empty() && self.has_first_arg(command, request))
    }

    #[inline]
    fn has(&self, id: CommandId) -> bool {
        self.allowed[id as usize / 64] >> (id as usize % 64) & 1 == 1
    }

    #[cold]
    fn has_first_arg<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> bool {
        let at = if command.parent.is_some() { 2 } else { 1 };
        let Some(given) = request.argument(at) else { return false };
        let mut of_command = self.first_args.iter().filter(|(id, _)| *id == command.executes());
        of_command.any(|(_, allowed)| allowed.eq_ignore_ascii_case(given))
    }

    /// Adds or takes away `get`, `config|get`, `@read` or `@all`.
    ///
    /// # Errors
    /// There is no such command or category.
    pub(super) fn apply(&mut self, adds: bool, what: &[u8]) -> Result<(), RuleError> {
        match what.strip_prefix(b"@") {
            Some(name) if name.eq_ignore_ascii_case(b"all") => {
                *self = if adds { Self::ALL } else { Self::NONE };
                Ok(())
            }
            Some(name) => self.apply_category(adds, name),
            None => self.apply_command(adds, what),
        }
    }

    fn apply_category(&mut self, adds: bool, name: &[u8]) -> Result<(), RuleError> {
        let category = Acl::named(name).ok_or(RuleError::Unknown)?;
        let of_category = |command: &&Command| command.acl.intersects(category) && command.alias_of.is_none();
        COMMANDS.iter().filter(of_category).for_each(|command| self.set(command, adds));
        self.note(adds, &[b"@", name].concat());
        Ok(())
    }

    fn apply_command(&mut self, adds: bool, name: &[u8]) -> Result<(), RuleError> {
        match named(name) {
            Some(command) => {
                let command = command.executes().command();
                self.set(command, adds);
                self.note(adds, command.full_name.as_bytes());
                Ok(())
            }
            None if adds => self.add_first_arg(name),
            None => Err(RuleError::Unknown),
        }
    }

    /// `select|0`: a first argument of a command without subcommands.
    fn add_first_arg(&mut self, name: &[u8]) -> Result<(), RuleError> {
        let bar = name.iter().rposition(|&byte| byte == b'|').ok_or(RuleError::Unknown)?;
        let (command, argument) = (named(&name[..bar]).ok_or(RuleError::Unknown)?, &name[bar + 1..]);
        if command.parent.is_some() {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        // A space could not be told from the next rule's when the user is shown.
        if argument.is_empty() || has_spaces(argument) {
            return Err(RuleError::Syntax);
        }
        if !command.subcommands().is_empty() {
            return Err(RuleError::Unknown);
        }
        let id = command.executes();
        let argument = argument.to_ascii_lowercase();
        self.note(true, &[id.command().full_name.as_bytes(), b"|", &argument].concat());
        if !self.first_args.iter().any(|(of, known)| *of == id && *known == argument) {
            self.first_args.push((id, argument));
        }
        Ok(())
    }

    /// Sets the bits of a command and of all its subcommands.
    fn set(&mut self, command: &Command, allowed: bool) {
        self.first_args.retain(|(id, _)| *id != command.id);
        for id in std::iter::once(command.id).chain(command.subcommands().iter().map(|sub| sub.id)) {
            let (word, bit) = (id as usize / 64, 1 << (id as usize % 64));
            if allowed {
                self.allowed[word] |= bit;
            } else {
                self.allowed[word] &= !bit;
            }
        }
        // As the rules say it when they are loaded again: what was taken away and added again is no rule of its own.
        self.all = self.from_all && self.allowed == Self::ALL.allowed;
    }

    /// Adds a rule; earlier ones about the same, or about a part of it, have no effect any more.
    fn note(&mut self, adds: bool, what: &[u8]) {
        let what = what.to_ascii_lowercase();
        self.rules.retain(|rule| match rule.what.strip_prefix(&what[..]) {
            Some(rest) => !(rest.is_empty() || rest.starts_with(b"|")),
            None => true,
        });
        self.rules.push(Rule { adds, what });
    }

    /// The rules that make this set out of nothing: `-@all +get`.
    pub(super) fn show(&self) -> Vec<u8> {
        let mut text = if self.from_all { b"+@all".to_vec() } else { b"-@all".to_vec() };
        for rule in &self.rules {
            text.extend_from_slice(if rule.adds { b" +" } else { b" -" });
            text.extend_from_slice(&rule.what);
        }
        text
    }
}
