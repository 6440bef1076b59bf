//! One string of bytes out of JSON.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::commands::float;

/// What a value may be.
const FORMS: &str = "a string, a number, or {\"base64\":\"…\"}";

/// A string, a number as its digits, or `{"base64":"…"}`.
#[derive(Debug)]
pub(crate) struct Word(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Form)
    }
}

/// By hand: serde's own way with several forms takes in whatever comes, however much that is, before it looks which it is.
struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORMS)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word(text.as_bytes().to_vec()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Word, E> {
        Ok(Word(text.into_bytes()))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Word, E> {
        Ok(Word(n.to_string().into_bytes()))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Word, E> {
        Ok(Word(n.to_string().into_bytes()))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Word, E> {
        float(n).map(Word).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut json: A) -> Result<Word, A::Error> {
        let wrong = || A::Error::custom(format_args!("a value is {FORMS}"));
        if json.next_key::<String>()?.as_deref() != Some("base64") {
            return Err(wrong());
        }
        let text: String = json.next_value()?;
        if json.next_key::<IgnoredAny>()?.is_some() {
            return Err(wrong());
        }
        STANDARD.decode(text).map(Word).map_err(|_| A::Error::custom("a value is no base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms() {
        let words: Vec<Word> =
            serde_json::from_str(r#"["a", -1, 1.5, {"base64":"/w=="}, 18446744073709551615]"#).unwrap();
        let words: Vec<&[u8]> = words.iter().map(|word| &*word.0).collect();
        assert_eq!(words, [&b"a"[..], b"-1", b"1.5", b"\xff", b"18446744073709551615"]);
        for bad in [
            "18446744073709551616",
            "1e300",
            "null",
            "true",
            "[]",
            "{}",
            r#"{"base64":"?"}"#,
            r#"{"base64":"","x":1}"#,
        ] {
            assert!(serde_json::from_str::<Word>(bad).is_err(), "{bad}");
        }
    }

    /// What comes behind it is not looked at, and not kept.
    #[test]
    fn what_is_no_value_is_refused_where_it_begins() {
        for bad in ["[1,1,x", r#"{"x":[1,1,x"#] {
            let error = serde_json::from_str::<Word>(bad).unwrap_err();
            assert!(error.is_data() && error.column() < 6, "{error}");
        }
    }

    /// serde_json's own default is wrong in the last digit now and then.
    #[test]
    fn floats_are_the_nearest_to_what_was_sent() {
        let mut bits = 1_u64;
        for _ in 0..10_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(bits % (1 << 62));
            let text = format!("{value:e}");
            let word: Word = serde_json::from_str(&text).unwrap();
            let kept: f64 = String::from_utf8(word.0).unwrap().parse().unwrap();
            assert_eq!(kept, value, "{text}");
        }
    }
}
