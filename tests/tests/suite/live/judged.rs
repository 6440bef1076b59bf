//! TLS judged from outside by sslyze: the suite in `tests/tls`.

use super::{Program, plain};
use crate::clients::{must_pass, pytest, python};
use ringtail_tests::harness::Certs;
use ringtail_tests::resp::Endpoint;

#[test]
fn nothing_old_or_weak_is_spoken() {
    let Some(python) = python("tls") else { return };
    let certs = Certs::get();
    let (cert, key) = (certs.server_cert(), certs.server_key());
    let args = ["--cert", cert.to_str().expect("UTF-8"), "--key", key.to_str().expect("UTF-8")];
    let (mut processes, mut targets) = (Vec::new(), Vec::new());
    for program in Program::both() {
        let endpoint = Endpoint { tls: Some(certs.trust()), ..plain() };
        processes.push(program.start(&endpoint, &args));
        targets.push(serde_json::json!({ "name": program.name, "port": endpoint.port, "ca": certs.ca() }));
    }
    let json = serde_json::Value::Array(targets).to_string();
    let mut command = pytest("tls", &python);
    must_pass("sslyze", command.env("RINGTAIL_TARGETS", json).output().expect("pytest"));
}
