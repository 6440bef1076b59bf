use crate::command::testing::Harness;
use std::sync::Arc;

/// A server, and a client of it that is a user of these rules.
fn with(rules: &str) -> (Harness, Harness) {
    let mut admin = Harness::new();
    assert_eq!(admin.run(&format!("ACL SETUSER u on >pw {rules}")), "OK");
    let mut user = Harness::of(Arc::clone(&admin.server));
    assert_eq!(user.run("AUTH u pw"), "OK");
    (admin, user)
}

#[test]
fn users_are_made_listed_and_deleted() {
    let mut h = Harness::new();
    assert_eq!(h.run("ACL WHOAMI"), "'default'");
    assert_eq!(h.run("ACL LIST"), "['user default on nopass sanitize-payload ~* &* +@all']");
    assert_eq!(h.run("ACL SETUSER bob on nopass ~a* +@read (+set %W~b)"), "OK");
    assert_eq!(h.run("ACL SETUSER alice"), "OK");
    assert_eq!(h.run("ACL USERS"), "['alice', 'bob', 'default']");
    assert_eq!(
        h.run("ACL GETUSER bob"),
        "['flags', ['on', 'nopass', 'sanitize-payload'], 'passwords', [], 'commands', '-@all +@read', 'keys', '~a*', \
         'channels', '', 'selectors', [['commands', '-@all +set', 'keys', '%W~b', 'channels', '']]]"
    );
    assert_eq!(h.run("ACL GETUSER nobody"), "nil");
    assert_eq!(h.run("ACL DELUSER bob nobody alice"), "2");
    assert_eq!(h.run("ACL DELUSER default"), "-ERR The 'default' user cannot be removed");
    assert_eq!(
        h.run("ACL SETUSER x +nocommand"),
        "-ERR Error in ACL SETUSER modifier '+nocommand': Unknown command or category name in ACL"
    );
    assert_eq!(h.run("ACL USERS"), "['default']");
    assert_eq!(h.run("ACL FOO"), "-ERR unknown subcommand 'FOO'. Try ACL HELP.");
}

#[test]
fn a_user_may_do_what_its_rules_say() {
    let (_, mut user) = with("~app:* %R~shared +@read +@write +ping -del");
    assert_eq!(user.run("ACL WHOAMI"), "-NOPERM User u has no permissions to run the 'acl|whoami' command");
    assert_eq!(user.run("SET app:1 v"), "OK");
    assert_eq!(user.run("GET app:1"), "'v'");
    assert_eq!(user.run("GET other"), "-NOPERM No permissions to access a key");
    assert_eq!(user.run("MGET app:1 other"), "-NOPERM No permissions to access a key");
    assert_eq!(user.run("GET shared"), "nil");
    assert_eq!(user.run("SET shared v"), "-NOPERM No permissions to access a key");
    assert_eq!(user.run("DEL app:1"), "-NOPERM User u has no permissions to run the 'del' command");
    assert_eq!(user.run("PING"), "PONG");
    assert_eq!(user.run("GET"), "-ERR wrong number of arguments for 'get' command");
    assert_eq!(user.run("NOSUCH"), "-ERR unknown command 'NOSUCH', with args beginning with: ");
}

#[test]
fn a_second_option_does_not_smuggle_a_key_in() {
    let (mut admin, mut user) = with("%R~source ~x +@geo");
    admin.run("GEOADD source 0 0 a");
    assert_eq!(user.run("GEORADIUS source 0 0 1 m STORE source"), "-NOPERM No permissions to access a key");
    assert_eq!(user.run("GEORADIUS source 0 0 1 m STORE x STORE source"), "-ERR syntax error");
    assert_eq!(user.run("GEORADIUS source 0 0 1 m STORE x"), "1");
}

#[test]
fn channels_are_checked() {
    let (mut admin, mut user) = with("+@pubsub &news.*");
    assert_eq!(user.run("PUBLISH news.1 m"), "0");
    assert_eq!(user.run("PUBLISH other m"), "-NOPERM No permissions to access a channel");
    assert_eq!(user.run("SPUBLISH other m"), "-NOPERM No permissions to access a channel");
    assert_eq!(user.run("SUBSCRIBE news.1 other"), "-NOPERM No permissions to access a channel");
    assert_eq!(user.run("PSUBSCRIBE news.1*"), "-NOPERM No permissions to access a channel");
    assert!(user.run("PSUBSCRIBE news.*").contains("'psubscribe'"));
    assert!(user.run("UNSUBSCRIBE other").contains("'unsubscribe'"));
    assert_eq!(admin.run("CONFIG SET acl-pubsub-default allchannels"), "OK");
    assert_eq!(
        admin.run("CONFIG SET acl-pubsub-default some"),
        "-ERR CONFIG SET failed (possibly related to argument \
        'acl-pubsub-default') - argument(s) must be one of the following: allchannels, resetchannels"
    );
    assert_eq!(admin.run("ACL SETUSER v"), "OK");
    assert!(admin.run("ACL LIST").contains("user v off sanitize-payload &* -@all"));
}

#[test]
fn subscriptions_that_are_no_longer_allowed_end_their_client() {
    let (mut admin, user) = with("+@pubsub &a &b &p*");
    let mut clients = vec![user];
    for request in ["SUBSCRIBE a", "SUBSCRIBE b", "PSUBSCRIBE p*", "PING"] {
        let mut client = Harness::of(Arc::clone(&admin.server));
        assert_eq!(client.run("AUTH u pw"), "OK");
        client.run(request);
        clients.push(client);
    }
    let killed =
        |clients: &[Harness]| clients.iter().map(|c| c.session.client.is_killed()).collect::<Vec<_>>();
    admin.run("ACL SETUSER u &c");
    assert_eq!(killed(&clients), [false; 5]);
    admin.run("ACL SETUSER u resetchannels &b &px");
    assert_eq!(killed(&clients), [false, true, false, true, false]);
}

#[test]
fn a_change_holds_from_the_next_command_on() {
    let (mut admin, mut user) = with("~* +get");
    assert_eq!(user.run("GET a"), "nil");
    admin.run("ACL SETUSER u -get +set");
    assert_eq!(user.run("GET a"), "-NOPERM User u has no permissions to run the 'get' command");
    admin.run("ACL SETUSER u +@all &*");
    assert_eq!(user.run("ACL WHOAMI"), "'u'");
    // Also in the middle of what the changing client sent at once.
    let mut replies =
        user.replies(b"ACL SETUSER u -get\r\nGET a\r\nACL SETUSER u +get\r\nGET a\r\n".to_vec());
    let last = replies.split_off(1).iter().map(crate::command::testing::shown).collect::<Vec<_>>();
    assert_eq!(last, ["-NOPERM User u has no permissions to run the 'get' command", "OK", "nil"]);
    admin.run("ACL SETUSER u off");
    assert_eq!(user.run("GET a"), "nil", "who is in stays in");
    assert_eq!(user.run("AUTH u pw"), "-WRONGPASS invalid username-password pair or user is disabled.");
}

#[test]
fn a_deleted_user_is_out() {
    let (mut admin, mut user) = with("+@all ~* &*");
    assert_eq!(admin.run("ACL DELUSER u"), "1");
    assert!(user.session.client.is_killed());
    assert_eq!(admin.run("ACL SETUSER u on nopass +@all ~*"), "OK");
    assert_eq!(user.run("GET a"), "", "the user of the same name is another");
    assert!(user.session.closing && !user.session.is_authenticated());
    let mut own = Harness::of(Arc::clone(&admin.server));
    own.run("AUTH u x");
    assert_eq!(own.run("ACL DELUSER u"), "1", "it still gets its reply");
    assert!(own.session.closing && !own.session.client.is_killed());
}

#[test]
fn requirepass_is_the_default_users_password() {
    let mut h = Harness::new();
    assert_eq!(h.run("AUTH x").split(' ').nth(1), Some("AUTH"), "no password is set");
    assert_eq!(h.run("CONFIG SET requirepass secret maxclients 77"), "OK");
    assert_eq!(h.run("CONFIG GET requirepass"), "['requirepass', '(set)']");
    assert_eq!(h.run("PING"), "PONG", "who is in stays in");
    let mut other = Harness::of(Arc::clone(&h.server));
    assert_eq!(other.run("PING"), "-NOAUTH Authentication required.");
    assert_eq!(other.run("AUTH wrong"), "-WRONGPASS invalid username-password pair or user is disabled.");
    assert_eq!(
        other.run("HELLO 3 AUTH default wrong"),
        "-WRONGPASS invalid username-password pair or user is disabled."
    );
    assert!(h.run("CONFIG SET requirepass other maxclients x").starts_with("-ERR CONFIG SET failed"));
    assert_eq!(other.run("AUTH secret"), "OK", "nothing was set");
    assert_eq!(other.run("RESET"), "RESET");
    assert_eq!(other.run("PING"), "-NOAUTH Authentication required.");
    assert_eq!(h.run("CONFIG SET requirepass ''"), "OK");
    assert_eq!(other.run("PING"), "PONG", "the default user needs no password any more");
    assert_eq!(h.run("ACL SETUSER default off"), "OK");
    assert_eq!(Harness::of(Arc::clone(&h.server)).run("PING"), "-NOAUTH Authentication required.");
}

#[test]
fn refusals_are_logged_and_counted() {
    let (mut admin, mut user) = with("~a +get");
    user.run("SET a b");
    user.run("SET a b");
    user.run("GET secret-key");
    user.run("auth u wrong");
    let log = admin.run("ACL LOG");
    let entries: Vec<&str> = log.split("['count'").collect();
    assert_eq!(entries.len(), 4, "{log}");
    assert!(
        entries[1].contains("'reason', 'auth', 'context', 'toplevel', 'object', 'auth', 'username', 'u'"),
        "{log}"
    );
    assert!(
        entries[2]
            .contains("'reason', 'key', 'context', 'toplevel', 'object', 'secret-key', 'username', 'u'")
    );
    assert!(
        entries[3]
            .starts_with(", 2, 'reason', 'command', 'context', 'toplevel', 'object', 'set', 'username', 'u'")
    );
    assert!(entries[3].contains("cmd=set user=u ") && entries[3].contains("'entry-id', 0"));
    assert!(!log.contains("wrong") && !log.contains("pw"), "no password is in it");
    assert_eq!(admin.run("ACL LOG 1").split("['count'").count(), 2);
    let stats = admin.run("INFO stats");
    for count in ["auth:1", "cmd:2", "key:1", "channel:0"] {
        assert!(stats.contains(&format!("acl_access_denied_{count}")), "{stats}");
    }
    assert_eq!(admin.run("CONFIG RESETSTAT"), "OK");
    assert!(admin.run("INFO stats").contains("acl_access_denied_cmd:0"));
    assert_eq!(admin.run("CONFIG SET acllog-max-len 1"), "OK");
    assert_eq!(admin.run("ACL LOG").split("['count'").count(), 2);
    assert_eq!(admin.run("ACL LOG RESET"), "OK");
    assert_eq!(admin.run("ACL LOG"), "[]");
    assert_eq!(admin.run("ACL LOG x"), "-ERR value is not an integer or out of range");
}

#[test]
fn clients_are_shown_and_killed_by_user() {
    let (mut admin, user) = with("+@all");
    assert!(
        admin.run("CLIENT LIST").contains(" user=u ") && admin.run("CLIENT INFO").contains(" user=default ")
    );
    assert_eq!(admin.run("CLIENT KILL USER nobody"), "-ERR No such user 'nobody'");
    assert_eq!(admin.run("CLIENT KILL USER u"), "1");
    assert!(user.session.client.is_killed() && !admin.session.client.is_killed());
}

#[test]
fn a_file_is_saved_and_loaded_again() {
    let mut h = Harness::new();
    let no_file = "-ERR This Redis instance is not configured to use an ACL file.";
    assert!(h.run("ACL SAVE").starts_with(no_file) && h.run("ACL LOAD").starts_with(no_file));
    let path = std::env::temp_dir().join(format!("ringtail-acl-{}.acl", std::process::id()));
    let users = h.server.access.users().clone();
    h.server.access.begin(users, Some(path.clone()));
    h.run("ACL SETUSER u on >pw ~a +get");
    assert_eq!(h.run("ACL SAVE"), "OK");
    let saved = std::fs::read_to_string(&path).unwrap();
    assert!(saved.contains("user u on") && !saved.contains("pw"));
    let mut user = Harness::of(Arc::clone(&h.server));
    assert_eq!(user.run("AUTH u pw"), "OK");
    h.run("ACL SETUSER late on nopass");
    assert_eq!(h.run("ACL LOAD"), "OK");
    assert_eq!(h.run("ACL USERS"), "['default', 'u']");
    assert!(
        user.session.client.is_killed() && !h.session.closing,
        "all but the default user's clients are closed"
    );
    std::fs::write(&path, "user x on\nuser y +nothing\n").unwrap();
    let refused = h.run("ACL LOAD");
    assert!(
        refused.contains(":2: Error in applying operation '+nothing'") && refused.contains("no change"),
        "{refused}"
    );
    assert_eq!(h.run("ACL USERS"), "['default', 'u']");
    std::fs::remove_file(&path).unwrap();
    assert!(h.run("ACL LOAD").starts_with("-ERR Error loading ACLs, opening file"));
}

#[test]
fn transactions_are_checked_when_they_are_queued_and_when_they_run() {
    let (mut admin, mut user) = with("~a +get +set +@transaction");
    assert_eq!(user.run("MULTI"), "OK");
    assert_eq!(user.run("DEL a"), "-NOPERM User u has no permissions to run the 'del' command");
    assert_eq!(user.run("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
    assert!(admin.run("ACL LOG 1").contains("'context', 'multi', 'object', 'del'"));
    user.run("MULTI");
    assert_eq!(user.run("SET a 1"), "QUEUED");
    assert_eq!(user.run("GET a"), "QUEUED");
    admin.run("ACL SETUSER u -set");
    assert_eq!(
        user.run("EXEC"),
        "[-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is \
         no longer allowed for the following reason: no permission to execute the command or subcommand, nil]"
    );
    assert!(admin.run("ACL LOG 1").contains("'context', 'multi', 'object', 'set'"));
}

#[test]
fn who_waits_is_asked_again_after_a_change() {
    let (mut admin, mut user) = with("~a +blpop +ping");
    assert_eq!(user.run("BLPOP a 0"), "");
    admin.run("ACL SETUSER v");
    assert_eq!(admin.run("RPUSH a 1"), "1");
    assert_eq!(user.served().as_deref(), Some("['a', '1']"), "the change was of another");
    assert_eq!(user.run("BLPOP a 0"), "");
    admin.run("ACL SETUSER u resetkeys");
    assert_eq!(admin.run("RPUSH a 1"), "1");
    assert_eq!(user.served().as_deref(), Some("-NOPERM No permissions to access a key"));
    assert_eq!(admin.run("LRANGE a 0 -1"), "['1']", "nothing was taken");
    assert!(
        admin
            .run("ACL LOG 1")
            .contains("'reason', 'key', 'context', 'toplevel', 'object', 'a', 'username', 'u'")
    );
}

#[test]
fn passwords_are_made_up() {
    let mut h = Harness::new();
    let (one, other) = (h.run("ACL GENPASS"), h.run("ACL GENPASS"));
    assert!(one.len() == 66 && one != other);
    assert_eq!(h.run("ACL GENPASS 5").len(), 4);
    assert!(h.run("ACL GENPASS 0").starts_with("-ERR ACL GENPASS argument must be the number of bits"));
}

#[test]
fn a_login_that_fails_in_a_transaction_is_logged_as_part_of_it() {
    let mut h = Harness::new();
    h.run("ACL SETUSER u on >pw");
    for line in ["AUTH u wrong", "MULTI", "AUTH u wrong", "EXEC"] {
        h.run(line);
    }
    let log = h.run("ACL LOG");
    let contexts: Vec<&str> = log.split("'context', '").skip(1).map(|rest| &rest[..5]).collect();
    assert_eq!(contexts, ["multi", "tople"]);
}
