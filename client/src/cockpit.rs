//! The program's own commands for those who run a pool: what is going on in it, where its keys are, what an edit would change.

mod bigkeys;
mod info;
mod latency;
mod look;
pub(crate) mod members;
mod monitor;
mod plan;
mod sample;
mod scan;
mod stat;
mod table;
mod top;
mod transfer;
mod value;
mod walk;

use std::ffi::OsString;
use std::io::{Write, stdout};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use ringtail::{Client, Error};
use ringtail_net::Problem;
use ringtail_net::exit::{INTERRUPTED, RUNTIME, fail};
use ringtail_net::units::Time;

use crate::args::Settings;
use crate::files::text::printable;
use crate::format::Format;
use crate::{PROGRAM, explain, own};

/// Looks into servers and pools.
#[derive(Debug, Parser)]
#[command(name = "ringtail", bin_name = "ringtail", disable_help_subcommand = true)]
pub(crate) enum Tool {
    /// Says what an edited servers.json would change: shares, keys, memory
    #[command(after_help = plan::EXAMPLES)]
    Plan(plan::PlanTool),
    /// Writes keys to a file of JSON lines or CSV
    #[command(after_help = transfer::EXPORT_EXAMPLES)]
    Export(transfer::ExportTool),
    /// Loads keys from a file of JSON lines or CSV
    #[command(after_help = transfer::IMPORT_EXAMPLES)]
    Import(transfer::ImportTool),
    /// Lists keys
    #[command(after_help = scan::EXAMPLES)]
    Scan(scan::ScanTool),
    /// Says which keys take the memory
    #[command(after_help = bigkeys::EXAMPLES)]
    Bigkeys(bigkeys::BigkeysTool),
    /// Says which keys are asked for most
    #[command(after_help = look::HOTKEYS_EXAMPLES)]
    Hotkeys(look::HotkeysTool),
    /// A line of figures a second
    #[command(after_help = stat::EXAMPLES)]
    Stat(stat::StatTool),
    /// A live screen of members, commands and hot keys
    #[command(after_help = top::EXAMPLES)]
    Top(top::TopTool),
    /// Shows every command as it runs
    #[command(after_help = monitor::EXAMPLES)]
    Monitor(monitor::MonitorTool),
    /// Shows a proxy's pool
    #[command(after_help = look::TOPOLOGY_EXAMPLES)]
    Topology(look::TopologyTool),
    /// Says which member has a key
    #[command(after_help = look::ROUTE_EXAMPLES)]
    Route(look::RouteTool),
    /// Runs a command, and says where its time went
    #[command(after_help = look::EXPLAIN_EXAMPLES)]
    Explain(look::ExplainTool),
}

/// The shortest interval between two looks.
const SHORTEST: Duration = Duration::from_millis(100);

/// Names that no server has a command for; in lower case.
const NAMES: [&[u8]; 10] = [
    b"plan",
    b"export",
    b"import",
    b"bigkeys",
    b"hotkeys",
    b"stat",
    b"top",
    b"topology",
    b"route",
    b"explain",
];

/// Whether the words are for us and not for a server.
pub(crate) fn is_tool<W: AsRef<[u8]>>(words: &[W]) -> bool {
    let mut words = words.iter().map(AsRef::as_ref);
    let Some(name) = words.next() else { return false };
    match name {
        // SCAN is a server's command too, which begins with a number.
        b"scan" => words.next().is_none_or(|word| !word.iter().all(u8::is_ascii_digit)),
        b"monitor" => true,
        _ => NAMES.contains(&name),
    }
}

/// What a tool works with.
pub(crate) struct Context<'s> {
    settings: &'s Settings,
    /// The REPL's connection, with what was selected there.
    shared: Option<Client>,
    database: u32,
    repl: bool,
}

impl<'s> Context<'s> {
    /// For a tool of the command line.
    pub(crate) fn new(settings: &'s Settings) -> Self {
        Self { settings, shared: None, database: settings.database, repl: false }
    }

    /// For a line of the REPL, by its connection if that is free.
    pub(crate) fn in_repl(settings: &'s Settings, shared: Option<Client>, database: u32) -> Self {
        Self { settings, shared, database, repl: true }
    }

    /// A connection, which is made for it if there is none.
    async fn client(&self) -> Result<Client, Problem> {
        match &self.shared {
            Some(client) => Ok(client.clone()),
            None => {
                let options = self.settings.options.clone().database(self.database);
                Client::connect(options).await.map_err(|error| self.problem(&error))
            }
        }
    }

    fn problem(&self, error: &Error) -> Problem {
        match error {
            Error::Reply(text) => refused(self.settings.options.addr(), text),
            _ => explain::problem(error, self.settings),
        }
    }

    fn addr(&self) -> &str {
        self.settings.options.addr()
    }

    /// Whether JSON is wanted, by the tool's own flag or the program's.
    fn wants_json(&self, flag: bool) -> bool {
        flag || self.settings.style.format == Format::Json
    }
}

/// An interval between two looks: each costs the server, and all members of a pool, some commands.
fn interval_of(text: &str) -> Result<Time, String> {
    let time: Time = text.parse()?;
    if time.0 < SHORTEST { Err("it is 100ms at least".into()) } else { Ok(time) }
}

fn refused(addr: &str, text: &str) -> Problem {
    let hint = match text.split(' ').next() {
        Some("NOPERM") => "log in as a user that may run it",
        Some("NOAUTH") => "give --user and --password-file",
        Some("MEMBERDOWN" | "TIMEOUT" | "LOADING") => "`ringtail topology` shows how the members are",
        Some("ERR") if text.starts_with("ERR unknown ") => "look whether the server knows the command",
        // It says itself what is wrong.
        _ => return Problem::new(format!("{addr} refuses"), printable(text)),
    };
    Problem::new(format!("{addr} refuses: {}", printable(text)), hint)
}

impl Tool {
    /// The tool of these words. Ends the program on `--help` and wrong usage.
    pub(crate) fn of_words(words: &[OsString]) -> Self {
        own::parsed(words).unwrap_or_else(|error| error.exit())
    }

    /// Whether it can print what the program's flags ask for.
    pub(crate) fn check(&self, format: Format) -> Result<(), Problem> {
        match (self, format) {
            (Self::Top(_), Format::Json) => {
                Err(Problem::new("top has no JSON", "take `ringtail --json` with stat, topology or hotkeys"))
            }
            (Self::Scan(_), _) => Ok(()),
            (_, Format::Csv) => {
                Err(Problem::new("--csv is for commands of the server and for scan", "give --json"))
            }
            _ => Ok(()),
        }
    }

    /// The same in the REPL; the error is the page that explains.
    pub(crate) fn parsed(words: &[Vec<u8>]) -> Result<Self, String> {
        let words: Vec<_> = words.iter().map(|word| OsString::from_vec(word.clone())).collect();
        own::parsed(&words).map_err(|error| error.to_string())
    }

    /// Does it for the command line.
    pub(crate) async fn run(&self, context: &Context<'_>) -> ExitCode {
        self.attempt(context).await.unwrap_or_else(|problem| fail(PROGRAM, RUNTIME, &problem))
    }

    /// Does it, until it is done or Ctrl-C is pressed.
    pub(crate) async fn attempt(&self, context: &Context<'_>) -> Result<ExitCode, Problem> {
        if matches!(self, Self::Import(tool) if tool.may_wait()) {
            // Its reads may wait for ever, and hold this thread: Ctrl-C is left to end the program, as it does where nobody takes it.
            return match context.repl {
                true => Err(Problem::new("in the REPL an import needs a file", "save it to one first")),
                false => self.work(context).await,
            };
        }
        tokio::select! {
            // Those that have something to say when they are stopped see to it themselves, first.
            biased;
            done = self.work(context) => done,
            _ = tokio::signal::ctrl_c() => {
                let resumable = match self {
                    Self::Export(tool) => tool.resumable(),
                    Self::Import(_) => true,
                    _ => false,
                };
                eprintln!("{}", if resumable { "stopped: --resume goes on" } else { "stopped" });
                Ok(ExitCode::from(u8::try_from(INTERRUPTED).unwrap_or(RUNTIME)))
            }
        }
    }

    async fn work(&self, context: &Context<'_>) -> Result<ExitCode, Problem> {
        match self {
            Self::Plan(tool) => plan::run(tool, context).await,
            Self::Export(tool) => transfer::export(tool, context).await,
            Self::Import(tool) => transfer::import(tool, context).await,
            Self::Scan(tool) => scan::run(tool, context).await,
            Self::Bigkeys(tool) => bigkeys::run(tool, context).await,
            Self::Hotkeys(tool) => look::hotkeys(tool, context).await,
            Self::Stat(tool) => stat::run(tool, context).await,
            Self::Top(tool) => top::run(tool, context).await,
            Self::Monitor(tool) => monitor::run(tool, context).await,
            Self::Topology(_) => look::topology(context).await,
            Self::Route(tool) => look::route(tool, context).await,
            Self::Explain(tool) => look::explain(tool, context).await,
        }
    }
}

/// The names of all tools.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().filter_map(|name| std::str::from_utf8(name).ok()).chain(["monitor", "scan"])
}

/// The flags of the tool that these words begin, if they do.
pub(crate) fn flags(words: &[Vec<u8>]) -> Option<Vec<String>> {
    let name = words.first().filter(|_| is_tool(words))?;
    let command = Tool::command();
    let tool = command.find_subcommand(std::str::from_utf8(name).ok()?)?;
    let mut flags: Vec<String> =
        tool.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect();
    flags.sort();
    Some(flags)
}

/// Prints text, all of it or none that anybody can rely on.
fn print(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    let mut out = stdout().lock();
    out.write_all(text.as_ref())
        .and_then(|()| out.flush())
        .map_err(|error| Problem::new(format!("the output can't be written: {error}"), "look who reads it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Tool::command().debug_assert();
    }

    #[test]
    fn a_refusal_has_the_remedy_that_fits() {
        for (text, hint) in [
            ("ERR unknown command 'scan'", "knows the command"),
            ("MEMBERDOWN member=b is not asked", "ringtail topology"),
            ("NOPERM no", "a user that may"),
        ] {
            assert!(refused("h:1", text).hint.contains(hint), "{text}");
        }
        assert_eq!(refused("h:1", "ERR invalid cursor").to_string(), "h:1 refuses: ERR invalid cursor");
    }

    #[test]
    fn an_interval_is_no_load() {
        for text in ["0", "0s", "99ms", "soon"] {
            assert!(interval_of(text).is_err(), "{text}");
        }
        assert_eq!(interval_of("100ms"), Ok(Time(SHORTEST)));
    }

    #[test]
    fn the_server_s_commands_stay_the_server_s() {
        let is = |line: &str| is_tool(&line.split(' ').collect::<Vec<_>>());
        for line in [
            "plan f",
            "export f",
            "import --resume f",
            "scan",
            "scan user:*",
            "scan --total",
            "monitor",
            "top",
        ] {
            assert!(is(line), "{line}");
        }
        for line in ["PLAN f", "get plan", "scan 0", "SCAN user:*", "scan 0 match x", "type k", "MONITOR"] {
            assert!(!is(line), "{line}");
        }
    }
}
