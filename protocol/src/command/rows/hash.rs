//! Commands on hashes.

macro_rules! hash_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Hash {

Hdel = row("hdel", -3, flags!(WRITE FAST))
    .about("2.0.0", "O(N), N fields", "Deletes fields of a hash, and the hash with its last one.")
    .history(&[("2.4.0", "Several fields.")])
    .keys(key!(RW DELETE))
    .args(&[KEY, string("field").many()]);

Hexists = row("hexists", 3, flags!(READONLY FAST))
    .about("2.0.0", "O(1)", "Says whether a hash has a field.")
    .keys(key!(RO))
    .args(&[KEY, string("field")]);

Hexpire = row("hexpire", -6, flags!(WRITE DENYOOM FAST))
    .about("7.4.0", "O(N), N fields", "Sets the lifetime of fields in seconds.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, int("seconds"), FIELD_CONDITION, FIELDS]);

Hexpireat = row("hexpireat", -6, flags!(WRITE DENYOOM FAST))
    .about("7.4.0", "O(N), N fields", "Sets when fields expire, in seconds since 1970.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, time("unix-time-seconds"), FIELD_CONDITION, FIELDS]);

Hexpiretime = row("hexpiretime", -5, flags!(READONLY FAST))
    .about("7.4.0", "O(N), N fields", "Returns when fields expire, in seconds since 1970.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, FIELDS]);

Hget = row("hget", 3, flags!(READONLY FAST))
    .about("2.0.0", "O(1)", "Returns the value of a field.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("field")]);

Hgetall = row("hgetall", 2, flags!(READONLY))
    .about("2.0.0", "O(N), N fields in the hash", "Returns all fields with their values.")
    .keys(key!(RO ACCESS))
    .args(&[KEY])
    .tips(&["nondeterministic_output_order"]);

Hgetdel = row("hgetdel", -5, flags!(WRITE FAST))
    .about("8.0.0", "O(N), N fields", "Returns the values of fields and deletes the fields.")
    .keys(key!(RW ACCESS DELETE))
    .args(&[KEY, FIELDS]);

Hgetex = row("hgetex", -5, flags!(WRITE FAST))
    .about("8.0.0", "O(N), N fields", "Returns the values of fields and sets or removes when they expire.")
    .keys(&[
        KeySpec::one(1, key_flags!(RW ACCESS UPDATE)).note("RW and UPDATE because the expiry may change"),
    ])
    .args(&[
        KEY,
        one_of("expiration", &[
            int("seconds").after("EX"), int("milliseconds").after("PX"),
            time("unix-time-seconds").after("EXAT"), time("unix-time-milliseconds").after("PXAT"),
            word("persist", "PERSIST"),
        ]).opt(),
        FIELDS,
    ]);

Hincrby = row("hincrby", 4, flags!(WRITE DENYOOM FAST))
    .about("2.0.0", "O(1)", "Adds a number to an integer in a field; a missing field counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, string("field"), int("increment")]);

Hincrbyfloat = row("hincrbyfloat", 4, flags!(WRITE DENYOOM FAST))
    .about("2.6.0", "O(1)", "Adds a number with a fraction to a field; a missing field counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, string("field"), double("increment")]);

Hkeys = row("hkeys", 2, flags!(READONLY))
    .about("2.0.0", "O(N), N fields in the hash", "Returns all fields.")
    .keys(key!(RO ACCESS))
    .args(&[KEY])
    .tips(&["nondeterministic_output_order"]);

Hlen = row("hlen", 2, flags!(READONLY FAST))
    .about("2.0.0", "O(1)", "Returns how many fields a hash has.")
    .keys(key!(RO))
    .args(&[KEY]);

Hmget = row("hmget", -3, flags!(READONLY FAST))
    .about("2.0.0", "O(N), N fields asked for", "Returns the values of several fields.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("field").many()]);

Hmset = row("hmset", -4, flags!(WRITE DENYOOM FAST))
    .about("2.0.0", "O(N), N fields", "Sets several fields.")
    .replaced_by("4.0.0", "`HSET` with multiple field-value pairs")
    .keys(key!(RW UPDATE))
    .args(&[KEY, block("field_value", &[string("field"), string("value")]).many()]);

Hpersist = row("hpersist", -5, flags!(WRITE FAST))
    .about("7.4.0", "O(N), N fields", "Makes fields stay that were to expire.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, FIELDS]);

Hpexpire = row("hpexpire", -6, flags!(WRITE DENYOOM FAST))
    .about("7.4.0", "O(N), N fields", "Sets the lifetime of fields in milliseconds.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, int("milliseconds"), FIELD_CONDITION, FIELDS]);

Hpexpireat = row("hpexpireat", -6, flags!(WRITE DENYOOM FAST))
    .about("7.4.0", "O(N), N fields", "Sets when fields expire, in milliseconds since 1970.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, time("unix-time-milliseconds"), FIELD_CONDITION, FIELDS]);

Hpexpiretime = row("hpexpiretime", -5, flags!(READONLY FAST))
    .about("7.4.0", "O(N), N fields", "Returns when fields expire, in milliseconds since 1970.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, FIELDS]);

Hpttl = row("hpttl", -5, flags!(READONLY FAST))
    .about("7.4.0", "O(N), N fields", "Returns how long fields will stay, in milliseconds.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, FIELDS]);

Hrandfield = row("hrandfield", -2, flags!(READONLY))
    .about("6.2.0", "O(N), N fields returned", "Returns random fields, with their values if wanted.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, block("options", &[int("count"), word("withvalues", "WITHVALUES").opt()]).opt()])
    .tips(&["nondeterministic_output"]);

Hscan = row("hscan", -3, flags!(READONLY))
    .about("2.8.0", "O(1) a call, O(N) for a whole round over N fields",
        "Goes through the fields and values of a hash, some at a time.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("cursor"), pattern("pattern").after("MATCH").opt(), int("count").after("COUNT").opt()])
    .tips(&["nondeterministic_output"]);

Hset = row("hset", -4, flags!(WRITE DENYOOM FAST))
    .about("2.0.0", "O(N), N fields", "Sets fields, making the hash if there is none.")
    .history(&[("4.0.0", "Several fields.")])
    .keys(key!(RW UPDATE))
    .args(&[KEY, block("field_value", &[string("field"), string("value")]).many()]);

Hsetex = row("hsetex", -6, flags!(WRITE DENYOOM FAST))
    .about("8.0.0", "O(N), N fields", "Sets fields, and when they expire, making the hash if there is none.")
    .keys(key!(RW UPDATE))
    .args(&[
        KEY,
        one_of("condition", &[word("fnx", "FNX"), word("fxx", "FXX")]).opt(),
        one_of("expiration", &[
            int("seconds").after("EX"), int("milliseconds").after("PX"),
            time("unix-time-seconds").after("EXAT"), time("unix-time-milliseconds").after("PXAT"),
            word("keepttl", "KEEPTTL"),
        ]).opt(),
        block("fields", &[int("numfields"), block("data", &[string("field"), string("value")]).many()])
            .after("FIELDS"),
    ]);

Hsetnx = row("hsetnx", 4, flags!(WRITE DENYOOM FAST))
    .about("2.0.0", "O(1)", "Sets a field if the hash does not have it.")
    .keys(key!(RW INSERT))
    .args(&[KEY, string("field"), string("value")]);

Hstrlen = row("hstrlen", 3, flags!(READONLY FAST))
    .about("3.2.0", "O(1)", "Returns the length of a field's value in bytes.")
    .keys(key!(RO))
    .args(&[KEY, string("field")]);

Httl = row("httl", -5, flags!(READONLY FAST))
    .about("7.4.0", "O(N), N fields", "Returns how long fields will stay, in seconds.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, FIELDS]);

Hvals = row("hvals", 2, flags!(READONLY))
    .about("2.0.0", "O(N), N fields in the hash", "Returns all values.")
    .keys(key!(RO ACCESS))
    .args(&[KEY])
    .tips(&["nondeterministic_output_order"]);

    } } };
}
