//! Commands on streams.

macro_rules! stream_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Stream {

Xack = row("xack", -4, flags!(WRITE FAST))
    .about("5.0.0", "O(1) for each id",
        "Acknowledges entries that were delivered to a consumer of a group, and counts them.")
    .keys(key!(RW UPDATE))
    .args(&[KEY, string("group"), string("id").many()]);

Xadd = row("xadd", -5, flags!(WRITE DENYOOM FAST))
    .about("5.0.0", "O(1), O(N) more when N entries are trimmed", "Adds an entry to a stream, making it if there is none.")
    .history(&[("6.2.0", "NOMKSTREAM, MINID and LIMIT."), ("7.0.0", "Ids of the form `ms-*`.")])
    .keys(&[KeySpec::one(1, key_flags!(RW UPDATE))
        .note("UPDATE instead of INSERT because of the optional trimming feature")])
    .args(&[
        KEY, word("nomkstream", "NOMKSTREAM").since("6.2.0").opt(), block("trim", TRIM).opt(),
        one_of("id-selector", &[word("auto-id", "*"), string("id")]),
        block("data", &[string("field"), string("value")]).many(),
    ])
    .tips(&["nondeterministic_output"]);

Xautoclaim = row("xautoclaim", -6, flags!(WRITE FAST))
    .about("6.2.0", "O(1) for each entry that is looked at, at most ten times COUNT",
        "Takes over entries that any consumer of a group has left pending for long, and returns them.")
    .history(&[("7.0.0", "A third element tells pending entries that were deleted, which it forgets.")])
    .keys(key!(RW DELETE))
    .args(&[
        KEY, string("group"), string("consumer"), string("min-idle-time"), string("start"),
        int("count").after("COUNT").opt(), word("justid", "JUSTID").opt(),
    ])
    .tips(&["nondeterministic_output"]);

Xclaim = row("xclaim", -6, flags!(WRITE FAST))
    .about("5.0.0", "O(log N), N entries pending in the group",
        "Takes over given entries that other consumers of a group have pending, and returns them.")
    .keys(key!(RW UPDATE))
    .args(&[
        KEY, string("group"), string("consumer"), string("min-idle-time"), string("id").many(),
        int("ms").after("IDLE").opt(), time("unix-time-milliseconds").after("TIME").opt(),
        int("count").after("RETRYCOUNT").opt(), word("force", "FORCE").opt(), word("justid", "JUSTID").opt(),
        string("lastid").after("LASTID").opt(),
    ])
    .tips(&["nondeterministic_output"]);

Xdel = row("xdel", -3, flags!(WRITE FAST))
    .about("5.0.0", "O(1) for each id", "Deletes entries of a stream, and counts them.")
    .keys(key!(RW DELETE))
    .args(&[KEY, string("id").many()]);

Xgroup = row("xgroup", -2, flags!())
    .about("5.0.0", "By subcommand", "Commands that make and remove consumer groups.");

XgroupCreate = row("xgroup|create", -5, flags!(WRITE DENYOOM))
    .about("5.0.0", "O(1)", "Makes a consumer group.")
    .history(&[("7.0.0", "ENTRIESREAD.")])
    .keys(&[KeySpec::one(2, key_flags!(RW INSERT))])
    .args(&[
        KEY, string("group"), one_of("id-selector", &[string("id"), word("new-id", "$")]),
        word("mkstream", "MKSTREAM").opt(), int("entries-read").after("ENTRIESREAD").opt(),
    ]);

XgroupCreateconsumer = row("xgroup|createconsumer", 5, flags!(WRITE DENYOOM))
    .about("6.2.0", "O(1)", "Makes a consumer in a group.")
    .keys(&[KeySpec::one(2, key_flags!(RW INSERT))])
    .args(&[KEY, string("group"), string("consumer")]);

XgroupDelconsumer = row("xgroup|delconsumer", 5, flags!(WRITE))
    .about("5.0.0", "O(N), N entries pending with it", "Removes a consumer, and returns how many entries it had pending.")
    .keys(&[KeySpec::one(2, key_flags!(RW DELETE))])
    .args(&[KEY, string("group"), string("consumer")]);

XgroupDestroy = row("xgroup|destroy", 4, flags!(WRITE))
    .about("5.0.0", "O(1); memory of large ones is given back later", "Removes a consumer group.")
    .keys(&[KeySpec::one(2, key_flags!(RW DELETE))])
    .args(&[KEY, string("group")]);

XgroupHelp = row("xgroup|help", 2, flags!(LOADING STALE))
    .about("5.0.0", "O(1)", "Lists the subcommands.");

XgroupSetid = row("xgroup|setid", -5, flags!(WRITE))
    .about("5.0.0", "O(1)", "Sets the last entry that a group has read.")
    .history(&[("7.0.0", "ENTRIESREAD.")])
    .keys(&[KeySpec::one(2, key_flags!(RW UPDATE))])
    .args(&[
        KEY, string("group"), one_of("id-selector", &[string("id"), word("new-id", "$")]),
        int("entriesread").after("ENTRIESREAD").opt(),
    ]);

Xinfo = row("xinfo", -2, flags!())
    .about("5.0.0", "By subcommand", "Commands that tell about streams.");

XinfoConsumers = row("xinfo|consumers", 4, flags!(READONLY))
    .about("5.0.0", "O(N), N consumers", "Tells about the consumers of a group.")
    .history(&[("7.2.0", "`inactive`.")])
    .keys(&[KeySpec::one(2, key_flags!(RO ACCESS))])
    .args(&[KEY, string("group")])
    .tips(&["nondeterministic_output"]);

XinfoGroups = row("xinfo|groups", 3, flags!(READONLY))
    .about("5.0.0", "O(N), N groups", "Tells about the consumer groups of a stream.")
    .history(&[("7.0.0", "`entries-read` and `lag`.")])
    .keys(&[KeySpec::one(2, key_flags!(RO ACCESS))])
    .args(&[KEY]);

XinfoHelp = row("xinfo|help", 2, flags!(LOADING STALE))
    .about("5.0.0", "O(1)", "Lists the subcommands.");

XinfoStream = row("xinfo|stream", -3, flags!(READONLY))
    .about("5.0.0", "O(1), with FULL O(N), N things told", "Tells about a stream.")
    .history(&[
        ("6.0.0", "FULL."),
        ("7.0.0", "`max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`."),
        ("7.2.0", "`active-time`."),
    ])
    .keys(&[KeySpec::one(2, key_flags!(RO ACCESS))])
    .args(&[KEY, block("full-block", &[word("full", "FULL"), int("count").after("COUNT").opt()]).opt()]);

Xlen = row("xlen", 2, flags!(READONLY FAST))
    .about("5.0.0", "O(1)", "Returns how many entries a stream has.")
    .keys(key!(RO))
    .args(&[KEY]);

Xpending = row("xpending", -3, flags!(READONLY))
    .about("5.0.0", "O(N), N entries returned or passed over; without a range, N consumers",
        "Tells which entries of a group were delivered and are not acknowledged.")
    .history(&[("6.2.0", "IDLE, and ranges without their ends.")])
    .keys(key!(RO ACCESS))
    .args(&[
        KEY, string("group"),
        block("filters", &[
            int("min-idle-time").after("IDLE").since("6.2.0").opt(), string("start"), string("end"), int("count"),
            string("consumer").opt(),
        ]).opt(),
    ])
    .tips(&["nondeterministic_output"]);

Xrange = row("xrange", -4, flags!(READONLY))
    .about("5.0.0", "O(N), N entries returned", "Returns the entries from one id to another.")
    .history(&[("6.2.0", "Ranges without their ends.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("start"), string("end"), int("count").after("COUNT").opt()]);

Xread = row("xread", -4, flags!(READONLY BLOCKING))
    .about("5.0.0", "O(N), N entries returned", "Returns the entries of streams after given ids, and waits for some if wanted.")
    .keys(&[KeySpec::streams(1, key_flags!(RO ACCESS))])
    .args(&[
        int("count").after("COUNT").opt(), int("milliseconds").after("BLOCK").opt(),
        block("streams", &[KEY.many(), string("id").many()]).after("STREAMS"),
    ])
    .pool(PoolRule::Options);

Xreadgroup = row("xreadgroup", -7, flags!(WRITE BLOCKING))
    .about("5.0.0", "O(N), N entries returned",
        "Returns entries that no consumer of a group has got yet, or those that this one has pending.")
    .keys(&[KeySpec::streams(4, key_flags!(RO ACCESS))])
    .args(&[
        block("group-block", &[string("group"), string("consumer")]).after("GROUP"),
        int("count").after("COUNT").opt(), int("milliseconds").after("BLOCK").opt(),
        word("noack", "NOACK").opt(),
        block("streams", &[KEY.many(), string("id").many()]).after("STREAMS"),
    ])
    .pool(PoolRule::Options);

Xrevrange = row("xrevrange", -4, flags!(READONLY))
    .about("5.0.0", "O(N), N entries returned", "Returns the entries from one id down to another.")
    .history(&[("6.2.0", "Ranges without their ends.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("end"), string("start"), int("count").after("COUNT").opt()]);

Xsetid = row("xsetid", -3, flags!(WRITE DENYOOM FAST))
    .about("5.0.0", "O(1)", "Sets the last id of a stream; for tools that copy streams.")
    .history(&[("7.0.0", "ENTRIESADDED and MAXDELETEDID.")])
    .keys(key!(RW UPDATE))
    .args(&[
        KEY, string("last-id"), int("entries-added").after("ENTRIESADDED").since("7.0.0").opt(),
        string("max-deleted-id").after("MAXDELETEDID").since("7.0.0").opt(),
    ]);

Xtrim = row("xtrim", -4, flags!(WRITE))
    .about("5.0.0", "O(N), N entries removed", "Removes the oldest entries of a stream, and counts them.")
    .history(&[("6.2.0", "MINID and LIMIT.")])
    .keys(key!(RW DELETE))
    .args(&[KEY, block("trim", TRIM)])
    .tips(&["nondeterministic_output"]);

    } } };
}
