//! Sets.

macro_rules! set_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Set {

Sadd = row("sadd", -3, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(N), N members", "Adds members to a set, making the set if there is none.")
    .history(&[("2.4.0", "Several members.")])
    .keys(key!(RW INSERT))
    .args(&[KEY, string("member").many()]);

Scard = row("scard", 2, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns how many members a set has.")
    .keys(key!(RO))
    .args(&[KEY]);

Sdiff = row("sdiff", -2, flags!(READONLY))
    .about("1.0.0", "O(N), N members of all sets", "Returns the members of the first set that no other one has.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RO ACCESS))])
    .args(&[KEY.many()])
    .tips(&["nondeterministic_output_order"]);

Sdiffstore = row("sdiffstore", -3, flags!(WRITE DENYOOM))
    .about("1.0.0", "O(N), N members of all sets",
        "Stores the members of the first set that no other one has as a set.")
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::rest(2, 1, key_flags!(RO ACCESS))])
    .args(&[key("destination"), KEY.spec(1).many()]);

Sinter = row("sinter", -2, flags!(READONLY))
    .about("1.0.0", "O(N*M), N members of the smallest set, M sets", "Returns the members that all sets have.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RO ACCESS))])
    .args(&[KEY.many()])
    .tips(&["nondeterministic_output_order"]);

Sintercard = row("sintercard", -3, flags!(READONLY))
    .about("7.0.0", "O(N*M), N members of the smallest set, M sets", "Counts the members that all sets have.")
    .keys(&[KeySpec::counted(1, key_flags!(RO ACCESS))])
    .args(&[int("numkeys"), KEY.many(), int("limit").after("LIMIT").opt()]);

Sinterstore = row("sinterstore", -3, flags!(WRITE DENYOOM))
    .about("1.0.0", "O(N*M), N members of the smallest set, M sets",
        "Stores the members that all sets have as a set.")
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::rest(2, 1, key_flags!(RO ACCESS))])
    .args(&[key("destination"), KEY.spec(1).many()]);

Sismember = row("sismember", 3, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Says whether a set has a member.")
    .keys(key!(RO))
    .args(&[KEY, string("member")]);

Smembers = row("smembers", 2, flags!(READONLY))
    .about("1.0.0", "O(N), N members", "Returns all members.")
    .keys(key!(RO ACCESS))
    .args(&[KEY])
    .tips(&["nondeterministic_output_order"]);

Smismember = row("smismember", -3, flags!(READONLY FAST))
    .about("6.2.0", "O(N), N members asked for", "Says of several members whether a set has them.")
    .keys(key!(RO))
    .args(&[KEY, string("member").many()]);

Smove = row("smove", 4, flags!(WRITE FAST))
    .about("1.0.0", "O(1)", "Moves a member from one set to another.")
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS DELETE)), KeySpec::one(2, key_flags!(RW INSERT))])
    .args(&[key("source"), key("destination").spec(1), string("member")]);

Spop = row("spop", -2, flags!(WRITE FAST))
    .about("1.0.0", "O(N), N members returned", "Removes and returns random members.")
    .history(&[("3.2.0", "A count.")])
    .keys(key!(RW ACCESS DELETE))
    .args(&[KEY, int("count").since("3.2.0").opt()])
    .tips(&["nondeterministic_output"]);

Srandmember = row("srandmember", -2, flags!(READONLY))
    .about("1.0.0", "O(N), N members returned", "Returns random members.")
    .history(&[("2.6.0", "A count.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("count").since("2.6.0").opt()])
    .tips(&["nondeterministic_output"]);

Srem = row("srem", -3, flags!(WRITE FAST))
    .about("1.0.0", "O(N), N members", "Removes members of a set, and the set with its last one.")
    .history(&[("2.4.0", "Several members.")])
    .keys(key!(RW DELETE))
    .args(&[KEY, string("member").many()]);

Sscan = row("sscan", -3, flags!(READONLY))
    .about("2.8.0", "O(1) a call, O(N) for a whole round over N members",
        "Goes through the members of a set, some at a time.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("cursor"), pattern("pattern").after("MATCH").opt(), int("count").after("COUNT").opt()])
    .tips(&["nondeterministic_output"]);

Sunion = row("sunion", -2, flags!(READONLY))
    .about("1.0.0", "O(N), N members of all sets", "Returns the members that any of the sets has.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RO ACCESS))])
    .args(&[KEY.many()])
    .tips(&["nondeterministic_output_order"]);

Sunionstore = row("sunionstore", -3, flags!(WRITE DENYOOM))
    .about("1.0.0", "O(N), N members of all sets", "Stores the members that any of the sets has as a set.")
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::rest(2, 1, key_flags!(RO ACCESS))])
    .args(&[key("destination"), KEY.spec(1).many()]);

    } } };
}
