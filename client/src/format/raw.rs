//! Replies as their bytes: one element a line.

use ringtail::Value;

use super::double;

/// Appends the value without a line end; an error has its own, as redis-cli prints it.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => {}
        Value::Simple(bytes) | Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => {
            out.extend_from_slice(bytes);
        }
        Value::Error(text) => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        Value::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Double(n) => out.extend_from_slice(&double(*n)),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"(true)" } else { b"(false)" }),
        Value::BigNumber(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => lines(out, items.iter()),
        Value::Map(pairs) => lines(out, pairs.iter().flat_map(|(key, value)| [key, value])),
        Value::Attributed { value, .. } => write(out, value),
    }
}

fn lines<'v>(out: &mut Vec<u8>, items: impl Iterator<Item = &'v Value>) {
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        write(out, item);
    }
}
