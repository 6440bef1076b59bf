//! Frameworks that keep their state in Redis, unmodified, each doing its real work: Django, Celery, RQ, Huey, Dramatiq,
//! Flask-Limiter, BullMQ, express-session. The suites are in `tests/software`; real Redis proves that they are right. The pool has the
//! colocation rules that docs/operating.md gives for them.

use crate::clients::{must_pass, node_modules, pytest, python};
use crate::front::Front;
use ringtail_tests::harness::{Options, real_part, repo_file};
use std::process::Command;

/// As docs/operating.md has them.
const RULES: [&str; 5] = ["bull:*", "_kombu.*", "celery-taskset-meta-*", "dramatiq*", "LIMITS:*"];

fn targets() -> (Vec<Front>, String) {
    let mut fronts = vec![Front::server(&Options::default()), Front::pool_with_rules(&RULES)];
    fronts.extend(Front::redis(&[]));
    let one = |front: &Front| serde_json::json!({ "name": front.name, "port": front.endpoint().port });
    let json = serde_json::Value::Array(fronts.iter().map(one).collect()).to_string();
    (fronts, json)
}

#[test]
fn python_frameworks() {
    let Some(python) = python("software") else { return };
    let (_fronts, json) = targets();
    let mut command = pytest("software", &python);
    must_pass("python", command.env("RINGTAIL_TARGETS", json).output().expect("pytest"));
}

#[test]
fn node_frameworks() {
    let Some(node) = real_part("node", "nodejs") else { return };
    let Some(modules) = node_modules("software") else { return };
    let (_fronts, json) = targets();
    let mut command = Command::new(node);
    command.arg("--test").arg(repo_file("tests/software/software.test.cjs"));
    command.env("NODE_PATH", modules).env("RINGTAIL_TARGETS", json);
    must_pass("node", command.output().expect("node"));
}
