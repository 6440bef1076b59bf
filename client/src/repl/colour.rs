//! The colours of a line that is typed: the command, its options, what is quoted.

use anstyle::{AnsiColor, Style};
use ringtail_protocol::command::{Arg, ArgKind, lookup};

use super::hint::command_of;
use crate::cockpit;

const COMMAND: Style = AnsiColor::Cyan.on_default();
const OPTION: Style = AnsiColor::Yellow.on_default();
const QUOTED: Style = AnsiColor::Green.on_default();
const NUMBER: Style = AnsiColor::Magenta.on_default();

/// The same text, in colours.
pub(super) fn coloured(line: &str) -> String {
    let pieces = pieces(line);
    let words: Vec<&str> = pieces.iter().copied().filter(|piece| !is_space(piece)).collect();
    let typed: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let found = command_of(&typed);
    let names =
        found.map_or(usize::from(is_own(words.first().copied())), |(_, args)| typed.len() - args.len());
    let mut number = 0;
    let mut out = String::new();
    for piece in pieces {
        if is_space(piece) {
            out += piece;
            continue;
        }
        let style = match found {
            _ if number < names => Some(COMMAND),
            _ if piece.starts_with(['"', '\'']) => Some(QUOTED),
            Some((command, _)) if command.args.iter().any(|arg| has_token(arg, piece)) => Some(OPTION),
            None if names > 0 && piece.starts_with("--") => Some(OPTION),
            _ if piece.parse::<f64>().is_ok() => Some(NUMBER),
            _ => None,
        };
        out += &style.map_or(piece.to_owned(), |style| format!("{style}{piece}{style:#}"));
        number += 1;
    }
    out
}

/// Commands that no server knows.
fn is_own(word: Option<&str>) -> bool {
    word.is_some_and(|word| lookup(word.as_bytes()).is_none() && cockpit::names().any(|name| name == word))
}

fn is_space(piece: &str) -> bool {
    piece.starts_with([' ', '\t', '\n', '\r'])
}

/// Words and what is between them, in turn; a quoted word is one.
fn pieces(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => quoted_end(rest, first),
            _ if is_space(rest) => rest.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(rest.len()),
            _ => rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len()),
        };
        let (piece, behind) = rest.split_at(end.max(first.len_utf8()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Where a word that begins with a quote ends.
fn quoted_end(text: &str, quote: char) -> usize {
    let mut escaped = true;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return at + 1;
        }
        // The opening quote escapes nothing but itself.
        escaped = at > 0 && c == '\\' && !escaped;
    }
    text.len()
}

fn has_token(arg: &Arg, word: &str) -> bool {
    arg.token.is_some_and(|token| token.eq_ignore_ascii_case(word))
        || (matches!(arg.kind, ArgKind::OneOf | ArgKind::Block)
            && arg.args.iter().any(|inner| has_token(inner, word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut inside = false;
        let keep = |c: &char| match c {
            '\x1b' => {
                inside = true;
                false
            }
            'm' if inside => {
                inside = false;
                false
            }
            _ => !inside,
        };
        text.chars().filter(keep).collect()
    }

    #[test]
    fn the_text_stays_what_it_is() {
        for line in [
            "set k \"a b\" EX 10",
            "  get  'x\\'y' ",
            "nosuch \"open",
            "plan f --json",
            "",
            "\"",
            "é \"ü\\\"\" ",
            "a\tb",
        ] {
            assert_eq!(plain(&coloured(line)), line);
        }
    }

    #[test]
    fn commands_options_and_quotes_stand_out() {
        let line = coloured("set k \"a b\" EX 10");
        for part in [
            format!("{COMMAND}set{COMMAND:#}"),
            format!("{QUOTED}\"a b\"{QUOTED:#}"),
            format!("{OPTION}EX{OPTION:#}"),
            format!("{NUMBER}10{NUMBER:#}"),
        ] {
            assert!(line.contains(&part), "{line:?}");
        }
        assert_eq!(coloured("nosuch k"), "nosuch k");
        assert!(coloured("client list").contains(&format!("{COMMAND}list{COMMAND:#}")));
        assert!(coloured("plan f --json").contains(&format!("{OPTION}--json{OPTION:#}")));
    }
}
