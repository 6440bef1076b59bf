//! Answers as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ringtail_protocol::value::Value;

/// How strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As text, and what is not UTF-8 as `{"base64":"…"}`, as an argument may be.
    Text,
    /// As text, with what is not UTF-8 replaced.
    Lossy,
    /// As base64, all but the word OK of an answer that has no more to say.
    Base64,
}

/// Writes a value that is no error.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value, encoding: Encoding) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Simple(text) if text == b"OK" => out.extend_from_slice(b"\"OK\""),
        Value::Simple(bytes) | Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => {
            string(out, bytes, encoding);
        }
        // Within an answer, as from EXEC.
        Value::Error(line) => {
            out.extend_from_slice(b"{\"error\":");
            text_of(out, &String::from_utf8_lossy(line));
            out.push(b'}');
        }
        Value::Int(n) => out.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes()),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Value::Double(n) if n.is_finite() => {
            let text = serde_json::Number::from_f64(*n).map(|n| n.to_string());
            out.extend_from_slice(text.as_deref().unwrap_or("null").as_bytes());
        }
        // JSON has no words for these.
        Value::Double(n) if n.is_nan() => out.extend_from_slice(b"\"nan\""),
        Value::Double(n) => out.extend_from_slice(if *n > 0.0 { b"\"inf\"" } else { b"\"-inf\"" }),
        Value::BigNumber(digits) => text_of(out, digits),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => list(out, items, encoding),
        Value::Map(pairs) => map(out, pairs, encoding),
        Value::Attributed { value, .. } => write(out, value, encoding),
    }
}

fn list(out: &mut Vec<u8>, items: &[Value], encoding: Encoding) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item, encoding);
    }
    out.push(b']');
}

/// An object, unless some key is none that an object may have: then pairs.
fn map(out: &mut Vec<u8>, pairs: &[(Value, Value)], encoding: Encoding) {
    let is_name = |key: &[u8]| encoding != Encoding::Text || std::str::from_utf8(key).is_ok();
    let is_object = pairs.iter().all(|(key, _)| key.as_bytes().is_some_and(is_name));
    out.push(if is_object { b'{' } else { b'[' });
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if !is_object {
            out.push(b'[');
        }
        write(out, key, encoding);
        out.push(if is_object { b':' } else { b',' });
        write(out, value, encoding);
        if !is_object {
            out.push(b']');
        }
    }
    out.push(if is_object { b'}' } else { b']' });
}

fn string(out: &mut Vec<u8>, bytes: &[u8], encoding: Encoding) {
    match encoding {
        Encoding::Text => match std::str::from_utf8(bytes) {
            Ok(text) => text_of(out, text),
            // An error would come when the command has been run, and what it took out would be lost.
            Err(_) => {
                out.extend_from_slice(b"{\"base64\":");
                string(out, bytes, Encoding::Base64);
                out.push(b'}');
            }
        },
        Encoding::Lossy => text_of(out, &String::from_utf8_lossy(bytes)),
        Encoding::Base64 => {
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
    }
}

/// Writes a text as a JSON string.
pub(crate) fn text_of(out: &mut Vec<u8>, text: &str) {
    // Writing to memory can't fail.
    let _ = serde_json::to_writer(out, text);
}
