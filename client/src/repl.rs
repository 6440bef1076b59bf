//! The REPL: reads a line, runs it, prints the reply, until `exit` or Ctrl-D.
//!
//! The editor blocks, so it has a thread of its own; this side runs the commands and owns the connection.

mod complete;
mod editor;
mod helper;
mod hint;
mod history;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use ringtail::{Client, Error, Value};
use ringtail_net::Problem;

use crate::args::Settings;
use crate::help::help;
use crate::{explain, oneshot, words};

pub(crate) use editor::ask_password;

use editor::{Editor, Line};

/// Runs until the user leaves.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode, Problem> {
    let client = Client::disconnected(settings.options.clone())
        .map_err(|error| explain::problem(&error, &settings))?;
    let mut repl = Repl { database: settings.database, in_transaction: false, client, settings };
    let mut editor = Editor::start(repl.settings.style.colour)?;
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

    async fn lines(&mut self, text: &str) -> Next {
        for command in words::commands(text) {
            if self.line(command.as_bytes()).await == Next::Leave {
                return Next::Leave;
            }
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
            b"help" | b"?" => say(&help(&command[1..])),
            _ => self.run(&command).await,
        }
        Next::Go
    }

    /// Runs a command; Ctrl-C gives up waiting for its reply.
    async fn run(&mut self, command: &[Vec<u8>]) {
        let answer = tokio::select! {
            answer = oneshot::ask(&self.client, command) => answer,
            _ = tokio::signal::ctrl_c() => {
                // The reply may come late or never: what is typed next shall not wait for it.
                self.client.disconnect().await;
                self.in_transaction = false;
                say("(given up: the command may still be running)");
                return self.client.reconnect().await.unwrap_or_else(|error| self.complain(&error));
            }
        };
        match answer {
            Ok(value) => {
                print(&self.settings.style.render(command, &value));
                self.follow(command, &value).await;
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Keeps the prompt true.
    async fn follow(&mut self, command: &[Vec<u8>], value: &Value) {
        let is = |name: &str| command[0].eq_ignore_ascii_case(name.as_bytes());
        if is("exec") || is("discard") || is("reset") {
            self.in_transaction = false;
        }
        if is("reset") && value.error().is_none() {
            self.database = 0;
        }
        // Within MULTI the answer is QUEUED.
        if *value != Value::Simple(b"OK".to_vec()) {
            return;
        }
        self.in_transaction |= is("multi");
        if is("select") {
            self.database =
                command.get(1).and_then(|n| std::str::from_utf8(n).ok()?.parse().ok()).unwrap_or(0);
        }
        if is("auth") && !self.settings.resp2 {
            // Before the password the server may have refused HELLO; without it replies are RESP2's.
            let _ = oneshot::ask(&self.client, &[b"HELLO".to_vec(), b"3".to_vec()]).await;
        }
    }

    fn complain(&mut self, error: &Error) {
        if !self.client.is_connected() {
            self.in_transaction = false;
        }
        let style = if self.settings.style.colour { AnsiColor::Red.on_default() } else { Style::new() };
        say(&format!("{style}{}{style:#}", explain::problem(error, &self.settings)));
    }
}

fn say(text: &str) {
    print(format!("{text}\n").as_bytes());
}

fn print(bytes: &[u8]) {
    // A terminal that is gone ends the editor as well.
    let mut out = stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}
