//! Percent-encoding, strictly: what is malformed is refused, and any byte may be meant.

use crate::problem::Problem;

/// The bytes of a path's segment.
pub(crate) fn segment(text: &str) -> Result<Vec<u8>, Problem> {
    decode(text, false)
}

fn decode(text: &str, plus_is_space: bool) -> Result<Vec<u8>, Problem> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    Ok(decoded)
}

fn hex(digit: Option<u8>) -> Result<u8, Problem> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16));
    value
        .map(|value| value as u8)
        .ok_or_else(|| Problem::bad("a % must be followed by two hexadecimal digits"))
}

/// What stands behind the `?`, each name once.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, Vec<u8>)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut query = Self::default();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decode(name, true)?;
            let name =
                String::from_utf8(name).map_err(|_| Problem::bad("a parameter's name is not UTF-8"))?;
            if query.0.iter().any(|(known, _)| *known == name) {
                return Err(Problem::bad(format!("the parameter {name:?} is given twice")));
            }
            query.0.push((name, decode(value, true)?));
        }
        Ok(query)
    }

    /// Takes a parameter out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// A parameter that must be there.
    pub(crate) fn need(&mut self, name: &str) -> Result<Vec<u8>, Problem> {
        self.take(name).ok_or_else(|| Problem::bad(format!("missing parameter: {name}")))
    }

    /// A parameter that is text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let text = self.take(name).map(String::from_utf8).transpose();
        text.map_err(|_| Problem::bad(format!("the parameter {name} is not UTF-8")))
    }

    /// A parameter that is a whole number.
    pub(crate) fn int(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let number = ringtail_protocol::number::parse_i64(&text);
        number.map(Some).ok_or_else(|| Problem::bad(format!("the parameter {name} is no whole number")))
    }

    /// A parameter that is there or not: `?nx`, `?nx=true`.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take(name).as_deref() {
            None | Some(b"false" | b"0") => Ok(false),
            Some(b"" | b"true" | b"1") => Ok(true),
            Some(_) => Err(Problem::bad(format!("the parameter {name} is true or false"))),
        }
    }

    /// What is left, in order.
    pub(crate) fn rest(self) -> Vec<(String, Vec<u8>)> {
        self.0
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::bad(format!("unknown parameter: {name:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_may_be_any_bytes() {
        assert_eq!(segment("a%2Fb%00%ff+").unwrap(), b"a/b\0\xff+");
        for bad in ["%", "%1", "%zz", "a%2"] {
            assert!(segment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_is_taken_whole_or_refused() {
        let mut query = Query::parse("key=a+b%26&nx&ttl=5&&empty=").unwrap();
        assert_eq!(query.take("key").unwrap(), b"a b&");
        assert!(query.flag("nx").unwrap() && !query.flag("xx").unwrap());
        assert_eq!(query.int("ttl").unwrap(), Some(5));
        assert!(query.need("gone").unwrap_err().detail.contains("gone"));
        assert!(query.end().unwrap_err().detail.contains("empty"));
        assert!(Query::parse("a=1&a=2").is_err(), "twice");
        assert!(Query::parse("%ff=1").is_err(), "no text");
        assert!(Query::parse("flag=maybe").unwrap().flag("flag").is_err());
    }
}
