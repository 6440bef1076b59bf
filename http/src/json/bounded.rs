//! Lists and objects of which no more is kept than one request may have.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// A list's elements, and one more than there may be where there are too many: whoever asks for them looks at how many they are.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Vec<T>, D::Error> {
    json.deserialize_seq(List(PhantomData))
}

/// The same of an object's fields, the last one of each name.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    json: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    json.deserialize_map(Object(PhantomData))
}

struct List<T>(PhantomData<T>);
struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut json: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        while values.len() <= limits::VALUES {
            match json.next_element()? {
                Some(value) => values.push(value),
                None => return Ok(values),
            }
        }
        while json.next_element::<IgnoredAny>()?.is_some() {}
        Ok(values)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut json: A) -> Result<BTreeMap<String, T>, A::Error> {
        let mut fields = BTreeMap::new();
        while fields.len() <= limits::VALUES {
            match json.next_entry()? {
                Some((name, value)) => _ = fields.insert(name, value),
                None => return Ok(fields),
            }
        }
        while json.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_list(count: usize) -> String {
        format!("[{}]", vec!["1"; count].join(","))
    }

    fn json_object(count: usize) -> String {
        let fields: Vec<String> = (0..count).map(|n| format!("\"{n}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    }

    #[test]
    fn of_too_many_one_is_kept_to_tell() {
        let most = limits::VALUES;
        for (count, kept) in [(0, 0), (3, 3), (most, most), (most + 1, most + 1), (most + 1000, most + 1)] {
            let (a_list, an_object) = (json_list(count), json_object(count));
            let values: Vec<u8> = list(&mut serde_json::Deserializer::from_str(&a_list)).unwrap();
            let fields: BTreeMap<String, u8> =
                object(&mut serde_json::Deserializer::from_str(&an_object)).unwrap();
            assert_eq!((values.len(), fields.len()), (kept, kept), "{count}");
        }
    }

    #[test]
    fn forms_that_are_wrong_are_refused() {
        for bad in ["{}", "1", "[1", "[1,]", "[\"x\"]"] {
            assert!(list::<_, u8>(&mut serde_json::Deserializer::from_str(bad)).is_err(), "{bad}");
        }
        for bad in ["[]", "1", "{\"a\":1", "{\"a\"}", "{\"a\":\"x\"}"] {
            assert!(object::<_, u8>(&mut serde_json::Deserializer::from_str(bad)).is_err(), "{bad}");
        }
    }
}
