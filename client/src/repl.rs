//! The REPL: reads a line, runs it, prints the reply, until `exit` or Ctrl-D.
//!
//! The editor blocks, so it has a thread of its own; this side runs the commands and owns the connection.

mod colour;
mod complete;
mod editor;
mod helper;
mod hint;
mod history;
mod keys;
mod pager;

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use clap::CommandFactory;
use ringtail::{Client, Error, Value};
use ringtail_net::Problem;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Settings;
use crate::cockpit::{self, Context, Tool};
use crate::help::help;
use crate::{explain, oneshot, words};

pub(crate) use editor::ask_password;

use editor::{Editor, Line};
use keys::Keys;

/// Runs until the user leaves.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode, Problem> {
    let client = Client::disconnected(settings.options.clone())
        .map_err(|error| explain::problem(&error, &settings))?;
    // From here on Ctrl-C ends what runs, such as a pager, and not this program under it.
    let _taken = signal(SignalKind::interrupt());
    let bound = Arc::new(AtomicBool::new(false));
    let keys = Keys::start(client.clone(), bound.clone());
    let (in_transaction, watches) = (false, false);
    let mut repl =
        Repl { database: settings.database, in_transaction, watches, bound, lost: false, client, settings };
    let mut editor = Editor::start(repl.settings.style.colour, keys)?;
    repl.greet().await;
    while let Some(line) = editor.read(repl.prompt()).await {
        match line {
            Line::Commands(text) => {
                if repl.lines(&text).await == Next::Leave {
                    break;
                }
            }
            Line::End => break,
        }
    }
    say("Bye.");
    Ok(ExitCode::SUCCESS)
}

#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Leave,
}

struct Repl {
    settings: Settings,
    client: Client,
    database: u32,
    in_transaction: bool,
    /// WATCH stands.
    watches: bool,
    /// Either of both, which another connection would not have. Whoever completes keys looks at it too: nothing of his may come
    /// between MULTI and EXEC, nor make a new connection meanwhile.
    bound: Arc<AtomicBool>,
    /// Either of both was lost with its connection.
    lost: bool,
}

impl Repl {
    async fn greet(&mut self) {
        match self.client.reconnect().await {
            Err(error) => self.complain(&error),
            Ok(()) => say(&self.greeting()),
        }
    }

    fn greeting(&self) -> String {
        let trust = match &self.settings.trust {
            Some(trust) => format!("TLS, verified by {trust}"),
            None => "no TLS".into(),
        };
        format!("Connected ({trust}). Type `help` for help, Tab to complete, `exit` to leave.")
    }

    fn prompt(&self) -> String {
        if !self.client.is_connected() {
            return "not connected> ".into();
        }
        let database = if self.database == 0 { String::new() } else { format!("[{}]", self.database) };
        let transaction = if self.in_transaction { "(TX)" } else { "" };
        format!("{}{database}{transaction}> ", self.settings.options.addr())
    }

    fn is_bound(&self) -> bool {
        self.bound.load(Ordering::Acquire)
    }

    fn set_bound(&mut self, in_transaction: bool, watches: bool) {
        (self.in_transaction, self.watches) = (in_transaction, watches);
        self.bound.store(in_transaction || watches, Ordering::Release);
    }

    /// Of lines that were pasted together, those of a transaction that was lost are not run: alone they would mean something else.
    async fn lines(&mut self, text: &str) -> Next {
        self.lost = false;
        let mut dropped = 0;
        for command in words::commands(text) {
            if self.lost {
                dropped += 1;
                self.lost = !ends_transaction(command.as_bytes());
            } else if self.line(command.as_bytes()).await == Next::Leave {
                return Next::Leave;
            }
        }
        if dropped > 0 {
            say(&format!("(not sent: {dropped} more of the transaction)"));
        }
        Next::Go
    }

    async fn line(&mut self, line: &[u8]) -> Next {
        let command = match words::split(line) {
            Ok(command) => command,
            Err(quotes) => {
                say(&format!("Invalid argument(s): {}", quotes.text()));
                return Next::Go;
            }
        };
        let Some(name) = command.first() else { return Next::Go };
        match name.to_ascii_lowercase().as_slice() {
            b"exit" | b"quit" => return Next::Leave,
            b"clear" => print(b"\x1b[H\x1b[2J\x1b[3J"),
            b"help" | b"?" => pager::show(format!("{}\n", help_page(&command[1..])).as_bytes()),
            _ if cockpit::is_tool(&command) => self.tool(&command).await,
            _ => self.run(&command).await,
        }
        Next::Go
    }

    /// Does what is the program's own. It asks by this connection, unless a transaction is open there.
    async fn tool(&mut self, words: &[Vec<u8>]) {
        let tool = match Tool::parsed(words) {
            Ok(tool) => tool,
            Err(page) => return say(page.trim_end()),
        };
        let shared = (!self.is_bound()).then(|| self.client.clone());
        let context = Context::in_repl(&self.settings, shared, self.database);
        if let Err(problem) = tool.attempt(&context).await {
            self.say_red(&problem.to_string());
        }
    }

    /// Runs a command; Ctrl-C gives up waiting for its reply.
    async fn run(&mut self, command: &[Vec<u8>]) {
        let connected = self.client.is_connected();
        let client = if self.is_bound() { self.client.staying() } else { self.client.clone() };
        let answer = tokio::select! {
            answer = oneshot::ask(&client, command) => answer,
            _ = tokio::signal::ctrl_c() => {
                // The reply may come late or never: what is typed next shall not wait for it.
                self.client.disconnect().await;
                self.lost = self.is_bound();
                self.set_bound(false, false);
                say("(given up: the command may still be running)");
                return self.client.reconnect().await.unwrap_or_else(|error| self.complain(&error));
            }
        };
        match answer {
            Ok(value) => {
                if !connected {
                    self.say_connected_again();
                }
                pager::show(&self.settings.style.render(command, &value));
                self.follow(command, &value).await;
            }
            Err(error) => {
                self.complain(&error);
                self.recover(&error).await;
            }
        }
    }

    /// Connects anew at once when a connection was lost, and says so.
    async fn recover(&mut self, error: &Error) {
        if matches!(error, Error::Lost { .. }) && self.client.reconnect().await.is_ok() {
            self.say_connected_again();
        }
        if !self.client.is_connected() {
            self.set_bound(false, false);
        }
    }

    fn say_connected_again(&mut self) {
        let gone = match (self.in_transaction, self.watches) {
            (true, _) => "; the transaction is gone",
            (_, true) => "; WATCH is gone",
            _ => "",
        };
        self.set_bound(false, false);
        say(&format!("(connected again{gone})"));
    }

    /// Keeps the prompt true.
    async fn follow(&mut self, command: &[Vec<u8>], value: &Value) {
        let is = |name: &str| command[0].eq_ignore_ascii_case(name.as_bytes());
        if is("exec") || is("discard") || is("reset") {
            self.set_bound(false, false);
        }
        if is("reset") && value.error().is_none() {
            self.database = 0;
        }
        // Within MULTI the answer is QUEUED.
        if *value != Value::Simple(b"OK".to_vec()) {
            return;
        }
        match () {
            () if is("multi") => self.set_bound(true, self.watches),
            () if is("watch") => self.set_bound(self.in_transaction, true),
            () if is("unwatch") => self.set_bound(self.in_transaction, false),
            () => {}
        }
        if is("select") {
            self.database =
                command.get(1).and_then(|n| std::str::from_utf8(n).ok()?.parse().ok()).unwrap_or(0);
        }
        if is("auth") {
            self.log_in(&command[1..]);
        }
        if is("auth") && !self.settings.resp2 {
            // Before the password the server may have refused HELLO; without it replies are RESP2's.
            let _ = oneshot::ask(&self.client, &[b"HELLO".to_vec(), b"3".to_vec()]).await;
        }
    }

    /// Whoever makes another connection logs in as this one did.
    fn log_in(&mut self, words: &[Vec<u8>]) {
        let options = self.settings.options.clone();
        self.settings.options = match words {
            [password] => options.password(password),
            [user, password] => options.auth(user, password),
            _ => options,
        };
    }

    fn complain(&mut self, error: &Error) {
        self.lost |= self.is_bound() && !self.client.is_connected();
        self.say_red(&explain::problem(error, &self.settings).to_string());
    }

    fn say_red(&self, text: &str) {
        let style = if self.settings.style.colour { AnsiColor::Red.on_default() } else { Style::new() };
        say(&format!("{style}{text}{style:#}"));
    }
}

fn ends_transaction(line: &[u8]) -> bool {
    let word = line.trim_ascii().split(u8::is_ascii_whitespace).next().unwrap_or_default();
    [&b"exec"[..], b"discard"].iter().any(|end| word.eq_ignore_ascii_case(end))
}

/// A command's page, or one of ours.
fn help_page(words: &[Vec<u8>]) -> String {
    help(words, Tool::command()).unwrap_or_else(|problem| problem.to_string())
}

fn say(text: &str) {
    print(format!("{text}\n").as_bytes());
}

fn print(bytes: &[u8]) {
    // A terminal that is gone ends the editor as well.
    let mut out = stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}
