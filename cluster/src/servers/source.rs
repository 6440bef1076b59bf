//! The text of a file, and where in it a part of it is.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::refusal::{Fault, Place};

/// The text of a file. Everything parsed borrows from it, so that whatever turns out to be wrong later still
/// has a place.
pub(crate) struct Source<'a> {
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(contents: &'a [u8]) -> Result<Self, Fault> {
        match str::from_utf8(contents) {
            Ok(text) => Ok(Self { text }),
            Err(error) => Err(Fault {
                place: Some(place(contents, error.valid_up_to())),
                reason: "is not UTF-8".into(),
            }),
        }
    }

    /// The one JSON value that the file must be.
    pub(crate) fn parse_whole<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        serde_json::from_str(self.text).map_err(|error| self.fault_in(self.text, &error))
    }

    /// A part of the file as a `T`.
    pub(crate) fn parse<T: Deserialize<'a>>(&self, raw: &'a RawValue) -> Result<T, Fault> {
        serde_json::from_str(raw.get()).map_err(|error| self.fault_in(raw.get(), &error))
    }

    /// A fault of `part`, which must be a part of the file.
    pub(crate) fn fault_at(&self, part: &str, reason: impl Into<String>) -> Fault {
        Fault { place: Some(place(self.text.as_bytes(), self.offset(part))), reason: reason.into() }
    }

    /// A fault of the file as a whole: at its first value.
    pub(crate) fn fault_at_begin(&self, reason: impl Into<String>) -> Fault {
        self.fault_at(self.text.trim_start(), reason)
    }

    /// What the JSON parser says of `part`, with its line and column made the file's.
    fn fault_in(&self, part: &str, error: &serde_json::Error) -> Fault {
        let begin = place(self.text.as_bytes(), self.offset(part));
        let column = error.column().max(1);
        let place = match error.line() {
            0 | 1 => Place { line: begin.line, column: begin.column + column - 1 },
            line => Place { line: begin.line + line - 1, column },
        };
        Fault { place: Some(place), reason: without_place(error) }
    }

    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len())
    }
}

/// The parser's own words; it appends a place, which is that in the part it was given.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&suffix).unwrap_or(&text).to_owned()
}

fn place(contents: &[u8], offset: usize) -> Place {
    let before = &contents[..offset.min(contents.len())];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    Place { line, column }
}
