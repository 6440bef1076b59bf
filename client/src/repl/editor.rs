//! The line editor, on a thread of its own.

use std::sync::mpsc as blocking;
use std::thread;

use ringtail_net::Problem;
use ringtail_net::secret::Secret;
use rustyline::config::{Behavior, BellStyle, ColorMode};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config};
use tokio::sync::mpsc;

use super::helper::{Masked, ReplHelper};
use super::history;
use super::keys::Keys;
use crate::words::commands;

/// What the user entered.
pub(crate) enum Line {
    /// One command, or several when lines were pasted.
    Commands(String),
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// This side of the editor's thread.
pub(crate) struct Editor {
    prompts: blocking::Sender<String>,
    lines: mpsc::Receiver<Line>,
}

impl Editor {
    /// Starts the thread and reads the history.
    ///
    /// # Errors
    /// The terminal can't be used.
    pub(super) fn start(colour: bool, keys: Keys) -> Result<Self, Problem> {
        let editor = open(colour, keys).map_err(|error| unusable(&error))?;
        let (prompts, wanted) = blocking::channel();
        let (sender, lines) = mpsc::channel(1);
        thread::Builder::new()
            .name("editor".into())
            .spawn(move || edit(editor, &wanted, &sender))
            .map_err(|error| Problem::new(error.to_string(), "free some memory or threads"))?;
        Ok(Self { prompts, lines })
    }

    /// The next line; `None` when the thread has ended.
    pub(crate) async fn read(&mut self, prompt: String) -> Option<Line> {
        self.prompts.send(prompt).ok()?;
        self.lines.recv().await
    }
}

type LineEditor = rustyline::Editor<ReplHelper, FileHistory>;

fn open(colour: bool, keys: Keys) -> rustyline::Result<LineEditor> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(history::LINES)?
        .bell_style(BellStyle::None)
        .color_mode(if colour { ColorMode::Enabled } else { ColorMode::Disabled })
        .build();
    let mut editor = LineEditor::with_config(config)?;
    editor.set_helper(Some(ReplHelper::new(keys)));
    if let Some(path) = history::file() {
        // No history yet, or one that can't be read, is no reason not to start.
        let _ = editor.load_history(&path);
    }
    Ok(editor)
}

/// Reads a line for every prompt, until either side ends.
fn edit(mut editor: LineEditor, prompts: &blocking::Receiver<String>, lines: &mpsc::Sender<Line>) {
    while let Ok(prompt) = prompts.recv() {
        let line = read(&mut editor, &prompt);
        let last = matches!(line, Line::End);
        if lines.blocking_send(line).is_err() || last {
            return;
        }
    }
}

/// A line that is not empty; Ctrl-C abandons a line.
fn read(editor: &mut LineEditor, prompt: &str) -> Line {
    loop {
        match editor.readline(prompt) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                commands(&line).into_iter().for_each(|command| remember(editor, command));
                return Line::Commands(line);
            }
            Err(ReadlineError::Interrupted) => {}
            Err(_) => return Line::End,
        }
    }
}

fn remember(editor: &mut LineEditor, line: &str) {
    if !history::may_keep(line) || !matches!(editor.add_history_entry(line), Ok(true)) {
        return;
    }
    if let Some(path) = history::file() {
        // The history is a convenience: a full disk shall not get in the way.
        let _ = history::prepare(&path).map(|()| editor.append_history(&path));
    }
}

/// Asks for a password on the terminal, whatever stdin and stdout are, showing nothing of it.
pub(crate) fn ask_password() -> Result<Secret, Problem> {
    if shows_everything(&std::env::var("TERM").unwrap_or_default()) {
        return Err(Problem::new(
            "this terminal would show the password",
            "use --password-file, or set TERM",
        ));
    }
    let config = Config::builder()
        .behavior(Behavior::PreferTerm)
        .color_mode(ColorMode::Forced)
        .auto_add_history(false)
        .build();
    let mut editor =
        rustyline::Editor::<Masked, FileHistory>::with_config(config).map_err(|error| unusable(&error))?;
    editor.set_helper(Some(Masked));
    match editor.readline("Password: ") {
        Ok(password) => Ok(Secret::new(password)),
        Err(ReadlineError::Interrupted | ReadlineError::Eof) => {
            Err(Problem::new("no password was given", "type it, or use --password-file"))
        }
        Err(error) => Err(unusable(&error)),
    }
}

/// Terminals that rustyline leaves as they are, with echo.
fn shows_everything(term: &str) -> bool {
    ["dumb", "cons25", "emacs"].iter().any(|plain| term.eq_ignore_ascii_case(plain))
}

fn unusable(error: &ReadlineError) -> Problem {
    Problem::new(format!("the terminal cannot be used: {error}"), "give a command as arguments, or by a pipe")
}
