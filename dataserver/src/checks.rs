//! Settings that promise something, tried before anybody relies on it: a server that can't keep what it is given is not to begin.

use crate::durable::Durability;
use crate::log::files::has_log;
use crate::log::keeper::Policy;
use crate::log::waiting::Ack;
use crate::options::Options;
use nix::unistd::{AccessFlags, access};
use ringtail_backup::{Error, Reader};
use ringtail_cluster::{Address, Servers};
use ringtail_net::Problem;
use std::fs::File;
use std::io::BufReader;
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
        backup(file)?;
    }
    warn(options, &told);
    Ok(())
}

/// What may be meant so, and mostly is not.
fn warn(options: &Options, told: &Durability) {
    if let Some(dir) = told.dir.as_deref().filter(|dir| told.policy == Policy::Off && has_log(dir)) {
        tracing::warn!(
            "--log off: the log in {} is not loaded, and nothing of what is written now will be there when it is: leave --log off away to go on \
             with it",
            dir.display()
        );
    }
    let has_peers = options.servers.is_some() || told.primary.is_some();
    let encrypts = options.primary_ca.is_some() || options.primary_cert.is_some();
    if has_peers && options.cert.is_some() && !encrypts {
        tracing::warn!(
            "--cert without --primary-ca: this server speaks plaintext to the others of its member; if they speak TLS as it does, give \
             --primary-ca"
        );
    }
    let has_password = options.requirepass_file.is_some();
    if has_peers && has_password && options.primary_password_file.is_none() {
        tracing::warn!(
            "--requirepass-file without --primary-password-file: this server shows the others of its member no password; if they want one as it \
             does, give --primary-password-file"
        );
    }
}

/// Whether a file that is there may be loaded as a backup. One that is damaged is not known before it is read to its end.
fn backup(file: &Path) -> Result<(), Problem> {
    let problem = |why: String| {
        let what = format!("--backup {}: {why}", file.display());
        Problem::new(what, "name another file; `ringtail convert` makes a backup of a Redis RDB file")
    };
    if file.is_dir() {
        return Err(problem("it is a directory".to_owned()));
    }
    // A pipe can't be read twice. What can't be read at all is for the start to say.
    if !file.is_file() {
        return Ok(());
    }
    let Ok(input) = File::open(file) else { return Ok(()) };
    match Reader::open(BufReader::new(input)) {
        Err(error @ (Error::NoBackup | Error::TooNew { .. })) => Err(problem(error.to_string())),
        _ => Ok(()),
    }
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
    if told.recover && told.place.file.is_none() && told.dir.is_none() {
        return problem("--recover: there is nothing to recover", "give --dir DIR or --backup FILE with it");
    }
    if options.log_growth.is_some() && told.dir.is_none() {
        return problem("--log-growth: there is no log", "give --dir DIR, or leave --log-growth away");
    }
    if options.ack.is_some_and(|ack| ack != Ack::Local) && options.copies == Some(1) {
        return problem(
            "--ack, --copies: of one copy there is no other to wait for",
            "give --ack local, or more --copies",
        );
    }
    if let Some(own) = &options.announce {
        Address::parse(own).map_err(|why| {
            Problem::new(format!("--announce: {own} {why}"), "write the address as servers.json has it")
        })?;
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
    use ringtail_backup::{Footer, Meta, Writer};

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
        let backup = at("good.rtb");
        let nothing = Writer::new(Vec::new(), &Meta { time: 1, program: "test".to_owned() }).unwrap();
        std::fs::write(&backup, nothing.finish(&Footer::default()).unwrap()).unwrap();
        let (new, missing, file, below) = (at("a/b/c"), at("a/b.rtb"), at("file"), at("file/x"));
        for args in [
            &["--log", "off"][..],
            &["--dir", &new, "--log", "always", "--backup-interval", "5s"],
            &["--dir", "data"],
            &["--backup", "backup.rtb", "--backup-keep", "2"],
            &["--replicaof", "h:1"],
            &["--backup", &backup, "--recover"],
            &["--ack", "quorum", "--copies", "2", "--announce", "h:1"],
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
            (&["--backup", &file], "it is no backup"),
            (&["--backup", dir.path().to_str().unwrap()], "it is a directory"),
            (&["--recover"], "nothing to recover"),
            (&["--log-growth", "50"], "--dir DIR"),
            (&["--ack", "replica", "--copies", "1"], "--copies"),
            (&["--announce", "foo"], "--announce: foo"),
        ] {
            let refusal = check_args(args).unwrap_err();
            assert!(refusal.contains(names), "{args:?}: {refusal}");
        }
    }
}
