//! Rules in Redis's notation, what they allow, and how they are shown again.

use super::*;
use crate::command::find;
use crate::errors::Error;
use crate::reply::{Reply, Resp};
use proptest::prelude::*;

mod access;
mod log;

/// The hash of `secret`.
const SECRET: &str = "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn set(users: &mut Users, name: &str, rules: &str) -> Result<(), Error> {
    users.set(name.as_bytes(), rules.split(' ').map(str::as_bytes))
}

/// A table with one more user, `u`.
fn with(rules: &str) -> Users {
    let mut users = Users::default();
    set(&mut users, "u", rules).unwrap();
    users
}

/// What is shown of a user that these rules make.
fn shown(rules: &str) -> String {
    String::from_utf8(with(rules).get(b"u").unwrap().show()).unwrap().replacen("user u ", "", 1)
}

fn may(rules: &str, request: &str) -> Result<(), Denied> {
    let words: Vec<&str> = request.split(' ').collect();
    let crate::command::Found::Command(command) = find(&words[..]) else { panic!("no command: {request}") };
    with(rules).get(b"u").unwrap().may(command, &words[..])
}

fn refused(rules: &str, request: &str) -> Option<(Reason, usize)> {
    may(rules, request).err().map(|denied| (denied.reason, denied.argument))
}

#[test]
fn users_are_shown_as_redis_shows_them() {
    let default = Users::default();
    assert_eq!(default.save(), b"user default on nopass sanitize-payload ~* &* +@all\n");
    let cases = [
        ("", "off sanitize-payload resetchannels -@all"),
        ("on nopass allkeys allchannels allcommands", "on nopass sanitize-payload ~* &* +@all"),
        ("ON >secret", &format!("on sanitize-payload {SECRET} resetchannels -@all")),
        ("nopass >secret", &format!("off sanitize-payload {SECRET} resetchannels -@all")),
        (">secret >secret >other <other", &format!("off sanitize-payload {SECRET} resetchannels -@all")),
        (SECRET, &format!("off sanitize-payload {SECRET} resetchannels -@all")),
        (">secret nopass", "off nopass sanitize-payload resetchannels -@all"),
        ("nopass resetpass", "off sanitize-payload resetchannels -@all"),
        ("skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all"),
        ("+GET +Set +config|GET", "off sanitize-payload resetchannels -@all +get +set +config|get"),
        ("+get +set -get", "off sanitize-payload resetchannels -@all +set -get"),
        ("+config|get +config|set -config", "off sanitize-payload resetchannels -@all -config"),
        ("+@all -@dangerous +info", "off sanitize-payload resetchannels +@all -@dangerous +info"),
        ("+get +@Read -@READ", "off sanitize-payload resetchannels -@all +get -@read"),
        ("+get nocommands", "off sanitize-payload resetchannels -@all"),
        ("+select|0 +SELECT|1", "off sanitize-payload resetchannels -@all +select|0 +select|1"),
        ("+select|0 +select", "off sanitize-payload resetchannels -@all +select"),
        ("~a* ~b %R~c %w~d", "off sanitize-payload ~a* ~b %R~c %W~d resetchannels -@all"),
        ("%R~a %W~a ~b ~b", "off sanitize-payload ~a ~b resetchannels -@all"),
        ("%RW~a %WR~b", "off sanitize-payload ~a ~b resetchannels -@all"),
        ("%R~* %W~*", "off sanitize-payload ~* resetchannels -@all"),
        ("~a resetkeys ~b", "off sanitize-payload ~b resetchannels -@all"),
        ("&a* &b &a*", "off sanitize-payload resetchannels &a* &b -@all"),
        ("&* resetchannels", "off sanitize-payload resetchannels -@all"),
        (
            "(+get ~a) (&c)",
            "off sanitize-payload resetchannels -@all (~a resetchannels -@all +get) (resetchannels &c -@all)",
        ),
        ("( +get  ~a )", "off sanitize-payload resetchannels -@all (~a resetchannels -@all +get)"),
        ("(+get) clearselectors", "off sanitize-payload resetchannels -@all"),
        ("on >secret ~a &b +@all (+get) reset", "off sanitize-payload resetchannels -@all"),
        // The same command by another name.
        ("+size", "off sanitize-payload resetchannels -@all +dbsize"),
    ];
    for (rules, expected) in cases {
        assert_eq!(shown(rules), expected, "{rules}");
    }
}

#[test]
fn what_is_no_rule_is_refused_in_redis_words_and_changes_nothing() {
    let cases = [
        ("foo", "Syntax error"),
        ("+foo", "Unknown command or category name in ACL"),
        ("-select|0", "Unknown command or category name in ACL"),
        ("+@foo", "Unknown command or category name in ACL"),
        ("+config|foo", "Unknown command or category name in ACL"),
        ("+config|get|foo", "Allowing first-arg of a subcommand is not supported"),
        ("+select|", "Syntax error"),
        ("%~foo", "Syntax error"),
        ("%RR~foo", "Syntax error"),
        ("%X~foo", "Syntax error"),
        ("%R", "Syntax error"),
        (
            "#123",
            "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
        ),
        (
            "!xyz",
            "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
        ),
        ("<nobody", "The password you are trying to remove from the user does not exist"),
        ("(+foo)", "Unknown command or category name in ACL"),
        ("(on)", "Syntax error"),
        ("(~a))", "Syntax error"),
    ];
    for (rule, why) in cases {
        let mut users = with("on ~before");
        let before = users.save();
        let error = set(&mut users, "u", &format!("+get {rule}")).unwrap_err();
        assert_eq!(error.text(), format!("ERR Error in ACL SETUSER modifier '{rule}': {why}"));
        assert_eq!(users.save(), before, "{rule}");
    }
    let mut users = with("~* &*");
    for (rule, why) in [("~a", "'allkeys' flag) is not valid"), ("&a", "'allchannels' flag) is not valid")] {
        assert!(set(&mut users, "u", rule).unwrap_err().text().contains(why));
    }
    let error = set(&mut users, "u", "on (+get ~a").unwrap_err();
    assert_eq!(error.text(), "ERR Unmatched parenthesis in acl selector starting at '(+get'.");
    let error = set(&mut users, "a b", "on").unwrap_err();
    assert_eq!(error.text(), "ERR Usernames can't contain spaces or null characters");
    assert!(users.set(b"u", [&b"~a b"[..]].into_iter()).is_err(), "a pattern with a space");
}

#[test]
fn commands_are_allowed_by_name_category_subcommand_and_first_argument() {
    let command = Some((Reason::Command, 0));
    let cases = [
        ("+get", "GET k", None),
        ("+get", "SET k v", command),
        ("+@all -get", "GET k", command),
        ("+@all -get", "SET k v", None),
        ("+@read", "GET k", None),
        ("+@read", "SET k v", command),
        ("+@all -@write", "SET k v", command),
        ("+config|get", "CONFIG GET x", None),
        ("+config|get", "CONFIG SET x y", command),
        ("+config", "CONFIG SET x y", None),
        ("+config -config|set", "CONFIG SET x y", command),
        ("+config -config|set", "CONFIG GET x", None),
        ("+select|0", "SELECT 0", None),
        ("+select|0", "SELECT 1", command),
        ("+select|0 -select", "SELECT 0", command),
        ("+@all -@connection +select|0", "SELECT 0", None),
        ("-@all", "AUTH x", None),
        ("-@all", "RESET", None),
        ("+dbsize", "SIZE", None),
        ("+@all -dbsize", "SIZE", command),
    ];
    for (rules, request, expected) in cases {
        assert_eq!(refused(&format!("~* {rules}"), request), expected, "{rules}: {request}");
    }
}

#[test]
fn keys_are_allowed_by_what_is_done_with_them() {
    let key = |at| Some((Reason::Key, at));
    let cases = [
        ("~a*", "GET abc", None),
        ("~a*", "GET bc", key(1)),
        ("~a", "GET a", None),
        ("~a", "GET ab", key(1)),
        ("~a?c ~[xy]", "MGET abc x y", None),
        ("~a?c ~[xy]", "MGET abc x z", key(3)),
        ("%R~a", "GET a", None),
        ("%R~a", "SET a v", key(1)),
        ("%W~a", "SET a v", None),
        ("%W~a", "SET a v GET", key(1)),
        ("%W~a %R~a", "SET a v GET", None),
        ("%W~a", "GET a", key(1)),
        ("%W~a", "DEL a", None),
        ("%R~a", "DEL a", key(1)),
        ("%R~a %W~b", "COPY a b", None),
        ("%R~a %W~b", "COPY b a", key(1)),
        ("%R~a %W~b", "COPY a c", key(2)),
        // Names, types and sizes of keys are told to who may do anything with them.
        ("%W~a", "EXISTS a", None),
        ("%W~a", "STRLEN a", None),
        ("%R~a", "TYPE a", None),
        ("%R~a", "TYPE b", key(1)),
        ("%R~*", "GET b", None),
        ("%R~*", "SET b v", key(1)),
        ("", "GET a", key(1)),
        ("", "PING", None),
    ];
    for (rules, request, expected) in cases {
        assert_eq!(refused(&format!("+@all {rules}"), request), expected, "{rules}: {request}");
    }
}

#[test]
fn one_selector_must_allow_all_of_a_request() {
    let rules = "+get ~a (+set ~b) (+mget %R~c %R~d)";
    assert_eq!(refused(rules, "GET a"), None);
    assert_eq!(refused(rules, "SET b v"), None);
    assert_eq!(refused(rules, "MGET c d"), None);
    assert_eq!(refused(rules, "GET b"), Some((Reason::Key, 1)));
    assert_eq!(refused(rules, "MGET c x"), Some((Reason::Key, 2)), "the one that came furthest");
    assert_eq!(refused(rules, "DEL a"), Some((Reason::Command, 0)));
    let users = with("+get ~a (+get ~* &*)");
    assert!(!users.get(b"u").unwrap().is_unrestricted());
    assert!(with("-@all (+@all ~* &*)").get(b"u").unwrap().is_unrestricted());
    assert!(!with("+@all ~* &* -get").get(b"u").unwrap().is_unrestricted());
}

#[test]
fn channels_match_and_patterns_of_channels_are_compared() {
    let user = with("&news.* &a");
    let user = user.get(b"u").unwrap();
    assert!(user.may_use_channel(b"news.today", false) && user.may_use_channel(b"a", false));
    assert!(!user.may_use_channel(b"b", false));
    assert!(user.may_use_channel(b"news.*", true) && !user.may_use_channel(b"news.t*", true));
    assert!(with("&*").get(b"u").unwrap().may_use_channel(b"x*", true));
}

#[test]
fn every_key_is_allowed_only_by_what_matches_every_key() {
    let every = |rules: &str| {
        let (users, request) = (with(rules), ["TYPE", "a"]);
        let crate::command::Found::Command(command) = find(&request[..]) else { panic!("no TYPE") };
        users.get(b"u").unwrap().may_with_every_key(command, &request[..], Permission::READ)
    };
    assert!(every("+@all ~*") && every("+type %R~*") && every("+get ~b (+type ~*)"));
    assert!(!every("+@all %W~*") && !every("+@all ~a*") && !every("~*") && !every("+get ~* (+type ~a)"));
}

#[test]
fn refusals_have_redis_texts() {
    let users = with("on");
    let user = users.get(b"u").unwrap();
    let command = crate::command::lookup(b"get").unwrap();
    let text = |reason| Denied { reason, argument: 1 }.error(user, command).text().to_owned();
    assert_eq!(text(Reason::Command), "NOPERM User u has no permissions to run the 'get' command");
    assert_eq!(text(Reason::Key), "NOPERM No permissions to access a key");
    assert_eq!(text(Reason::Channel), "NOPERM No permissions to access a channel");
}

#[test]
fn passwords_let_in_who_is_on() {
    let mut users = with("on >secret >other");
    let lets_in = |users: &Users, password: &str| users.authenticate(b"u", password.as_bytes()).is_some();
    assert!(
        lets_in(&users, "secret")
            && lets_in(&users, "other")
            && !lets_in(&users, "")
            && !lets_in(&users, "x")
    );
    set(&mut users, "u", "off").unwrap();
    assert!(!lets_in(&users, "secret"));
    set(&mut users, "u", "on nopass").unwrap();
    assert!(lets_in(&users, "anything"));
    set(&mut users, "u", "resetpass").unwrap();
    assert!(!lets_in(&users, "") && users.authenticate(b"nobody", b"").is_none());
    assert!(!format!("{users:?}").contains("2bb80d53"), "not even hashes are logged");
}

#[test]
fn a_user_that_is_made_again_is_another() {
    let mut users = with("on");
    let first = users.get(b"u").unwrap().clone();
    set(&mut users, "u", "nopass").unwrap();
    assert!(users.get(b"u").unwrap().is_same(&first));
    assert!(users.remove(b"u") && !users.remove(b"u") && !users.remove(b"default"));
    set(&mut users, "u", "on").unwrap();
    assert!(!users.get(b"u").unwrap().is_same(&first));
    let default = users.default_user().clone();
    let loaded = users.load("f", &users.save()).unwrap();
    assert!(loaded.default_user().is_same(&default), "who is the default user stays it");
    assert!(!loaded.get(b"u").unwrap().is_same(users.get(b"u").unwrap()));
}

#[test]
fn a_file_is_loaded_whole_or_not_at_all() {
    let users = with("on >secret ~a (+get ~b)");
    let loaded = users.load("f", &users.save()).unwrap();
    assert_eq!(loaded.save(), users.save());
    let only = users.load("f", b"\n  user x on  >a \r\n\n").unwrap();
    assert_eq!(only.iter().len(), 2);
    assert!(only.default_user().is_open(), "a file without it has one that may do everything");
    let bad = b"user a on\nusers b\nuser a off\nuser c +foo\nuser d >pass <word\nuser e (+get\nuser f #12\n";
    let errors = users.load("users.acl", bad).unwrap_err();
    let expected = [
        "users.acl:2: should start with user keyword followed by the username",
        "users.acl:3: Duplicate user 'a' found",
        "users.acl:4: Error in applying operation '+foo': Unknown command or category name in ACL",
        "users.acl:5: The password you are trying to remove from the user does not exist",
        "users.acl:6: Unmatched parenthesis in selector definition",
        "users.acl:7: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn generated_passwords_have_a_digit_for_four_bits() {
    let random = [0xa5; GENPASS_BYTES];
    let made = |bits: Option<&str>| generated_password(bits.map(str::as_bytes), &random);
    assert_eq!(made(None).unwrap(), "a5".repeat(32));
    assert_eq!(made(Some("5")).unwrap(), "a5");
    assert_eq!(made(Some("1")).unwrap(), "a");
    assert_eq!(made(Some("4096")).unwrap().len(), 1024);
    assert!(["0", "-1", "4097", "9223372036854775807"].iter().all(|bits| made(Some(bits)).is_err()));
    assert_eq!(made(Some("x")).unwrap_err(), crate::errors::NOT_AN_INTEGER);
}

/// Any rule of the language, and some that are none.
fn rule() -> impl Strategy<Value = String> {
    let name = "[a-c*?|()\\[\\]]{0,3}";
    let command = prop::sample::select(vec![
        "get",
        "config",
        "config|get",
        "@read",
        "@all",
        "@dangerous",
        "select|1",
        "@slow",
    ]);
    prop_oneof![
        prop::sample::select(vec![
            "on",
            "off",
            "nopass",
            "resetpass",
            "reset",
            "allkeys",
            "resetkeys",
            "allchannels",
            "resetchannels",
            "clearselectors",
            "sanitize-payload",
            "skip-sanitize-payload",
            "nocommands",
            ">p",
            ">q",
            "<p",
        ])
        .prop_map(str::to_owned),
        ("[+-]", command).prop_map(|(sign, what)| sign + what),
        ("(~|%R~|%W~|%RW~|&)", name).prop_map(|(sign, name)| sign + &name),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_makes_the_same_user(rules in prop::collection::vec((any::<bool>(), rule()), 0..20)) {
        let mut users = Users::default();
        for (in_selector, rule) in rules {
            let rule = if in_selector { format!("({rule})") } else { rule };
            // What is none is refused and changes nothing.
            let _ = users.set(b"u", [rule.as_bytes()].into_iter());
        }
        let file = users.save();
        let loaded = users.load("f", &file).map_err(|errors| TestCaseError::fail(errors.join(";")))?;
        prop_assert_eq!(loaded.save(), file);
        if let (Some(one), Some(other)) = (users.get(b"u"), loaded.get(b"u")) {
            prop_assert_eq!(one.root(), other.root());
            prop_assert_eq!(one.selectors(), other.selectors());
        }
    }

    #[test]
    fn no_rule_makes_it_fall(name in any::<Vec<u8>>(), rules in prop::collection::vec(any::<Vec<u8>>(), 0..6)) {
        let mut users = Users::default();
        let _ = users.set(&name, rules.iter().map(Vec::as_slice));
        let _ = users.load("f", &rules.concat());
        prop_assert!(users.load("f", &users.save()).is_ok() || name.is_empty());
    }
}

fn answered(users: &Users, request: &[&str]) -> Result<String, Error> {
    let crate::command::Found::Command(command) = find(request) else { panic!("no command: {request:?}") };
    let mut out = Vec::new();
    let access = Access::new(users.clone(), None);
    run(command.id, &access, request, 0, &mut Reply::new(&mut out, Resp::V3))?;
    Ok(String::from_utf8(out).unwrap().replace("\r\n", " "))
}

#[test]
fn dry_run_names_what_is_missing() {
    let users = with("+get ~a &c +publish");
    let run = |request: &str| {
        let words: Vec<&str> = ["ACL", "DRYRUN", "u"].into_iter().chain(request.split(' ')).collect();
        answered(&users, &words).unwrap_or_else(|error| error.text().to_owned())
    };
    assert_eq!(run("GET a"), "+OK ");
    assert!(run("GET b").contains("User u has no permissions to access the 'b' key"));
    assert!(run("SET a b").contains("User u has no permissions to run the 'set' command"));
    assert_eq!(run("GET"), "ERR wrong number of arguments for 'get' command");
    assert_eq!(run("FOO"), "ERR Command 'FOO' not found");
    let nobody = answered(&users, &["ACL", "DRYRUN", "x", "GET", "a"]).unwrap_err();
    assert_eq!(nobody.text(), "ERR User 'x' not found");
}

/// Else a proxy that passes users through would stay at the old primary with those who lack it.
#[test]
fn everybody_may_ask_for_the_primary() {
    for rules in ["on nopass", "on nopass +@all -ringtail", "on nopass +@all -ringtail|primary"] {
        assert_eq!(refused(rules, "RINGTAIL PRIMARY"), None, "{rules}");
    }
    assert!(refused("on nopass +@all -ringtail", "RINGTAIL PEER -").is_some());
}
