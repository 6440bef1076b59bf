//! Suites in other languages: redis-py and ioredis, unmodified, doing real work.

use crate::front::Front;
use ringtail_tests::harness::{Certs, Options, missing, real_part, repo_file, target_dir};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Every kind of target, started, and what the suites need to know of it.
struct Targets {
    fronts: Vec<(&'static str, Front)>,
    password: &'static str,
}

impl Targets {
    fn start() -> Targets {
        let password = "suite secret";
        // Programs that are not built for speed, on a machine that has other work, are not to run out of time.
        let patient = ["--timeout", "10s"];
        let secured =
            Options { password: Some(password.into()), ..Options::default() }.with_certs(&Certs::get());
        let secured_pool = Options { args: patient.map(str::to_owned).to_vec(), ..secured.clone() };
        let mut fronts = vec![
            ("server", Front::server(&Options::default())),
            ("server-tls", Front::server(&secured)),
            ("pool", Front::pool(&Options::args(&patient))),
            ("pool-tls", Front::pool(&secured_pool)),
        ];
        fronts.extend(Front::redis(&[]).map(|redis| ("redis-server", redis)));
        Targets { fronts, password }
    }

    fn json(&self) -> String {
        let one = |(name, front): &(&str, Front)| {
            let endpoint = front.endpoint();
            let ca = endpoint.tls.is_some().then(|| Certs::get().ca());
            let password = endpoint.password.as_ref().map(|_| self.password);
            let pool = name.starts_with("pool");
            serde_json::json!({ "name": name, "port": endpoint.port, "ca": ca, "password": password, "pool": pool })
        };
        serde_json::Value::Array(self.fronts.iter().map(one).collect()).to_string()
    }
}

/// Runs a setup command; says what is missing where it fails.
fn set_up(what: &str, command: &mut Command) -> Option<()> {
    let output = command.output().unwrap_or_else(|e| panic!("{what}: {e}"));
    if output.status.success() {
        return Some(());
    }
    missing(&format!("{what}: {}", String::from_utf8_lossy(&output.stderr)));
    None
}

/// Whether what was installed in `dir` is what `list` asks for.
fn is_current(dir: &Path, list: &Path) -> bool {
    std::fs::read(dir.join("installed")).ok() == std::fs::read(list).ok()
}

fn mark_current(dir: &Path, list: &Path) {
    std::fs::copy(list, dir.join("installed")).expect("a file below target");
}

/// The python of a virtual environment with the packages that the suite in `tests/SUITE` asks for.
pub(crate) fn python(suite: &str) -> Option<PathBuf> {
    let venv = target_dir().join(format!("test-venv-{suite}"));
    let list = repo_file(&format!("tests/{suite}/requirements.txt"));
    let python = venv.join("bin/python");
    if !is_current(&venv, &list) {
        let system = real_part("python3", "python3-venv")?;
        set_up("python3 -m venv", Command::new(system).args(["-m", "venv"]).arg(&venv))?;
        set_up("pip install", Command::new(&python).args(["-m", "pip", "install", "-q", "-r"]).arg(&list))?;
        mark_current(&venv, &list);
    }
    Some(python)
}

/// The directory of node's modules, with the packages that the suite in `tests/SUITE` asks for.
pub(crate) fn node_modules(suite: &str) -> Option<PathBuf> {
    let dir = target_dir().join(format!("test-node-{suite}"));
    let list = repo_file(&format!("tests/{suite}/package.json"));
    if !is_current(&dir, &list) {
        let npm = real_part("npm", "npm")?;
        std::fs::create_dir_all(&dir).expect("a directory below target");
        std::fs::copy(&list, dir.join("package.json")).expect("a file below target");
        let args = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"];
        set_up("npm install", Command::new(npm).args(args).current_dir(&dir))?;
        mark_current(&dir, &list);
    }
    Some(dir.join("node_modules"))
}

/// Runs `pytest` over the suite in `tests/SUITE`.
pub(crate) fn pytest(suite: &str, python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-B", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]);
    command.arg(repo_file(&format!("tests/{suite}")));
    command
}

pub(crate) fn must_pass(what: &str, output: Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}:\n{text}\n{errors}");
}

#[test]
fn redis_py() {
    let Some(python) = python("python") else { return };
    let targets = Targets::start();
    let mut command = pytest("python", &python);
    command.env("RINGTAIL_TARGETS", targets.json());
    must_pass("redis-py", command.output().expect("pytest"));
}

#[test]
fn ioredis() {
    let Some(node) = real_part("node", "nodejs") else { return };
    let Some(modules) = node_modules("node") else { return };
    let targets = Targets::start();
    let mut command = Command::new(node);
    command.arg("--test").arg(repo_file("tests/node/ioredis.test.cjs"));
    command.env("NODE_PATH", modules).env("RINGTAIL_TARGETS", targets.json());
    must_pass("ioredis", command.output().expect("node"));
}
