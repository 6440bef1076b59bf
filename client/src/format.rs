//! Replies as text: for people, for other programs.

mod csv;
mod json;
mod raw;
mod typed;

use ringtail::Value;

/// How replies look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// With types, quotes and numbering, as redis-cli on a terminal.
    Typed,
    /// The bytes, as redis-cli in a pipe.
    Raw,
    Json,
    Csv,
}

/// The format, and whether it may be coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) colour: bool,
}

impl Style {
    /// The reply to `command` with its line end.
    pub(crate) fn render(self, command: &[Vec<u8>], value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => json::write(&mut out, value),
            Format::Csv => csv::write(&mut out, value),
            Format::Raw => raw::write(&mut out, value),
            Format::Typed if is_text(command) && value.as_bytes().is_some() => raw::write(&mut out, value),
            Format::Typed => typed::write(&mut out, value, self.colour),
        }
        let ended = match self.format {
            Format::Typed => out.ends_with(b"\n"),
            // A raw reply is followed by a line end, whatever it ends with; texts have theirs.
            _ => is_text(command) && out.ends_with(b"\n"),
        };
        if !ended {
            out.push(b'\n');
        }
        out
    }
}

/// Commands whose reply is a page to be read.
fn is_text(command: &[Vec<u8>]) -> bool {
    let is = |at: usize, names: &[&str]| {
        command
            .get(at)
            .is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes())))
    };
    is(0, &["info", "lolwut"])
        || (is(0, &["client"]) && is(1, &["list", "info"]))
        || (is(0, &["cluster"]) && is(1, &["nodes", "info"]))
        || (is(0, &["memory"]) && is(1, &["doctor", "malloc-stats"]))
        || (is(0, &["latency"]) && is(1, &["doctor", "graph"]))
}

/// Bytes in double quotes, so that they can be typed in again.
pub(crate) fn quote(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

/// A double as Redis writes it.
fn double(n: f64) -> Vec<u8> {
    let mut text = Vec::new();
    ringtail_protocol::number::write_f64(&mut text, n);
    text
}

#[cfg(test)]
mod tests;
