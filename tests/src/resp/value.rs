use std::fmt;

/// A reply, with every type of RESP2 and RESP3 kept apart: a test must see
/// whether a missing value came as `$-1`, `*-1` or `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `+OK`
    Simple(String),
    /// `-ERR …`
    Error(String),
    /// `:1`
    Int(i64),
    /// `$3`
    Bulk(Vec<u8>),
    /// `$-1`, or `_` in RESP3
    Nil,
    /// `*-1`
    NilArray,
    /// `*`
    Array(Vec<Value>),
    /// `%`
    Map(Vec<(Value, Value)>),
    /// `~`
    Set(Vec<Value>),
    /// `,` with the text as it was sent
    Double(String),
    /// `#t` and `#f`
    Bool(bool),
    /// `=`: format and text
    Verbatim(String, Vec<u8>),
    /// `(`
    BigNumber(String),
    /// `>`
    Push(Vec<Value>),
}

impl Value {
    /// The bytes of a string of any kind; `None` for what is no string.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bulk(b) | Value::Verbatim(_, b) => Some(b),
            Value::Simple(s) => Some(s.as_bytes()),
            _ => None,
        }
    }

    /// The text of a string reply. Panics on anything else, with the reply.
    pub fn text(&self) -> String {
        match self.bytes() {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => panic!("expected a string, got {self}"),
        }
    }

    /// The integer of an integer reply. Panics on anything else.
    pub fn int(&self) -> i64 {
        match self {
            Value::Int(n) => *n,
            other => panic!("expected an integer, got {other}"),
        }
    }

    /// The items of an array, set or push. Panics on anything else.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
            other => panic!("expected an array, got {other}"),
        }
    }

    /// The text of an error reply, if it is one.
    pub fn error(&self) -> Option<&str> {
        match self {
            Value::Error(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is `+OK`.
    pub fn is_ok(&self) -> bool {
        *self == Value::Simple("OK".into())
    }
}

/// Bytes in double quotes, with redis-cli's escapes.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &b in bytes {
        match b {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x20..=0x7e => out.push(b as char),
            _ => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push('"');
    out
}

/// The notation of the tables in `cases/`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(s) => f.write_str(s),
            Value::Error(s) => write!(f, "-{s}"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Bulk(b) => f.write_str(&escape(b)),
            Value::Nil => f.write_str("nil"),
            Value::NilArray => f.write_str("nil*"),
            Value::Array(items) => list(f, "[", items, "]"),
            Value::Set(items) => list(f, "~[", items, "]"),
            Value::Push(items) => list(f, ">[", items, "]"),
            Value::Map(pairs) => map(f, pairs),
            Value::Double(s) => write!(f, ",{s}"),
            Value::Bool(b) => f.write_str(if *b { "#t" } else { "#f" }),
            Value::Verbatim(kind, b) => write!(f, "={kind}:{}", escape(b)),
            Value::BigNumber(s) => write!(f, "({s}"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, open: &str, items: &[Value], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str(close)
}

fn map(f: &mut fmt::Formatter<'_>, pairs: &[(Value, Value)]) -> fmt::Result {
    f.write_str("{")?;
    for (i, (key, value)) in pairs.iter().enumerate() {
        write!(f, "{}{key}: {value}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str("}")
}
