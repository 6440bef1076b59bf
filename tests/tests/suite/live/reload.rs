//! Certificates, passwords and users are read again when their files change, and on SIGHUP.

use super::{Program, SOON, info, plain};
use ringtail_tests::harness::{Certs, Signal, pause, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::path::Path;
use std::time::Duration;

fn replace(path: &Path, content: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).and_then(|()| std::fs::rename(&new, path)).expect("a file below target");
}

fn copy(from: &Path, to: &Path) {
    replace(to, std::fs::read(from).expect("a certificate or a key"));
}

#[test]
fn new_files_are_for_new_connections() {
    for program in Program::both() {
        let (old, new) = (Certs::get(), Certs::make_in(&scratch("reload-certs")));
        let dir = scratch("reload");
        let [cert, key, password] = ["server.crt", "server.key", "password"].map(|name| dir.join(name));
        copy(&old.server_cert(), &cert);
        copy(&old.server_key(), &key);
        replace(&password, "one");
        let flags = [("--cert", &cert), ("--key", &key), ("--requirepass-file", &password)];
        let args: Vec<&str> =
            flags.iter().flat_map(|(flag, path)| [*flag, path.to_str().expect("UTF-8")]).collect();
        let before = Endpoint { tls: Some(old.trust()), password: Some("one".into()), ..plain() };
        let process = program.start(&before, &args);
        let mut kept = before.open();

        copy(&new.server_cert(), &cert);
        assert!(wait_for(SOON, || info(&mut kept, "file_reloads_refused") == 1), "{}", process.output());
        assert!(before.connect().is_ok(), "the old pair stays while the new one does not match");
        copy(&new.server_key(), &key);
        let after = Endpoint { tls: Some(new.trust()), ..before.clone() };
        assert!(wait_for(SOON, || after.connect().is_ok()), "{}", process.output());
        // As one who has no session to go on with.
        let stranger = Endpoint { tls: Some(old.trust()), ..before.clone() };
        assert!(stranger.connect().is_err(), "{}: the old certificate is still shown", program.name);

        replace(&password, "two\n");
        let after = Endpoint { password: Some("two".into()), ..after };
        assert!(wait_for(SOON, || after.connect().is_ok()), "{}", process.output());
        let stale = Endpoint { password: Some("one".into()), ..after.clone() };
        assert!(stale.connect().is_err(), "{}: the old password still opens", program.name);

        assert_eq!(kept.run("PING").text(), "PONG", "{}: what was there before goes on", program.name);
        assert_eq!(info(&mut kept, "file_reloads"), 2);
        process.signal(Signal::Hangup);
        assert!(wait_for(SOON, || info(&mut kept, "file_reloads") == 4), "{}", process.output());
    }
}

/// `AUTH` on a connection of its own, if that is taken.
fn login(endpoint: &Endpoint, user: &str, password: &str) -> Option<Conn> {
    let mut conn = endpoint.open();
    conn.call(&["AUTH", user, password]).is_ok().then_some(conn)
}

/// Whether the user may use the key; the proxy's member is down.
fn may(conn: &mut Conn, key: &str) -> bool {
    !conn.call(&["GET", key]).error().is_some_and(|error| error.starts_with("NOPERM"))
}

#[test]
fn users_of_a_file_that_changes_go_on_with_its_rules() {
    for program in Program::both() {
        let file = scratch("reload-acl").join("users.acl");
        let open = "user default on nopass ~* &* +@all\n";
        replace(&file, format!("{open}user ann on >one ~a* +@all\nuser bob on >two ~* +@all\n"));
        let endpoint = plain();
        let process = program.start(&endpoint, &["--acl-file", file.to_str().expect("UTF-8")]);
        let mut admin = endpoint.open();
        let [mut ann, mut bob] = [("ann", "one"), ("bob", "two")]
            .map(|(name, password)| login(&endpoint, name, password).expect("they are in the file"));
        assert!(may(&mut ann, "a") && !may(&mut ann, "b"));

        replace(&file, "user ann on >three ~b* +@all\nsuer nobody\n");
        let refused = || info(&mut endpoint.open(), "file_reloads_refused") == 1;
        assert!(wait_for(SOON, refused), "{}", process.output());
        assert!(may(&mut ann, "a"), "{}: the old rules stay", program.name);

        replace(&file, format!("{open}user ann on >three ~b* +@all\n"));
        assert!(wait_for(SOON, || may(&mut ann, "b")), "{}", process.output());
        assert!(!may(&mut ann, "a"));
        assert!(bob.closes(), "{}: who is gone is disconnected", program.name);
        assert!(login(&endpoint, "ann", "one").is_none() && login(&endpoint, "ann", "three").is_some());

        // What is saved from here is no news: what was changed since stays.
        assert!(admin.run("ACL SETUSER carl on nopass").is_ok() && admin.run("ACL SAVE").is_ok());
        assert!(admin.run("ACL SETUSER dora on nopass").is_ok());
        pause(Duration::from_millis(700));
        let before = info(&mut admin, "file_reloads");
        process.signal(Signal::Hangup);
        assert!(wait_for(SOON, || info(&mut admin, "file_reloads") > before), "{}", process.output());
        let names = admin.run("ACL USERS").to_string();
        assert!(names.contains("carl") && names.contains("dora"), "{}: {names}", program.name);
        assert!(may(&mut ann, "b"), "{}", program.name);
    }
}
