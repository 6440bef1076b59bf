//! What the line editor asks while a line is typed.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::colour::coloured;
use super::complete::completions;
use super::hint::hint;
use super::keys::Keys;
use crate::words::{BadQuotes, split};

const PROMPT: Style = AnsiColor::Cyan.on_default().bold();
const LOST: Style = AnsiColor::Red.on_default();
const HINT: Style = AnsiColor::BrightBlack.on_default();

/// Completion, hints, colours, and lines that go on, from the command table.
pub(crate) struct ReplHelper {
    keys: Keys,
}

impl ReplHelper {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys }
    }
}

impl Helper for ReplHelper {}

impl Completer for ReplHelper {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let (start, mut found) = completions(&line[..pos]);
        found.extend(self.keys.complete(&line[..pos]));
        Ok((start, found))
    }
}

/// Shown behind the cursor, and never part of the line.
pub(crate) struct Shown(String);

impl Hint for Shown {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for ReplHelper {
    type Hint = Shown;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Shown> {
        if pos < line.len() { None } else { hint(line).map(Shown) }
    }
}

impl Highlighter for ReplHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(coloured(line))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let style = if prompt.starts_with("not connected") { LOST } else { PROMPT };
        Cow::Owned(format!("{style}{prompt}{style:#}"))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("{HINT}{hint}{HINT:#}"))
    }
}

impl Validator for ReplHelper {
    /// A quote left open goes on in the next line.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match split(context.input().as_bytes()) {
            Err(BadQuotes::Open) => ValidationResult::Incomplete,
            _ => ValidationResult::Valid(None),
        })
    }
}

/// Shows nothing of what is typed.
pub(crate) struct Masked;

impl Helper for Masked {}

impl Completer for Masked {
    type Candidate = String;
}

impl Hinter for Masked {
    type Hint = String;
}

impl Validator for Masked {}

impl Highlighter for Masked {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(" ".repeat(line.chars().count()))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}
