//! Commands on the connection and on clients.

macro_rules! connection_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Connection {

Auth = row("auth", -2, flags!(NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY))
    .about("1.0.0", "O(N), N passwords of the user", "Authenticates the connection.")
    .history(&[("6.0.0", "A user name.")])
    .args(&[string("username").since("6.0.0").opt(), string("password")]);

Client = row("client", -2, flags!())
    .about("2.4.0", "By subcommand", "Commands on client connections.");

ClientCaching = row("client|caching", 3, flags!(NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(1)", "Says whether what the next command reads is tracked.")
    .args(&[one_of("mode", &[word("yes", "YES"), word("no", "NO")])]);

ClientGetname = row("client|getname", 2, flags!(NOSCRIPT LOADING STALE))
    .about("2.6.9", "O(1)", "Returns the connection's name.");

ClientGetredir = row("client|getredir", 2, flags!(NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(1)", "Returns the number of the client that is told what changes in place of this one.");

ClientHelp = row("client|help", 2, flags!(LOADING STALE))
    .about("5.0.0", "O(1)", "Lists the subcommands.");

ClientId = row("client|id", 2, flags!(NOSCRIPT LOADING STALE))
    .about("5.0.0", "O(1)", "Returns the connection's number.");

ClientInfo = row("client|info", 2, flags!(NOSCRIPT LOADING STALE))
    .about("6.2.0", "O(1)", "Describes this connection.")
    .tips(&["nondeterministic_output"]);

ClientKill = row("client|kill", -3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.4.0", "O(N), N connections", "Closes connections by address, number, user or kind.")
    .history(&[
        ("2.8.12", "Filters."), ("2.8.12", "ID."), ("3.2.0", "TYPE master."),
        ("5.0.0", "TYPE replica; slave is still understood."), ("6.2.0", "LADDR."),
    ])
    .args(&[
        one_of("filter", &[
            string("ip:port").deprecated("2.8.12"),
            one_of("new-format", &[
                int("client-id").after("ID").since("2.8.12").opt(),
                one_of("normal_master_slave_pubsub", &[
                    word("normal", "NORMAL"), word("master", "MASTER").since("3.2.0"), word("slave", "SLAVE"),
                    word("replica", "REPLICA").since("5.0.0"), word("pubsub", "PUBSUB"),
                ]).after("TYPE").since("2.8.12").opt(),
                string("username").after("USER").opt(), string("ip:port").after("ADDR").opt(),
                string("ip:port").after("LADDR").since("6.2.0").opt(), string("yes/no").after("SKIPME").opt(),
            ]).many(),
        ]),
    ]);

ClientList = row("client|list", -2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("2.4.0", "O(N), N connections", "Describes open connections, one a line.")
    .history(&[
        ("2.8.12", "The field id."), ("5.0.0", "TYPE."), ("6.0.0", "The field user."),
        ("6.2.0", "The fields argv-mem, tot-mem, laddr and redir; ID."),
        ("7.0.0", "The fields resp, multi-mem, rbs and rbp."), ("7.0.3", "The field ssub."),
        ("7.2.0", "The fields lib-name and lib-ver."),
    ])
    .args(&[
        one_of("normal_master_replica_pubsub", &[
            word("normal", "NORMAL"), word("master", "MASTER"), word("replica", "REPLICA"),
            word("pubsub", "PUBSUB"),
        ]).after("TYPE").since("5.0.0").opt(),
        block("id", &[int("client-id").many()]).after("ID").since("6.2.0").opt(),
    ])
    .tips(&["nondeterministic_output"]);

ClientNoEvict = row("client|no-evict", 3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("7.0.0", "O(1)", "Says whether this connection may be closed to save memory.")
    .args(&[ON_OFF]);

ClientNoTouch = row("client|no-touch", 3, flags!(NOSCRIPT LOADING STALE))
    .about("7.2.0", "O(1)", "Says whether this connection's commands count as use of the keys.")
    .args(&[ON_OFF]);

ClientPause = row("client|pause", -3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("3.0.0", "O(1)", "Keeps back the commands of clients for a while.")
    .history(&[("6.2.0", "WRITE and ALL.")])
    .args(&[int("timeout"), one_of("mode", &[word("write", "WRITE"), word("all", "ALL")]).since("6.2.0").opt()])
    .pool(PoolRule::Refused);

ClientReply = row("client|reply", 3, flags!(NOSCRIPT LOADING STALE))
    .about("3.2.0", "O(1)", "Turns replies on this connection off and on, or skips the next one.")
    .args(&[one_of("on_off_skip", &[word("on", "ON"), word("off", "OFF"), word("skip", "SKIP")])]);

ClientSetinfo = row("client|setinfo", 4, flags!(NOSCRIPT LOADING STALE))
    .about("7.2.0", "O(1)", "Says which library a client uses, for CLIENT LIST.")
    .args(&[one_of("attr", &[string("libname").after("LIB-NAME"), string("libver").after("LIB-VER")])]);

ClientSetname = row("client|setname", 3, flags!(NOSCRIPT LOADING STALE))
    .about("2.6.9", "O(1)", "Names the connection.")
    .args(&[string("connection-name")]);

ClientTracking = row("client|tracking", -3, flags!(NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(1)", "Has the client told when what it read changes, so that it can keep copies.")
    .args(&[
        one_of("status", &[word("on", "ON"), word("off", "OFF")]),
        int("client-id").after("REDIRECT").opt(),
        string("prefix").after("PREFIX").opt().repeated(),
        word("bcast", "BCAST").opt(), word("optin", "OPTIN").opt(), word("optout", "OPTOUT").opt(),
        word("noloop", "NOLOOP").opt(),
    ])
    .pool(PoolRule::Own);

ClientTrackinginfo = row("client|trackinginfo", 2, flags!(NOSCRIPT LOADING STALE))
    .about("6.2.0", "O(1)", "Describes the connection's tracking.");
ClientUnblock = row("client|unblock", -3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("5.0.0", "O(log N), N connections", "Ends the waiting of a client that is blocked.")
    .args(&[
        int("client-id"),
        one_of("unblock-type", &[word("timeout", "TIMEOUT"), word("error", "ERROR")]).opt(),
    ])
    .pool(PoolRule::Local);

ClientUnpause = row("client|unpause", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.2.0", "O(N), N connections", "Ends CLIENT PAUSE.")
    .pool(PoolRule::Refused);

Echo = row("echo", 2, flags!(LOADING STALE FAST))
    .about("1.0.0", "O(1)", "Returns its argument.")
    .args(&[string("message")]);

Hello = row("hello", -1, flags!(NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY))
    .about("6.0.0", "O(1)",
        "Chooses the protocol version, and authenticates and names the connection if wanted.")
    .history(&[("6.2.0", "Without a version it describes the connection.")])
    .args(&[
        block("arguments", &[
            int("protover"),
            block("username_password", &[string("username"), string("password")]).after("AUTH").opt(),
            string("clientname").after("SETNAME").opt(),
        ]).opt(),
    ]);

Ping = row("ping", -1, flags!(FAST))
    .about("1.0.0", "O(1)", "Answers PONG, or its argument.")
    .args(&[string("message").opt()])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]);

Quit = row("quit", -1, flags!(NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY))
    .about("1.0.0", "O(1)", "Answers OK and closes the connection.")
    .replaced_by("7.2.0", "just closing the connection");

Reset = row("reset", 1, flags!(NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY))
    .about("6.2.0", "O(1)", "Puts the connection back into the state of a new one.");

Select = row("select", 2, flags!(LOADING STALE FAST))
    .about("1.0.0", "O(1)", "Chooses the connection's database.")
    .args(&[int("index")]);

    } } };
}
