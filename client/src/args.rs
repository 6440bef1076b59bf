//! The command line, and what follows from it.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, stdin, stdout};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use ringtail::ConnectOptions;
use ringtail_net::Problem;
use ringtail_net::secret::{Secret, read_secret};

use crate::bench;
use crate::cockpit::{self, Tool};
use crate::config;
use crate::files::{self, Task};
use crate::format::{Format, Style};
use crate::help::help;
use crate::repl::ask_password;

/// Where `make run` puts the CA of the development certificates.
const PROJECT_CA: &str = "certs/ca.crt";

/// Prints the reference of all settings, for `make docs`. No flag, for completions would offer it.
const CONFIGURATION_PAGE: &str = "--configuration-page";

const EXAMPLES: &str = "\
Examples:
  ringtail                                  the REPL
  ringtail set greeting \"hello world\"       one command; exit code 1 when it fails
  ringtail --json hgetall user:1            the reply as JSON
  ringtail -x set photo < cat.jpg           the last argument from stdin
  ringtail < commands.txt                   one command a line, pipelined
  ringtail help set                         what a command does, without a server
  ringtail backup --each backups            each member's keys as a file
  ringtail restore all.backup               a file's keys into a server, or a pool
  ringtail inspect dump.rdb                 what is in a file, Redis's too
  ringtail convert dump.rdb all.backup      one kind of file as the other
  ringtail bench redis://127.0.0.1:6379     how fast a server is
  ringtail top                              a live screen: members, commands, latency, hot keys
  ringtail plan new-servers.json            what an edit of servers.json would change
  ringtail export all.jsonl                 keys as JSON lines or CSV; import reads them
  ringtail plan --help                      and scan, bigkeys, stat, monitor, topology, route, hotkeys, explain
  ringtail --addr cache:9443 --cacert ca.crt --user app --password-file pw get k
  ringtail --plaintext --addr 127.0.0.1:6379 ping

Passwords come from --password-file, --ask-password or the environment's RINGTAIL_PASSWORD.

These, in lower case, are this program's own and have a --help each; BACKUP, RESTORE KEY TTL VALUE, SCAN 0 and what is written in \
upper case are the server's. In the REPL the tools from top on are lines too; in a pipe, and of backup, restore, inspect, convert and bench in the \
REPL, all commands are the server's: backup there writes a file where the server runs.

In raw and CSV output a map is its keys and values in turn. In JSON, bytes that are not UTF-8 become U+FFFD, \
and an error reply is {\"error\": TEXT}.

The REPL's history is kept in ringtail/history below $XDG_STATE_HOME (~/.local/state), or where \
$RINGTAIL_HISTORY says; lines with passwords are left out. $NO_COLOR turns colours off.

Exit codes: 0 all is well, 1 an error reply or no connection, 2 wrong usage.";

/// Where `make run` has the pool's proxy.
pub(crate) const DEFAULT_ADDR: &str = "127.0.0.1:9443";

/// Speaks to Ringtail, or to any server of Redis's protocol.
#[derive(Debug, Parser)]
#[command(name = "ringtail", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_ADDR", default_value = DEFAULT_ADDR)]
    addr: String,
    /// Whether to use TLS; the server is always verified
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true,
        default_missing_value = "true", action = clap::ArgAction::Set)]
    tls: bool,
    /// The same as --tls=false: for plain servers
    #[arg(long, conflicts_with_all = ["tls", "cert", "key"])]
    plaintext: bool,
    /// The CA that signed the server's certificate [default: certs/ca.crt if there is one, else the system's]
    #[arg(long, value_name = "FILE", env = "RINGTAIL_CACERT")]
    cacert: Option<PathBuf>,
    /// Our certificate, for servers that ask for one
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of our certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The user's name; the password comes from a file, the terminal or RINGTAIL_PASSWORD
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file with the password alone in it
    #[arg(long, value_name = "FILE", conflicts_with = "ask_password")]
    password_file: Option<PathBuf>,
    /// Ask for the password on the terminal
    #[arg(long)]
    ask_password: bool,
    /// The database to select
    #[arg(short = 'n', long = "db", value_name = "DB", default_value_t = 0)]
    database: u32,
    /// Replies as they are, without types or quotes [default: when stdout is no terminal]
    #[arg(long, group = "output")]
    raw: bool,
    /// Replies with their types and quoted [default: when stdout is a terminal]
    #[arg(long, group = "output")]
    no_raw: bool,
    /// Replies as JSON, one a line
    #[arg(long, group = "output")]
    json: bool,
    /// Replies as comma-separated values
    #[arg(long, group = "output")]
    csv: bool,
    /// Read the last argument of COMMAND from stdin
    #[arg(short = 'x', requires = "command")]
    last_from_stdin: bool,
    /// Run COMMAND so many times
    #[arg(short = 'r', long, value_name = "TIMES", default_value_t = 1, requires = "command")]
    repeat: u64,
    /// With -r: wait so long between two runs
    #[arg(short = 'i', long, value_name = "SECONDS", value_parser = seconds, default_value = "0", requires = "command")]
    interval: Duration,
    /// Longest wait for a connection or a reply [default: 5 seconds to connect, no limit for replies]
    #[arg(short = 't', long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Speak RESP2, where a map is a flat list
    #[arg(short = '2', long)]
    resp2: bool,
    /// Print every setting in force and where it came from, and end
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Print the completions for a shell, and end
    #[arg(long, value_name = "SHELL")]
    pub(crate) completions: Option<Shell>,
    /// Write the manual's pages to a directory, and end
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) man: Option<PathBuf>,
    /// The command and its arguments; without one the REPL starts, or commands are read from the pipe
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What the command line comes to.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) options: ConnectOptions,
    /// How the server is verified, in words; `None` without TLS.
    pub(crate) trust: Option<String>,
    pub(crate) database: u32,
    pub(crate) resp2: bool,
    pub(crate) style: Style,
    pub(crate) command: Vec<Vec<u8>>,
    pub(crate) repeat: u64,
    pub(crate) interval: Duration,
}

impl Args {
    /// Ends the program on `--help`, `--version` and wrong usage.
    pub(crate) fn from_command_line() -> Self {
        let args = Self::parse();
        // What follows the command's name belongs to it; before it, a dash begins a flag.
        let flag = args.command.first().filter(|word| word.as_bytes().starts_with(b"-"));
        if let Some(flag) = flag.filter(|flag| *flag != CONFIGURATION_PAGE) {
            let text = format!("unexpected argument '{}' found", flag.to_string_lossy());
            Self::command().error(clap::error::ErrorKind::UnknownArgument, text).exit();
        }
        args
    }

    /// What `--print-config` and CONFIGURATION_PAGE show.
    pub(crate) fn about_settings(&self) -> Option<String> {
        // Like --completions it does something, and sets nothing.
        let command = Self::command().mut_arg("man", |man| man.hide(true));
        let page = self.command.first().is_some_and(|word| word == CONFIGURATION_PAGE);
        match (self.print_config, page) {
            (true, _) => Some(config::shown(&command, &command.clone().get_matches())),
            (_, true) => Some(config::reference(&command)),
            _ => None,
        }
    }

    /// The page that `ringtail help ...` asks for: the server knows no such command. The error says that there is none.
    pub(crate) fn help_page(&self) -> Option<Result<String, Problem>> {
        let (name, words) = self.command.split_first()?;
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        name.eq_ignore_ascii_case("help").then(|| help(&words, own_commands()))
    }

    /// What `ringtail bench` is asked for, if that is the command. Ends the program on a `--help` or a wrong usage of it.
    pub(crate) fn bench(&self) -> Option<Box<bench::Flags>> {
        bench::is_bench(&self.command).then(|| bench::of_words(&self.command))
    }

    /// What is to be done with files, if the command is one of ours. Ends the program on a `--help` or a wrong usage of it.
    pub(crate) fn task(&self) -> Option<Task> {
        files::is_task(&self.command).then(|| Task::of_words(&self.command))
    }

    /// Which of our tools the command is. Ends the program on a `--help` or a wrong usage of it.
    pub(crate) fn tool(&self) -> Option<Tool> {
        let words: Vec<&[u8]> = self.command.iter().map(|word| word.as_bytes()).collect();
        cockpit::is_tool(&words).then(|| Tool::of_words(&self.command))
    }

    /// Reads the files and stdin that the flags name.
    pub(crate) fn settings(&self) -> Result<Settings, Problem> {
        let tls = self.tls && !self.plaintext;
        let ca = self.ca();
        Ok(Settings {
            options: self.options(tls, ca.as_deref())?,
            trust: tls.then(|| trust(ca.as_deref())),
            database: self.database,
            resp2: self.resp2,
            style: self.style(),
            command: self.request()?,
            repeat: self.repeat,
            interval: self.interval,
        })
    }

    /// The same settings with TLS or without.
    pub(crate) fn with_tls(&self, mut settings: Settings, tls: bool) -> Settings {
        let ca = self.ca().filter(|_| tls);
        settings.options = settings.options.tls(tls);
        settings.trust = tls.then(|| trust(ca.as_deref()));
        if let Some(ca) = ca {
            settings.options = settings.options.ca_file(ca);
        }
        settings
    }

    /// Whether the program's flags ask for JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json
    }

    fn ca(&self) -> Option<PathBuf> {
        self.cacert.clone().or_else(|| Some(PathBuf::from(PROJECT_CA)).filter(|path| path.exists()))
    }

    fn options(&self, tls: bool, ca: Option<&Path>) -> Result<ConnectOptions, Problem> {
        let mut options = ConnectOptions::new(&self.addr)
            .database(self.database)
            .timeout(self.timeout)
            .reconnect_attempts(1);
        if let Some(timeout) = self.timeout {
            options = options.connect_timeout(timeout);
        }
        if !tls {
            options = options.plaintext();
        }
        if let Some(ca) = ca.filter(|_| tls) {
            options = options.ca_file(ca);
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            options = options.client_certificate(cert, key);
        }
        if self.resp2 {
            options = options.resp2();
        }
        self.with_password(options)
    }

    fn with_password(&self, options: ConnectOptions) -> Result<ConnectOptions, Problem> {
        match (&self.user, self.password()?) {
            (_, None) if self.user.is_some() => Err(Problem::new(
                "--user needs a password",
                "give it by --password-file, --ask-password or RINGTAIL_PASSWORD",
            )),
            (_, None) => Ok(options),
            (Some(user), Some(password)) => Ok(options.auth(user, password.expose())),
            (None, Some(password)) => Ok(options.password(password.expose())),
        }
    }

    fn password(&self) -> Result<Option<Secret>, Problem> {
        if self.ask_password {
            return ask_password().map(Some);
        }
        if let Some(path) = &self.password_file {
            return read_secret(path).map(Some);
        }
        Ok(std::env::var_os("RINGTAIL_PASSWORD")
            .filter(|text| !text.is_empty())
            .map(|text| Secret::new(text.into_vec())))
    }

    fn style(&self) -> Style {
        let terminal = stdout().is_terminal();
        let format = match (self.raw, self.no_raw, self.json, self.csv) {
            (true, ..) => Format::Raw,
            (_, true, ..) => Format::Typed,
            (_, _, true, _) => Format::Json,
            (_, _, _, true) => Format::Csv,
            _ if terminal => Format::Typed,
            _ => Format::Raw,
        };
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Style { format, colour: terminal && wanted }
    }

    fn request(&self) -> Result<Vec<Vec<u8>>, Problem> {
        let mut command: Vec<Vec<u8>> = self.command.iter().map(|word| word.as_bytes().to_vec()).collect();
        if self.last_from_stdin {
            let mut last = Vec::new();
            stdin()
                .read_to_end(&mut last)
                .map_err(|error| Problem::new(format!("stdin: {error}"), "give -x something to read"))?;
            command.push(last);
        }
        Ok(command)
    }
}

/// What a server's certificate is verified by, in words.
fn trust(ca: Option<&Path>) -> String {
    ca.map_or("the system's CAs".into(), |ca| ca.display().to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Prints the completion script of `shell`.
pub(crate) fn print_completions(shell: Shell) -> ExitCode {
    clap_complete::generate(shell, &mut whole_command(), crate::PROGRAM, &mut stdout());
    ExitCode::SUCCESS
}

/// The program's own commands, as the subcommands of one.
fn own_commands() -> clap::Command {
    let (tools, bench) = (Tool::command(), bench::command());
    Task::command().subcommands(tools.get_subcommands().chain(bench.get_subcommands()).cloned())
}

/// Tasks and tools are found among the command's words, so they are subcommands for completions and pages alone.
pub(crate) fn whole_command() -> clap::Command {
    Args::command().subcommands(own_commands().get_subcommands().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["ringtail"], words].concat())
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_follows_the_command_belongs_to_it() {
        let args = parsed(&["--json", "set", "k", "-1", "--raw", "--help"]).unwrap();
        assert_eq!(args.command, ["set", "k", "-1", "--raw", "--help"]);
        assert!(args.json && !args.raw);
    }

    #[test]
    fn tls_is_on_unless_it_is_turned_off() {
        for (words, tls) in [
            (&["ping"][..], true),
            (&["--tls", "ping"], true),
            (&["--tls=false", "ping"], false),
            (&["--plaintext", "ping"], false),
        ] {
            let args = parsed(words).unwrap();
            assert_eq!(args.tls && !args.plaintext, tls, "{words:?}");
            assert_eq!(args.command, ["ping"]);
        }
    }

    #[test]
    fn flags_that_contradict_are_refused() {
        for words in [
            &["--raw", "--json"][..],
            &["--plaintext", "--tls"],
            &["--cert", "x"],
            &["-x"],
            &["--password", "secret"],
        ] {
            let refused = parsed(words).is_err_and(|error| error.exit_code() == 2);
            // An unknown flag is taken for the command, and refused by `from_command_line`.
            assert!(refused || parsed(words).unwrap().command[0].as_bytes().starts_with(b"-"), "{words:?}");
        }
    }
}
