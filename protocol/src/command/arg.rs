//! The argument tree of a command, as `COMMAND DOCS` tells it and the syntax line draws it.

use super::flags::ArgFlags;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// Bytes.
    String,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Double,
    /// A key's name.
    Key,
    /// A glob pattern.
    Pattern,
    /// A point in time: seconds or milliseconds since 1970.
    UnixTime,
    /// A word that stands for itself.
    PureToken,
    /// One of the arguments inside.
    OneOf,
    /// All of the arguments inside, in order.
    Block,
}

impl ArgKind {
    /// The name in `COMMAND DOCS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }
}

/// One argument of a command.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name in the documentation.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgKind,
    /// For a key: which of the command's key specs finds it.
    pub key_spec: u8,
    /// The word before it, or that it is.
    pub token: Option<&'static str>,
    /// The version that added it, when later than the command.
    pub since: Option<&'static str>,
    /// The version that deprecated it.
    pub deprecated_since: Option<&'static str>,
    /// Whether it may be left out or repeated.
    pub flags: ArgFlags,
    /// For `OneOf` and `Block`: what is inside.
    pub args: &'static [Arg],
}

impl Arg {
    const fn new(name: &'static str, kind: ArgKind) -> Self {
        let flags = ArgFlags::empty();
        Self { name, kind, key_spec: 0, token: None, since: None, deprecated_since: None, flags, args: &[] }
    }

    /// Whether it names keys: a pattern does that has a key spec of its own.
    pub(super) fn is_key(&self) -> bool {
        self.kind == ArgKind::Key || self.kind == ArgKind::Pattern && self.key_spec > 0
    }

    pub(super) const fn opt(mut self) -> Self {
        self.flags = self.flags.union(ArgFlags::OPTIONAL);
        self
    }

    pub(super) const fn many(mut self) -> Self {
        self.flags = self.flags.union(ArgFlags::MULTIPLE);
        self
    }

    /// Repeated together with its token.
    pub(super) const fn repeated(mut self) -> Self {
        self.flags = self.flags.union(ArgFlags::MULTIPLE).union(ArgFlags::MULTIPLE_TOKEN);
        self
    }

    pub(super) const fn after(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub(super) const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    pub(super) const fn deprecated(mut self, version: &'static str) -> Self {
        self.deprecated_since = Some(version);
        self
    }

    pub(super) const fn spec(mut self, index: u8) -> Self {
        self.key_spec = index;
        self
    }
}

pub(super) const KEY: Arg = key("key");

pub(super) const fn key(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Key)
}

pub(super) const fn string(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::String)
}

pub(super) const fn int(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Integer)
}

pub(super) const fn double(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Double)
}

pub(super) const fn pattern(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Pattern)
}

pub(super) const fn time(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::UnixTime)
}

pub(super) const fn word(name: &'static str, token: &'static str) -> Arg {
    Arg::new(name, ArgKind::PureToken).after(token)
}

pub(super) const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
    let mut arg = Arg::new(name, ArgKind::OneOf);
    arg.args = args;
    arg
}

pub(super) const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
    let mut arg = Arg::new(name, ArgKind::Block);
    arg.args = args;
    arg
}

// Arguments that several commands share.

pub(super) const ON_OFF: Arg = one_of("enabled", &[word("on", "ON"), word("off", "OFF")]);

pub(super) const FLUSH_TYPE: Arg =
    one_of("flush-type", &[word("async", "ASYNC").since("4.0.0"), word("sync", "SYNC").since("6.2.0")]).opt();

pub(super) const EXPIRY_CONDITION: Arg =
    one_of("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")])
        .since("7.0.0")
        .opt();

/// What XADD and XTRIM trim by.
pub(super) const TRIM: &[Arg] = &[
    one_of("strategy", &[word("maxlen", "MAXLEN"), word("minid", "MINID").since("6.2.0")]),
    one_of("operator", &[word("equal", "="), word("approximately", "~")]).opt(),
    string("threshold"),
    int("count").after("LIMIT").since("6.2.0").opt(),
];

pub(super) const FIELD_CONDITION: Arg =
    one_of("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).opt();

/// Some fields of a hash.
pub(super) const FIELDS: Arg = block("fields", &[int("numfields"), string("field").many()]).after("FIELDS");

/// The ends of a list.
pub(super) const SIDES: &[Arg] = &[word("left", "LEFT"), word("right", "RIGHT")];

// Arguments of sorted sets.

pub(super) const LIMIT: Arg = block("limit", &[int("offset"), int("count")]).after("LIMIT").opt();

pub(super) const SORT_BY: Arg =
    one_of("sortby", &[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]).since("6.2.0").opt();

pub(super) const AGGREGATE: Arg =
    one_of("aggregate", &[word("sum", "SUM"), word("min", "MIN"), word("max", "MAX")])
        .after("AGGREGATE")
        .opt();

// Arguments of SORT, and of searches for places.

pub(super) const SORT_GET: Arg = pattern("get-pattern").spec(1).after("GET").opt().repeated();

pub(super) const SORT_ORDER: Arg = one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).opt();

// Arguments of searches for places.

pub(super) const UNITS: &[Arg] = &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")];

pub(super) const COUNT_ANY: Arg =
    block("count-block", &[int("count").after("COUNT"), word("any", "ANY").since("6.2.0").opt()]).opt();

pub(super) const WITH_COORD: Arg = word("withcoord", "WITHCOORD").opt();
pub(super) const WITH_DIST: Arg = word("withdist", "WITHDIST").opt();
pub(super) const WITH_HASH: Arg = word("withhash", "WITHHASH").opt();

pub(super) const FROM: Arg = one_of(
    "from",
    &[
        string("member").after("FROMMEMBER"),
        block("fromlonlat", &[double("longitude"), double("latitude")]).after("FROMLONLAT"),
    ],
);

pub(super) const BY: Arg = one_of(
    "by",
    &[
        block("circle", &[double("radius").after("BYRADIUS"), one_of("unit", UNITS)]),
        block("box", &[double("width").after("BYBOX"), double("height"), one_of("unit", UNITS)]),
    ],
);

/// What EVAL takes.
pub(super) const SCRIPT_ARGS: &[Arg] =
    &[string("script"), int("numkeys"), KEY.opt().many(), string("arg").opt().many()];
/// What EVALSHA takes.
pub(super) const SHA_ARGS: &[Arg] =
    &[string("sha1"), int("numkeys"), KEY.opt().many(), string("arg").opt().many()];
/// What FCALL takes.
pub(super) const FUNCTION_ARGS: &[Arg] =
    &[string("function"), int("numkeys"), KEY.opt().many(), string("arg").opt().many()];
/// Why nothing is known of how a script uses its keys.
pub(super) const UNKNOWN_USE: &str =
    "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE";
/// The same for one that changes nothing.
pub(super) const UNKNOWN_READ: &str =
    "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS";
