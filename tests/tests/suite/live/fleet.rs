//! TLS sessions that go on at another process of the fleet, as openssl sees them.

use super::{Program, plain};
use ringtail_tests::harness::{Certs, Process, real_part, scratch};
use ringtail_tests::resp::Endpoint;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Speaks TLS as openssl does, and says whether the session was new or one of before.
fn session(openssl: &Path, port: u16, args: &[&str], file: (&str, &Path)) -> String {
    let certs = Certs::get();
    let mut command = Command::new(openssl);
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-ign_eof"]).args(args);
    command.arg("-CAfile").arg(certs.ca()).arg(file.0).arg(file.1);
    command.arg("-cert").arg(certs.client_cert()).arg("-key").arg(certs.client_key());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("openssl");
    // The answer comes behind the ticket.
    child.stdin.take().expect("a pipe").write_all(b"PING\r\nQUIT\r\n").expect("written");
    let output = child.wait_with_output().expect("its output");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("New, ") || line.starts_with("Reused, "));
    line.unwrap_or_else(|| panic!("openssl says:\n{text}")).split(',').next().unwrap_or_default().to_owned()
}

fn start(program: &Program, more: &[&str]) -> (Process, Endpoint) {
    let certs = Certs::get();
    let paths: Vec<PathBuf> = vec![certs.server_cert(), certs.server_key()];
    let [cert, key] = [0, 1].map(|i| paths[i].to_str().expect("UTF-8"));
    let endpoint = Endpoint { tls: Some(certs.identity()), ..plain() };
    let args = [&["--cert", cert, "--key", key], more].concat();
    (program.start(&endpoint, &args), endpoint)
}

#[test]
fn a_session_of_one_process_goes_on_at_another() {
    let Some(openssl) = real_part("openssl", "openssl") else { return };
    let dir = scratch("fleet");
    let keys = dir.join("keys");
    std::fs::write(&keys, "0123456789abcdef".repeat(4)).expect("a file below target");
    let keys = ["--tls-ticket-keys", keys.to_str().expect("UTF-8")];
    let ca = Certs::get().ca();
    let mutual = ["--client-ca", ca.to_str().expect("UTF-8")];
    for program in Program::both() {
        // One process each, with: a key of the fleet, one of its own, client certificates.
        for (flags, expected) in [(&keys[..], "Reused"), (&[], "New"), (&mutual, "New")] {
            let ((_a, a), (_b, b)) = (start(&program, flags), start(&program, flags));
            for version in ["-tls1_2", "-tls1_3"] {
                let file = dir.join(format!("{}-{}{version}", program.name, a.port));
                assert_eq!(session(&openssl, a.port, &[version], ("-sess_out", &file)), "New");
                // Without a ticket there is nothing that could be written, or gone on with.
                let again = if file.exists() {
                    session(&openssl, b.port, &[version], ("-sess_in", &file))
                } else {
                    "New".into()
                };
                assert_eq!(again, expected, "{} {flags:?} {version}", program.name);
            }
        }
    }
}
