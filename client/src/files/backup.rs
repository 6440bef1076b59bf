//! A server's keys as a file; those of a pool's members as a file each.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use ringtail::{Client, Download, Error, Value};
use ringtail_backup::Reader;
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, fail};

use super::output::Output;
use super::progress::Progress;
use super::{BackupTask, text};
use crate::args::Settings;
use crate::{PROGRAM, explain};

/// What clap can't say of flags that several commands share.
pub(super) fn check(task: &BackupTask) -> Result<(), Problem> {
    match task.members.are_given() && !task.each {
        true => Err(Problem::new(
            "--member-tls and its like are for --each",
            "leave them away, and give --tls and its like before `backup`",
        )),
        false => Ok(()),
    }
}

pub(super) async fn run(task: &BackupTask, settings: Settings) -> Result<ExitCode, Problem> {
    if task.each {
        return each(task, settings).await;
    }
    one(&task.file, task.overwrite, &settings, None).await?;
    Ok(ExitCode::SUCCESS)
}

/// Members may have another password than their proxy.
const MEMBER_LOGIN: &str = "give --member-password-file, and --member-user if it is not the default user's";

/// A file for each member. One that fails keeps the others from nothing.
async fn each(task: &BackupTask, mut settings: Settings) -> Result<ExitCode, Problem> {
    let members = members(&settings).await?;
    let tls = task.members.tls(settings.trust.is_some());
    settings.options = task.members.apply(settings.options)?;
    settings.trust = tls.then(|| settings.trust.unwrap_or_else(|| "--member-cacert".into()));
    fs::create_dir_all(&task.file).map_err(|error| {
        let message = format!("{} can't be made: {error}", task.file.display());
        Problem::new(message, "name a directory that may be written")
    })?;
    let mut code = ExitCode::SUCCESS;
    for member in members {
        settings.options = settings.options.at(member.addr);
        let file = task.file.join(file_name(&member.name));
        if let Err(mut problem) = one(&file, task.overwrite, &settings, Some(MEMBER_LOGIN)).await {
            problem.message = format!("member {}: {}", member.name, problem.message);
            code = fail(PROGRAM, RUNTIME, &problem);
        }
    }
    Ok(code)
}

/// A member's file. Names of members may have slashes, and never a percent sign.
fn file_name(member: &str) -> String {
    format!("{}.backup", member.replace('/', "%2F"))
}

#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    /// Which of its servers leads it.
    addr: String,
}

/// The members of the pool behind a proxy.
async fn members(settings: &Settings) -> Result<Vec<Member>, Problem> {
    let failed = |error: Error| explain::problem(&error, settings);
    let client = Client::connect(settings.options.clone()).await.map_err(failed)?;
    let asked = client.pipeline().cmd(["RINGTAIL", "TOPOLOGY"]).cmd(["RINGTAIL", "MEMBERS"]);
    let answers = asked.run().await.map_err(failed)?;
    listed(&answers).ok_or_else(|| {
        let said = answers.iter().find_map(Value::error).unwrap_or(b"it does not list them");
        let (addr, said) = (settings.options.addr(), String::from_utf8_lossy(said));
        Problem::new(
            format!("{addr} names no members: {said}"),
            "name the pool's proxy with --addr, or leave --each away",
        )
    })
}

/// TOPOLOGY has the members and the addresses of servers.json, MEMBERS who leads now, and replicas too.
fn listed(answers: &[Value]) -> Option<Vec<Member>> {
    let [topology, standings] = answers else { return None };
    let standings = standings.as_array()?;
    let leader = |name: &str| standings.iter().find(|it| text_of(it, "name") == Some(name));
    let member = |it: &Value| {
        let name = text_of(it, "name")?;
        let addr = leader(name).and_then(|it| text_of(it, "addr")).or_else(|| text_of(it, "addr"))?;
        Some(Member { name: name.to_owned(), addr: addr.to_owned() })
    };
    field(topology, "members")?.as_array()?.iter().map(member).collect()
}

fn field<'v>(map: &'v Value, name: &str) -> Option<&'v Value> {
    map.as_pairs()?.into_iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

fn text_of<'v>(map: &'v Value, name: &str) -> Option<&'v str> {
    field(map, name)?.as_str()
}

/// `login` is what to do if the login is refused, where that is not the program's own.
async fn one(file: &Path, overwrite: bool, settings: &Settings, login: Option<&str>) -> Result<(), Problem> {
    let mut output = Output::create(file, overwrite)?;
    let progress = Progress::new("receiving", None);
    let received = receive(settings, &mut output, &progress, login).await;
    progress.end();
    received?;
    output.sync()?;
    let keys = verified(output.path())?;
    let bytes = output.finish()?;
    eprintln!("{} in {}, {}", text::keys(keys), file.display(), text::size(bytes));
    Ok(())
}

async fn receive(
    settings: &Settings,
    output: &mut Output,
    progress: &Progress,
    login: Option<&str>,
) -> Result<(), Problem> {
    let failed = |error: Error| match &error {
        Error::Reply(text) => refused(text, settings.options.addr()),
        Error::Auth(_) => {
            let problem = explain::problem(&error, settings);
            Problem { hint: login.map_or(problem.hint, str::to_owned), ..problem }
        }
        _ => explain::problem(&error, settings),
    };
    let mut download = Download::start(&settings.options, &["RINGTAIL", "SNAPSHOT"]).await.map_err(failed)?;
    let mut bytes = 0;
    while let Some(piece) = download.next().await.map_err(failed)? {
        output.write_all(&piece).map_err(|error| output.unwritable(&error))?;
        bytes += piece.len() as u64;
        progress.set(bytes);
    }
    Ok(())
}

fn refused(text: &str, addr: &str) -> Problem {
    if text.contains("does not work through a proxy") {
        return Problem::new(
            format!("{addr} is a proxy, which has no keys of its own"),
            "name a data server with --addr, or give --each and a directory to back up all members of its pool",
        );
    }
    let hint = match text.split(' ').next() {
        Some("NOPERM") => "log in as a user that may run RINGTAIL SNAPSHOT",
        Some("NOAUTH") => "give --user and --password-file",
        _ => "name a Ringtail data server with --addr, and look at its log",
    };
    Problem::new(format!("{addr} gives no backup: {text}"), hint)
}

/// Reads the whole file again, as whoever needs it will, and returns its records.
fn verified(path: &Path) -> Result<u64, Problem> {
    let bad = |error: String| {
        Problem::new(
            format!("what was received is no good backup: {error}"),
            "try again, and look at the server's log",
        )
    };
    let file = File::open(path).map_err(|error| bad(error.to_string()))?;
    let mut reader =
        Reader::open(BufReader::with_capacity(1 << 18, file)).map_err(|error| bad(error.to_string()))?;
    while let Some(sealed) = reader.next().map_err(|error| bad(error.to_string()))? {
        sealed.open().map_err(|damage| bad(damage.to_string()))?;
    }
    let keys = |(name, _): &&(String, u64)| name != "gone" && name != "library";
    Ok(reader.counts().iter().filter(keys).map(|(_, count)| count).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Value {
        let bulk = |text: &str| Value::Bulk(text.into());
        Value::Map(pairs.iter().map(|(key, value)| (bulk(key), bulk(value))).collect())
    }

    #[test]
    fn who_leads_is_asked_and_replicas_are_not() {
        let members = Value::Array(vec![
            map(&[("name", "a"), ("addr", "one:1")]),
            map(&[("name", "b"), ("addr", "two:1")]),
        ]);
        let topology = Value::Map(vec![(Value::Bulk("members".into()), members)]);
        let standings = Value::Array(vec![
            map(&[("name", "a"), ("addr", "one:2")]),
            map(&[("name", "a/replica0"), ("addr", "one:1")]),
        ]);
        let member = |name: &str, addr: &str| Member { name: name.into(), addr: addr.into() };
        let listed = listed(&[topology, standings]).unwrap();
        assert_eq!(listed, [member("a", "one:2"), member("b", "two:1")]);
    }

    #[test]
    fn members_with_slashes_are_no_directories() {
        assert_eq!(file_name("10.0.0.1:3000"), "10.0.0.1:3000.backup");
        assert_eq!([file_name("../a"), file_name("..")], ["..%2Fa.backup", "...backup"]);
    }
}
