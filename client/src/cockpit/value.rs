//! What is in replies that are maps of names.

use ringtail::Value;

/// The value under `name`.
pub(super) fn field<'v>(map: &'v Value, name: &str) -> Option<&'v Value> {
    map.as_pairs()?.into_iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

/// The text under `name`; empty if there is none.
pub(super) fn text(map: &Value, name: &str) -> String {
    field(map, name)
        .and_then(Value::as_bytes)
        .map_or(String::new(), |text| String::from_utf8_lossy(text).into_owned())
}

/// The whole number under `name`; 0 if there is none.
pub(super) fn number(map: &Value, name: &str) -> u64 {
    field(map, name).and_then(Value::as_int).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

/// A number with a fraction under `name`, as RESP3 has it or as text.
pub(super) fn decimal(map: &Value, name: &str) -> Option<f64> {
    match field(map, name)?.plain() {
        Value::Double(n) => Some(*n),
        Value::Int(n) => Some(*n as f64),
        value => value.as_str()?.parse().ok(),
    }
}

/// The elements under `name`.
pub(super) fn items<'v>(map: &'v Value, name: &str) -> &'v [Value] {
    field(map, name).and_then(Value::as_array).unwrap_or_default()
}
