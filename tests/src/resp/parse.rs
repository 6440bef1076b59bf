use super::Value;
use std::io::{Error, ErrorKind, Result};

/// Reads one reply from the front of `buf`: the reply and its length, or
/// `None` while it is incomplete. Attributes (`|`) are read and left out.
pub fn parse(buf: &[u8]) -> Result<Option<(Value, usize)>> {
    let mut cursor = Cursor { buf, pos: 0 };
    Ok(cursor.value()?.map(|value| (value, cursor.pos)))
}

struct Cursor<'a> {
    buf: &'a [u8],
    pos: usize,
}

impl Cursor<'_> {
    fn value(&mut self) -> Result<Option<Value>> {
        let Some(line) = self.line()? else { return Ok(None) };
        let Some(kind) = line.chars().next() else { return Err(bad("an empty line")) };
        let rest = &line[kind.len_utf8()..];
        Ok(Some(match kind {
            '+' => Value::Simple(rest.into()),
            '-' => Value::Error(rest.into()),
            ':' => Value::Int(number(rest)?),
            ',' => Value::Double(rest.into()),
            '(' => Value::BigNumber(rest.into()),
            '#' => Value::Bool(rest == "t"),
            '_' => Value::Nil,
            '$' | '=' => return self.bulk(kind, number(rest)?),
            '*' | '~' | '>' | '%' | '|' => return self.aggregate(kind, number(rest)?),
            _ => return Err(bad(&line)),
        }))
    }

    fn bulk(&mut self, kind: char, len: i64) -> Result<Option<Value>> {
        let Ok(len) = usize::try_from(len) else { return Ok(Some(Value::Nil)) };
        if self.buf.len() < self.pos + len + 2 {
            return Ok(None);
        }
        let body = self.buf[self.pos..self.pos + len].to_vec();
        if &self.buf[self.pos + len..self.pos + len + 2] != b"\r\n" {
            return Err(bad("a bulk string that does not end where it said"));
        }
        self.pos += len + 2;
        Ok(Some(if kind == '=' { verbatim(&body)? } else { Value::Bulk(body) }))
    }

    fn aggregate(&mut self, kind: char, len: i64) -> Result<Option<Value>> {
        let Ok(len) = usize::try_from(len) else { return Ok(Some(Value::NilArray)) };
        let count = if matches!(kind, '%' | '|') { len * 2 } else { len };
        let mut items = Vec::new();
        for _ in 0..count {
            match self.value()? {
                Some(item) => items.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(match kind {
            '*' => Value::Array(items),
            '~' => Value::Set(items),
            '>' => Value::Push(items),
            '%' => Value::Map(pairs(items)),
            _ => return self.value(),
        }))
    }

    fn line(&mut self) -> Result<Option<String>> {
        let rest = &self.buf[self.pos..];
        let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else { return Ok(None) };
        self.pos += end + 2;
        Ok(Some(String::from_utf8_lossy(&rest[..end]).into_owned()))
    }
}

fn pairs(items: Vec<Value>) -> Vec<(Value, Value)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
}

fn verbatim(body: &[u8]) -> Result<Value> {
    match body.iter().position(|&b| b == b':') {
        Some(3) => Ok(Value::Verbatim(String::from_utf8_lossy(&body[..3]).into(), body[4..].to_vec())),
        _ => Err(bad("a verbatim string without its format")),
    }
}

fn number(text: &str) -> Result<i64> {
    text.parse().map_err(|_| bad(text))
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a reply: {what:?}"))
}
