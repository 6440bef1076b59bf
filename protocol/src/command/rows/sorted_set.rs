//! Commands on sorted sets.

macro_rules! sorted_set_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* SortedSet {

Bzmpop = row("bzmpop", -5, flags!(WRITE BLOCKING))
    .about("7.0.0", "O(K)+O(M*log(N)), K keys, N members of the sorted set, M popped",
        "Pops members from the first of several sorted sets that has any, or waits for one.")
    .keys(&[KeySpec::counted(2, key_flags!(RW ACCESS DELETE))])
    .args(&[
        double("timeout"), int("numkeys"), KEY.many(), one_of("where", &[word("min", "MIN"), word("max", "MAX")]),
        int("count").after("COUNT").opt(),
    ])
    .pool(PoolRule::Waits);

Bzpopmax = row("bzpopmax", -3, flags!(WRITE FAST BLOCKING))
    .about("5.0.0", "O(log(N)), N members",
        "Pops the member of the highest score from the first of several sorted sets that has any, or waits for one.")
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .keys(&[KeySpec::run(1, -2, key_flags!(RW ACCESS DELETE))])
    .args(&[KEY.many(), double("timeout")])
    .pool(PoolRule::Waits);

Bzpopmin = row("bzpopmin", -3, flags!(WRITE FAST BLOCKING))
    .about("5.0.0", "O(log(N)), N members",
        "Pops the member of the lowest score from the first of several sorted sets that has any, or waits for one.")
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .keys(&[KeySpec::run(1, -2, key_flags!(RW ACCESS DELETE))])
    .args(&[KEY.many(), double("timeout")])
    .pool(PoolRule::Waits);

Zadd = row("zadd", -4, flags!(WRITE DENYOOM FAST))
    .about("1.2.0", "O(log(N)) for each member, N members in all",
        "Adds members with their scores, or changes scores, making the sorted set if there is none.")
    .history(&[
        ("2.4.0", "Several members."),
        ("3.0.2", "`XX`, `NX`, `CH` and `INCR`."),
        ("6.2.0", "`GT` and `LT`."),
    ])
    .keys(key!(RW UPDATE))
    .args(&[
        KEY,
        one_of("condition", &[word("nx", "NX"), word("xx", "XX")]).since("3.0.2").opt(),
        one_of("comparison", &[word("gt", "GT"), word("lt", "LT")]).since("6.2.0").opt(),
        word("change", "CH").since("3.0.2").opt(), word("increment", "INCR").since("3.0.2").opt(),
        block("data", &[double("score"), string("member")]).many(),
    ]);

Zcard = row("zcard", 2, flags!(READONLY FAST))
    .about("1.2.0", "O(1)", "Returns how many members a sorted set has.")
    .keys(key!(RO))
    .args(&[KEY]);

Zcount = row("zcount", 4, flags!(READONLY FAST))
    .about("2.0.0", "O(log(N)), N members", "Counts the members with scores in a range.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, double("min"), double("max")]);

Zdiff = row("zdiff", -3, flags!(READONLY))
    .about("6.2.0", "O(L*K+M*log(M)), L members of the first of K sorted sets, M in the result",
        "Returns what the first sorted set has and the others have not.")
    .keys(&[KeySpec::counted(1, key_flags!(RO ACCESS))])
    .args(&[int("numkeys"), KEY.many(), word("withscores", "WITHSCORES").opt()]);

Zdiffstore = row("zdiffstore", -4, flags!(WRITE DENYOOM))
    .about("6.2.0", "O(L*K+M*log(M)), L members of the first of K sorted sets, M in the result",
        "Stores what the first sorted set has and the others have not.")
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::counted(2, key_flags!(RO ACCESS))])
    .args(&[key("destination"), int("numkeys"), KEY.spec(1).many()]);

Zincrby = row("zincrby", 4, flags!(WRITE DENYOOM FAST))
    .about("1.2.0", "O(log(N)), N members", "Adds a number to a member's score; a missing member counts as 0.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, int("increment"), string("member")]);

Zinter = row("zinter", -3, flags!(READONLY))
    .about("6.2.0", "O(N*K)+O(M*log(M)), N members of the smallest of K sorted sets, M in the result",
        "Returns the members that all of several sorted sets have.")
    .keys(&[KeySpec::counted(1, key_flags!(RO ACCESS))])
    .args(&[
        int("numkeys"), KEY.many(), int("weight").after("WEIGHTS").many().opt(), AGGREGATE,
        word("withscores", "WITHSCORES").opt(),
    ]);

Zintercard = row("zintercard", -3, flags!(READONLY))
    .about("7.0.0", "O(N*K), N members of the smallest of K sorted sets",
        "Counts the members that all of several sorted sets have.")
    .keys(&[KeySpec::counted(1, key_flags!(RO ACCESS))])
    .args(&[int("numkeys"), KEY.many(), int("limit").after("LIMIT").opt()]);

Zinterstore = row("zinterstore", -4, flags!(WRITE DENYOOM))
    .about("2.0.0", "O(N*K)+O(M*log(M)), N members of the smallest of K sorted sets, M in the result",
        "Stores the members that all of several sorted sets have.")
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::counted(2, key_flags!(RO ACCESS))])
    .args(&[
        key("destination"), int("numkeys"), KEY.spec(1).many(), int("weight").after("WEIGHTS").many().opt(),
        AGGREGATE,
    ]);

Zlexcount = row("zlexcount", 4, flags!(READONLY FAST))
    .about("2.8.9", "O(log(N)), N members", "Counts the members in a range of names, where all scores are the same.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("min"), string("max")]);

Zmpop = row("zmpop", -4, flags!(WRITE))
    .about("7.0.0", "O(K)+O(M*log(N)), K keys, N members of the sorted set, M popped",
        "Pops members from the first of several sorted sets that has any.")
    .keys(&[KeySpec::counted(1, key_flags!(RW ACCESS DELETE))])
    .args(&[
        int("numkeys"), KEY.many(), one_of("where", &[word("min", "MIN"), word("max", "MAX")]),
        int("count").after("COUNT").opt(),
    ]);

Zmscore = row("zmscore", -3, flags!(READONLY FAST))
    .about("6.2.0", "O(N), N members asked for", "Returns the scores of several members.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("member").many()]);

Zpopmax = row("zpopmax", -2, flags!(WRITE FAST))
    .about("5.0.0", "O(log(N)*M), N members, M popped", "Removes and returns the members of the highest scores.")
    .keys(key!(RW ACCESS DELETE))
    .args(&[KEY, int("count").opt()]);

Zpopmin = row("zpopmin", -2, flags!(WRITE FAST))
    .about("5.0.0", "O(log(N)*M), N members, M popped", "Removes and returns the members of the lowest scores.")
    .keys(key!(RW ACCESS DELETE))
    .args(&[KEY, int("count").opt()]);

Zrandmember = row("zrandmember", -2, flags!(READONLY))
    .about("6.2.0", "O(N), N members returned", "Returns random members, with their scores if wanted.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, block("options", &[int("count"), word("withscores", "WITHSCORES").opt()]).opt()])
    .tips(&["nondeterministic_output"]);

Zrange = row("zrange", -4, flags!(READONLY))
    .about("1.2.0", "O(log(N)+M), N members, M returned",
        "Returns the members in a range of ranks, scores or names, in either direction.")
    .history(&[("6.2.0", "`REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")])
    .keys(key!(RO ACCESS))
    .args(&[
        KEY, string("start"), string("stop"), SORT_BY, word("rev", "REV").since("6.2.0").opt(),
        LIMIT.since("6.2.0"), word("withscores", "WITHSCORES").opt(),
    ]);

Zrangebylex = row("zrangebylex", -4, flags!(READONLY))
    .about("2.8.9", "O(log(N)+M), N members, M returned",
        "Returns the members in a range of names, where all scores are the same.")
    .replaced_by("6.2.0", "`ZRANGE` with the `BYLEX` argument")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("min"), string("max"), LIMIT]);

Zrangebyscore = row("zrangebyscore", -4, flags!(READONLY))
    .about("1.0.5", "O(log(N)+M), N members, M returned", "Returns the members with scores in a range.")
    .history(&[("2.0.0", "`WITHSCORES`.")])
    .replaced_by("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
    .keys(key!(RO ACCESS))
    .args(&[KEY, double("min"), double("max"), word("withscores", "WITHSCORES").since("2.0.0").opt(), LIMIT]);

Zrangestore = row("zrangestore", -5, flags!(WRITE DENYOOM))
    .about("6.2.0", "O(log(N)+M), N members, M stored",
        "Stores the members in a range of ranks, scores or names.")
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::one(2, key_flags!(RO ACCESS))])
    .args(&[
        key("dst"), key("src").spec(1), string("min"), string("max"),
        one_of("sortby", &[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]).opt(), word("rev", "REV").opt(),
        LIMIT,
    ]);

Zrank = row("zrank", -3, flags!(READONLY FAST))
    .about("2.0.0", "O(log(N)), N members", "Returns the rank of a member, the lowest score's being 0.")
    .history(&[("7.2.0", "`WITHSCORE`.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("member"), word("withscore", "WITHSCORE").since("7.2.0").opt()]);

Zrem = row("zrem", -3, flags!(WRITE FAST))
    .about("1.2.0", "O(M*log(N)), N members, M removed",
        "Removes members of a sorted set, and the sorted set with its last one.")
    .history(&[("2.4.0", "Several members.")])
    .keys(key!(RW DELETE))
    .args(&[KEY, string("member").many()]);

Zremrangebylex = row("zremrangebylex", 4, flags!(WRITE))
    .about("2.8.9", "O(log(N)+M*log(N)), N members, M removed",
        "Removes the members in a range of names, where all scores are the same.")
    .keys(key!(RW DELETE))
    .args(&[KEY, string("min"), string("max")]);

Zremrangebyrank = row("zremrangebyrank", 4, flags!(WRITE))
    .about("2.0.0", "O(log(N)+M*log(N)), N members, M removed", "Removes the members in a range of ranks.")
    .keys(key!(RW DELETE))
    .args(&[KEY, int("start"), int("stop")]);

Zremrangebyscore = row("zremrangebyscore", 4, flags!(WRITE))
    .about("1.2.0", "O(log(N)+M*log(N)), N members, M removed", "Removes the members with scores in a range.")
    .keys(key!(RW DELETE))
    .args(&[KEY, double("min"), double("max")]);

Zrevrange = row("zrevrange", -4, flags!(READONLY))
    .about("1.2.0", "O(log(N)+M), N members, M returned",
        "Returns the members in a range of ranks, from the highest score down.")
    .replaced_by("6.2.0", "`ZRANGE` with the `REV` argument")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("start"), int("stop"), word("withscores", "WITHSCORES").opt()]);

Zrevrangebylex = row("zrevrangebylex", -4, flags!(READONLY))
    .about("2.8.9", "O(log(N)+M), N members, M returned",
        "Returns the members in a range of names from the last down, where all scores are the same.")
    .replaced_by("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("max"), string("min"), LIMIT]);

Zrevrangebyscore = row("zrevrangebyscore", -4, flags!(READONLY))
    .about("2.2.0", "O(log(N)+M), N members, M returned",
        "Returns the members with scores in a range, from the highest down.")
    .replaced_by("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
    .keys(key!(RO ACCESS))
    .args(&[KEY, double("max"), double("min"), word("withscores", "WITHSCORES").opt(), LIMIT]);

Zrevrank = row("zrevrank", -3, flags!(READONLY FAST))
    .about("2.0.0", "O(log(N)), N members", "Returns the rank of a member, the highest score's being 0.")
    .history(&[("7.2.0", "`WITHSCORE`.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("member"), word("withscore", "WITHSCORE").since("7.2.0").opt()]);

Zscan = row("zscan", -3, flags!(READONLY))
    .about("2.8.0", "O(1) a call, O(N) for a whole round over N members",
        "Goes through the members and scores of a sorted set, some at a time.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("cursor"), pattern("pattern").after("MATCH").opt(), int("count").after("COUNT").opt()])
    .tips(&["nondeterministic_output"]);

Zscore = row("zscore", 3, flags!(READONLY FAST))
    .about("1.2.0", "O(1)", "Returns the score of a member.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("member")]);

Zunion = row("zunion", -3, flags!(READONLY))
    .about("6.2.0", "O(N*log(N)), N members of all sorted sets together",
        "Returns the members that any of several sorted sets has.")
    .keys(&[KeySpec::counted(1, key_flags!(RO ACCESS))])
    .args(&[
        int("numkeys"), KEY.many(), int("weight").after("WEIGHTS").many().opt(), AGGREGATE,
        word("withscores", "WITHSCORES").opt(),
    ]);

Zunionstore = row("zunionstore", -4, flags!(WRITE DENYOOM))
    .about("2.0.0", "O(N*log(N)), N members of all sorted sets together",
        "Stores the members that any of several sorted sets has.")
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::counted(2, key_flags!(RO ACCESS))])
    .args(&[
        key("destination"), int("numkeys"), KEY.spec(1).many(), int("weight").after("WEIGHTS").many().opt(),
        AGGREGATE,
    ]);

    } } };
}
