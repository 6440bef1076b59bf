//! Replies as JSON.

use ringtail::Value;

use super::double;

/// Appends the value without a line end.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Simple(bytes) | Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => string(out, bytes),
        Value::Error(text) => {
            out.extend_from_slice(b"{\"error\":");
            string(out, text);
            out.push(b'}');
        }
        Value::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Double(n) if n.is_finite() => out.extend_from_slice(&double(*n)),
        // JSON has no infinities.
        Value::Double(n) => string(out, &double(*n)),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Value::BigNumber(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => enclosed(out, b"[]", items, write),
        Value::Map(pairs) => enclosed(out, b"{}", pairs, member),
        Value::Attributed { value, .. } => write(out, value),
    }
}

fn enclosed<T>(out: &mut Vec<u8>, brackets: &[u8; 2], items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(brackets[0]);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(brackets[1]);
}

/// A name in JSON is a string: other keys become one.
fn member(out: &mut Vec<u8>, (key, value): &(Value, Value)) {
    match key.as_bytes() {
        Some(text) => string(out, text),
        None => {
            let mut text = Vec::new();
            write(&mut text, key);
            string(out, &text);
        }
    }
    out.push(b':');
    write(out, value);
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    out.extend_from_slice(serde_json::Value::from(text.as_ref()).to_string().as_bytes());
}
