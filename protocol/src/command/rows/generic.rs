//! Commands on keys of any type.

macro_rules! generic_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Generic {

Copy = row("copy", -3, flags!(WRITE DENYOOM))
    .about("6.2.0", "O(1) for a string, O(N) for N elements",
        "Copies a key's value to another key, also in another database.")
    .keys(&[KeySpec::one(1, key_flags!(RO ACCESS)), KeySpec::one(2, key_flags!(OW UPDATE))])
    .args(&[
        key("source"), key("destination").spec(1), int("destination-db").after("DB").opt(),
        word("replace", "REPLACE").opt(),
    ]);

Del = row("del", -2, flags!(WRITE))
    .about("1.0.0", "O(N), N keys; O(M) more for a value of M elements", "Deletes keys.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RM DELETE))])
    .args(&[KEY.many()])
    .pool(PoolRule::Split(Join::Sum));

Dump = row("dump", 2, flags!(READONLY))
    .about("2.6.0", "O(N), N elements", "Returns a value in the encoding of Redis's files, for `RESTORE`.")
    .keys(key!(RO ACCESS))
    .args(&[KEY])
    .tips(&["nondeterministic_output"]);

Exists = row("exists", -2, flags!(READONLY FAST))
    .about("1.0.0", "O(N), N keys", "Counts how many of the keys exist; a key named twice counts twice.")
    .history(&[("3.0.3", "Several keys.")])
    .keys(&[KeySpec::rest(1, 1, key_flags!(RO))])
    .args(&[KEY.many()])
    .pool(PoolRule::Split(Join::Sum));

Expire = row("expire", -3, flags!(WRITE FAST))
    .about("1.0.0", "O(1)", "Sets a key's lifetime in seconds.")
    .history(&[("7.0.0", "NX, XX, GT and LT.")])
    .keys(key!(RW UPDATE))
    .args(&[KEY, int("seconds"), EXPIRY_CONDITION]);

Expireat = row("expireat", -3, flags!(WRITE FAST))
    .about("1.2.0", "O(1)", "Sets when a key expires, in seconds since 1970.")
    .history(&[("7.0.0", "NX, XX, GT and LT.")])
    .keys(key!(RW UPDATE))
    .args(&[KEY, time("unix-time-seconds"), EXPIRY_CONDITION]);

Expiretime = row("expiretime", 2, flags!(READONLY FAST))
    .about("7.0.0", "O(1)", "Returns when a key expires, in seconds since 1970.")
    .keys(key!(RO ACCESS))
    .args(&[KEY]);

Keys = row("keys", 2, flags!(READONLY))
    .about("1.0.0", "O(N), N keys in the database", "Returns all keys that match a glob pattern.")
    .acl(Acl::DANGEROUS)
    .args(&[pattern("pattern")])
    .pool(PoolRule::Everywhere(Join::Concat))
    .tips(&["nondeterministic_output_order"])
    .accepts(1, 2)
    .also("KEYS", "KEYS *");

Move = row("move", 3, flags!(WRITE FAST))
    .about("1.0.0", "O(1)", "Moves a key to another database, if it has none of that name.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, int("db")]);

Object = row("object", -2, flags!())
    .about("2.2.3", "By subcommand", "Commands that look at how a value is kept.");

ObjectEncoding = row("object|encoding", 3, flags!(READONLY))
    .about("2.2.3", "O(1)", "Returns how a value is kept in memory.")
    .keys(&[KeySpec::one(2, key_flags!(RO))])
    .args(&[KEY])
    .tips(&["nondeterministic_output"]);

ObjectFreq = row("object|freq", 3, flags!(READONLY))
    .about("4.0.0", "O(1)", "Returns how often a key was used lately, on a logarithmic scale.")
    .keys(&[KeySpec::one(2, key_flags!(RO))])
    .args(&[KEY])
    .tips(&["nondeterministic_output"]);

ObjectHelp = row("object|help", 2, flags!(LOADING STALE))
    .about("6.2.0", "O(1)", "Lists the subcommands.");

ObjectIdletime = row("object|idletime", 3, flags!(READONLY))
    .about("2.2.3", "O(1)", "Returns the seconds since a key was last used.")
    .keys(&[KeySpec::one(2, key_flags!(RO))])
    .args(&[KEY])
    .tips(&["nondeterministic_output"]);

ObjectRefcount = row("object|refcount", 3, flags!(READONLY))
    .about("2.2.3", "O(1)", "Returns how many references a value has.")
    .keys(&[KeySpec::one(2, key_flags!(RO))])
    .args(&[KEY])
    .tips(&["nondeterministic_output"]);

Persist = row("persist", 2, flags!(WRITE FAST))
    .about("2.2.0", "O(1)", "Removes a key's expiry.")
    .keys(key!(RW UPDATE))
    .args(&[KEY]);

Pexpire = row("pexpire", -3, flags!(WRITE FAST))
    .about("2.6.0", "O(1)", "Sets a key's lifetime in milliseconds.")
    .history(&[("7.0.0", "NX, XX, GT and LT.")])
    .keys(key!(RW UPDATE))
    .args(&[KEY, int("milliseconds"), EXPIRY_CONDITION]);

Pexpireat = row("pexpireat", -3, flags!(WRITE FAST))
    .about("2.6.0", "O(1)", "Sets when a key expires, in milliseconds since 1970.")
    .history(&[("7.0.0", "NX, XX, GT and LT.")])
    .keys(key!(RW UPDATE))
    .args(&[KEY, time("unix-time-milliseconds"), EXPIRY_CONDITION]);

Pexpiretime = row("pexpiretime", 2, flags!(READONLY FAST))
    .about("7.0.0", "O(1)", "Returns when a key expires, in milliseconds since 1970.")
    .keys(key!(RO ACCESS))
    .args(&[KEY]);

Pttl = row("pttl", 2, flags!(READONLY FAST))
    .about("2.6.0", "O(1)", "Returns a key's remaining lifetime in milliseconds.")
    .history(&[("2.8.0", "-2 for a missing key.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY])
    .tips(&["nondeterministic_output"]);

Randomkey = row("randomkey", 1, flags!(READONLY))
    .about("1.0.0", "O(1)", "Returns a random key of the database.")
    .pool(PoolRule::Own)
    .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]);

Rename = row("rename", 3, flags!(WRITE))
    .about("1.0.0", "O(1)", "Renames a key, replacing one of the new name.")
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS DELETE)), KeySpec::one(2, key_flags!(OW UPDATE))])
    .args(&[KEY, key("newkey").spec(1)]);

Renamenx = row("renamenx", 3, flags!(WRITE FAST))
    .about("1.0.0", "O(1)", "Renames a key if there is none of the new name.")
    .history(&[("3.2.0", "The same name twice is no error.")])
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS DELETE)), KeySpec::one(2, key_flags!(OW INSERT))])
    .args(&[KEY, key("newkey").spec(1)]);

Scan = row("scan", -2, flags!(READONLY))
    .about("2.8.0", "O(1) a call, O(N) for a whole round over N keys",
        "Goes through the keys of the database, some at a time.")
    .history(&[("6.0.0", "TYPE.")])
    .args(&[
        int("cursor"), pattern("pattern").after("MATCH").opt(), int("count").after("COUNT").opt(),
        string("type").after("TYPE").since("6.0.0").opt(),
    ])
    .pool(PoolRule::Own)
    .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"]);

Restore = row("restore", -4, flags!(WRITE DENYOOM))
    .about("2.6.0", "O(N), N elements; O(N*log(N)) for a sorted set", "Makes a key of a value that `DUMP` gave, here or in Redis.")
    .history(&[("3.0.0", "REPLACE."), ("5.0.0", "ABSTTL, IDLETIME and FREQ.")])
    .acl(Acl::DANGEROUS)
    .keys(key!(OW UPDATE))
    .args(&[
        KEY, int("ttl"), string("serialized-value"),
        word("replace", "REPLACE").since("3.0.0").opt(), word("absttl", "ABSTTL").since("5.0.0").opt(),
        int("seconds").after("IDLETIME").since("5.0.0").opt(),
        int("frequency").after("FREQ").since("5.0.0").opt(),
    ]);

Sort = row("sort", -2, flags!(WRITE DENYOOM))
    .about("1.0.0", "O(N+M*log(M)), N elements, M of them returned",
        "Sorts the elements of a list, a set or a sorted set, and returns or stores them.")
    .acl(Acl::SET.union(Acl::SORTEDSET).union(Acl::LIST).union(Acl::DANGEROUS))
    .keys(&[
        KeySpec::one(1, key_flags!(RO ACCESS)),
        KeySpec::unknown(key_flags!(RO ACCESS))
            .note("For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort"),
        KeySpec::sort_store(key_flags!(OW UPDATE))
            .note("For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array"),
    ])
    .args(&[
        KEY, pattern("by-pattern").spec(1).after("BY").opt(), LIMIT, SORT_GET, SORT_ORDER,
        word("sorting", "ALPHA").opt(), key("destination").spec(2).after("STORE").opt(),
    ])
    .pool(PoolRule::Options);

SortRo = row("sort_ro", -2, flags!(READONLY))
    .about("7.0.0", "O(N+M*log(M)), N elements, M of them returned",
        "Returns the elements of a list, a set or a sorted set, sorted.")
    .acl(Acl::SET.union(Acl::SORTEDSET).union(Acl::LIST).union(Acl::DANGEROUS))
    .keys(&[
        KeySpec::one(1, key_flags!(RO ACCESS)),
        KeySpec::unknown(key_flags!(RO ACCESS))
            .note("For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort"),
    ])
    .args(&[
        KEY, pattern("by-pattern").spec(1).after("BY").opt(), LIMIT, SORT_GET, SORT_ORDER,
        word("sorting", "ALPHA").opt(),
    ])
    .pool(PoolRule::Options);

Touch = row("touch", -2, flags!(READONLY FAST))
    .about("3.2.1", "O(N), N keys", "Marks keys as just used and counts those that exist.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RO))])
    .args(&[KEY.many()])
    .pool(PoolRule::Split(Join::Sum));

// With a number of seconds it writes, which its flags do not say: whoever must not write is stopped where
// that form is carried out.
Ttl = row("ttl", 2, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns a key's remaining lifetime in seconds.")
    .history(&[("2.8.0", "-2 for a missing key.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY])
    .tips(&["nondeterministic_output"])
    .accepts(2, 3)
    .also("TTL key seconds", "EXPIRE key seconds; PERSIST key when seconds is 0");

Type = row("type", 2, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns the type of a key's value.")
    .keys(key!(RO))
    .args(&[KEY]);

Unlink = row("unlink", -2, flags!(WRITE FAST))
    .about("4.0.0", "O(1) a key; memory is given back later",
        "Deletes keys and frees their memory in the background.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RM DELETE))])
    .args(&[KEY.many()])
    .pool(PoolRule::Split(Join::Sum));

Wait = row("wait", 3, flags!(NOSCRIPT))
    .about("3.0.0", "O(1)", "Waits until replicas have acknowledged the connection's writes.")
    .acl(Acl::CONNECTION)
    .args(&[int("numreplicas"), int("timeout")])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .pool(PoolRule::Refused);

Waitaof = row("waitaof", 4, flags!(NOSCRIPT))
    .about("7.2.0", "O(1)", "Waits until the connection's writes are on the disks of this server and of replicas.")
    .acl(Acl::CONNECTION)
    .args(&[int("numlocal"), int("numreplicas"), int("timeout")])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .pool(PoolRule::Refused);

// What ancestors of Ringtail called some of these.
Remove = alias("remove", CommandId::Del);
Delete = alias("delete", CommandId::Del);
RemoveBatch = alias("remove_batch", CommandId::Del);
Has = alias("has", CommandId::Exists);

    } } };
}
