//! One string of bytes out of JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::commands::float;

/// A string, a number as its digits, or `{"base64":"…"}`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Form")]
pub(crate) struct Word(pub(crate) Vec<u8>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a value is a string, a number, or {\"base64\":\"…\"}")]
enum Form {
    Text(String),
    Int(i64),
    Natural(u64),
    Number(f64),
    Bytes(Bytes),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    base64: String,
}

impl TryFrom<Form> for Word {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        Ok(Self(match form {
            Form::Text(text) => text.into_bytes(),
            Form::Int(n) => n.to_string().into_bytes(),
            Form::Natural(n) => n.to_string().into_bytes(),
            Form::Number(n) => float(n)?,
            Form::Bytes(Bytes { base64 }) => STANDARD.decode(base64).map_err(|_| "a value is no base64")?,
        }))
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

    /// serde_json's own default is wrong in the last digit now and then.
    #[test]
    fn floats_are_the_nearest_to_what_was_sent() {
        let mut bits = 1_u64;
        for _ in 0..10_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(bits % (1 << 62));
            let text = format!("{value:e}");
            let Ok(word) = serde_json::from_str::<Word>(&text) else { continue };
            let kept: f64 = String::from_utf8(word.0).unwrap().parse().unwrap();
            assert_eq!(kept, value, "{text}");
        }
    }
}
