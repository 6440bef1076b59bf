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

pub(super) const fn row(name: &'static str, arity: i16, flags: Flags) -> Command {
    Command {
        id: CommandId::FIRST,
        full_name: name,
        parent: None,
        subcommand_count: 0,
        arity,
        told_arity: arity,
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
        alias_of: None,
        pool: PoolRule::Local,
    }
}

/// A verb of an ancestor: everything but the name is taken from the command it stands for.
pub(super) const fn alias(name: &'static str, of: CommandId, summary: &'static str) -> Command {
    let mut alias = row(name, 0, Flags::empty());
    alias.alias_of = Some(of);
    alias.since = "0.1.0";
    alias.summary = summary;
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

    pub(super) const fn acl(mut self, more: Acl) -> Self {
        self.acl = more;
        self
    }

    /// Ours accepts another number of arguments than Redis's, which `COMMAND INFO` goes on telling.
    pub(super) const fn told_arity(mut self, arity: i16) -> Self {
        self.told_arity = arity;
        self
    }

    pub(super) const fn replaced_by(mut self, since: &'static str, instead: &'static str) -> Self {
        self.replaced_by = Some((since, instead));
        self
    }
}
