//! What may follow on the line, from the arguments in the command table.

use ringtail_protocol::command::{Arg, ArgFlags, ArgKind, Command, arg_syntax, lookup};

use crate::words::split;

/// The rest of the command's syntax, to be shown behind the cursor.
pub(crate) fn hint(line: &str) -> Option<String> {
    let typed = split(line.as_bytes()).ok()?;
    let (command, args) = command_of(&typed)?;
    let rest: Vec<String> = expected(command.args, args).into_iter().map(|next| next.syntax()).collect();
    let rest = match (rest.is_empty(), args.is_empty() && !command.subcommands().is_empty()) {
        (true, true) => "subcommand [argument ...]".into(),
        (true, false) => return None,
        (false, _) => rest.join(" "),
    };
    Some(if line.ends_with(' ') { rest } else { format!(" {rest}") })
}

/// The command or subcommand that the words name, and the words after it.
pub(crate) fn command_of(typed: &[Vec<u8>]) -> Option<(&'static Command, &[Vec<u8>])> {
    let (name, args) = typed.split_first()?;
    let command = lookup(name)?;
    match args.split_first().and_then(|(sub, args)| Some((command.subcommand(sub)?, args))) {
        Some(found) => Some(found),
        None => Some((command, args)),
    }
}

/// An argument that may come next.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    /// None of it is there yet.
    Whole(&'static Arg),
    /// It was given, and may be given again.
    Again(&'static Arg),
    /// The word before a value, when the argument was begun before it.
    Token(&'static Arg),
    /// The value, when its token or an earlier part of its block was given.
    Value(&'static Arg),
}

impl Expected {
    fn syntax(self) -> String {
        match self {
            Self::Whole(arg) => arg_syntax(arg),
            Self::Token(arg) => arg.token.unwrap_or_default().to_owned(),
            Self::Value(arg) => once(arg),
            Self::Again(arg) => {
                let token = arg.token.filter(|_| arg.flags.contains(ArgFlags::MULTIPLE_TOKEN));
                format!("[{}{} ...]", token.map(|token| format!("{token} ")).unwrap_or_default(), once(arg))
            }
        }
    }

    /// The argument itself.
    pub(crate) fn arg(self) -> &'static Arg {
        match self {
            Self::Whole(arg) | Self::Again(arg) | Self::Token(arg) | Self::Value(arg) => arg,
        }
    }
}

/// The argument without its token, brackets and repetition.
fn once(arg: &Arg) -> String {
    arg_syntax(&Arg {
        flags: ArgFlags::empty(),
        token: arg.token.filter(|_| arg.kind == ArgKind::PureToken),
        ..*arg
    })
}

/// What is left of `args` once the words are taken off.
pub(crate) fn expected(args: &'static [Arg], words: &[Vec<u8>]) -> Vec<Expected> {
    let mut left: Vec<Expected> = args.iter().map(Expected::Whole).collect();
    let mut words = words;
    while let Some(word) = words.first() {
        let Some(at) = taker(&left, word) else { return left };
        words = take(&mut left, at, words);
    }
    left
}

/// Which of the arguments takes the word: an option by its token, else the first that takes any word.
fn taker(left: &[Expected], word: &[u8]) -> Option<usize> {
    let by_token = left.iter().position(|next| starts_with_token(next.arg(), word));
    by_token.or_else(|| left.iter().position(|next| takes_any(next.arg())))
}

fn starts_with_token(arg: &Arg, word: &[u8]) -> bool {
    match (arg.token, arg.kind) {
        (Some(token), _) => token.as_bytes().eq_ignore_ascii_case(word),
        (None, ArgKind::OneOf) => arg.args.iter().any(|inner| starts_with_token(inner, word)),
        (None, ArgKind::Block) => arg.args.first().is_some_and(|inner| starts_with_token(inner, word)),
        (None, _) => false,
    }
}

fn takes_any(arg: &Arg) -> bool {
    match (arg.token, arg.kind) {
        (Some(_), _) => false,
        (None, ArgKind::OneOf) => arg.args.iter().any(takes_any),
        (None, ArgKind::Block) => arg.args.first().is_some_and(takes_any),
        (None, _) => true,
    }
}

/// Takes the words of the argument at `at` off, and returns those behind it. What is optional and stands before a
/// required argument that was given has been left out.
fn take<'w>(left: &mut Vec<Expected>, at: usize, words: &'w [Vec<u8>]) -> &'w [Vec<u8>] {
    let arg = left[at].arg();
    let is_option = arg.kind == ArgKind::PureToken || starts_with_token(arg, &words[0]);
    let parts = parts(arg, &words[0]);
    let taken = words.len().min(parts.len());
    let mut rest = parts[taken..].to_vec();
    if rest.is_empty() && arg.flags.contains(ArgFlags::MULTIPLE) {
        rest.push(Expected::Again(arg));
    }
    left.drain(if is_option { at } else { 0 }..=at);
    // What was begun comes next, before the options that may come at any place.
    left.splice(0..0, rest);
    &words[taken..]
}

/// One item for each word that the argument takes when it begins with `word`.
fn parts(arg: &'static Arg, word: &[u8]) -> Vec<Expected> {
    let mut parts = Vec::new();
    if arg.token.is_some() {
        parts.push(Expected::Token(arg));
    }
    match arg.kind {
        ArgKind::PureToken => {}
        ArgKind::Block => parts.extend(arg.args.iter().flat_map(|inner| self::parts(inner, word))),
        ArgKind::OneOf if arg.token.is_none() => {
            let chosen = arg.args.iter().find(|inner| starts_with_token(inner, word));
            let chosen = chosen.or_else(|| arg.args.iter().find(|inner| takes_any(inner)));
            parts.extend(chosen.map_or(vec![Expected::Value(arg)], |inner| self::parts(inner, word)));
        }
        _ => parts.push(Expected::Value(arg)),
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn the_rest_of_the_syntax_is_shown() {
        let cases = [
            ("get", Some(" key")),
            ("get ", Some("key")),
            ("GET k", None),
            ("mget a", Some(" [key ...]")),
            ("lrange l ", Some("start stop")),
            ("lrange l 0 -1", None),
            ("hset h", Some(" field value [field value ...]")),
            ("hset h f ", Some("value")),
            ("hset h f v ", Some("[field value ...]")),
            ("nosuch ", None),
            ("set k \"open", None),
            ("client ", Some("subcommand [argument ...]")),
            ("", None),
        ];
        for (line, want) in cases {
            assert_eq!(hint(line).as_deref(), want, "{line:?}");
        }
    }

    #[test]
    fn options_that_are_given_are_left_out() {
        let rest = hint("set k v ").unwrap();
        assert!(rest.contains("EX seconds") && rest.contains("[GET]") && rest.contains("NX"), "{rest}");
        let rest = hint("set k v nx ").unwrap();
        assert!(!rest.contains("NX") && rest.contains("EX seconds"), "{rest}");
        let rest = hint("set k v EX ").unwrap();
        assert!(rest.starts_with("seconds"), "{rest}");
        let rest = hint("set k v EX 10 ").unwrap();
        assert!(!rest.contains("seconds") && rest.contains("NX"), "{rest}");
    }
}
