use std::io::Write;
use std::path::{Path, PathBuf};

/// A program of this workspace, built before: beside the test's executable.
pub fn ours(name: &str) -> PathBuf {
    let path = target_dir().join(profile()).join(name);
    assert!(path.exists(), "{} is missing; run `cargo build --workspace` first", path.display());
    path
}

/// The directory `target`, where what tests install and write goes.
pub fn target_dir() -> PathBuf {
    let dir = executable().ancestors().nth(3).expect("target/PROFILE/deps/TEST").to_path_buf();
    dir.canonicalize().expect("the directory of this executable")
}

/// A file of the repository by its path from the root.
pub fn repo_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(path)
}

/// A program of the system that a test runs beside ours. Where it is missing
/// the test is skipped, with a line that says so; under `CI=true` it fails.
pub fn real_part(name: &str, package: &str) -> Option<PathBuf> {
    let found = search_path().map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        missing(&format!("{name} is not installed (Debian: apt-get install {package})"));
    }
    found
}

/// Says why a test is skipped; fails it under `CI=true`.
pub fn missing(why: &str) {
    assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "{why}");
    say(&format!("skipped: {why}"));
}

/// A line for whoever runs the tests, past what captures a test's output.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian's nutcracker and haproxy live where a user's PATH doesn't look.
    dirs.extend(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    dirs.into_iter()
}

fn profile() -> String {
    let dir = executable().ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_path_buf();
    dir.file_name().expect("a named directory").to_string_lossy().into_owned()
}

fn executable() -> PathBuf {
    std::env::current_exe().expect("the path of this executable")
}
