//! The table of commands.
//!
//! One row of `rows/` describes one command; its `CommandId` variant, its place in the lookup index, the
//! proxy's rule for it, `COMMAND`'s answers, the REPL's hints and the reference page are all made from it.
//! A new command is one row, one match arm in the data server, and one function.
//!
//! On the way of a request: [`find`] (or [`lookup`] and [`Command::subcommand`]) gives the row,
//! [`Command::arity_ok`] checks the number of arguments, [`keys()`] says which arguments are keys,
//! [`Command::executes`] is what to match on, and [`Command::pool`] is what a proxy does with it.

mod arg;
mod docs;
mod flags;
mod help;
mod info;
mod introspect;
mod keys;
mod lookup;
pub mod reference;
#[macro_use]
mod row;
#[macro_use]
mod rows;
mod syntax;
mod table;

#[cfg(test)]
mod tests;

pub use arg::{Arg, ArgKind};
pub use flags::{Acl, ArgFlags, Flags, Group, KeyFlags};
pub use introspect::introspect;
pub(crate) use introspect::{key_flags, named};
pub use keys::{Arguments, BeginSearch, FindKeys, KeyRange, KeySpec, Keys, keys};
pub use lookup::{Found, find, lookup};
pub use syntax::{arg_syntax, syntax};
pub use table::{COMMANDS, CommandId};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The row's own identity. Match on [`Command::executes`] instead, which sees through aliases.
    pub id: CommandId,
    /// Lower case; a subcommand's is `parent|sub`, see also [`Command::name`].
    pub full_name: &'static str,
    /// What stands behind the bar.
    name: &'static str,
    /// The command that this is a subcommand of.
    pub parent: Option<CommandId>,
    /// How many rows right after this one are its subcommands.
    subcommand_count: u8,
    /// The number of arguments with the command's name (and subcommand's), as `COMMAND INFO` tells it;
    /// negative: at least that many. What is really accepted is [`Command::arity_ok`]'s to say: `KEYS`
    /// and `TTL` take one argument less or more here than in Redis.
    pub arity: i16,
    least: u16,
    most: u16,
    /// How it behaves.
    pub flags: Flags,
    /// Its ACL categories.
    pub acl: Acl,
    /// Where its keys are. On the way of a request use [`keys()`].
    pub key_specs: &'static [KeySpec],
    /// The key specs in their old form, derived.
    pub range: KeyRange,
    /// Where it is documented.
    pub group: Group,
    /// The version of Redis that had it first; an alias has its original's.
    pub since: &'static str,
    /// The cost, in O notation and words.
    pub complexity: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What to use instead and since when it is deprecated.
    pub replaced_by: Option<(&'static str, &'static str)>,
    /// Version and what changed in it.
    pub history: &'static [(&'static str, &'static str)],
    /// Redis's command tips, besides the policies that [`Command::pool`] implies
    /// ([`PoolRule::policies`]).
    pub tips: &'static [&'static str],
    /// The argument tree.
    pub args: &'static [Arg],
    /// A form that an ancestor had, and what it means (`SET key value seconds`).
    pub also: Option<(&'static str, &'static str)>,
    /// The command of Redis that this verb of an ancestor stands for.
    pub alias_of: Option<CommandId>,
    /// What a proxy does with it.
    pub pool: PoolRule,
}

/// What a proxy does with a command, so that a pool of servers answers as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolRule {
    /// Sent as it is to the member that owns its keys. Keys of several members are brought together at one of them, under
    /// locks of their slots; servers that have no such locks are spared (`CROSSSLOT`).
    Keys,
    /// As `Keys`, but for options that one lane or one member can't serve, which are refused (`BLOCK`, SORT's patterns).
    Options,
    /// As `Keys`, on a connection that the client has for itself, because it may wait.
    Waits,
    /// Sent to the one member that owns its keys, to any if it has none, on a connection that the client has for itself,
    /// because it may run for long (`EVAL`, `FCALL`).
    Script,
    /// Kept by the proxy for the client (`MULTI`, `WATCH`), until EXEC sends each member its part.
    Session,
    /// Split by member, one part each, and the parts' answers joined. Each key (with what
    /// follows it, up to the next key) belongs to its owner's part.
    Split(Join),
    /// Sent as it is to every member, and the answers joined.
    Everywhere(Join),
    /// A function of the proxy's own that asks some members (`SCAN`, `RANDOMKEY`).
    Own,
    /// Sent to the member that owns the name of its channel; it answers how many got the message.
    Channel,
    /// Answered by the proxy, no member is asked.
    Local,
    /// Refused by the proxy: it makes sense only on one server.
    Refused,
}

/// How the answers of several members become one. Any error among them is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Integers are added (`DEL`, `DBSIZE`).
    Sum,
    /// `OK` when all said so (`MSET`, `FLUSHALL`).
    AllOk,
    /// Elements go back to the places of their keys in the request (`MGET`).
    InOrder,
    /// Arrays are put one after the other (`KEYS`).
    Concat,
}

impl Command {
    /// The last part of the name: `id` for `client|id`, lower case.
    #[inline]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the data server runs for it: itself, or the command that it is an alias of.
    #[inline]
    pub const fn executes(&self) -> CommandId {
        match self.alias_of {
            Some(id) => id,
            None => self.id,
        }
    }

    /// Whether `count` arguments, with the command's name, are enough and not too many.
    #[inline]
    pub const fn arity_ok(&self, count: usize) -> bool {
        count >= self.least as usize && (count <= self.most as usize || self.most == u16::MAX)
    }

    /// Its subcommands, none for most.
    pub fn subcommands(&self) -> &'static [Command] {
        let first = self.id as usize + 1;
        &COMMANDS[first..first + usize::from(self.subcommand_count)]
    }

    /// The subcommand of this name, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Command> {
        self.subcommands().iter().find(|sub| sub.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether a request has exactly one key, at a fixed place.
    #[inline]
    pub const fn has_one_key(&self) -> bool {
        self.range.first > 0 && self.range.first == self.range.last
    }

    /// Whether it may change a key.
    #[inline]
    pub const fn is_write(&self) -> bool {
        self.flags.contains(Flags::WRITE)
    }
}

impl PoolRule {
    /// The rule as Redis's command tips say it, for clients that treat a pool themselves.
    pub const fn policies(self) -> &'static [&'static str] {
        match self {
            Self::Split(Join::Sum) => &["request_policy:multi_shard", "response_policy:agg_sum"],
            Self::Split(Join::AllOk) => &["request_policy:multi_shard", "response_policy:all_succeeded"],
            Self::Split(_) => &["request_policy:multi_shard"],
            Self::Everywhere(Join::Sum) => &["request_policy:all_shards", "response_policy:agg_sum"],
            Self::Everywhere(Join::AllOk) => &["request_policy:all_shards", "response_policy:all_succeeded"],
            Self::Everywhere(_) => &["request_policy:all_shards"],
            Self::Keys
            | Self::Options
            | Self::Waits
            | Self::Script
            | Self::Session
            | Self::Channel
            | Self::Own
            | Self::Local
            | Self::Refused => &[],
        }
    }
}

impl CommandId {
    /// The row.
    #[inline]
    pub fn command(self) -> &'static Command {
        &COMMANDS[self as usize]
    }
}
