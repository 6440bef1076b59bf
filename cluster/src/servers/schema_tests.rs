//! That the published schema and the parser agree. The few keywords that the schema uses are evaluated here.

use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::Servers;
use crate::limits::{DEFAULT_WEIGHT, MAX_MEMBERS, MAX_NAME, MAX_REPLICAS, MAX_WEIGHT};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../servers.schema.json")).unwrap()
}

struct Schema {
    root: Value,
}

impl Schema {
    /// Whether `value` keeps every keyword of `schema`. A keyword that is not known here fails the test.
    fn allows(&self, schema: &Value, value: &Value) -> bool {
        let keywords = schema.as_object().unwrap();
        keywords.iter().all(|(keyword, argument)| self.keyword(keyword, argument, schema, value))
    }

    fn keyword(&self, keyword: &str, argument: &Value, schema: &Value, value: &Value) -> bool {
        match keyword {
            "$schema" | "title" | "description" | "$defs" | "default" | "examples" => true,
            "$ref" => self.allows(self.root.pointer(&argument.as_str().unwrap()[1..]).unwrap(), value),
            "type" => has_type(argument.as_str().unwrap(), value),
            "items" => {
                value.as_array().is_none_or(|items| items.iter().all(|item| self.allows(argument, item)))
            }
            "contains" => {
                value.as_array().is_none_or(|items| items.iter().any(|item| self.allows(argument, item)))
            }
            "properties" => self.properties(argument, value),
            "additionalProperties" => only_known(schema, value),
            "dependentRequired" => dependent(argument, value),
            "required" => value.as_object().is_none_or(|object| has_all(object, argument)),
            "pattern" => {
                text(value).is_none_or(|text| Regex::new(argument.as_str().unwrap()).unwrap().is_match(text))
            }
            _ => bounded(keyword, argument, value),
        }
    }

    fn properties(&self, argument: &Value, value: &Value) -> bool {
        let present = |(name, schema)| value.get(name).is_none_or(|value| self.allows(schema, value));
        argument.as_object().unwrap().iter().all(present)
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "array" => value.is_array(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => panic!("type {name}"),
    }
}

fn only_known(schema: &Value, value: &Value) -> bool {
    assert_eq!(schema["additionalProperties"], false);
    value.as_object().is_none_or(|object| object.keys().all(|key| schema["properties"].get(key).is_some()))
}

fn has_all(object: &serde_json::Map<String, Value>, names: &Value) -> bool {
    names.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
}

fn dependent(argument: &Value, value: &Value) -> bool {
    let Some(object) = value.as_object() else { return true };
    let rules = argument.as_object().unwrap();
    rules.iter().all(|(name, needed)| !object.contains_key(name) || has_all(object, needed))
}

fn bounded(keyword: &str, argument: &Value, value: &Value) -> bool {
    let limit = argument.as_f64();
    let length = |count: Option<usize>| count.map(|count| count as f64);
    let items = length(value.as_array().map(Vec::len));
    let characters = length(text(value).map(|text| text.chars().count()));
    match keyword {
        "minItems" => items >= limit || items.is_none(),
        "maxItems" => items <= limit,
        "minLength" => characters >= limit || characters.is_none(),
        "maxLength" => characters <= limit,
        "minimum" => value.as_f64() >= limit || !value.is_number(),
        "exclusiveMinimum" => value.as_f64() > limit || !value.is_number(),
        "maximum" => value.as_f64() <= limit,
        "uniqueItems" => value.as_array().is_none_or(|items| is_unique(items)),
        _ => panic!("keyword {keyword}"),
    }
}

fn is_unique(items: &[Value]) -> bool {
    items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
}

/// One member with `fields` beside what it needs.
fn member(fields: &str) -> String {
    format!("[{{\"name\": \"m\", \"addr\": \"h:1\", {fields}}}]")
}

fn addressed(addr: &str) -> String {
    format!("[{{\"addr\": {addr:?}}}]")
}

fn good() -> Vec<String> {
    let mut good = vec![
        r#"[{"addr": "h:1"}]"#.into(),
        r#"[{"addr": "h:1", "weight": 0}, {"addr": "i:1"}]"#.into(),
        member(r#""weight": 1"#),
        member(r#""weight": 100000"#),
        member(r#""weight": 5e2"#),
        member(r#""weight": 500.0"#),
        member(r#""replicas": []"#),
        member(r#""replicas": ["i:1", "[::1]:1"]"#),
        include_str!("../../servers.json").into(),
    ];
    let addresses =
        ["10.0.0.1:1", "h:65535", "a-b.c_d.e1:9999", "1a:1", "1-2:1", "1.2.3.4a:10000", "[2001:db8::1]:3000"];
    good.extend(addresses.map(addressed));
    good
}

/// Refused by schema and parser.
fn bad() -> Vec<String> {
    let mut bad: Vec<String> = [
        "{}",
        "null",
        "[]",
        "[1]",
        "[{}]",
        r#"[{"addr": "h:1", "weight": 0}]"#,
        r#"[{"addr": "h:1", "wieght": 1}]"#,
        r#"[{"addr": "h:1", "replicas": []}]"#,
        r#"[{"addr": null}]"#,
        r#"[{"addr": "h:1", "name": null}]"#,
        r#"[{"addr": "h:1", "name": ""}]"#,
        r#"[{"addr": "h:1", "name": "a b"}]"#,
    ]
    .map(String::from)
    .into();
    let fields = [
        r#""weight": -1"#,
        r#""weight": 1.5"#,
        r#""weight": 100001"#,
        r#""weight": "1""#,
        r#""weight": null"#,
        r#""replicas": null"#,
        r#""replicas": "i:1""#,
        r#""replicas": [1]"#,
        r#""replicas": ["i"]"#,
        r#""replicas": ["i:1", "i:1"]"#,
    ];
    bad.extend(fields.map(member));
    let addresses =
        ["", "h", "h:", ":1", "h:0", "h:01", "h:65536", "h:100000", "::1:1", "[x]:1", "[::1]", "256.0.0.1:1"];
    bad.extend(addresses.map(addressed));
    bad.extend(
        ["1.2.3:1", "01.2.3.4:1", "-h:1", "h-:1", "h.:1", "a..b:1", "a b:1", "1:1", "a.1:1"].map(addressed),
    );
    bad.push(format!("[{}]", vec!["{\"addr\": \"h:1\"}"; MAX_MEMBERS + 1].join(",")));
    bad.push(format!("[{{\"addr\": \"h:1\", \"name\": \"{}\"}}]", "n".repeat(MAX_NAME + 1)));
    bad
}

/// What the schema's description says that it can't say.
fn beyond_the_schema() -> Vec<String> {
    let mut beyond = vec![
        r#"[{"addr": "h:1"}, {"addr": "h:1"}]"#.into(),
        r#"[{"addr": "h:1", "name": "a"}, {"addr": "i:1", "name": "a"}]"#.into(),
        member(r#""replicas": ["h:1"]"#),
    ];
    beyond.extend(["[1::2::3]:1", &format!("1{}:1", "a".repeat(63))].map(addressed));
    beyond
}

#[test]
fn schema_and_parser_agree() {
    let schema = Schema { root: schema() };
    let verdicts = |text: &str| {
        let value = serde_json::from_str(text).unwrap();
        (schema.allows(&schema.root, &value), Servers::parse(text.as_bytes(), Path::new("s")).is_ok())
    };
    let each = |examples: Vec<String>, expected| {
        examples
            .iter()
            .for_each(|text| assert_eq!(verdicts(text), expected, "(schema, parser) of {text:.300}"));
    };
    each(good(), (true, true));
    each(bad(), (false, false));
    each(beyond_the_schema(), (true, false));
}

#[test]
fn the_schema_has_the_limits_of_the_code() {
    let schema = schema();
    let number = |pointer: &str| schema.pointer(pointer).and_then(Value::as_u64).unwrap() as usize;
    assert_eq!(number("/maxItems"), MAX_MEMBERS);
    assert_eq!(number("/$defs/member/properties/name/maxLength"), MAX_NAME);
    assert_eq!(number("/$defs/member/properties/replicas/maxItems"), MAX_REPLICAS);
    assert_eq!(number("/$defs/member/properties/weight/maximum"), MAX_WEIGHT as usize);
    assert_eq!(number("/$defs/member/properties/weight/default"), DEFAULT_WEIGHT as usize);
}
