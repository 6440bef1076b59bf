use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ringtail-certs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    /// Runs the program; what it made, as `ca server client`.
    fn run(&self, args: &[&str]) -> Result<String, String> {
        let args = [&["ringtail-certs", "--out", self.0.to_str().unwrap()], args].concat();
        let made = run(&Flags::try_parse_from(args).unwrap()).map_err(|problem| problem.to_string())?;
        let name = |made: &Made| made.files.split('.').next().unwrap().to_owned();
        Ok(made.iter().map(name).collect::<Vec<_>>().join(" "))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn made() -> Scratch {
    let dir = Scratch::new();
    assert_eq!(dir.run(&[]).unwrap(), "ca server client");
    dir
}

const FILES: [&str; 6] = ["ca.crt", "ca.key", "client.crt", "client.key", "server.crt", "server.key"];

#[test]
fn six_files_keys_private_and_nothing_to_do_the_second_time() {
    let dir = made();
    let mut files: Vec<String> = fs::read_dir(&dir.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, FILES);
    for file in FILES {
        let mode = fs::metadata(dir.path(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if file.ends_with(".key") { 0o600 } else { mode & 0o644 }, "{file}");
    }
    let before = FILES.map(|file| fs::read(dir.path(file)).unwrap());
    assert_eq!(dir.run(&[]).unwrap(), "");
    assert_eq!(before, FILES.map(|file| fs::read(dir.path(file)).unwrap()));
}

#[test]
fn what_is_missing_damaged_or_does_not_fit_is_made_again_and_nothing_else() {
    let dir = made();
    for file in ["server.crt", "server.key"] {
        dir.remove(file);
        assert_eq!(dir.run(&[]).unwrap(), "server", "{file}");
    }
    fs::write(dir.path("client.crt"), "damaged").unwrap();
    assert_eq!(dir.run(&[]).unwrap(), "client");
    fs::copy(dir.path("server.key"), dir.path("client.key")).unwrap();
    assert_eq!(dir.run(&[]).unwrap(), "client");
    // Too close to its end to be worth keeping.
    assert_eq!(dir.run(&["--name", "cache.example", "--days", "3"]).unwrap(), "server");
    assert_eq!(dir.run(&["--name", "cache.example"]).unwrap(), "server");
    assert_eq!(dir.run(&["--name", "cache.example"]).unwrap(), "");
    assert_eq!(dir.run(&["--name", "2001:DB8:0::1", "--name", "cache.example"]).unwrap(), "server");
    assert_eq!(dir.run(&["--name", "2001:db8::1"]).unwrap(), "");
    assert_eq!(dir.run(&["--force"]).unwrap(), "ca server client");
}

#[test]
fn a_ca_whose_key_is_kept_elsewhere_is_not_replaced() {
    let dir = made();
    dir.remove("ca.key");
    assert_eq!(dir.run(&[]).unwrap(), "");
    dir.remove("server.crt");
    let error = dir.run(&[]).unwrap_err();
    assert!(error.contains("ca.key is missing") && error.contains("--force"), "{error}");
    dir.remove("ca.crt");
    let error = dir.run(&[]).unwrap_err();
    assert!(error.contains("ca.crt and ca.key are missing"), "{error}");
    assert_eq!(dir.run(&["--force"]).unwrap(), "ca server client");
}

#[test]
fn certificates_of_another_ca_are_signed_anew() {
    let (dir, other) = (made(), made());
    for file in ["client.crt", "client.key"] {
        fs::copy(other.path(file), dir.path(file)).unwrap();
    }
    assert_eq!(dir.run(&[]).unwrap(), "client");
}

#[test]
fn names_that_no_certificate_can_have_are_refused() {
    for name in ["", "a b", "http://x", "x:1"] {
        assert!(Flags::try_parse_from(["ringtail-certs", "--name", name]).is_err(), "{name}");
    }
}

/// OpenSSL at its strictest judges both certificates, in a handshake in memory with Python's ssl module.
#[test]
fn openssl_accepts_them_at_its_strictest() {
    let dir = made();
    let judged = Command::new("python3").args(["-c", HANDSHAKE]).arg(&dir.0).output();
    let judged = judged.expect("python3 is needed for this test");
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
}

const HANDSHAKE: &str = r"
import ssl, sys
d = sys.argv[1]
server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=d + '/ca.crt')
server.load_cert_chain(d + '/server.crt', d + '/server.key')
server.verify_mode = ssl.CERT_REQUIRED
client = ssl.create_default_context(cafile=d + '/ca.crt')
client.load_cert_chain(d + '/client.crt', d + '/client.key')
for context in (server, client):
    context.verify_flags |= ssl.VERIFY_X509_STRICT
for name in ('localhost', '127.0.0.1', '::1'):
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert all(end.version() == 'TLSv1.3' for end in ends), name
";
