//! Settings that promise something, tried before anybody relies on it: a server that can't keep what it is given is not to begin.

use crate::durable::Durability;
use crate::log::keeper::Policy;
use crate::options::Options;
use nix::unistd::{AccessFlags, access};
use ringtail_cluster::{Address, Servers};
use ringtail_net::Problem;
use std::path::Path;

/// Whether the server can do what its settings say about what is kept, and about other servers.
///
/// # Errors
/// It can't.
pub(crate) fn check(options: &Options) -> Result<(), Problem> {
    let told = options.durability();
    settings(options, &told)?;
    if let Some(dir) = &told.dir {
        // It is made if it is not there.
        let there = dir.ancestors().find(|dir| dir.as_os_str().is_empty() || dir.exists());
        writable("--dir", dir, there.unwrap_or(dir))?;
    }
    if let Some(file) = &told.place.file {
        writable("--backup", file, file.parent().unwrap_or(file))?;
    }
    Ok(())
}

fn settings(options: &Options, told: &Durability) -> Result<(), Problem> {
    let problem = |what: &str, remedy: &str| Err(Problem::new(what.to_owned(), remedy));
    if told.dir.is_none() && !matches!(told.policy, Policy::Off) {
        return problem("--log: there is no directory to log to", "give --dir DIR, or leave --log away");
    }
    let backs_up = told.place.interval.is_some() || told.place.keep > 0;
    if backs_up && told.place.file.is_none() && told.dir.is_none() {
        return problem(
            "--backup-interval, --backup-keep: there is no file for backups",
            "give --backup FILE, or --dir DIR for DIR/backup.rtb",
        );
    }
    if let Some(primary) = &told.primary {
        Address::parse(primary).map_err(|why| {
            Problem::new(format!("--replicaof: {primary} {why}"), "write the primary's address as HOST:PORT")
        })?;
    }
    if let Some(file) = &options.servers {
        Servers::read(file).map_err(|refusal| {
            Problem::new(format!("--servers: {refusal}"), "mend the file, or start without --servers")
        })?;
    }
    Ok(())
}

/// Whether files can be made in a directory; nothing where the path has none, which is the one that the server runs in.
fn writable(flag: &str, path: &Path, dir: &Path) -> Result<(), Problem> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let refused = |why: &str| {
        let what = format!("{flag} {}: {} {why}", path.display(), dir.display());
        Err(Problem::new(
            what,
            "name another one, or make it and give this server's user the right to write there",
        ))
    };
    if !dir.exists() {
        return refused("does not exist");
    }
    if !dir.is_dir() {
        return refused("is no directory");
    }
    access(dir, AccessFlags::W_OK | AccessFlags::X_OK)
        .or_else(|why| refused(&format!("can't be written: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn check_args(args: &[&str]) -> Result<(), String> {
        let args = std::iter::once(&"ringtail-server").chain(args);
        let matches = Options::augment_args(Command::new("ringtail-server")).get_matches_from(args);
        check(&Options::from_arg_matches(&matches).unwrap()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn what_could_not_be_kept_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("file"), "no directory, and no list of servers").unwrap();
        let (new, missing, file, below) = (at("a/b/c"), at("a/b.rtb"), at("file"), at("file/x"));
        for args in [
            &["--log", "off"][..],
            &["--dir", &new, "--log", "always", "--backup-interval", "5s"],
            &["--dir", "data"],
            &["--backup", "backup.rtb", "--backup-keep", "2"],
            &["--replicaof", "h:1"],
        ] {
            assert_eq!(check_args(args), Ok(()), "{args:?}");
        }
        for (args, names) in [
            (&["--log", "always"][..], "--dir"),
            (&["--backup-interval", "5s"], "--backup FILE"),
            (&["--backup-keep", "1"], "--backup FILE"),
            (&["--replicaof", "nonsense"], "nonsense"),
            (&["--servers", &missing], "--servers"),
            (&["--servers", &file], "--servers"),
            (&["--backup", &missing], "does not exist"),
            (&["--backup", &below], "is no directory"),
            (&["--dir", &below], "is no directory"),
        ] {
            let refusal = check_args(args).unwrap_err();
            assert!(refusal.contains(names), "{args:?}: {refusal}");
        }
    }
}
