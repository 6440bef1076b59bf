//! A pool as it is run beyond one machine: TLS with certificates of both sides
//! and passwords on both hops.

use ringtail_tests::harness::{Certs, Members, Options, Pool, Server, scratch};
use ringtail_tests::resp::Conn;
use std::path::{Path, PathBuf};

const PASSWORD: &str = "the servers' own";

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_string()
}

fn secret() -> PathBuf {
    let path = scratch("secured").join("password");
    // Files end with a newline more often than not.
    std::fs::write(&path, format!("{PASSWORD}\n")).expect("a file below target");
    path
}

/// Servers that ask for a certificate and a password.
fn servers(certs: &Certs) -> Members {
    let options = Options {
        certs: Some(certs.clone()),
        identity: true,
        password: Some(PASSWORD.into()),
        args: vec!["--client-ca".into(), text(&certs.ca())],
    };
    Members::Ringtail((0..3).map(|_| Server::start(&options)).collect())
}

fn identity(certs: &Certs) -> Vec<String> {
    let (cert, key) = (text(&certs.client_cert()), text(&certs.client_key()));
    vec!["--server-cert".into(), cert, "--server-key".into(), key]
}

fn proxy(certs: &Certs, args: Vec<String>) -> Options {
    Options { certs: Some(certs.clone()), args, ..Options::default() }
}

fn ask(pool: &Pool) -> Vec<String> {
    let mut conn: Conn = pool.endpoint.open();
    (0..12).map(|i| conn.run(&format!("SET k{i} v")).to_string()).collect()
}

#[test]
fn certificates_and_passwords_on_both_hops() {
    let certs = Certs::get();
    let mut args = identity(&certs);
    args.extend(["--server-password-file".into(), text(&secret())]);
    let options = Options { password: Some("the clients' own".into()), ..proxy(&certs, args) };
    let pool = Pool::before(servers(&certs), &options);
    assert!(ask(&pool).iter().all(|reply| reply == "OK"), "{:?}", ask(&pool));
}

/// What a pool that can't enter its members answers: errors, each in time, and it stays.
fn is_refused(what: &str, certs: &Certs, args: Vec<String>) {
    let mut pool = Pool::before(servers(certs), &proxy(certs, args));
    let replies = ask(&pool);
    assert!(replies.iter().all(|reply| reply.starts_with('-')), "{what}: {replies:?}");
    assert!(replies.iter().all(|reply| !reply.contains(PASSWORD)), "{what}: {replies:?}");
    assert_eq!(pool.endpoint.open().run("PING").text(), "PONG", "{what}");
    assert_eq!(pool.process.exited(), None, "{what}: the proxy has ended");
}

#[test]
fn without_its_certificate() {
    let certs = Certs::get();
    is_refused("no certificate", &certs, vec!["--server-password-file".into(), text(&secret())]);
}

#[test]
fn without_the_password() {
    let certs = Certs::get();
    is_refused("no password", &certs, identity(&certs));
}

#[test]
fn with_another_ca() {
    let certs = Certs::get();
    let other = Certs::make_in(&scratch("other-server-ca"));
    let members = servers(&certs);
    // The proxy's own listener is of the CA that its servers' certificates are not of.
    let pool = Pool::before(members, &proxy(&other, vec![]));
    let replies = ask(&pool);
    assert!(
        replies.iter().all(|reply| reply.starts_with('-')),
        "servers of a strange CA are used: {replies:?}"
    );
}
