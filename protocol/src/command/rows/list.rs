//! Commands on lists.

macro_rules! list_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* List {

Blmove = row("blmove", 6, flags!(WRITE DENYOOM BLOCKING))
    .about("6.2.0", "O(1)", "Moves an element from one list to another and returns it; waits until there is one.")
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS DELETE)), KeySpec::one(2, key_flags!(RW INSERT))])
    .args(&[
        key("source"), key("destination").spec(1), one_of("wherefrom", SIDES), one_of("whereto", SIDES),
        double("timeout"),
    ])
    .pool(PoolRule::Waits);

Blmpop = row("blmpop", -5, flags!(WRITE BLOCKING))
    .about("7.0.0", "O(N+M), N keys, M elements returned",
        "Pops elements from the first of several lists that has any; waits until one has.")
    .keys(&[KeySpec::counted(2, key_flags!(RW ACCESS DELETE))])
    .args(&[
        double("timeout"), int("numkeys"), KEY.many(), one_of("where", SIDES), int("count").after("COUNT").opt(),
    ])
    .pool(PoolRule::Waits);

Blpop = row("blpop", -3, flags!(WRITE BLOCKING))
    .about("2.0.0", "O(N), N keys", "Removes and returns the head of the first list that has one; waits until one has.")
    .history(&[("6.0.0", "Timeouts of parts of a second.")])
    .keys(&[KeySpec::run(1, -2, key_flags!(RW ACCESS DELETE))])
    .args(&[KEY.many(), double("timeout")])
    .pool(PoolRule::Waits);

Brpop = row("brpop", -3, flags!(WRITE BLOCKING))
    .about("2.0.0", "O(N), N keys", "Removes and returns the tail of the first list that has one; waits until one has.")
    .history(&[("6.0.0", "Timeouts of parts of a second.")])
    .keys(&[KeySpec::run(1, -2, key_flags!(RW ACCESS DELETE))])
    .args(&[KEY.many(), double("timeout")])
    .pool(PoolRule::Waits);

Brpoplpush = row("brpoplpush", 4, flags!(WRITE DENYOOM BLOCKING))
    .about("2.2.0", "O(1)", "Moves a list's tail to the head of another one and returns it; waits until there is one.")
    .history(&[("6.0.0", "Timeouts of parts of a second.")])
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS DELETE)), KeySpec::one(2, key_flags!(RW INSERT))])
    .args(&[key("source"), key("destination").spec(1), double("timeout")])
    .replaced_by("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
    .pool(PoolRule::Waits);

Lindex = row("lindex", 3, flags!(READONLY))
    .about("1.0.0", "O(N), N elements from the nearer end", "Returns the element at an index.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("index")]);

Linsert = row("linsert", 5, flags!(WRITE DENYOOM))
    .about("2.2.0", "O(N), N elements before the pivot", "Inserts an element before or after another one.")
    .keys(key!(RW INSERT))
    .args(&[
        KEY, one_of("where", &[word("before", "BEFORE"), word("after", "AFTER")]), string("pivot"),
        string("element"),
    ]);

Llen = row("llen", 2, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns the length of a list.")
    .keys(key!(RO))
    .args(&[KEY]);

Lmove = row("lmove", 5, flags!(WRITE DENYOOM))
    .about("6.2.0", "O(1)", "Moves an element from an end of one list to an end of another, and returns it.")
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS DELETE)), KeySpec::one(2, key_flags!(RW INSERT))])
    .args(&[key("source"), key("destination").spec(1), one_of("wherefrom", SIDES), one_of("whereto", SIDES)]);

Lmpop = row("lmpop", -4, flags!(WRITE))
    .about("7.0.0", "O(N+M), N keys, M elements returned",
        "Pops elements from the first of several lists that has any.")
    .keys(&[KeySpec::counted(1, key_flags!(RW ACCESS DELETE))])
    .args(&[int("numkeys"), KEY.many(), one_of("where", SIDES), int("count").after("COUNT").opt()]);

Lpop = row("lpop", -2, flags!(WRITE FAST))
    .about("1.0.0", "O(N), N elements returned", "Removes and returns elements from a list's head.")
    .history(&[("6.2.0", "A count.")])
    .keys(key!(RW ACCESS DELETE))
    .args(&[KEY, int("count").since("6.2.0").opt()]);

Lpos = row("lpos", -3, flags!(READONLY))
    .about("6.0.6", "O(N), N elements looked at", "Returns the indices of elements that equal a value.")
    .keys(key!(RO ACCESS))
    .args(&[
        KEY, string("element"), int("rank").after("RANK").opt(), int("num-matches").after("COUNT").opt(),
        int("len").after("MAXLEN").opt(),
    ]);

Lpush = row("lpush", -3, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(N), N elements added",
        "Adds elements before a list's head, making the list if there is none.")
    .history(&[("2.4.0", "Several elements.")])
    .keys(key!(RW INSERT))
    .args(&[KEY, string("element").many()]);

Lpushx = row("lpushx", -3, flags!(WRITE DENYOOM FAST))
    .about("2.2.0", "O(N), N elements added", "Adds elements before a list's head if the list exists.")
    .history(&[("4.0.0", "Several elements.")])
    .keys(key!(RW INSERT))
    .args(&[KEY, string("element").many()]);

Lrange = row("lrange", 4, flags!(READONLY))
    .about("1.0.0", "O(S+N), S elements to the range, N in it",
        "Returns the elements from one index to another.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("start"), int("stop")]);

Lrem = row("lrem", 4, flags!(WRITE))
    .about("1.0.0", "O(N+M), N elements in the list, M removed", "Removes elements that equal a value.")
    .keys(key!(RW DELETE))
    .args(&[KEY, int("count"), string("element")]);

Lset = row("lset", 4, flags!(WRITE DENYOOM))
    .about("1.0.0", "O(N), N elements from the nearer end", "Replaces the element at an index.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, int("index"), string("element")]);

Ltrim = row("ltrim", 4, flags!(WRITE))
    .about("1.0.0", "O(N), N elements removed", "Removes what is outside a range of indices.")
    .keys(key!(RW DELETE))
    .args(&[KEY, int("start"), int("stop")]);

Rpop = row("rpop", -2, flags!(WRITE FAST))
    .about("1.0.0", "O(N), N elements returned", "Removes and returns elements from a list's tail.")
    .history(&[("6.2.0", "A count.")])
    .keys(key!(RW ACCESS DELETE))
    .args(&[KEY, int("count").since("6.2.0").opt()]);

Rpoplpush = row("rpoplpush", 3, flags!(WRITE DENYOOM))
    .about("1.2.0", "O(1)", "Moves a list's last element to the head of another, and returns it.")
    .replaced_by("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
    .keys(&[KeySpec::one(1, key_flags!(RW ACCESS DELETE)), KeySpec::one(2, key_flags!(RW INSERT))])
    .args(&[key("source"), key("destination").spec(1)]);

Rpush = row("rpush", -3, flags!(WRITE DENYOOM FAST))
    .about("1.0.0", "O(N), N elements added",
        "Adds elements after a list's tail, making the list if there is none.")
    .history(&[("2.4.0", "Several elements.")])
    .keys(key!(RW INSERT))
    .args(&[KEY, string("element").many()]);

Rpushx = row("rpushx", -3, flags!(WRITE DENYOOM FAST))
    .about("2.2.0", "O(N), N elements added", "Adds elements after a list's tail if the list exists.")
    .history(&[("4.0.0", "Several elements.")])
    .keys(key!(RW INSERT))
    .args(&[KEY, string("element").many()]);

// What ancestors of Ringtail called some of these.
Lget = alias("lget", CommandId::Lindex);

    } } };
}
