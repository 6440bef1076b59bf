//! Commands on users and what they may do.

macro_rules! acl_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Server {

Acl = row("acl", -2, flags!())
    .about("6.0.0", "By subcommand", "Commands on users and what they may do.");

AclCat = row("acl|cat", -2, flags!(NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N categories or commands", "Lists the categories, or the commands of one.")
    .args(&[string("category").opt()]);

AclDeluser = row("acl|deluser", -3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N connections", "Deletes users and closes their connections.")
    .args(&[string("username").many()])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

AclDryrun = row("acl|dryrun", -4, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("7.0.0", "O(1)", "Says whether a user may run a command, without running it.")
    .args(&[string("username"), string("command"), string("arg").opt().many()]);

AclGenpass = row("acl|genpass", -2, flags!(NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(1)", "Makes up a password that can't be guessed.")
    .args(&[int("bits").opt()]);

AclGetuser = row("acl|getuser", 3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N passwords, rules and patterns", "Returns what a user may do.")
    .history(&[
        ("6.2.0", "The channel patterns."), ("7.0.0", "The selectors; patterns are told as rules."),
    ])
    .args(&[string("username")]);

AclHelp = row("acl|help", 2, flags!(LOADING STALE))
    .about("6.0.0", "O(1)", "Lists the subcommands.");

AclList = row("acl|list", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N users", "Returns all users as the ACL file has them.");

AclLoad = row("acl|load", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N users", "Reads the ACL file again, all of it or, if a line is wrong, nothing.")
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

AclLog = row("acl|log", -2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N entries", "Returns or forgets what was refused to users.")
    .history(&[("7.2.0", "The fields entry-id, timestamp-created and timestamp-last-updated.")])
    .args(&[one_of("operation", &[int("count"), word("reset", "RESET")]).opt()]);

AclSave = row("acl|save", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N users", "Writes the users to the ACL file.")
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

AclSetuser = row("acl|setuser", -3, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N rules", "Makes a user or changes what it may do.")
    .history(&[("6.2.0", "Channel patterns."), ("7.0.0", "Selectors and patterns of keys to read or to write.")])
    .args(&[string("username"), string("rule").opt().many()])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

AclUsers = row("acl|users", 2, flags!(ADMIN NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(N), N users", "Lists the users' names.");

AclWhoami = row("acl|whoami", 2, flags!(NOSCRIPT LOADING STALE))
    .about("6.0.0", "O(1)", "Returns the name of the connection's user.");

    } } };
}
