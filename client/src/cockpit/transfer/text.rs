//! Bytes in JSON: a string if they are UTF-8, else `{"base64":"…"}`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that may be no text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text(pub(super) Vec<u8>);

impl Text {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &STANDARD.encode(&self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or {\"base64\": \"…\"}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::of(text.as_bytes()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        let Some((name, encoded)) = map.next_entry::<String, String>()? else {
            return Err(A::Error::missing_field("base64"));
        };
        if name != "base64" || map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("bytes are {\"base64\": \"…\"} and nothing else"));
        }
        STANDARD.decode(encoded).map(Text).map_err(|error| A::Error::custom(format!("bad base64: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn bytes_come_back() {
        for (bytes, json) in
            [(&b"a\"\n"[..], r#""a\"\n""#), (b"", r#""""#), (b"\xff\x00", r#"{"base64":"/wA="}"#)]
        {
            let text = Text::of(bytes);
            assert_eq!(serde_json::to_string(&text).unwrap(), json);
            assert_eq!(serde_json::from_str::<Text>(json).unwrap(), text);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for json in ["1", "null", "{}", r#"{"base64":"?"}"#, r#"{"base64":"","x":""}"#, r#"{"b":"c"}"#, "[]"]
        {
            assert!(serde_json::from_str::<Text>(json).is_err(), "{json}");
        }
    }
}
