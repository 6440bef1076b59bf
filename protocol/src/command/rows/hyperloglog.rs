//! Commands on sketches of sets.

macro_rules! hyperloglog_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* HyperLogLog {

Pfadd = row("pfadd", -2, flags!(WRITE DENYOOM FAST))
    .about("2.8.9", "O(1) for each element", "Adds elements to a HyperLogLog, making it if there is none.")
    .keys(key!(RW INSERT))
    .args(&[KEY, string("element").opt().many()]);

Pfcount = row("pfcount", -2, flags!(READONLY MAY_REPLICATE))
    .about("2.8.9", "O(1) for one key, O(N) and slower for N keys",
        "Returns about how many different elements were added to HyperLogLogs.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RW ACCESS)).note("RW because the count is kept with the key")])
    .args(&[KEY.many()]);

Pfdebug = row("pfdebug", 3, flags!(WRITE DENYOOM ADMIN))
    .about("2.8.9", "O(1)", "Shows how a HyperLogLog is kept.")
    .keys(&[KeySpec::one(2, key_flags!(RW ACCESS))])
    .args(&[string("subcommand"), KEY]);

Pfmerge = row("pfmerge", -2, flags!(WRITE DENYOOM))
    .about("2.8.9", "O(N), N keys", "Merges HyperLogLogs into one.")
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS INSERT)), KeySpec::rest(2, 1, key_flags!(RO ACCESS))])
    .args(&[key("destkey"), key("sourcekey").spec(1).opt().many()]);

Pfselftest = row("pfselftest", 1, flags!(ADMIN))
    .about("2.8.9", "O(1)", "Tests how HyperLogLogs count.")
    .pool(PoolRule::Refused);

    } } };
}
