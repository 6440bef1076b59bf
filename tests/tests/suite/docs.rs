//! The commands that the documentation shows are run as they stand.
//!
//! A block fenced as `sh run` is run by bash at the root of a scratch directory
//! with `certs/` in it, beside a pool with TLS; a block fenced as `text output`
//! right behind it is what it must print. Only the port 9443 is another.

use ringtail_tests::harness::{Certs, Options, Pool, ours, repo_file, say, scratch};
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

#[test]
fn blocks_are_found_with_their_output() {
    let text = "a\n```sh run\necho x\n```\n\n```text output\nx\n```\n```sh\nrm -rf /\n```\n";
    let found = fenced(text);
    let infos: Vec<&str> = found.iter().map(|(info, ..)| info.as_str()).collect();
    assert_eq!(infos, ["sh run", "text output", "sh"]);
    assert_eq!((found[0].1, found[0].2.as_str()), (2, "echo x\n"));
}
