use crate::resp::{Value, escape};
use std::fmt;

/// What a reply must look like. A pattern is written once, in RESP3's types;
/// on a RESP2 session it stands for what those types become there.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// Exactly this.
    Is(Value),
    /// Any reply that is no error.
    Any,
    /// Any integer within these, both included.
    Between(i64, i64),
    /// A string (bulk or verbatim) that this glob matches.
    Like(String),
    /// An error that this glob matches.
    ErrorLike(String),
    /// These items in this order; `true` when more may follow.
    List(Vec<Pattern>, bool),
    /// These items in any order.
    Unordered(Vec<Pattern>),
    /// A set: any order, an array in RESP2.
    Set(Vec<Pattern>),
    /// These pairs in any order, flat in RESP2; `true` when there may be more.
    Map(Vec<(Pattern, Pattern)>, bool),
    /// One of these.
    Either(Vec<Pattern>),
}

impl Pattern {
    /// Whether this is how the reply looks. `resp3` is the session's protocol.
    pub fn matches(&self, got: &Value, resp3: bool) -> bool {
        match (self, got) {
            (Pattern::Any, got) => got.error().is_none(),
            (Pattern::Either(these), got) => these.iter().any(|p| p.matches(got, resp3)),
            (Pattern::Between(low, high), Value::Int(n)) => (low..=high).contains(&n),
            (Pattern::Like(glob), Value::Bulk(b) | Value::Verbatim(_, b)) => glob_matches(glob.as_bytes(), b),
            (Pattern::ErrorLike(glob), Value::Error(e)) => glob_matches(glob.as_bytes(), e.as_bytes()),
            (Pattern::List(want, more), Value::Array(got) | Value::Push(got)) => {
                in_order(want, got, *more, resp3)
            }
            (Pattern::Unordered(want), Value::Array(got)) => in_any_order(want, got, resp3),
            (Pattern::Set(want), Value::Set(got)) if resp3 => in_any_order(want, got, resp3),
            (Pattern::Set(want), Value::Array(got)) if !resp3 => in_any_order(want, got, resp3),
            (Pattern::Map(want, more), Value::Map(got)) if resp3 => has_pairs(want, got, *more, resp3),
            (Pattern::Map(want, more), Value::Array(got)) if !resp3 => {
                has_pairs(want, &paired(got), *more, resp3)
            }
            (Pattern::Is(want), got) => as_sent(want, resp3) == *got,
            _ => false,
        }
    }
}

/// What a RESP3 value becomes on a session of this protocol.
fn as_sent(value: &Value, resp3: bool) -> Value {
    match value {
        Value::NilArray if resp3 => Value::Nil,
        _ if resp3 => value.clone(),
        Value::Double(text) | Value::BigNumber(text) => Value::Bulk(text.clone().into_bytes()),
        Value::Bool(b) => Value::Int(i64::from(*b)),
        Value::Verbatim(_, text) => Value::Bulk(text.clone()),
        _ => value.clone(),
    }
}

fn in_order(want: &[Pattern], got: &[Value], more: bool, resp3: bool) -> bool {
    let enough = if more { got.len() >= want.len() } else { got.len() == want.len() };
    enough && want.iter().zip(got).all(|(w, g)| w.matches(g, resp3))
}

fn in_any_order(want: &[Pattern], got: &[Value], resp3: bool) -> bool {
    want.len() == got.len() && all_found(want, got, |w, g| w.matches(g, resp3))
}

fn has_pairs(want: &[(Pattern, Pattern)], got: &[(Value, Value)], more: bool, resp3: bool) -> bool {
    let enough = if more { got.len() >= want.len() } else { got.len() == want.len() };
    enough && all_found(want, got, |(wk, wv), (gk, gv)| wk.matches(gk, resp3) && wv.matches(gv, resp3))
}

/// Whether each wanted one finds a partner of its own.
fn all_found<W, G>(want: &[W], got: &[G], same: impl Fn(&W, &G) -> bool) -> bool {
    let mut left: Vec<&G> = got.iter().collect();
    want.iter().all(|w| match left.iter().position(|g| same(w, g)) {
        Some(i) => {
            left.swap_remove(i);
            true
        }
        None => false,
    })
}

fn paired(flat: &[Value]) -> Vec<(Value, Value)> {
    flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// A glob of `*` and literal bytes.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    match glob.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob_matches(rest, &text[skip..])),
        Some((byte, rest)) => text.first() == Some(byte) && glob_matches(rest, &text[1..]),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Is(value) => write!(f, "{value}"),
            Pattern::Any => f.write_str("any"),
            Pattern::Between(i64::MIN, i64::MAX) => f.write_str("int"),
            Pattern::Between(low, high) => write!(f, "{low}..{high}"),
            Pattern::Like(glob) => write!(f, "~{}", escape(glob.as_bytes())),
            Pattern::ErrorLike(glob) => write!(f, "-~{glob}"),
            Pattern::List(items, more) => write!(f, "[{}{}]", joined(items), dots(*more)),
            Pattern::Unordered(items) => write!(f, "unordered [{}]", joined(items)),
            Pattern::Set(items) => write!(f, "~[{}]", joined(items)),
            Pattern::Map(pairs, more) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}: {v}")).collect();
                write!(f, "{{{}{}}}", pairs.join(", "), dots(*more))
            }
            Pattern::Either(these) => {
                let these: Vec<String> = these.iter().map(Pattern::to_string).collect();
                f.write_str(&these.join(" | "))
            }
        }
    }
}

fn joined(items: &[Pattern]) -> String {
    items.iter().map(Pattern::to_string).collect::<Vec<_>>().join(", ")
}

fn dots(more: bool) -> &'static str {
    if more { ", ..." } else { "" }
}
