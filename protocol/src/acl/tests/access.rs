//! What connections share about users, and how each keeps its own.

use super::*;
use std::io;
use std::path::Path;

fn with_u(rules: &str) -> Access {
    Access::new(with(rules), None)
}

#[test]
fn a_connection_is_the_default_user_until_it_logs_in() {
    let access = with_u("on >pw +get ~a");
    let mut identity = Identity::of_default(&access);
    assert!(identity.is_authenticated() && identity.named_user().is_none());
    assert!(!identity.log_in(&access, b"u", b"wrong") && identity.named_user().is_none());
    assert!(identity.log_in(&access, b"u", b"pw") && identity.is_authenticated());
    assert_eq!(identity.named_user().unwrap().name(), b"u");
    assert_eq!(identity.look(&access), Look::Same);
}

#[test]
fn a_change_is_seen_at_the_next_look_and_a_deletion_ends() {
    let access = with_u("on nopass");
    let mut identity = Identity::of_default(&access);
    identity.log_in(&access, b"u", b"");
    access.change(|users| set(users, "u", "+@all ~* &* off")).unwrap();
    assert!(!identity.user().is_unrestricted());
    assert_eq!(identity.look(&access), Look::Changed);
    assert!(identity.user().is_unrestricted() && identity.is_authenticated(), "who is in stays in");
    access.change(|users| users.remove(b"u"));
    access.change(|users| set(users, "u", "on nopass")).unwrap();
    assert_eq!(identity.look(&access), Look::Gone, "the user of the same name is another");
    assert!(!identity.is_authenticated());
}

#[test]
fn without_a_password_for_the_default_user_everybody_is_let_in() {
    let access = Access::default();
    access.change(|users| users.set_default_password(Some(b"pw")));
    let mut identity = Identity::of_default(&access);
    assert!(!identity.is_authenticated());
    access.change(|users| users.set_default_password(None));
    assert_eq!(identity.look(&access), Look::Changed);
    assert!(identity.is_authenticated());
}

#[test]
fn users_begin_with_one_source() {
    let path = Path::new("users.acl");
    let file = |text: &str| Some((path, Ok(text.as_bytes().to_vec())));
    let lines = ["user u on".to_owned()];
    let begin = |origin: Origin<'_>| Users::begin(origin).map_err(|refused| refused.what);
    let users = begin(Origin { file: file("user u on\nuser v off"), ..Origin::default() }).unwrap();
    assert_eq!(users.iter().len(), 3);
    let wrong = begin(Origin { file: file("user u on\nuser v nope"), ..Origin::default() }).unwrap_err();
    assert!(wrong.starts_with("users.acl:2: "), "{wrong}");
    let gone = Some((path, Err(io::Error::from(io::ErrorKind::NotFound))));
    assert!(begin(Origin { file: gone, ..Origin::default() }).unwrap_err().contains("opening file"));
    let both = Origin { file: file(""), lines: Some(&lines), password: None };
    assert_eq!(begin(both).unwrap_err(), "--acl-file and users");
    assert!(begin(Origin { file: file(""), lines: None, password: Some(b"x") }).is_err());
    let users = begin(Origin { lines: Some(&lines), password: Some(b"x"), ..Origin::default() }).unwrap();
    assert!(users.get(b"u").is_some() && !users.default_user().is_open());
    let lines = ["user default on nopass".to_owned()];
    assert!(begin(Origin { lines: Some(&lines), password: Some(b"x"), ..Origin::default() }).is_err());
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let access = with_u("on nopass");
    let path = Path::new("users.acl");
    let error = access.load(path, Ok(b"user a on\nuser a on".to_vec())).unwrap_err();
    assert_eq!(
        error.text(),
        "ERR users.acl:2: Duplicate user 'a' found. WARNING: ACL errors detected, no change to the previously \
         active ACL rules was performed"
    );
    assert!(access.users().get(b"u").is_some());
    access.load(path, Ok(b"user a on".to_vec())).unwrap();
    assert!(access.users().get(b"u").is_none() && access.users().get(b"a").is_some());
}
