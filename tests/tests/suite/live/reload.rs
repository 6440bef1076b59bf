//! Certificates and passwords are read again when their files change, and on SIGHUP.

use super::{Program, SOON, info, plain};
use ringtail_tests::harness::{Certs, Signal, scratch, wait_for};
use ringtail_tests::resp::Endpoint;
use std::path::Path;

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
