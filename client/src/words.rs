//! Splits a line into words by redis-cli's rules of quoting.

/// Why a line is no list of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadQuotes {
    /// A quote has no end: another line may bring it.
    Open,
    /// Something follows a closing quote without a space between.
    Joined,
}

impl BadQuotes {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Open => "a quote is not closed",
            Self::Joined => "a closing quote must be followed by a space",
        }
    }
}

/// The words of a line. In double quotes `\n \r \t \a \b \xHH` and `\` before any other byte have a meaning, in single
/// quotes only `\'` has.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, BadQuotes> {
    let mut words = Vec::new();
    let mut rest = skip_spaces(line);
    while !rest.is_empty() {
        let mut word = Vec::new();
        rest = skip_spaces(take_word(rest, &mut word)?);
        words.push(word);
    }
    Ok(words)
}

/// The commands of a text of several lines, as it is pasted: a line ends its command unless a quote is open.
pub(crate) fn commands(text: &str) -> Vec<&str> {
    let (mut commands, mut start) = (Vec::new(), 0);
    for (end, _) in text.match_indices('\n').chain([(text.len(), "")]) {
        let open = split(&text.as_bytes()[start..end]) == Err(BadQuotes::Open) && end < text.len();
        if !open {
            commands.push(text[start..end].trim());
            start = end + 1;
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0)
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&b| !is_space(b)).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Appends one word, and returns what follows it.
fn take_word<'b>(mut rest: &'b [u8], word: &mut Vec<u8>) -> Result<&'b [u8], BadQuotes> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'"' => return ended(double_quoted(after, word)?),
            b'\'' => return ended(single_quoted(after, word)?),
            byte if is_space(byte) => return Ok(rest),
            byte => {
                word.push(byte);
                after
            }
        };
    }
    Ok(rest)
}

/// A closing quote ends its word.
fn ended(rest: &[u8]) -> Result<&[u8], BadQuotes> {
    if rest.first().is_none_or(|&b| is_space(b)) { Ok(rest) } else { Err(BadQuotes::Joined) }
}

fn double_quoted<'b>(mut rest: &'b [u8], word: &mut Vec<u8>) -> Result<&'b [u8], BadQuotes> {
    loop {
        rest = match rest {
            [] => return Err(BadQuotes::Open),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                word.push(unescaped(*escaped));
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        };
    }
}

fn single_quoted<'b>(mut rest: &'b [u8], word: &mut Vec<u8>) -> Result<&'b [u8], BadQuotes> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(BadQuotes::Open),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 0x07,
        b'b' => 0x08,
        other => other,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Result<Vec<String>, BadQuotes> {
        Ok(split(line.as_bytes())?
            .into_iter()
            .map(|word| String::from_utf8_lossy(&word).into_owned())
            .collect())
    }

    #[test]
    fn quoting_is_redis_clis() {
        let cases: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("  get   k  ", &["get", "k"]),
            (r#"set k "a b""#, &["set", "k", "a b"]),
            (r#"set k 'it\'s \n'"#, &["set", "k", r"it's \n"]),
            (r#"set k "\x41\n\t\z\"""#, &["set", "k", "A\n\tz\""]),
            (r#"set k "\xZZ""#, &["set", "k", "xZZ"]),
            (r#"a"b c""#, &["ab c"]),
            (r#""" x"#, &["", "x"]),
            ("set k \"two\nlines\"", &["set", "k", "two\nlines"]),
        ];
        for (line, want) in cases {
            assert_eq!(words(line).unwrap(), want, "{line:?}");
        }
    }

    #[test]
    fn bad_quotes_are_told_apart() {
        for line in [r#"set k "open"#, "set k 'open", r#"set k "open\""#, r#"""#] {
            assert_eq!(words(line), Err(BadQuotes::Open), "{line:?}");
        }
        for line in [r#"set k "a"b"#, "'a''b'"] {
            assert_eq!(words(line), Err(BadQuotes::Joined), "{line:?}");
        }
    }

    #[test]
    fn pasted_lines_are_commands_of_their_own() {
        assert_eq!(commands("get a\r\n\nget b\n"), ["get a", "get b"]);
        assert_eq!(commands("set k \"two\nlines\"\nget k"), ["set k \"two\nlines\"", "get k"]);
        assert_eq!(commands("set k \"open\nget k"), ["set k \"open\nget k"]);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = split(&line);
        }

        #[test]
        fn a_quoted_word_comes_back(word in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut line = Vec::new();
            crate::format::quote(&mut line, &word);
            prop_assert_eq!(split(&line), Ok(vec![word]));
        }
    }
}
