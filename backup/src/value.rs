//! A value of its own, for those who have no form of their own for it.

use crate::sink::{Begin, ConsumerHead, Counts, GroupHead, Id, PendingEntry, Sink, Taken};
use crate::{Corrupt, Read};
use std::borrow::Cow;

/// Bytes that belong to somebody.
type Owned = Vec<u8>;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    String(Owned),
    /// A list's elements.
    List(Vec<Owned>),
    /// A set's members.
    Set(Vec<Owned>),
    /// A hash's fields: name, value, when it expires in milliseconds since 1970.
    Hash(Vec<(Owned, Owned, Option<u64>)>),
    /// A sorted set's members and their scores.
    SortedSet(Vec<(Owned, f64)>),
    /// A stream.
    Stream(Box<Stream>),
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    /// Its entries: fields and values in turn.
    pub entries: Vec<(Id, Vec<Owned>)>,
    /// What it knows beside them.
    pub counts: Counts,
    /// Its consumer groups.
    pub groups: Vec<Group>,
}

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: Owned,
    /// The last entry that was delivered.
    pub last: Id,
    /// How many entries come up to that one, if it is known.
    pub read: Option<i64>,
    /// Its consumers.
    pub consumers: Vec<Consumer>,
}

/// A consumer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consumer {
    /// Its name.
    pub name: Owned,
    /// When it asked last, in milliseconds since 1970.
    pub seen: i64,
    /// When it got something last, in milliseconds since 1970; -1 = never.
    pub active: i64,
    /// What it has not acknowledged.
    pub pending: Vec<PendingEntry>,
}

impl Value {
    /// Redis's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Hash(_) => "hash",
            Self::SortedSet(_) => "zset",
            Self::Stream(_) => "stream",
        }
    }

    /// Tells the parts to a sink.
    ///
    /// # Errors
    /// The sink refuses.
    pub fn tell(&self, sink: &mut impl Sink) -> Taken {
        match self {
            Self::String(bytes) => return sink.string(Cow::Borrowed(bytes)),
            Self::List(elements) => {
                sink.begin(Begin::List)?;
                elements.iter().try_for_each(|bytes| sink.element(bytes))?;
            }
            Self::Set(members) => {
                sink.begin(Begin::Set { len: members.len() })?;
                members.iter().try_for_each(|bytes| sink.element(bytes))?;
            }
            Self::Hash(fields) => {
                let first = fields.iter().filter_map(|(.., at)| *at).min();
                sink.begin(Begin::Hash { len: fields.len(), first })?;
                fields.iter().try_for_each(|(field, value, at)| sink.field(field, value, *at))?;
            }
            Self::SortedSet(members) => {
                sink.begin(Begin::SortedSet { len: members.len() })?;
                members.iter().try_for_each(|(member, score)| sink.scored(member, *score))?;
            }
            Self::Stream(stream) => stream.tell(sink)?,
        }
        sink.end()
    }
}

impl Stream {
    fn tell(&self, sink: &mut impl Sink) -> Taken {
        sink.begin(Begin::Stream)?;
        for (id, parts) in &self.entries {
            sink.entry(*id, parts.len())?;
            parts.iter().try_for_each(|part| sink.part(part))?;
        }
        sink.counts(self.counts)?;
        for group in &self.groups {
            sink.group(GroupHead { name: &group.name, last: group.last, read: group.read })?;
            for consumer in &group.consumers {
                let Consumer { name, seen, active, pending } = consumer;
                sink.consumer(ConsumerHead { name, seen: *seen, active: *active })?;
                pending.iter().try_for_each(|pending| sink.pending(*pending))?;
            }
        }
        Ok(())
    }
}

/// Collects a value from what is told, by one record or several.
#[derive(Debug, Default)]
pub struct Collected {
    value: Option<Value>,
    done: bool,
}

impl Collected {
    /// The value, if all of it was told.
    pub fn take(&mut self) -> Option<Value> {
        if std::mem::take(&mut self.done) { self.value.take() } else { None }
    }

    fn stream(&mut self) -> Read<&mut Stream> {
        if let Some(Value::Stream(stream)) = &mut self.value { Ok(stream) } else { Err(Corrupt) }
    }
}

impl Sink for Collected {
    fn string(&mut self, bytes: Cow<'_, [u8]>) -> Taken {
        self.value = Some(Value::String(bytes.into_owned()));
        self.done = true;
        Ok(())
    }

    fn begin(&mut self, what: Begin) -> Taken {
        match (what, &self.value) {
            (Begin::List, Some(Value::List(_)))
            | (Begin::Set { .. }, Some(Value::Set(_)))
            | (Begin::Hash { .. }, Some(Value::Hash(_)))
            | (Begin::SortedSet { .. }, Some(Value::SortedSet(_)))
            | (Begin::Stream, Some(Value::Stream(_))) => {}
            (_, Some(_)) => return Err(Corrupt),
            (Begin::List, None) => self.value = Some(Value::List(Vec::new())),
            (Begin::Set { .. }, None) => self.value = Some(Value::Set(Vec::new())),
            (Begin::Hash { .. }, None) => self.value = Some(Value::Hash(Vec::new())),
            (Begin::SortedSet { .. }, None) => self.value = Some(Value::SortedSet(Vec::new())),
            (Begin::Stream, None) => self.value = Some(Value::Stream(Box::default())),
        }
        Ok(())
    }

    fn element(&mut self, bytes: &[u8]) -> Taken {
        match &mut self.value {
            Some(Value::List(elements) | Value::Set(elements)) => elements.push(bytes.to_vec()),
            _ => return Err(Corrupt),
        }
        Ok(())
    }

    fn field(&mut self, field: &[u8], value: &[u8], expiry: Option<u64>) -> Taken {
        let Some(Value::Hash(fields)) = &mut self.value else { return Err(Corrupt) };
        fields.push((field.to_vec(), value.to_vec(), expiry));
        Ok(())
    }

    fn scored(&mut self, member: &[u8], score: f64) -> Taken {
        let Some(Value::SortedSet(members)) = &mut self.value else { return Err(Corrupt) };
        members.push((member.to_vec(), score));
        Ok(())
    }

    fn entry(&mut self, id: Id, _parts: usize) -> Taken {
        self.stream()?.entries.push((id, Vec::new()));
        Ok(())
    }

    fn part(&mut self, bytes: &[u8]) -> Taken {
        let (_, parts) = self.stream()?.entries.last_mut().ok_or(Corrupt)?;
        parts.push(bytes.to_vec());
        Ok(())
    }

    fn counts(&mut self, counts: Counts) -> Taken {
        self.stream()?.counts = counts;
        Ok(())
    }

    fn group(&mut self, group: GroupHead<'_>) -> Taken {
        let GroupHead { name, last, read } = group;
        self.stream()?.groups.push(Group { name: name.to_vec(), last, read, consumers: Vec::new() });
        Ok(())
    }

    fn consumer(&mut self, consumer: ConsumerHead<'_>) -> Taken {
        let ConsumerHead { name, seen, active } = consumer;
        let group = self.stream()?.groups.last_mut().ok_or(Corrupt)?;
        group.consumers.push(Consumer { name: name.to_vec(), seen, active, pending: Vec::new() });
        Ok(())
    }

    fn pending(&mut self, pending: PendingEntry) -> Taken {
        let group = self.stream()?.groups.last_mut().ok_or(Corrupt)?;
        group.consumers.last_mut().ok_or(Corrupt)?.pending.push(pending);
        Ok(())
    }

    fn end(&mut self) -> Taken {
        self.done = true;
        Ok(())
    }
}
