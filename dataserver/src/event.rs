//! What happens to keys, in the words of Redis's keyspace notifications.
//!
//! A command says so with [`View::changed`](crate::store::view::View::changed); who watches, tracks, waits for or
//! subscribes to the key learns of it from there.

use bitflags::bitflags;

bitflags! {
    /// The classes of events, as `notify-keyspace-events` names them by letters.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Class: u32 {
        /// `g`: of keys of any type.
        const GENERIC = 1;
        /// `$`
        const STRING = 1 << 1;
        /// `l`
        const LIST = 1 << 2;
        /// `s`
        const SET = 1 << 3;
        /// `h`
        const HASH = 1 << 4;
        /// `z`
        const ZSET = 1 << 5;
        /// `t`
        const STREAM = 1 << 6;
        /// `x`: a key's time was over.
        const EXPIRED = 1 << 7;
        /// `e`: a key had to make room.
        const EVICTED = 1 << 8;
        /// `m`: a key was looked for and is missing.
        const KEY_MISS = 1 << 9;
        /// `n`: a key was made.
        const NEW = 1 << 10;
        /// `d`: of modules, of which there are none here.
        const MODULE = 1 << 11;
        /// `A`: all but what must be wished for by its own letter.
        const ALL = ((1 << 12) - 1) & !(Self::KEY_MISS.bits() | Self::NEW.bits());
    }
}

bitflags! {
    /// The channels that events are published in; beside the bits of [`Class`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Channels: u32 {
        /// `K`: `__keyspace@0__:key`, with the event's name.
        const KEYSPACE = 1 << 16;
        /// `E`: `__keyevent@0__:name`, with the key.
        const KEYEVENT = 1 << 17;
    }
}

/// Beside the bits of [`Class`]: clients are to be told of all changes (CLIENT TRACKING BCAST).
pub const BROADCAST: u32 = 1 << 31;

/// Beside the bits of [`Class`]: changes are logged.
pub const LOGGED: u32 = 1 << 30;

/// Beside the bits of [`Class`]: changes are noted for a walk over all keys.
pub const WALKED: u32 = 1 << 29;

/// Beside the bits of [`Class`]: what is over is hidden, and stays until a log says that it is gone.
pub const KEEPS: u32 = 1 << 28;

/// What stands beside the bits of [`Class`] and [`Channels`].
pub const FLAGS: u32 = BROADCAST | LOGGED | WALKED | KEEPS | STRAY;

/// Something was done here while another server's log was followed, and is none of that.
pub const STRAY: u32 = 1 << 27;

/// Something that happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What kind of event it is.
    pub class: Class,
    /// Redis's name of it.
    pub name: &'static str,
}

macro_rules! events {
    ($($name:ident = $class:ident $text:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`")]
            pub const $name: Event = Event { class: Class::$class, name: $text };
        )*
    };
}

events! {
    COPY_TO = GENERIC "copy_to";
    DEL = GENERIC "del";
    EXPIRE = GENERIC "expire";
    MOVE_FROM = GENERIC "move_from";
    MOVE_TO = GENERIC "move_to";
    PERSIST = GENERIC "persist";
    RENAME_FROM = GENERIC "rename_from";
    RENAME_TO = GENERIC "rename_to";
    RESTORE = GENERIC "restore";
    EXPIRED = EXPIRED "expired";
    EVICTED = EVICTED "evicted";
    KEY_MISS = KEY_MISS "keymiss";
    NEW = NEW "new";
    APPEND = STRING "append";
    DECRBY = STRING "decrby";
    INCRBY = STRING "incrby";
    INCRBYFLOAT = STRING "incrbyfloat";
    PFADD = STRING "pfadd";
    SET = STRING "set";
    SETBIT = STRING "setbit";
    SETRANGE = STRING "setrange";
    LINSERT = LIST "linsert";
    LPOP = LIST "lpop";
    LPUSH = LIST "lpush";
    LREM = LIST "lrem";
    LSET = LIST "lset";
    LTRIM = LIST "ltrim";
    RPOP = LIST "rpop";
    RPUSH = LIST "rpush";
    SORTSTORE = LIST "sortstore";
    HDEL = HASH "hdel";
    HEXPIRE = HASH "hexpire";
    HEXPIRED = HASH "hexpired";
    HINCRBY = HASH "hincrby";
    HINCRBYFLOAT = HASH "hincrbyfloat";
    HPERSIST = HASH "hpersist";
    HSET = HASH "hset";
    SADD = SET "sadd";
    SDIFFSTORE = SET "sdiffstore";
    SINTERSTORE = SET "sinterstore";
    SPOP = SET "spop";
    SREM = SET "srem";
    SUNIONSTORE = SET "sunionstore";
    XADD = STREAM "xadd";
    XDEL = STREAM "xdel";
    XGROUP_CREATE = STREAM "xgroup-create";
    XGROUP_CREATECONSUMER = STREAM "xgroup-createconsumer";
    XGROUP_DELCONSUMER = STREAM "xgroup-delconsumer";
    XGROUP_DESTROY = STREAM "xgroup-destroy";
    XGROUP_SETID = STREAM "xgroup-setid";
    XSETID = STREAM "xsetid";
    XTRIM = STREAM "xtrim";
    GEORADIUSSTORE = ZSET "georadiusstore";
    GEOSEARCHSTORE = ZSET "geosearchstore";
    ZADD = ZSET "zadd";
    ZINCR = ZSET "zincr";
    ZREM = ZSET "zrem";
    ZREMRANGEBYRANK = ZSET "zremrangebyrank";
    ZREMRANGEBYSCORE = ZSET "zremrangebyscore";
    ZREMRANGEBYLEX = ZSET "zremrangebylex";
    ZPOPMIN = ZSET "zpopmin";
    ZPOPMAX = ZSET "zpopmax";
    ZRANGESTORE = ZSET "zrangestore";
    ZUNIONSTORE = ZSET "zunionstore";
    ZINTERSTORE = ZSET "zinterstore";
    ZDIFFSTORE = ZSET "zdiffstore";
}
