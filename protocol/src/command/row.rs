//! The words that rows are written in.
//!
//! `row(name, arity, flags)` begins one; what it does not say follows from the rest: the group from the
//! file's heading, ACL categories from flags and group, the range of keys from the key specs, the proxy's
//! rule from whether there are keys.

use super::{Acl, Arg, Command, CommandId, Flags, Group, KeyRange, KeySpec, PoolRule};

/// The union of flags, named by their last part: `flags!(READONLY FAST)`.
macro_rules! flags {
    ($($name:ident)*) => { Flags::empty()$(.union(Flags::$name))* };
}

/// The same for [`super::KeyFlags`].
macro_rules! key_flags {
    ($($name:ident)*) => { KeyFlags::empty()$(.union(KeyFlags::$name))* };
}

/// The most usual key specs: one key, right after the command's name.
macro_rules! key {
    ($($name:ident)*) => { &[KeySpec::one(1, key_flags!($($name)*))] };
}

pub(super) const fn row(name: &'static str, arity: i16, flags: Flags) -> Command {
    Command {
        id: CommandId::FIRST,
        full_name: name,
        name,
        parent: None,
        subcommand_count: 0,
        arity,
        least: arity.unsigned_abs(),
        most: if arity < 0 { u16::MAX } else { arity.unsigned_abs() },
        flags,
        acl: Acl::empty(),
        key_specs: &[],
        range: KeyRange { first: 0, last: 0, step: 0 },
        group: Group::Generic,
        since: "1.0.0",
        complexity: "",
        summary: "",
        replaced_by: None,
        history: &[],
        tips: &[],
        args: &[],
        also: None,
        alias_of: None,
        pool: PoolRule::Local,
    }
}

/// A verb of an ancestor: everything but the name is taken from the command it stands for.
pub(super) const fn alias(name: &'static str, of: CommandId) -> Command {
    let mut alias = row(name, 0, Flags::empty());
    alias.alias_of = Some(of);
    alias
}

impl Command {
    pub(super) const fn keys(mut self, specs: &'static [KeySpec]) -> Self {
        self.key_specs = specs;
        self.pool = PoolRule::Keys;
        self
    }

    pub(super) const fn pool(mut self, rule: PoolRule) -> Self {
        self.pool = rule;
        self
    }

    /// Version of Redis, cost, one line.
    pub(super) const fn about(
        mut self,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    pub(super) const fn args(mut self, args: &'static [Arg]) -> Self {
        self.args = args;
        self
    }

    pub(super) const fn history(mut self, changes: &'static [(&'static str, &'static str)]) -> Self {
        self.history = changes;
        self
    }

    pub(super) const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// A category besides those that flags and group imply.
    pub(super) const fn acl(mut self, more: Acl) -> Self {
        self.acl = self.acl.union(more);
        self
    }

    /// The numbers of arguments that ours takes where Redis's takes fewer, which `COMMAND INFO` goes on
    /// telling.
    pub(super) const fn accepts(mut self, least: u16, most: u16) -> Self {
        self.least = least;
        self.most = most;
        self
    }

    /// A form that ancestors of Ringtail had, and what it means.
    pub(super) const fn also(mut self, form: &'static str, means: &'static str) -> Self {
        self.also = Some((form, means));
        self
    }

    pub(super) const fn replaced_by(mut self, since: &'static str, instead: &'static str) -> Self {
        self.replaced_by = Some((since, instead));
        self
    }
}
