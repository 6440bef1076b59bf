//! The program's own commands, for files of keys: Ringtail's backups and Redis's RDB files.

mod backup;
mod convert;
mod inspect;
pub(crate) mod output;
pub(crate) mod progress;
mod restore;
mod source;
pub(crate) mod text;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Flags, Parser, ValueEnum};
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, fail};

use crate::args::Args;
use crate::cockpit::members::MemberFlags;
use crate::{PROGRAM, own};

const BACKUP_EXAMPLES: &str = "\
Examples:
  ringtail --addr 127.0.0.1:3000 backup all.backup    a data server's keys
  ringtail backup --each backups/today                those of each member of the pool behind the proxy at --addr
  ringtail --password-file proxy.pw backup --each backups/today --member-password-file servers.pw
  ringtail --addr cache:3000 --cacert ca.crt --user admin --password-file pw backup /backups/cache.backup

A file appears under its name when all of it was received, checked and written to disk. It is for its owner alone to read.

A proxy has no keys of its own. With --each it is asked for its members and which of their servers lead; these are then asked as \
it was, with the same CA and password unless --member-password-file and its like say otherwise, and each file is of a moment of its own.

Exit codes: 0 the files are there, 1 one is not, 2 wrong usage.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  ringtail restore all.backup                    into an empty pool, through the proxy
  ringtail restore --replace dump.rdb            Redis's file; keys that are there are replaced
  ringtail --plaintext --addr 127.0.0.1:6379 restore all.backup

Keys that have expired are left out. Without --replace a key that is there stays, and counts as an error.

Exit codes: 0 all keys are there, 1 some are not, 2 wrong usage.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  ringtail inspect all.backup
  ringtail inspect --json dump.rdb
  ringtail inspect --keys all.backup | sort -t$'\\t' -k4 -n    database, type, expiry, bytes, key

Exit codes: 0 the file is good, 1 it is damaged or can't be read, 2 wrong usage.";

const CONVERT_EXAMPLES: &str = "\
Examples:
  ringtail convert dump.rdb all.backup
  ringtail convert all.backup dump.rdb
  ringtail convert all.backup dump.rdb --rdb-version 12    for Redis 7.4 and later

RDB version 10 is read by Redis 7.0 and later and by Valkey; 11 adds when consumers of streams were active (Redis 7.2); 12 hashes of \
which fields expire (Redis 7.4).

Exit codes: 0 all is in the file, 1 something was left out (--recover) or there is no file, 2 wrong usage.";

/// Works with files of keys.
#[derive(Debug, Parser)]
#[command(name = "ringtail", bin_name = "ringtail", disable_help_subcommand = true)]
pub(crate) enum Task {
    /// Writes a server's keys to a file, or those of each member of a pool
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackupTask),
    /// Loads a backup or a Redis RDB file into a server, or a pool through its proxy
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(RestoreTask),
    /// Shows what is in a backup or a Redis RDB file
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectTask),
    /// Makes a backup of a Redis RDB file, or the other way round
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertTask),
}

pub(crate) use restore::newest_version;

#[derive(Debug, Flags)]
pub(crate) struct BackupTask {
    /// The file to write; with --each the directory, which is made if it is not there
    file: PathBuf,
    /// Ask the proxy at --addr for its members, and write a file for each: FILE/MEMBER.backup
    #[arg(long)]
    each: bool,
    /// Replace a file that is there
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    members: MemberFlags,
}

#[derive(Debug, Flags)]
pub(crate) struct RestoreTask {
    /// The file to load
    file: PathBuf,
    /// Replace keys and libraries that are there
    #[arg(long)]
    replace: bool,
    /// Leave out what is damaged, and load the rest
    #[arg(long)]
    recover: bool,
}

#[derive(Debug, Flags)]
pub(crate) struct InspectTask {
    /// The file to look into
    file: PathBuf,
    /// List the keys, one a line
    #[arg(long)]
    keys: bool,
    /// Print JSON; with --keys one object a line
    #[arg(long)]
    json: bool,
    /// How many of the biggest keys to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    biggest: usize,
    /// Leave out what is damaged, and say what that is
    #[arg(long)]
    recover: bool,
}

#[derive(Debug, Flags)]
pub(crate) struct ConvertTask {
    /// The file to read
    input: PathBuf,
    /// The file to write
    output: PathBuf,
    /// What to write [default: by the name of OUTPUT: .rdb, or .backup and .rtb]
    #[arg(long, value_name = "KIND")]
    to: Option<FileKind>,
    /// The version of an RDB file
    #[arg(long, value_name = "VERSION", default_value_t = 10, value_parser = clap::value_parser!(u16).range(10..=12))]
    rdb_version: u16,
    /// Replace OUTPUT if it is there
    #[arg(long)]
    overwrite: bool,
    /// Leave out what is damaged, and convert the rest
    #[arg(long)]
    recover: bool,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileKind {
    /// Ringtail's own
    Backup,
    /// Redis's
    Rdb,
}

/// Whether the command's words are for us and not for a server. RESTORE is a server's command too, which has three words at least
/// behind its name.
pub(crate) fn is_task(words: &[OsString]) -> bool {
    let Some(name) = words.first().and_then(|word| word.to_str()) else { return false };
    let arguments = words.iter().skip(1).filter(|word| !word.as_encoded_bytes().starts_with(b"-"));
    match name {
        "backup" | "inspect" | "convert" => true,
        "restore" => arguments.count() <= 1,
        _ => false,
    }
}

impl Task {
    /// The task of these words. Ends the program on `--help` and wrong usage.
    pub(crate) fn of_words(words: &[OsString]) -> Self {
        own::parsed(words).unwrap_or_else(|error| error.exit())
    }
}

/// Does the task. The error is one of usage: nothing was tried yet.
pub(crate) async fn run(task: Task, args: &Args) -> Result<ExitCode, Problem> {
    let done = match task {
        Task::Backup(task) => {
            backup::check(&task)?;
            backup::run(&task, args.settings()?).await
        }
        Task::Restore(task) => restore::run(&task, &args.settings()?).await,
        Task::Inspect(task) => inspect::run(&task, task.json || args.wants_json()),
        Task::Convert(task) => convert::run(&task, convert::kind(&task)?),
    };
    Ok(done.unwrap_or_else(|problem| fail(PROGRAM, RUNTIME, &problem)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Task::command().debug_assert();
    }

    #[test]
    fn the_server_s_commands_stay_the_server_s() {
        let is = |line: &str| is_task(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in
            ["backup f", "restore f", "restore --replace f", "inspect", "convert a b", "restore --help"]
        {
            assert!(is(line), "{line}");
        }
        for line in ["BACKUP f", "restore k 0 payload", "restore k 0", "RESTORE f", "get inspect"] {
            assert!(!is(line), "{line}");
        }
    }
}
