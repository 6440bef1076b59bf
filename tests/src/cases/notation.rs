use super::Pattern;
use crate::resp::Value;

type Parsed<T> = Result<T, String>;

/// The words of a command, quoted as in redis-cli: `"…"` with escapes, `'…'`
/// without.
pub fn split_words(text: &str) -> Parsed<Vec<Vec<u8>>> {
    let mut line = Line::new(text);
    let mut words = Vec::new();
    while !line.at_end() {
        words.push(line.word()?);
    }
    Ok(words)
}

/// A line that is read from left to right.
pub struct Line<'a> {
    rest: &'a str,
}

impl<'a> Line<'a> {
    /// The start of a line.
    pub fn new(text: &'a str) -> Line<'a> {
        Line { rest: text.trim() }
    }

    /// Whether nothing is left.
    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, to the end of the line.
    pub fn remainder(&mut self) -> &'a str {
        std::mem::take(&mut self.rest)
    }

    /// Takes `text` if it comes next.
    pub fn take(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn need(&mut self, text: &str) -> Parsed<()> {
        if self.take(text) { Ok(()) } else { Err(format!("expected {text:?} before {:?}", self.rest)) }
    }

    /// The next word of a command.
    pub fn word(&mut self) -> Parsed<Vec<u8>> {
        match self.rest.as_bytes().first() {
            Some(b'"') => self.quoted(),
            Some(b'\'') => self.literal(),
            _ => Ok(self.bare(|c| c.is_whitespace()).into()),
        }
    }

    fn bare(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn literal(&mut self) -> Parsed<Vec<u8>> {
        let body = &self.rest[1..];
        let end = body.find('\'').ok_or("an open quote")?;
        self.rest = body[end + 1..].trim_start();
        Ok(body[..end].into())
    }

    fn quoted(&mut self) -> Parsed<Vec<u8>> {
        let bytes = self.rest.as_bytes();
        let mut out = Vec::new();
        let mut i = 1;
        while let Some(&b) = bytes.get(i) {
            i += 1;
            match b {
                b'"' => {
                    self.rest = self.rest[i..].trim_start();
                    return Ok(out);
                }
                b'\\' => i += unescape(&bytes[i..], &mut out)?,
                _ => out.push(b),
            }
        }
        Err(format!("an open quote: {}", self.rest))
    }

    /// A whole reply, to the end of the line.
    pub fn reply(&mut self) -> Parsed<Pattern> {
        let mut these = vec![self.one_reply()?];
        while self.take("| ") {
            these.push(self.one_reply()?);
        }
        if !self.at_end() {
            return Err(format!("more than a reply: {:?}", self.rest));
        }
        Ok(if these.len() == 1 { these.remove(0) } else { Pattern::Either(these) })
    }

    fn one_reply(&mut self) -> Parsed<Pattern> {
        if let Some(glob) = self.rest.strip_prefix("-~") {
            self.rest = "";
            return Ok(Pattern::ErrorLike(glob.into()));
        }
        if self.rest.starts_with('-') && self.rest[1..].starts_with(|c: char| c.is_ascii_uppercase()) {
            return Ok(Pattern::Is(Value::Error(self.remainder()[1..].into())));
        }
        self.item()
    }

    fn item(&mut self) -> Parsed<Pattern> {
        if self.take("unordered ") {
            self.need("[")?;
            return Ok(Pattern::Unordered(self.list()?.0));
        }
        if self.take("~[") {
            return Ok(Pattern::Set(self.list()?.0));
        }
        if self.take("[") {
            let (items, more) = self.list()?;
            return Ok(Pattern::List(items, more));
        }
        if self.take("{") {
            return self.map();
        }
        if self.rest.starts_with("~\"") {
            self.rest = &self.rest[1..];
            return Ok(Pattern::Like(text(self.quoted()?)?));
        }
        if self.rest.starts_with("=\"") {
            self.rest = &self.rest[1..];
            return Ok(Pattern::Is(Value::Verbatim("txt".into(), self.quoted()?)));
        }
        if self.rest.starts_with('"') {
            return Ok(Pattern::Is(Value::Bulk(self.quoted()?)));
        }
        if self.rest.starts_with("-\"") {
            self.rest = &self.rest[1..];
            return Ok(Pattern::Is(Value::Error(text(self.quoted()?)?)));
        }
        if let Some(rest) = self.rest.strip_prefix('+') {
            self.rest = rest;
            let quoted = rest.starts_with('"');
            let simple = if quoted { text(self.quoted()?)? } else { self.scalar().into() };
            return Ok(Pattern::Is(Value::Simple(simple)));
        }
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Ok(Pattern::Is(Value::Double(self.scalar().into())));
        }
        keyword(self.scalar())
    }

    fn scalar(&mut self) -> &'a str {
        self.bare(|c| c.is_whitespace() || matches!(c, ',' | ']' | '}' | ':'))
    }

    fn list(&mut self) -> Parsed<(Vec<Pattern>, bool)> {
        let mut items = Vec::new();
        loop {
            if self.take("]") {
                return Ok((items, false));
            }
            if self.take("...") {
                self.need("]")?;
                return Ok((items, true));
            }
            items.push(self.item()?);
            if !self.take(",") && !self.rest.starts_with(']') {
                return Err(format!("expected , or ] before {:?}", self.rest));
            }
        }
    }

    fn map(&mut self) -> Parsed<Pattern> {
        let mut pairs = Vec::new();
        loop {
            if self.take("}") {
                return Ok(Pattern::Map(pairs, false));
            }
            if self.take("...") {
                self.need("}")?;
                return Ok(Pattern::Map(pairs, true));
            }
            let key = self.item()?;
            self.need(":")?;
            pairs.push((key, self.item()?));
            if !self.take(",") && !self.rest.starts_with('}') {
                return Err(format!("expected , or }} before {:?}", self.rest));
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> Parsed<String> {
    String::from_utf8(bytes).map_err(|_| "a pattern is text".into())
}

fn keyword(word: &str) -> Parsed<Pattern> {
    Ok(match word {
        "any" => Pattern::Any,
        "int" => Pattern::Between(i64::MIN, i64::MAX),
        "nil" => Pattern::Is(Value::Nil),
        "nil*" => Pattern::Is(Value::NilArray),
        "#t" => Pattern::Is(Value::Bool(true)),
        "#f" => Pattern::Is(Value::Bool(false)),
        _ => return number(word).or_else(|| simple(word)).ok_or(format!("not a reply: {word:?}")),
    })
}

fn number(word: &str) -> Option<Pattern> {
    if let Some((low, high)) = word.split_once("..") {
        return Some(Pattern::Between(low.parse().ok()?, high.parse().ok()?));
    }
    word.parse().ok().map(|n| Pattern::Is(Value::Int(n)))
}

/// `OK`, `PONG`, `string`, `hash`: a word of letters is a simple string.
fn simple(word: &str) -> Option<Pattern> {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then(|| Pattern::Is(Value::Simple(word.into())))
}

/// Writes the byte that an escape stands for; returns how long the escape is
/// after its backslash.
fn unescape(rest: &[u8], out: &mut Vec<u8>) -> Parsed<usize> {
    let byte = match rest.first() {
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'a') => 7,
        Some(b'b') => 8,
        Some(b'x') => {
            let hex = rest.get(1..3).and_then(|h| std::str::from_utf8(h).ok());
            out.push(hex.and_then(|h| u8::from_str_radix(h, 16).ok()).ok_or("\\x needs two digits")?);
            return Ok(3);
        }
        Some(&other) => other,
        None => return Err("an open escape".into()),
    };
    out.push(byte);
    Ok(1)
}
