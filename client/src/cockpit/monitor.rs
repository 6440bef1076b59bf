//! `ringtail monitor`: every command as it runs.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use ringtail::{ConnectOptions, Error, Feed};
use ringtail_net::Problem;
use serde_json::json;
use tokio::sync::mpsc;

use super::members::{MemberFlags, Pool};
use super::{Context, print};
use crate::words::split;

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail monitor                         until Ctrl-C
  ringtail monitor --color always | less -R
  ringtail monitor --times 100 > commands.txt
  ringtail --json monitor | jq -c .command      a line: member (of a pool), time, database, client, command

A proxy has no MONITOR: its members are asked, and each line begins with the member's name. Keys and values are shown, and each \
command costs the server more while somebody looks.

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

/// Lines that wait to be printed; a server whose lines nobody takes waits.
const LINES: usize = 1024;

const WHEN: Style = AnsiColor::BrightBlack.on_default();
const WHO: Style = AnsiColor::Cyan.on_default();
const NAME: Style = Style::new().bold();

#[derive(Debug, Args)]
pub(crate) struct MonitorTool {
    /// Whether to colour the lines
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    /// End after so many lines
    #[arg(long, value_name = "N")]
    times: Option<u64>,
    #[command(flatten)]
    members: MemberFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// A line, or how a member's lines ended.
type Line = Result<String, (String, Error)>;

pub(super) async fn run(tool: &MonitorTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let colour = match tool.color {
        Colour::Auto => context.settings.style.colour,
        Colour::Always => true,
        Colour::Never => false,
    };
    let json = context.wants_json(false);
    let mut lines = start(tool, context).await?;
    let (mut last, mut left) = (None, tool.times.unwrap_or(u64::MAX));
    while left > 0 {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = tokio::signal::ctrl_c() => break,
        };
        match line {
            Some(Ok(line)) => {
                let shown = match (json, colour) {
                    (true, _) => as_json(&line).to_string(),
                    (false, true) => coloured(&line),
                    (false, false) => line,
                };
                print(shown + "\n")?;
                left -= 1;
            }
            Some(Err((addr, error))) => {
                eprintln!("ringtail: {}", ended(&addr, &error).message);
                last = Some(ended(&addr, &error));
            }
            // Nobody is left.
            None => return last.map_or(Ok(ExitCode::SUCCESS), Err),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ended(addr: &str, error: &Error) -> Problem {
    Problem::new(format!("{addr}: {error}"), "look at the server, and at --member-tls and its like in --help")
}

/// Asks the server, or each member of its pool.
async fn start(tool: &MonitorTool, context: &Context<'_>) -> Result<mpsc::Receiver<Line>, Problem> {
    let client = context.client().await?;
    let pool = Pool::ask(&client).await.map_err(|error| context.problem(&error))?;
    let (sender, lines) = mpsc::channel(LINES);
    match pool {
        None => follow(context.settings.options.clone(), String::new(), sender).await?,
        Some(pool) => {
            let options = tool.members.options(context)?;
            let (mut followed, mut last) = (0, None);
            for member in pool.members {
                let prefix = format!("{} ", member.name);
                match follow(options.clone().at(&member.addr), prefix, sender.clone()).await {
                    Ok(()) => followed += 1,
                    // Of the others it is told: a pool that lacks a member is when somebody looks.
                    Err(problem) => {
                        eprintln!("ringtail: member {} can't be followed: {}", member.name, problem.message);
                        last = Some(problem);
                    }
                }
            }
            if let Some(problem) = last.filter(|_| followed == 0) {
                return Err(problem);
            }
        }
    }
    Ok(lines)
}

async fn follow(options: ConnectOptions, prefix: String, lines: mpsc::Sender<Line>) -> Result<(), Problem> {
    let addr = options.addr().to_owned();
    let begun = async {
        let mut feed = Feed::start(&options, &["MONITOR"]).await?;
        // OK, or why not.
        feed.next().await?;
        Ok(feed)
    };
    let mut feed = begun.await.map_err(|error| ended(&addr, &error))?;
    tokio::spawn(async move {
        loop {
            let line = match feed.next().await {
                Ok(value) => {
                    Ok(format!("{prefix}{}", String::from_utf8_lossy(value.as_bytes().unwrap_or_default())))
                }
                Err(error) => Err((addr.clone(), error)),
            };
            let last = line.is_err();
            if lines.send(line).await.is_err() || last {
                return;
            }
        }
    });
    Ok(())
}

/// `1700000000.1 [0 127.0.0.1:1] "get" "k"`: the time, who, and the command's name stand out.
fn coloured(line: &str) -> String {
    let parts = || {
        let (when, rest) = line.split_once(" [")?;
        let (who, rest) = rest.split_once("] ")?;
        let (name, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        Some(format!("{WHEN}{when}{WHEN:#} {WHO}[{who}]{WHO:#} {NAME}{name}{NAME:#}{rest}"))
    };
    parts().unwrap_or_else(|| line.to_owned())
}

/// What a line says. Bytes that are not UTF-8 become U+FFFD, as they do in replies.
fn as_json(line: &str) -> serde_json::Value {
    let parts = || {
        let (when, rest) = line.split_once(" [")?;
        let (who, rest) = rest.split_once("] ")?;
        let (database, client) = who.split_once(' ')?;
        let (member, time) = when.rsplit_once(' ').map_or((None, when), |(name, time)| (Some(name), time));
        let command = split(rest.as_bytes()).ok()?;
        let command: Vec<_> = command.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let (time, database) = (time.parse::<f64>().ok()?, database.parse::<u32>().ok()?);
        let mut shown = json!({ "time": time, "database": database, "client": client, "command": command });
        if let Some(member) = member {
            shown["member"] = json!(member);
        }
        Some(shown)
    };
    parts().unwrap_or_else(|| json!({ "line": line }))
}

#[cfg(test)]
mod tests {
    use super::{as_json, coloured};
    use serde_json::json;

    #[test]
    fn json_has_the_words_as_they_were() {
        let line = r#"a 1700000000.5 [3 127.0.0.1:5] "set" "k\n" "] [v\"""#;
        let wanted = json!({
            "member": "a", "time": 1_700_000_000.5, "database": 3, "client": "127.0.0.1:5",
            "command": ["set", "k\n", "] [v\""],
        });
        assert_eq!(as_json(line), wanted);
        assert_eq!(as_json("1.5 [0 lua] \"get\"")["client"], "lua");
        assert_eq!(as_json("odd"), json!({ "line": "odd" }));
    }

    #[test]
    fn colours_change_no_text() {
        let line = "a 1700000000.123456 [0 127.0.0.1:5] \"set\" \"k\" \"] v\"";
        let shown = coloured(line);
        assert!(shown.contains("\x1b[1m\"set\"\x1b[0m \"k\""), "{shown:?}");
        let mut plain = String::new();
        let mut inside = false;
        shown.chars().for_each(|c| match c {
            '\x1b' => inside = true,
            'm' if inside => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        });
        assert_eq!(plain, line);
        assert_eq!(coloured("OK"), "OK");
    }
}
