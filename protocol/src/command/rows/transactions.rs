//! Transactions.

macro_rules! transactions_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Transactions {
Discard = row("discard", 1, flags!(NOSCRIPT LOADING STALE FAST ALLOW_BUSY))
    .about("2.0.0", "O(N), N commands queued", "Gives up a transaction.")
    .pool(PoolRule::Session);

Exec = row("exec", 1, flags!(NOSCRIPT LOADING STALE SKIP_SLOWLOG))
    .about("1.2.0", "As its commands", "Runs the commands since MULTI, all at once.")
    .pool(PoolRule::Session);

Multi = row("multi", 1, flags!(NOSCRIPT LOADING STALE FAST ALLOW_BUSY))
    .about("1.2.0", "O(1)", "Begins a transaction: commands are queued until EXEC.")
    .pool(PoolRule::Session);

Ringtail = row("ringtail", -2, flags!())
    .about("7.2.0", "By subcommand", "Commands that Redis has no word for.");

RingtailAck = row("ringtail|ack", 3, flags!(NOSCRIPT LOADING STALE FAST))
    .about("7.2.0", "O(1)", "Says how many servers must have this connection's writes before they are acknowledged.")
    .args(&[one_of("who", &[word("local", "LOCAL"), word("replica", "REPLICA"), word("quorum", "QUORUM"), word("default", "DEFAULT")])])
    .pool(PoolRule::Refused);

RingtailBigkeys = row("ringtail|bigkeys", -2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("7.2.0", "O(N), N keys known as big",
        "Returns the keys with the largest values, as a proxy has seen them in requests and answers.")
    .args(&[int("count").after("COUNT").opt()]);

RingtailExec = row("ringtail|exec", 2, flags!(NOSCRIPT SKIP_SLOWLOG))
    .about("7.2.0", "As its commands",
        "Runs the commands since MULTI on slots that this connection holds, and lets the slots go.")
    .pool(PoolRule::Refused);

RingtailExplain = row("ringtail|explain", -3, flags!(ADMIN NOSCRIPT SKIP_SLOWLOG))
    .about("7.2.0", "As the command",
        "Runs a command through a proxy, and says where its time went: route, connection, network, member.")
    .args(&[string("command"), string("arg").opt().many()])
    .pool(PoolRule::Own);

RingtailHelp = row("ringtail|help", 2, flags!(LOADING STALE))
    .about("7.2.0", "O(1)", "Lists the subcommands.");

RingtailHotkeys = row("ringtail|hotkeys", -2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("7.2.0", "O(N), N keys known as hot", "Returns the keys that a proxy is asked for most, of late.")
    .args(&[int("count").after("COUNT").opt()]);

RingtailLock = row("ringtail|lock", -4, flags!(NOSCRIPT))
    .about("7.2.0", "O(N), N slots",
        "Holds slots for this connection until RINGTAIL EXEC or RELEASE, or for as long as the lease says. \
         Answers 1, or 0 if a key that it watches was changed.")
    .args(&[int("lease-milliseconds"), int("slot").many()])
    .pool(PoolRule::Refused);

RingtailMembers = row("ringtail|members", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("7.2.0", "O(N), N members", "Returns what a proxy knows of each member of its pool.");

RingtailPeer = row("ringtail|peer", 3, flags!(ADMIN NOSCRIPT NO_MULTI LOADING STALE))
    .about("7.2.0", "O(1)",
        "Tells a server of the same member which log the asking one has, and returns what it is itself: primary or replica, its log, \
         how far that is, and whom it follows.")
    .args(&[string("history")])
    .pool(PoolRule::Refused);

RingtailPrimary = row("ringtail|primary", 2, flags!(NOSCRIPT NO_MULTI LOADING STALE FAST))
    .about("7.2.0", "O(1)",
        "Has this connection's commands run only while the server is a primary; those that it does not run any more it sends back.")
    .pool(PoolRule::Refused);

RingtailRelease = row("ringtail|release", 2, flags!(NOSCRIPT))
    .about("7.2.0", "O(N), N slots", "Lets the slots of this connection go, and gives up its transaction.")
    .pool(PoolRule::Refused);

RingtailRoute = row("ringtail|route", -3, flags!(NOSCRIPT LOADING STALE))
    .about("7.2.0", "O(N), N keys", "Returns the slot and the member that each key belongs to.")
    .args(&[string("name").many()]);

RingtailSnapshot = row("ringtail|snapshot", 2, flags!(ADMIN NOSCRIPT NO_MULTI))
    .about("7.2.0", "O(N), N keys", "Sends a backup file as strings, one after the other; an empty one is the end.")
    .pool(PoolRule::Refused);

RingtailSync = row("ringtail|sync", 5, flags!(ADMIN NOSCRIPT NO_MULTI))
    .about("7.2.0", "O(N), N keys, or O(1)", "Makes this connection a replica's: sends what it misses of the log, or all keys and then the log.")
    .args(&[string("history"), int("offset"), string("address")])
    .pool(PoolRule::Refused);

RingtailTopology = row("ringtail|topology", 2, flags!(NOSCRIPT LOADING STALE))
    .about("7.2.0", "O(N), N members", "Returns the members of a proxy's pool and how many slots each owns.");

RingtailTrylock = row("ringtail|trylock", -4, flags!(NOSCRIPT))
    .about("7.2.0", "O(N), N slots",
        "The same as RINGTAIL LOCK, but for an error at once, with nothing held, where that waits.")
    .args(&[int("lease-milliseconds"), int("slot").many()])
    .pool(PoolRule::Refused);

RingtailUnlock = row("ringtail|unlock", 2, flags!(NOSCRIPT))
    .about("7.2.0", "O(N), N slots", "Lets the slots of this connection go, and keeps its transaction.")
    .pool(PoolRule::Refused);

RingtailVote = row("ringtail|vote", 5, flags!(ADMIN NOSCRIPT NO_MULTI LOADING STALE))
    .about("7.2.0", "O(1)",
        "Has a replica leave its primary for the server at an address, which is to take over, and returns the same as RINGTAIL PEER.")
    .args(&[int("epoch"), string("address"), string("history")])
    .pool(PoolRule::Refused);

Unwatch = row("unwatch", 1, flags!(NOSCRIPT LOADING STALE FAST ALLOW_BUSY))
    .about("2.2.0", "O(N), N keys watched", "Watches no key any more.")
    .pool(PoolRule::Session);

Watch = row("watch", -2, flags!(NOSCRIPT LOADING STALE FAST ALLOW_BUSY))
    .about("2.2.0", "O(N), N keys", "Has the next EXEC do nothing if one of the keys is changed until then.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RO))])
    .args(&[KEY.many()])
    .pool(PoolRule::Session);

    } } };
}
