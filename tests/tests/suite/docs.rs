//! The commands that the documentation shows are run as they stand.
//!
//! A block fenced as `sh run` is run by bash at the root of a scratch directory
//! with `certs/` in it, beside a pool with TLS; a block fenced as `text output`
//! right behind it is what it must print. Only the port 9443 is another, for
//! `ringtail` too, by its environment.

use ringtail_tests::harness::{Certs, Options, Pool, ours, repo_file, say, scratch};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Block {
    at: String,
    script: String,
    output: Option<String>,
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![repo_file("README.md"), repo_file("ARCHITECTURE.md")];
    let docs = std::fs::read_dir(repo_file("docs")).into_iter().flatten();
    pages.extend(docs.filter_map(|entry| Some(entry.ok()?.path())));
    pages.retain(|page| page.extension().is_some_and(|e| e == "md") && page.exists());
    pages.sort();
    pages
}

/// The fenced blocks of a page: what stands behind the fence, the line, the text.
fn fenced(text: &str) -> Vec<(String, usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => open = Some((info.trim().into(), number + 1, String::new())),
            (None, Some((_, _, body))) => body.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}

fn runnable(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let blocks = fenced(&text);
    let block = |(i, (info, line, script)): (usize, &(String, usize, String))| {
        let next = blocks.get(i + 1).filter(|(info, ..)| info == "text output");
        let at = format!("{}:{line}", page.display());
        let output = next.map(|(_, _, text)| text.clone());
        (info == "sh run").then(|| Block { at, script: script.clone(), output })
    };
    blocks.iter().enumerate().filter_map(block).collect()
}

fn check(block: &Block, dir: &Path, port: u16) {
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = ours("ringtail").parent().expect("a directory").display().to_string();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &block.script.replace("9443", &port.to_string())]);
    command.current_dir(dir).env("PATH", format!("{programs}:{path}"));
    command.env("RINGTAIL_ADDR", format!("127.0.0.1:{port}"));
    let output = command.output().expect("bash");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{stdout}{stderr}", block.at);
    if let Some(want) = &block.output {
        assert_eq!(stdout.replace(&port.to_string(), "9443"), *want, "{}", block.at);
    }
}

#[test]
fn what_the_docs_show_runs() {
    let blocks: Vec<Block> = pages().iter().flat_map(|page| runnable(page)).collect();
    say(&format!("docs: {} blocks to run", blocks.len()));
    let certs = Certs::get();
    let pool = Pool::start(&Options::default().with_certs(&certs));
    let dir = scratch("docs");
    std::os::unix::fs::symlink(certs.ca().parent().expect("a directory"), dir.join("certs")).expect("a link");
    blocks.iter().for_each(|block| check(block, &dir, pool.endpoint.port));
}

fn read(page: &str) -> String {
    std::fs::read_to_string(repo_file(page)).unwrap_or_else(|e| panic!("{page}: {e}"))
}

/// The words of a text that begin with `start` and go on with letters and dashes.
fn words<'a>(text: &'a str, start: &str) -> BTreeSet<&'a str> {
    let end = |rest: &str| rest.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(rest.len());
    let found = text.match_indices(start).map(|(at, _)| &text[at + start.len()..]);
    found.map(|rest| &rest[..end(rest)]).filter(|word| !word.is_empty() && !word.starts_with('-')).collect()
}

#[test]
fn the_page_of_flags_is_what_the_programs_say() {
    let programs = ours("ringtail").parent().expect("a directory").to_path_buf();
    let check = Command::new(repo_file("scripts/docs.sh")).arg(programs).arg("check").output();
    let check = check.expect("scripts/docs.sh starts");
    let (difference, why) = (String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    assert!(check.status.success(), "{why}\n{difference}");
}

#[test]
fn flags_that_the_docs_name_exist() {
    let known = read("docs/flags.md");
    let known = words(&known, "--");
    for page in ["README.md", "ARCHITECTURE.md", "docs/operating.md", "docs/client.md"] {
        let text = read(page);
        let unknown: Vec<_> = words(&text, "--").into_iter().filter(|flag| !known.contains(flag)).collect();
        assert!(unknown.is_empty(), "{page} names flags that no program has: {unknown:?}");
    }
}

#[test]
fn make_targets_that_the_docs_name_exist() {
    let makefile = read("Makefile");
    for page in ["README.md", "ARCHITECTURE.md", "docs/operating.md", "docs/client.md", "docs/benchmarks.md"]
    {
        for target in words(&read(page), "`make ") {
            let rule = format!("\n{target}:");
            assert!(makefile.contains(&rule), "{page} names `make {target}`");
        }
    }
}

#[test]
fn blocks_are_found_with_their_output() {
    let text = "a\n```sh run\necho x\n```\n\n```text output\nx\n```\n```sh\nrm -rf /\n```\n";
    let found = fenced(text);
    let infos: Vec<&str> = found.iter().map(|(info, ..)| info.as_str()).collect();
    assert_eq!(infos, ["sh run", "text output", "sh"]);
    assert_eq!((found[0].1, found[0].2.as_str()), (2, "echo x\n"));
}
