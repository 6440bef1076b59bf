//! Commands on the server as a whole.

macro_rules! server_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Server {

Command = row("command", -1, flags!(LOADING STALE))
    .about("2.8.13", "O(N), N commands", "Describes all commands for client libraries.")
    .acl(Acl::CONNECTION)
    .tips(&["nondeterministic_output_order"]);

CommandCount = row("command|count", 2, flags!(LOADING STALE))
    .about("2.8.13", "O(1)", "Returns how many commands there are.")
    .acl(Acl::CONNECTION);

CommandDocs = row("command|docs", -2, flags!(LOADING STALE))
    .about("7.0.0", "O(N), N commands asked for", "Returns the documentation of commands.")
    .acl(Acl::CONNECTION)
    .args(&[string("command-name").opt().many()])
    .tips(&["nondeterministic_output_order"]);

CommandGetkeys = row("command|getkeys", -3, flags!(LOADING STALE))
    .about("2.8.13", "O(N), N arguments", "Returns the keys of a whole command.")
    .args(&[string("command"), string("arg").opt().many()])
    .acl(Acl::CONNECTION);

CommandGetkeysandflags = row("command|getkeysandflags", -3, flags!(LOADING STALE))
    .about("7.0.0", "O(N), N arguments", "Returns the keys of a whole command and what it does with them.")
    .args(&[string("command"), string("arg").opt().many()])
    .acl(Acl::CONNECTION);

CommandHelp = row("command|help", 2, flags!(LOADING STALE))
    .about("5.0.0", "O(1)", "Lists the subcommands.")
    .acl(Acl::CONNECTION);

CommandInfo = row("command|info", -2, flags!(LOADING STALE))
    .about("2.8.13", "O(N), N commands asked for", "Describes some commands, or all, for client libraries.")
    .acl(Acl::CONNECTION)
    .history(&[("7.0.0", "Without a name it describes all commands.")])
    .args(&[string("command-name").opt().many()])
    .tips(&["nondeterministic_output_order"]);

CommandList = row("command|list", -2, flags!(LOADING STALE))
    .about("7.0.0", "O(N), N commands", "Returns the names of commands, filtered if wanted.")
    .acl(Acl::CONNECTION)
    .args(&[
        one_of("filterby", &[
            string("module-name").after("MODULE"), string("category").after("ACLCAT"),
            pattern("pattern").after("PATTERN"),
        ]).after("FILTERBY").opt(),
    ])
    .tips(&["nondeterministic_output_order"]);

Config = row("config", -2, flags!())
    .about("2.0.0", "By subcommand", "Commands on the configuration.");

ConfigGet = row("config|get", -3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.0.0", "O(N), N parameters", "Returns the parameters that match glob patterns.")
    .history(&[("7.0.0", "Several patterns.")])
    .args(&[string("parameter").many()]);

ConfigHelp = row("config|help", 2, flags!(LOADING STALE))
    .about("5.0.0", "O(1)", "Lists the subcommands.");

ConfigResetstat = row("config|resetstat", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.0.0", "O(1)", "Sets the statistics of INFO to zero.")
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

ConfigRewrite = row("config|rewrite", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.8.0", "O(N), N parameters", "Writes what was set to the configuration file.");

ConfigSet = row("config|set", -4, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.0.0", "O(N), N parameters", "Sets parameters, all or none.")
    .history(&[("7.0.0", "Several parameters.")])
    .args(&[block("parameter_value", &[string("parameter"), string("value")]).many()])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

Dbsize = row("dbsize", 1, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns how many keys the database has.")
    .acl(Acl::KEYSPACE)
    .pool(PoolRule::Everywhere(Join::Sum));

Debug = row("debug", -2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("1.0.0", "By subcommand", "Commands for tests; they have to be enabled (enable-debug-command).")
    .args(&[string("subcommand"), string("arg").opt().many()])
    .pool(PoolRule::Refused);

Flushall = row("flushall", -1, flags!(WRITE))
    .about("1.0.0", "O(N), N keys in all databases", "Deletes all keys of all databases.")
    .acl(Acl::DANGEROUS)
    .acl(Acl::KEYSPACE)
    .history(&[("4.0.0", "ASYNC."), ("6.2.0", "SYNC.")])
    .args(&[FLUSH_TYPE])
    .pool(PoolRule::Everywhere(Join::AllOk));

Flushdb = row("flushdb", -1, flags!(WRITE))
    .about("1.0.0", "O(N), N keys in the database", "Deletes all keys of the database.")
    .acl(Acl::DANGEROUS)
    .acl(Acl::KEYSPACE)
    .history(&[("4.0.0", "ASYNC."), ("6.2.0", "SYNC.")])
    .args(&[FLUSH_TYPE])
    .pool(PoolRule::Everywhere(Join::AllOk));

Info = row("info", -1, flags!(LOADING STALE))
    .about("1.0.0", "O(1)", "Returns facts and statistics, by section.")
    .acl(Acl::DANGEROUS)
    .history(&[("7.0.0", "Several sections.")])
    .args(&[string("section").opt().many()])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

Latency = row("latency", -2, flags!())
    .about("2.8.13", "By subcommand", "Commands on how long things took.");

LatencyDoctor = row("latency|doctor", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.8.13", "O(1)", "Tells in words what took long, and what may help.")
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

LatencyGraph = row("latency|graph", 3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.8.13", "O(1)", "Draws the latest latencies of an event.")
    .args(&[string("event")])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

LatencyHelp = row("latency|help", 2, flags!(LOADING STALE))
    .about("2.8.13", "O(1)", "Lists the subcommands.");

LatencyHistogram = row("latency|histogram", -2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("7.0.0", "O(N), N commands with latencies", "Returns how many calls of commands took how long.")
    .args(&[string("command").opt().many()])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

LatencyHistory = row("latency|history", 3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.8.13", "O(1)", "Returns the latest latencies of an event, with their times.")
    .args(&[string("event")])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

LatencyLatest = row("latency|latest", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.8.13", "O(1)", "Returns the last latency of every event.")
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

LatencyReset = row("latency|reset", -2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.8.13", "O(1)", "Forgets the latencies of some events, or of all.")
    .args(&[string("event").opt().many()])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

Lolwut = row("lolwut", -1, flags!(READONLY FAST))
    .about("5.0.0", "", "Draws something and tells the version.")
    .args(&[int("version").after("VERSION").opt()]);

Memory = row("memory", -2, flags!())
    .about("4.0.0", "By subcommand", "Commands on memory.");

MemoryDoctor = row("memory|doctor", 2, flags!())
    .about("4.0.0", "O(1)", "Tells in words what may be wrong with the memory.")
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .pool(PoolRule::Refused);

MemoryHelp = row("memory|help", 2, flags!(LOADING STALE))
    .about("4.0.0", "O(1)", "Lists the subcommands.");

MemoryMallocStats = row("memory|malloc-stats", 2, flags!())
    .about("4.0.0", "By the allocator", "Returns the allocator's own report.")
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .pool(PoolRule::Refused);

MemoryPurge = row("memory|purge", 2, flags!())
    .about("4.0.0", "By the allocator", "Gives unused pages back to the system.")
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .pool(PoolRule::Refused);

MemoryStats = row("memory|stats", 2, flags!())
    .about("4.0.0", "O(1)", "Returns where the memory is.")
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .pool(PoolRule::Refused);

MemoryUsage = row("memory|usage", -3, flags!(READONLY))
    .about("4.0.0", "O(N), N samples", "Returns the bytes that a key and its value take.")
    .keys(&[KeySpec::one(2, key_flags!(RO))])
    .args(&[KEY, int("count").after("SAMPLES").opt()]);

Monitor = row("monitor", 1, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("1.0.0", "", "Shows every command that the server runs, as it runs.")
    .pool(PoolRule::Refused);

Failover = row("failover", -1, flags!(ADMIN NOSCRIPT STALE))
    .about("6.2.0", "O(1)", "Has a replica take over from this primary, without a lost write.")
    .args(&[
        string("host").after("TO").opt(),
        int("port").opt(),
        word("abort", "ABORT").opt(),
        int("milliseconds").after("TIMEOUT").opt(),
    ])
    .pool(PoolRule::Refused);

Replicaof = row("replicaof", 3, flags!(ADMIN NOSCRIPT STALE NO_ASYNC_LOADING))
    .about("5.0.0", "O(1)", "Has this server follow another one; REPLICAOF NO ONE makes it a primary again.")
    .args(&[string("host"), string("port")])
    .pool(PoolRule::Refused);

Role = row("role", 1, flags!(NOSCRIPT LOADING STALE FAST))
    .about("2.8.12", "O(1)", "Returns the server's part in replication.")
    .acl(Acl::ADMIN)
    .acl(Acl::DANGEROUS);

Backup = row("backup", -1, flags!(ADMIN NOSCRIPT NO_ASYNC_LOADING))
    .about("7.2.0", "O(N), N keys", "Writes all keys to a backup file, and answers once it is on disk.")
    .args(&[string("file").opt()])
    .pool(PoolRule::Refused);

Bgrewriteaof = row("bgrewriteaof", 1, flags!(ADMIN NOSCRIPT NO_ASYNC_LOADING))
    .about("1.0.0", "O(1)", "Begins to make the log shorter: the state takes the place of what led to it.")
    .pool(PoolRule::Refused);

Bgsave = row("bgsave", -1, flags!(ADMIN NOSCRIPT NO_ASYNC_LOADING))
    .about("1.0.0", "O(1)", "Begins to write all keys to the backup file.")
    .history(&[("3.2.2", "SCHEDULE.")])
    .args(&[word("schedule", "SCHEDULE").since("3.2.2").opt()])
    .pool(PoolRule::Refused);

Lastsave = row("lastsave", 1, flags!(LOADING STALE FAST))
    .about("1.0.0", "O(1)", "Returns when the last backup was finished, in seconds since 1970.")
    .tips(&["nondeterministic_output"])
    .acl(Acl::ADMIN)
    .acl(Acl::DANGEROUS)
    .pool(PoolRule::Refused);

Save = row("save", 1, flags!(ADMIN NOSCRIPT NO_ASYNC_LOADING NO_MULTI))
    .about("1.0.0", "O(N), N keys", "Writes all keys to the backup file, and answers once it is on disk.")
    .pool(PoolRule::Refused);

Shutdown = row("shutdown", -1, flags!(ADMIN NOSCRIPT LOADING STALE NO_MULTI ALLOW_BUSY))
    .about("1.0.0", "O(1)", "Ends the server.")
    .history(&[("7.0.0", "NOW, FORCE and ABORT.")])
    .args(&[
        one_of("nosave_save", &[word("nosave", "NOSAVE"), word("save", "SAVE")]).opt(),
        word("now", "NOW").since("7.0.0").opt(), word("force", "FORCE").since("7.0.0").opt(),
        word("abort", "ABORT").since("7.0.0").opt(),
    ])
    .pool(PoolRule::Refused);

Slowlog = row("slowlog", -2, flags!())
    .about("2.2.12", "By subcommand", "Commands on the log of slow commands.");

SlowlogGet = row("slowlog|get", -2, flags!(ADMIN LOADING STALE))
    .about("2.2.12", "O(N), N entries returned", "Returns the latest slow commands.")
    .history(&[("4.0.0", "The client's address and name.")])
    .args(&[int("count").opt()])
    .tips(&["request_policy:all_nodes", "nondeterministic_output"]);

SlowlogHelp = row("slowlog|help", 2, flags!(LOADING STALE))
    .about("6.2.0", "O(1)", "Lists the subcommands.");

SlowlogLen = row("slowlog|len", 2, flags!(ADMIN LOADING STALE))
    .about("2.2.12", "O(1)", "Returns how many slow commands are logged.")
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]);

SlowlogReset = row("slowlog|reset", 2, flags!(ADMIN LOADING STALE))
    .about("2.2.12", "O(N), N entries", "Empties the log of slow commands.")
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

Swapdb = row("swapdb", 3, flags!(WRITE FAST))
    .about("4.0.0", "O(N), N clients that watch or wait on keys", "Swaps two databases.")
    .acl(Acl::DANGEROUS)
    .acl(Acl::KEYSPACE)
    .args(&[int("index1"), int("index2")])
    .pool(PoolRule::Everywhere(Join::AllOk));

Time = row("time", 1, flags!(LOADING STALE FAST))
    .about("2.6.0", "O(1)", "Returns the server's time in seconds and microseconds.")
    .tips(&["nondeterministic_output"]);

// What ancestors of Ringtail called some of these.
Size = alias("size", CommandId::Dbsize);
Clear = alias("clear", CommandId::Flushall);
Status = alias("status", CommandId::Info);

    } } };
}
