//! Replies as comma-separated values, nested ones flat.

use ringtail::Value;

use super::{double, quote};

/// Appends the value without a line end.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Simple(bytes) | Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => quote(out, bytes),
        Value::Error(text) => {
            out.extend_from_slice(b"ERROR,");
            quote(out, text);
        }
        Value::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Double(n) => out.extend_from_slice(&double(*n)),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Value::BigNumber(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => fields(out, items.iter()),
        Value::Map(pairs) => fields(out, pairs.iter().flat_map(|(key, value)| [key, value])),
        Value::Attributed { value, .. } => write(out, value),
    }
}

fn fields<'v>(out: &mut Vec<u8>, items: impl Iterator<Item = &'v Value>) {
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}
