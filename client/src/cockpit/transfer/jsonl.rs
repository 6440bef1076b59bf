//! A key as a line of JSON.

use ringtail_backup::{Consumer, Counts, Group, Id, PendingEntry, Stream, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::strict;
use super::text::Text;
use super::{Entry, milliseconds, seconds};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: Text,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<f64>,
    #[serde(deserialize_with = "strict::json")]
    value: Json,
}

/// A field of a hash: name, value, and if it expires in how many seconds.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Field {
    Stays(Text, Text),
    Expires(Text, Text, f64),
}

/// Name, value, and when it expires in milliseconds since 1970.
type HashField = (Vec<u8>, Vec<u8>, Option<u64>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Score {
    Finite(f64),
    Word(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamJson {
    /// Id, and fields and values in turn.
    entries: Vec<(String, Vec<Text>)>,
    last_id: String,
    #[serde(default = "zero_id")]
    max_deleted_id: String,
    #[serde(default)]
    added: u64,
    #[serde(default)]
    groups: Vec<GroupJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupJson {
    name: Text,
    last_id: String,
    read: Option<i64>,
    #[serde(default)]
    consumers: Vec<ConsumerJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsumerJson {
    name: Text,
    seen: i64,
    active: i64,
    /// Id, when it was delivered, how often.
    #[serde(default)]
    pending: Vec<(String, i64, i64)>,
}

fn zero_id() -> String {
    "0-0".into()
}

/// The line, with its end. `now` is what fields' times are counted from, in milliseconds since 1970.
pub(super) fn line(entry: &Entry, now: u64) -> Result<Vec<u8>, String> {
    let line = Line {
        key: Text::of(&entry.key),
        kind: entry.value.type_name().into(),
        ttl: entry.ttl.and_then(|ms| seconds(ms).parse().ok()),
        value: value(&entry.value, now).map_err(|error| error.to_string())?,
    };
    let mut bytes = serde_json::to_vec(&line).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn value(value: &Value, now: u64) -> serde_json::Result<Json> {
    let texts = |all: &[Vec<u8>]| all.iter().map(|bytes| Text::of(bytes)).collect::<Vec<_>>();
    match value {
        Value::String(bytes) => serde_json::to_value(Text::of(bytes)),
        Value::List(elements) | Value::Set(elements) => serde_json::to_value(texts(elements)),
        Value::Hash(fields) => hash(fields, now),
        Value::SortedSet(members) => {
            let pairs = members.iter().map(|(member, score)| (Text::of(member), Score::of(*score)));
            serde_json::to_value(pairs.collect::<Vec<_>>())
        }
        Value::Stream(stream) => serde_json::to_value(StreamJson::of(stream)),
    }
}

/// An object where that says all; else a list of fields.
fn hash(fields: &[HashField], now: u64) -> serde_json::Result<Json> {
    let plain: Option<serde_json::Map<String, Json>> = fields
        .iter()
        .map(|(name, value, at)| match (std::str::from_utf8(name), std::str::from_utf8(value), at) {
            (Ok(name), Ok(value), None) => Some((name.to_owned(), json!(value))),
            _ => None,
        })
        .collect();
    if let Some(plain) = plain {
        return Ok(Json::Object(plain));
    }
    let listed = fields.iter().map(|(name, value, at)| match at {
        None => Field::Stays(Text::of(name), Text::of(value)),
        Some(at) => {
            let left = seconds(at.saturating_sub(now).max(1)).parse().unwrap_or(f64::MAX);
            Field::Expires(Text::of(name), Text::of(value), left)
        }
    });
    serde_json::to_value(listed.collect::<Vec<_>>())
}

/// The key of a line.
///
/// # Errors
/// What is wrong with it, and where in the line.
pub(super) fn entry(line: &[u8], now: u64) -> Result<Entry, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| placed(&error))?;
    let ttl = line.ttl.map(milliseconds).transpose()?;
    Ok(Entry { key: line.key.0, value: parsed(&line.kind, line.value, now)?, ttl })
}

/// The error with its column: its line is always the first.
fn placed(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) if error.column() > 0 => format!("{what} (column {})", error.column()),
        _ => text,
    }
}

fn parsed(kind: &str, value: Json, now: u64) -> Result<Value, String> {
    let bytes = |all: Vec<Text>| all.into_iter().map(|text| text.0).collect::<Vec<_>>();
    let value = match kind {
        "string" => return Ok(Value::String(read::<Text>(kind, value)?.0)),
        "list" => Value::List(bytes(read(kind, value)?)),
        "set" => Value::Set(unique(kind, bytes(read(kind, value)?))?),
        "hash" => Value::Hash(fields(value, now)?),
        "zset" => Value::SortedSet(scored(read(kind, value)?)?),
        "stream" => return Ok(Value::Stream(Box::new(read::<StreamJson>(kind, value)?.stream()?))),
        _ => return Err(format!("type \"{kind}\" is none of string, list, set, hash, zset, stream")),
    };
    let empty = match &value {
        Value::List(all) | Value::Set(all) => all.is_empty(),
        Value::Hash(all) => all.is_empty(),
        Value::SortedSet(all) => all.is_empty(),
        Value::String(_) | Value::Stream(_) => false,
    };
    if empty { Err(format!("a {kind} must not be empty")) } else { Ok(value) }
}

fn read<T: DeserializeOwned>(kind: &str, value: Json) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("the value is no {kind}: {error}"))
}

/// What must be there once only.
fn unique(kind: &str, all: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
    let mut seen = std::collections::HashSet::new();
    match all.iter().find(|bytes| !seen.insert(bytes.as_slice())) {
        Some(twice) => Err(format!("the value is no {kind}: \"{}\" is there twice", twice.escape_ascii())),
        None => Ok(all),
    }
}

fn fields(value: Json, now: u64) -> Result<Vec<HashField>, String> {
    if let Json::Object(plain) = value {
        let field =
            |(name, value): (String, Json)| Ok((name.into_bytes(), read::<Text>("hash", value)?.0, None));
        return plain.into_iter().map(field).collect();
    }
    let fields = read::<Vec<Field>>("hash", value)?.into_iter().map(|field| match field {
        Field::Stays(name, value) => Ok((name.0, value.0, None)),
        Field::Expires(name, value, ttl) => Ok((name.0, value.0, Some(now + milliseconds(ttl)?))),
    });
    let fields = fields.collect::<Result<Vec<_>, String>>()?;
    unique("hash", fields.iter().map(|(name, ..)| name.clone()).collect())?;
    Ok(fields)
}

fn scored(members: Vec<(Text, Score)>) -> Result<Vec<(Vec<u8>, f64)>, String> {
    let members = members.into_iter().map(|(member, score)| Ok((member.0, score.number()?)));
    let members = members.collect::<Result<Vec<_>, String>>()?;
    unique("zset", members.iter().map(|(member, _)| member.clone()).collect())?;
    Ok(members)
}

impl Score {
    /// JSON has no infinities.
    fn of(score: f64) -> Self {
        if score.is_finite() { Self::Finite(score) } else { Self::Word(score.to_string()) }
    }

    fn number(self) -> Result<f64, String> {
        match self {
            Self::Finite(score) => Ok(score),
            Self::Word(word) if word == "inf" => Ok(f64::INFINITY),
            Self::Word(word) if word == "-inf" => Ok(f64::NEG_INFINITY),
            Self::Word(word) => Err(format!("score \"{word}\" is no number, \"inf\" or \"-inf\"")),
        }
    }
}

impl StreamJson {
    fn of(stream: &Stream) -> Self {
        let entries = stream.entries.iter();
        Self {
            entries: entries
                .map(|(id, parts)| (id.to_string(), parts.iter().map(|part| Text::of(part)).collect()))
                .collect(),
            last_id: stream.counts.last.to_string(),
            max_deleted_id: stream.counts.max_deleted.to_string(),
            added: stream.counts.added,
            groups: stream.groups.iter().map(GroupJson::of).collect(),
        }
    }

    fn stream(self) -> Result<Stream, String> {
        let mut entries = Vec::with_capacity(self.entries.len());
        for (name, parts) in self.entries {
            let id = id(&name)?;
            if entries.last().is_some_and(|(last, _)| *last >= id) {
                return Err(format!("entry {name} does not come after the one before it"));
            }
            if parts.is_empty() || parts.len() % 2 != 0 {
                return Err(format!("entry {name} must have fields and values in turn"));
            }
            entries.push((id, parts.into_iter().map(|part| part.0).collect::<Vec<_>>()));
        }
        let last = id(&self.last_id)?;
        if entries.last().is_some_and(|(id, _)| *id > last) {
            return Err("last_id is smaller than that of an entry".into());
        }
        let added = self.added.max(entries.len() as u64);
        let counts = Counts { last, max_deleted: id(&self.max_deleted_id)?, added };
        let groups = self.groups.into_iter().map(GroupJson::group).collect::<Result<_, _>>()?;
        Ok(Stream { entries, counts, groups })
    }
}

impl GroupJson {
    fn of(group: &Group) -> Self {
        let consumers = group.consumers.iter().map(ConsumerJson::of).collect();
        Self { name: Text::of(&group.name), last_id: group.last.to_string(), read: group.read, consumers }
    }

    fn group(self) -> Result<Group, String> {
        let consumers = self.consumers.into_iter().map(ConsumerJson::consumer).collect::<Result<_, _>>()?;
        Ok(Group { name: self.name.0, last: id(&self.last_id)?, read: self.read, consumers })
    }
}

impl ConsumerJson {
    fn of(consumer: &Consumer) -> Self {
        let pending = consumer.pending.iter().map(|entry| (entry.id.to_string(), entry.time, entry.count));
        let Consumer { name, seen, active, .. } = consumer;
        Self { name: Text::of(name), seen: *seen, active: *active, pending: pending.collect() }
    }

    fn consumer(self) -> Result<Consumer, String> {
        let pending = self
            .pending
            .iter()
            .map(|(name, time, count)| Ok(PendingEntry { id: id(name)?, time: *time, count: *count }));
        let pending = pending.collect::<Result<_, String>>()?;
        Ok(Consumer { name: self.name.0, seen: self.seen, active: self.active, pending })
    }
}

fn id(text: &str) -> Result<Id, String> {
    let parts = text.split_once('-').and_then(|(ms, seq)| Some(Id::new(ms.parse().ok()?, seq.parse().ok()?)));
    parts.ok_or_else(|| format!("\"{text}\" is no id of an entry: 1700000000000-0"))
}

#[cfg(test)]
mod tests;
