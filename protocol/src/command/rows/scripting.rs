//! Scripts and functions.

macro_rules! scripting_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Scripting {

Eval = row("eval", -3, flags!(NOSCRIPT SKIP_MONITOR MAY_REPLICATE NO_MANDATORY_KEYS STALE))
    .about("2.6.0", "Depends on the script", "Runs a Lua script.")
    .keys(&[KeySpec::counted(2, key_flags!(RW ACCESS UPDATE)).note(UNKNOWN_USE)])
    .args(SCRIPT_ARGS)
    .pool(PoolRule::Script);

EvalRo = row("eval_ro", -3, flags!(NOSCRIPT SKIP_MONITOR NO_MANDATORY_KEYS STALE READONLY))
    .about("7.0.0", "Depends on the script", "Runs a Lua script that changes nothing.")
    .keys(&[KeySpec::counted(2, key_flags!(RO ACCESS)).note(UNKNOWN_READ)])
    .args(SCRIPT_ARGS)
    .pool(PoolRule::Script);

Evalsha = row("evalsha", -3, flags!(NOSCRIPT SKIP_MONITOR MAY_REPLICATE NO_MANDATORY_KEYS STALE))
    .about("2.6.0", "Depends on the script", "Runs a Lua script that was run or loaded before, by its SHA-1.")
    .keys(&[KeySpec::counted(2, key_flags!(RW ACCESS UPDATE))])
    .args(SHA_ARGS)
    .pool(PoolRule::Script);

EvalshaRo = row("evalsha_ro", -3, flags!(NOSCRIPT SKIP_MONITOR NO_MANDATORY_KEYS STALE READONLY))
    .about("7.0.0", "Depends on the script", "The same for one that changes nothing.")
    .keys(&[KeySpec::counted(2, key_flags!(RO ACCESS))])
    .args(SHA_ARGS)
    .pool(PoolRule::Script);

Fcall = row("fcall", -3, flags!(NOSCRIPT SKIP_MONITOR MAY_REPLICATE NO_MANDATORY_KEYS STALE))
    .about("7.0.0", "Depends on the function", "Calls a function of a library that was loaded.")
    .keys(&[KeySpec::counted(2, key_flags!(RW ACCESS UPDATE)).note(UNKNOWN_USE)])
    .args(FUNCTION_ARGS)
    .pool(PoolRule::Script);

FcallRo = row("fcall_ro", -3, flags!(NOSCRIPT SKIP_MONITOR NO_MANDATORY_KEYS STALE READONLY))
    .about("7.0.0", "Depends on the function", "Calls a function that changes nothing.")
    .keys(&[KeySpec::counted(2, key_flags!(RO ACCESS)).note(UNKNOWN_READ)])
    .args(FUNCTION_ARGS)
    .pool(PoolRule::Script);

Function = row("function", -2, flags!())
    .about("7.0.0", "By subcommand", "Commands on libraries of functions.");

FunctionDelete = row("function|delete", 3, flags!(NOSCRIPT WRITE))
    .about("7.0.0", "O(1)", "Deletes a library and its functions.")
    .args(&[string("library-name")])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .pool(PoolRule::Own);

FunctionDump = row("function|dump", 2, flags!(NOSCRIPT))
    .about("7.0.0", "O(N), N functions", "Returns all libraries as a string that FUNCTION RESTORE takes.")
    .pool(PoolRule::Own);

FunctionFlush = row("function|flush", -2, flags!(NOSCRIPT WRITE))
    .about("7.0.0", "O(N), N functions", "Deletes all libraries.")
    .args(&[FLUSH_TYPE])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .pool(PoolRule::Everywhere(Join::AllOk));

FunctionHelp = row("function|help", 2, flags!(LOADING STALE))
    .about("7.0.0", "O(1)", "Lists the subcommands.");

FunctionKill = row("function|kill", 2, flags!(NOSCRIPT ALLOW_BUSY))
    .about("7.0.0", "O(1)", "Ends functions that run for long and have changed nothing.")
    .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
    .pool(PoolRule::Own);

FunctionList = row("function|list", -2, flags!(NOSCRIPT))
    .about("7.0.0", "O(N), N functions", "Describes the libraries.")
    .args(&[
        string("library-name-pattern").after("LIBRARYNAME").opt(), word("withcode", "WITHCODE").opt(),
    ])
    .tips(&["nondeterministic_output_order"])
    .pool(PoolRule::Own);

FunctionLoad = row("function|load", -3, flags!(NOSCRIPT WRITE DENYOOM))
    .about("7.0.0", "O(1)", "Loads a library.")
    .args(&[word("replace", "REPLACE").opt(), string("function-code")])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .pool(PoolRule::Own);

FunctionRestore = row("function|restore", -3, flags!(NOSCRIPT WRITE DENYOOM))
    .about("7.0.0", "O(N), N functions", "Loads libraries that FUNCTION DUMP returned.")
    .args(&[
        string("serialized-value"),
        one_of("policy", &[word("flush", "FLUSH"), word("append", "APPEND"), word("replace", "REPLACE")]).opt(),
    ])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .pool(PoolRule::Own);

FunctionStats = row("function|stats", 2, flags!(NOSCRIPT ALLOW_BUSY))
    .about("7.0.0", "O(1)", "Returns what runs for long, and how many functions there are.")
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .pool(PoolRule::Own);

Script = row("script", -2, flags!())
    .about("2.6.0", "By subcommand", "Commands on scripts.");

ScriptDebug = row("script|debug", 3, flags!(NOSCRIPT))
    .about("3.2.0", "O(1)", "Sets how scripts are debugged, for which there is nothing here.")
    .args(&[one_of("mode", &[word("yes", "YES"), word("sync", "SYNC"), word("no", "NO")])])
    .pool(PoolRule::Refused);

ScriptExists = row("script|exists", -3, flags!(NOSCRIPT))
    .about("2.6.0", "O(N), N scripts asked for", "Says which scripts are known.")
    .args(&[string("sha1").many()])
    .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
    .pool(PoolRule::Own);

ScriptFlush = row("script|flush", -2, flags!(NOSCRIPT))
    .about("2.6.0", "O(N), N scripts", "Forgets all scripts.")
    .history(&[("6.2.0", "ASYNC and SYNC.")])
    .args(&[FLUSH_TYPE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .pool(PoolRule::Everywhere(Join::AllOk));

ScriptHelp = row("script|help", 2, flags!(LOADING STALE))
    .about("5.0.0", "O(1)", "Lists the subcommands.");

ScriptKill = row("script|kill", 2, flags!(NOSCRIPT ALLOW_BUSY))
    .about("2.6.0", "O(1)", "Ends scripts that run for long and have changed nothing.")
    .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
    .pool(PoolRule::Own);

ScriptLoad = row("script|load", 3, flags!(NOSCRIPT STALE))
    .about("2.6.0", "O(N), N bytes of the script", "Keeps a script, for EVALSHA, and returns its SHA-1.")
    .args(&[string("script")])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .pool(PoolRule::Own);

ScriptShow = row("script|show", 3, flags!(NOSCRIPT))
    .about("8.0.0", "O(N), N bytes of the script", "Returns a script, as Valkey 8 does.")
    .args(&[string("sha1")])
    .pool(PoolRule::Own);

    } } };
}
