//! Commands on strings.

macro_rules! string_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* String {

Append = row("append", 3, flags!(WRITE DENYOOM FAST))
    .about("2.0.0", "O(1) amortized", "Appends bytes to a string, making it if there is none.")
    .keys(key!(RW INSERT))
    .args(&[KEY, string("value")]);

Decr = row("decr", 2, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(1)", "Takes one from an integer; a missing key counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY]);

Decrby = row("decrby", 3, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(1)", "Takes a number from an integer; a missing key counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, int("decrement")]);

Get = row("get", 2, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns the value of a string.")
    .keys(key!(RO ACCESS))
    .args(&[KEY]);

Getdel = row("getdel", 2, flags!(WRITE FAST))
    .about("6.2.0", "O(1)", "Returns the value of a string and deletes the key.")
    .keys(key!(RW ACCESS DELETE))
    .args(&[KEY]);

Getex = row("getex", -2, flags!(WRITE FAST))
    .about("6.2.0", "O(1)", "Returns the value of a string and sets or removes its expiry.")
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
    ]);

Getrange = row("getrange", 4, flags!(READONLY))
    .about("2.4.0", "O(N), N bytes returned", "Returns a part of a string.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("start"), int("end")]);

Getset = row("getset", 3, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(1)", "Sets a string and returns what it was.")
    .replaced_by("6.2.0", "`SET` with the `!GET` argument")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, string("value")]);

Incr = row("incr", 2, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(1)", "Adds one to an integer; a missing key counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY]);

Incrby = row("incrby", 3, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(1)", "Adds a number to an integer; a missing key counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, int("increment")]);

Incrbyfloat = row("incrbyfloat", 3, flags!(WRITE DENYOOM FAST))
    .about("2.6.0", "O(1)", "Adds a number with a fraction; a missing key counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, double("increment")]);

Lcs = row("lcs", -3, flags!(READONLY))
    .about("7.0.0", "O(N*M), N and M bytes long", "Finds the longest common subsequence of two strings.")
    .keys(&[KeySpec::run(1, 1, key_flags!(RO ACCESS))])
    .args(&[
        key("key1"), key("key2"), word("len", "LEN").opt(), word("idx", "IDX").opt(),
        int("len").after("MINMATCHLEN").opt(), word("withmatchlen", "WITHMATCHLEN").opt(),
    ]);

Mget = row("mget", -2, flags!(READONLY FAST))
    .about("1.0.0", "O(N), N keys", "Returns the values of several strings.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RO ACCESS))])
    .args(&[KEY.many()])
    .pool(PoolRule::Split(Join::InOrder));

Mset = row("mset", -3, flags!(WRITE DENYOOM))
    .about("1.0.1", "O(N), N keys", "Sets several strings.")
    .keys(&[KeySpec::rest(1, 2, key_flags!(OW UPDATE))])
    .args(&[block("key_value", &[KEY, string("value")]).many()])
    .pool(PoolRule::Split(Join::AllOk));

Msetnx = row("msetnx", -3, flags!(WRITE DENYOOM))
    .about("1.0.1", "O(N), N keys", "Sets several strings if none of the keys exists, or none of them.")
    .keys(&[KeySpec::rest(1, 2, key_flags!(OW INSERT))])
    .args(&[block("key_value", &[KEY, string("value")]).many()]);

Psetex = row("psetex", 4, flags!(WRITE DENYOOM))
    .about("2.6.0", "O(1)", "Sets a string and its lifetime in milliseconds.")
    .replaced_by("2.6.12", "`SET` with the `PX` argument")
    .keys(key!(OW UPDATE))
    .args(&[KEY, int("milliseconds"), string("value")]);

Set = row("set", -3, flags!(WRITE DENYOOM))
    .about("1.0.0", "O(1)", "Sets a string, whatever the key held, with an expiry and conditions if wanted.")
    .history(&[
        ("2.6.12", "EX, PX, NX and XX."), ("6.0.0", "KEEPTTL."), ("6.2.0", "GET, EXAT and PXAT."),
        ("7.0.0", "NX and GET together."),
    ])
    .keys(&[
        KeySpec::one(1, key_flags!(RW ACCESS UPDATE VARIABLE_FLAGS)).note("RW and ACCESS because of the option `GET`"),
    ])
    .args(&[
        KEY, string("value"),
        one_of("condition", &[word("nx", "NX"), word("xx", "XX")]).since("2.6.12").opt(),
        word("get", "GET").since("6.2.0").opt(),
        one_of("expiration", &[
            int("seconds").after("EX").since("2.6.12"), int("milliseconds").after("PX").since("2.6.12"),
            time("unix-time-seconds").after("EXAT").since("6.2.0"),
            time("unix-time-milliseconds").after("PXAT").since("6.2.0"),
            word("keepttl", "KEEPTTL").since("6.0.0"),
        ]).opt(),
    ])
    .also("SET key value seconds", "SET key value EX seconds");

Setex = row("setex", 4, flags!(WRITE DENYOOM))
    .about("2.0.0", "O(1)", "Sets a string and its lifetime in seconds.")
    .replaced_by("2.6.12", "`SET` with the `EX` argument")
    .keys(key!(OW UPDATE))
    .args(&[KEY, int("seconds"), string("value")]);

Setnx = row("setnx", 3, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(1)", "Sets a string if the key does not exist.")
    .replaced_by("2.6.12", "`SET` with the `NX` argument")
    .keys(key!(OW INSERT))
    .args(&[KEY, string("value")]);

Setrange = row("setrange", 4, flags!(WRITE DENYOOM))
    .about("2.2.0", "O(1) for a small value, O(M) for one of M bytes",
        "Overwrites a string from an offset on, padding with zero bytes.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, int("offset"), string("value")]);

Strlen = row("strlen", 2, flags!(READONLY FAST))
    .about("2.2.0", "O(1)", "Returns the length of a string in bytes.")
    .keys(key!(RO))
    .args(&[KEY]);

Substr = row("substr", 4, flags!(READONLY))
    .about("1.0.0", "O(N), N bytes returned", "Returns a part of a string.")
    .replaced_by("2.0.0", "`GETRANGE`")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("start"), int("end")]);

// What ancestors of Ringtail called some of these.
Put = alias("put", CommandId::Set);

    } } };
}
