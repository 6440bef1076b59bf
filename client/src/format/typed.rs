//! Replies for people: types, quotes, numbering.

use anstyle::{AnsiColor, Style};
use ringtail::Value;

use super::{double, quote};

/// Appends the value and a line end.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value, colour: bool) {
    Typed { out, colour }.value(value, 0);
}

struct Typed<'o> {
    out: &'o mut Vec<u8>,
    colour: bool,
}

impl Typed<'_> {
    /// One value, whose lines after the first begin with `indent` spaces.
    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.line(b"(nil)"),
            Value::Simple(text) | Value::Verbatim { text, .. } => self.line(&harmless(text)),
            Value::Error(text) => self.error(text),
            Value::Int(n) => self.line(format!("(integer) {n}").as_bytes()),
            Value::Bulk(bytes) => {
                quote(self.out, bytes);
                self.line(b"");
            }
            Value::Double(n) => self.line(&[b"(double) ", &double(*n)[..]].concat()),
            Value::Bool(yes) => self.line(if *yes { b"(true)" } else { b"(false)" }),
            Value::BigNumber(digits) => self.line(format!("(big number) {digits}").as_bytes()),
            Value::Array(items) => self.items(items, ')', "(empty array)", indent),
            Value::Set(items) => self.items(items, '~', "(empty set)", indent),
            Value::Push(items) => self.items(items, '>', "(empty push)", indent),
            Value::Map(pairs) => self.pairs(pairs, indent),
            Value::Attributed { value, .. } => self.value(value, indent),
        }
    }

    fn items(&mut self, items: &[Value], mark: char, empty: &str, indent: usize) {
        if items.is_empty() {
            return self.line(empty.as_bytes());
        }
        let width = digits(items.len());
        for (i, item) in items.iter().enumerate() {
            self.number(i, width, mark, indent);
            self.value(item, indent + width + 2);
        }
    }

    fn pairs(&mut self, pairs: &[(Value, Value)], indent: usize) {
        if pairs.is_empty() {
            return self.line(b"(empty hash)");
        }
        let width = digits(pairs.len());
        for (i, (key, value)) in pairs.iter().enumerate() {
            self.number(i, width, '#', indent);
            self.value(key, indent + width + 2);
            // The key's line goes on with its value.
            self.out.pop();
            self.out.extend_from_slice(b" => ");
            let start = self.out.len();
            self.value(value, indent + width + 2);
            self.break_if_long(start, indent + width + 2);
        }
    }

    /// A value of several lines starts on a line of its own.
    fn break_if_long(&mut self, start: usize, indent: usize) {
        if self.out[start..self.out.len() - 1].contains(&b'\n') {
            self.out.splice(start..start, format!("\n{:indent$}", "").into_bytes());
        }
    }

    fn number(&mut self, i: usize, width: usize, mark: char, indent: usize) {
        let indent = if i == 0 { 0 } else { indent };
        self.out.extend_from_slice(format!("{:indent$}{:>width$}{mark} ", "", i + 1).as_bytes());
    }

    fn error(&mut self, text: &[u8]) {
        let style = if self.colour { AnsiColor::Red.on_default() } else { Style::new() };
        self.out.extend_from_slice(format!("{style}(error) ").as_bytes());
        self.out.extend_from_slice(&harmless(text));
        self.line(format!("{style:#}").as_bytes());
    }

    fn line(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
        self.out.push(b'\n');
    }
}

fn digits(n: usize) -> usize {
    n.to_string().len()
}

/// Text that stands on the terminal as it came, of more lines than one, without what else a terminal would obey.
fn harmless(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let keep = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().map(|c| if keep(c) { c } else { '\u{fffd}' }).collect::<String>().into_bytes()
}
