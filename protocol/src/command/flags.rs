//! What a row says about its command in single bits, with the names Redis gives them in `COMMAND INFO`.

use bitflags::bitflags;

use super::Command;

bitflags! {
    /// How a command behaves; the names are those of `COMMAND INFO`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// May change a key.
        const WRITE = 1;
        /// Reads keys and never changes one.
        const READONLY = 1 << 1;
        /// Refused when memory is above its limit and nothing can be evicted.
        const DENYOOM = 1 << 2;
        /// For operators.
        const ADMIN = 1 << 3;
        /// Has to do with publishing and subscribing.
        const PUBSUB = 1 << 4;
        /// Not from a script.
        const NOSCRIPT = 1 << 5;
        /// May wait for another client.
        const BLOCKING = 1 << 6;
        /// Answered while data is being loaded.
        const LOADING = 1 << 7;
        /// Answered by a replica that has lost its primary.
        const STALE = 1 << 8;
        /// Not shown to `MONITOR`.
        const SKIP_MONITOR = 1 << 9;
        /// Not written to the slow log.
        const SKIP_SLOWLOG = 1 << 10;
        /// Of constant or logarithmic cost.
        const FAST = 1 << 11;
        /// Allowed before authentication.
        const NO_AUTH = 1 << 12;
        /// May be replicated though it is not a write.
        const MAY_REPLICATE = 1 << 13;
        /// Legal with no key at all, though it can take some.
        const NO_MANDATORY_KEYS = 1 << 14;
        /// Not while data is being loaded in the background.
        const NO_ASYNC_LOADING = 1 << 15;
        /// Not inside a transaction.
        const NO_MULTI = 1 << 16;
        /// Needs a look at the arguments to find the keys. Derived from the key specs.
        const MOVABLEKEYS = 1 << 17;
        /// Answered while a long script holds the server.
        const ALLOW_BUSY = 1 << 18;
    }
}

bitflags! {
    /// ACL categories. Most follow from the flags and the group ([`Acl::implied`]).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Acl: u32 {
        /// `@keyspace`
        const KEYSPACE = 1;
        /// `@read`
        const READ = 1 << 1;
        /// `@write`
        const WRITE = 1 << 2;
        /// `@set`
        const SET = 1 << 3;
        /// `@sortedset`
        const SORTEDSET = 1 << 4;
        /// `@list`
        const LIST = 1 << 5;
        /// `@hash`
        const HASH = 1 << 6;
        /// `@string`
        const STRING = 1 << 7;
        /// `@bitmap`
        const BITMAP = 1 << 8;
        /// `@hyperloglog`
        const HYPERLOGLOG = 1 << 9;
        /// `@geo`
        const GEO = 1 << 10;
        /// `@stream`
        const STREAM = 1 << 11;
        /// `@pubsub`
        const PUBSUB = 1 << 12;
        /// `@admin`
        const ADMIN = 1 << 13;
        /// `@fast`
        const FAST = 1 << 14;
        /// `@slow`
        const SLOW = 1 << 15;
        /// `@blocking`
        const BLOCKING = 1 << 16;
        /// `@dangerous`
        const DANGEROUS = 1 << 17;
        /// `@connection`
        const CONNECTION = 1 << 18;
        /// `@transaction`
        const TRANSACTION = 1 << 19;
        /// `@scripting`
        const SCRIPTING = 1 << 20;
    }
}

bitflags! {
    /// What a command does with the keys of one key spec.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct KeyFlags: u16 {
        /// Reads the value or its metadata, changes nothing.
        const RO = 1;
        /// Reads and changes.
        const RW = 1 << 1;
        /// Overwrites without reading.
        const OW = 1 << 2;
        /// Removes.
        const RM = 1 << 3;
        /// User data is returned, copied or compared.
        const ACCESS = 1 << 4;
        /// User data is changed, depending on what was there.
        const UPDATE = 1 << 5;
        /// User data is added, none that was there is changed.
        const INSERT = 1 << 6;
        /// User data is removed.
        const DELETE = 1 << 7;
        /// Not a key, though hashed like one.
        const NOT_KEY = 1 << 8;
        /// The spec does not find every key.
        const INCOMPLETE = 1 << 9;
        /// The flags depend on the arguments.
        const VARIABLE_FLAGS = 1 << 10;
    }
}

bitflags! {
    /// How often an argument may stand.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ArgFlags: u8 {
        /// May be left out.
        const OPTIONAL = 1;
        /// May be repeated.
        const MULTIPLE = 1 << 1;
        /// Repeated together with its token.
        const MULTIPLE_TOKEN = 1 << 2;
    }
}

/// The group a command is documented under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Any key, whatever its type.
    Generic,
    /// Strings.
    String,
    /// Lists.
    List,
    /// Hashes.
    Hash,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Bitmaps.
    Bitmap,
    /// HyperLogLog.
    HyperLogLog,
    /// Geospatial indices.
    Geo,
    /// Publish and subscribe.
    PubSub,
    /// Transactions.
    Transactions,
    /// Scripts and functions.
    Scripting,
    /// The connection itself.
    Connection,
    /// The server as a whole.
    Server,
    /// A cluster's members.
    Cluster,
}

impl Group {
    /// Every group, in the order of the reference page.
    pub const ALL: [Self; 16] = [
        Self::Generic,
        Self::String,
        Self::List,
        Self::Hash,
        Self::Set,
        Self::SortedSet,
        Self::Stream,
        Self::Bitmap,
        Self::HyperLogLog,
        Self::Geo,
        Self::PubSub,
        Self::Transactions,
        Self::Scripting,
        Self::Connection,
        Self::Server,
        Self::Cluster,
    ];

    /// The name in `COMMAND DOCS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Geo => "geo",
            Self::PubSub => "pubsub",
            Self::Transactions => "transactions",
            Self::Scripting => "scripting",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Cluster => "cluster",
        }
    }

    /// The ACL category that all commands of the group are in; server commands have none in common.
    const fn acl(self) -> Acl {
        match self {
            Self::Generic => Acl::KEYSPACE,
            Self::String => Acl::STRING,
            Self::List => Acl::LIST,
            Self::Hash => Acl::HASH,
            Self::Set => Acl::SET,
            Self::SortedSet => Acl::SORTEDSET,
            Self::Stream => Acl::STREAM,
            Self::Bitmap => Acl::BITMAP,
            Self::HyperLogLog => Acl::HYPERLOGLOG,
            Self::Geo => Acl::GEO,
            Self::PubSub => Acl::PUBSUB,
            Self::Transactions => Acl::TRANSACTION,
            Self::Scripting => Acl::SCRIPTING,
            Self::Connection => Acl::CONNECTION,
            Self::Server | Self::Cluster => Acl::empty(),
        }
    }
}

impl Acl {
    /// Categories that a generic command may be in instead of its group's: of types, of connections.
    const INSTEAD: Self = Self::SET.union(Self::SORTEDSET).union(Self::LIST).union(Self::CONNECTION);

    /// The category of this name, without `@`, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let is_named = |(of, _): &(&str, Self)| of.as_bytes().eq_ignore_ascii_case(name);
        Self::all().iter_names().find(is_named).map(|(_, category)| category)
    }

    /// The categories that follow from a command's flags and group, by Redis's rules. A command that only
    /// holds subcommands is not of its group's.
    pub(super) const fn implied(command: &Command) -> Self {
        let flags = command.flags;
        let speed = if flags.contains(Flags::FAST) { Self::FAST } else { Self::SLOW };
        let grouped = command.subcommand_count == 0 && !command.acl.intersects(Self::INSTEAD);
        let mut acl = if grouped { command.group.acl().union(speed) } else { speed };
        let rules = [
            (Flags::WRITE, Self::WRITE),
            (Flags::READONLY, Self::READ),
            (Flags::ADMIN, Self::ADMIN.union(Self::DANGEROUS)),
            (Flags::PUBSUB, Self::PUBSUB),
            (Flags::BLOCKING, Self::BLOCKING),
        ];
        let mut i = 0;
        while i < rules.len() {
            if flags.contains(rules[i].0) {
                acl = acl.union(rules[i].1);
            }
            i += 1;
        }
        acl
    }
}
