//! Builds the store's values of their parts.

use super::{Loaded, Shape};
use crate::value::fields::Fields;
use crate::value::list::{End, List};
use crate::value::members::Members;
use crate::value::stream::{Group, Id, Number, Pending, Stream};
use crate::value::zset::SortedSet;
use crate::value::{Kind, Object};
use ringtail_backup::{Begin, ConsumerHead, Corrupt, Counts, GroupHead, PendingEntry, Read, Sink, Taken};
use std::borrow::Cow;

/// Takes a value's parts, and has the value once all were taken. What no value can have is refused: an element that is there
/// twice, an entry of a stream before the last one.
pub struct Builder<'s> {
    shape: &'s Shape,
    value: Option<Loaded>,
    /// The hash has the form that keeps times.
    timed: bool,
    done: bool,
    entry: Entry,
    /// The stream's last group, and that one's last consumer.
    group: Option<Box<[u8]>>,
    consumer: Option<Number>,
}

/// The entry of a stream whose parts are coming.
#[derive(Default)]
struct Entry {
    id: Id,
    /// Parts that are still to come.
    missing: usize,
    bytes: Vec<u8>,
    /// Where each part begins and ends in them.
    parts: Vec<(usize, usize)>,
}

fn taken(yes: bool) -> Taken {
    if yes { Ok(()) } else { Err(Corrupt) }
}

fn ours(id: ringtail_backup::Id) -> Id {
    Id::new(id.ms, id.seq)
}

impl<'s> Builder<'s> {
    /// For a value that is to look like this.
    pub fn new(shape: &'s Shape) -> Self {
        Self {
            shape,
            value: None,
            timed: false,
            done: false,
            entry: Entry::default(),
            group: None,
            consumer: None,
        }
    }

    /// The value, if all of it was told. Then the next one can be.
    pub fn take(&mut self) -> Option<Loaded> {
        if std::mem::take(&mut self.done) { self.value.take() } else { None }
    }

    fn start<T: Kind>(&mut self) -> Taken {
        match &self.value {
            None => self.value = Some(Loaded::Object(T::default().into_object())),
            // A value of several records begins with each of them.
            Some(Loaded::Object(object)) => return taken(T::of(object).is_some()),
            Some(Loaded::Bytes(_)) => return Err(Corrupt),
        }
        Ok(())
    }

    fn stream(&mut self) -> Read<&mut Stream> {
        match &mut self.value {
            Some(Loaded::Object(Object::Stream(stream))) => Ok(stream),
            _ => Err(Corrupt),
        }
    }

    fn last_group(&mut self) -> Read<&mut Group> {
        match (&mut self.value, &self.group) {
            (Some(Loaded::Object(Object::Stream(stream))), Some(name)) => {
                stream.groups.get_mut(name).ok_or(Corrupt)
            }
            _ => Err(Corrupt),
        }
    }

    fn push_entry(&mut self) -> Taken {
        let entry = std::mem::take(&mut self.entry);
        let limit = self.shape.stream;
        let log = &mut self.stream()?.log;
        if entry.id <= log.last {
            return Err(Corrupt);
        }
        log.push(entry.id, entry.parts.iter().map(|&(start, end)| &entry.bytes[start..end]), limit);
        // The next one has its room.
        self.entry = entry;
        Ok(())
    }
}

impl Sink for Builder<'_> {
    fn string(&mut self, bytes: Cow<'_, [u8]>) -> Taken {
        taken(self.value.is_none())?;
        self.value = Some(Loaded::Bytes(bytes.into_owned()));
        self.done = true;
        Ok(())
    }

    fn begin(&mut self, what: Begin) -> Taken {
        match what {
            Begin::List => self.start::<List>(),
            Begin::Set { .. } => self.start::<Members>(),
            Begin::SortedSet { .. } => self.start::<SortedSet>(),
            Begin::Stream => self.start::<Stream>(),
            Begin::Hash { first, .. } => {
                self.timed = first.is_some();
                self.start::<Fields>()
            }
        }
    }

    #[inline]
    fn element(&mut self, bytes: &[u8]) -> Taken {
        match &mut self.value {
            Some(Loaded::Object(Object::List(list))) => {
                list.push(End::Tail, bytes, self.shape.list);
                Ok(())
            }
            Some(Loaded::Object(Object::Set(set))) => {
                taken(set.add(bytes, self.shape.hasher, self.shape.set))
            }
            _ => Err(Corrupt),
        }
    }

    #[inline]
    fn field(&mut self, field: &[u8], value: &[u8], expiry: Option<u64>) -> Taken {
        let Some(Loaded::Object(Object::Hash(hash))) = &mut self.value else { return Err(Corrupt) };
        let Shape { hasher, hash: limit, .. } = *self.shape;
        taken(if self.timed || expiry.is_some() {
            hash.timed().set(field, value, expiry, hasher, limit)
        } else {
            hash.set(field, value, hasher, limit)
        })
    }

    #[inline]
    fn scored(&mut self, member: &[u8], score: f64) -> Taken {
        let Some(Loaded::Object(Object::SortedSet(set))) = &mut self.value else { return Err(Corrupt) };
        let (before, _) = set.update(member, self.shape.hasher, self.shape.zset, |_| Some(score));
        taken(before.is_none())
    }

    fn entry(&mut self, id: ringtail_backup::Id, parts: usize) -> Taken {
        taken(self.entry.missing == 0 && parts > 0 && parts.is_multiple_of(2))?;
        self.entry.bytes.clear();
        self.entry.parts.clear();
        (self.entry.id, self.entry.missing) = (ours(id), parts);
        Ok(())
    }

    fn part(&mut self, bytes: &[u8]) -> Taken {
        let entry = &mut self.entry;
        entry.missing = entry.missing.checked_sub(1).ok_or(Corrupt)?;
        let start = entry.bytes.len();
        entry.bytes.extend_from_slice(bytes);
        entry.parts.push((start, entry.bytes.len()));
        if entry.missing == 0 { self.push_entry() } else { Ok(()) }
    }

    fn counts(&mut self, counts: Counts) -> Taken {
        let log = &mut self.stream()?.log;
        let possible = i64::try_from(counts.added).is_ok_and(|added| added >= log.len() as i64);
        taken(possible && ours(counts.last) >= log.last)?;
        log.last = ours(counts.last);
        (log.max_deleted, log.added) = (ours(counts.max_deleted), counts.added);
        Ok(())
    }

    fn group(&mut self, group: GroupHead<'_>) -> Taken {
        let name: Box<[u8]> = group.name.into();
        let new = Group::new(ours(group.last), group.read);
        let before = self.stream()?.groups.insert(name.clone(), new);
        self.group = Some(name);
        taken(before.is_none())
    }

    fn consumer(&mut self, consumer: ConsumerHead<'_>) -> Taken {
        let group = self.last_group()?;
        taken(group.find(consumer.name).is_none())?;
        let number = group.add(consumer.name, consumer.seen);
        if let Some(added) = group.consumer_mut(number) {
            added.active = consumer.active;
        }
        self.consumer = Some(number);
        Ok(())
    }

    fn pending(&mut self, pending: PendingEntry) -> Taken {
        let consumer = self.consumer.ok_or(Corrupt)?;
        let (group, id) = (self.last_group()?, ours(pending.id));
        taken(group.pending(id).is_none())?;
        group.give(id, Pending { time: pending.time, count: pending.count, consumer });
        Ok(())
    }

    fn end(&mut self) -> Taken {
        let is_empty = match &self.value {
            Some(Loaded::Object(Object::List(list))) => list.is_empty(),
            Some(Loaded::Object(Object::Set(set))) => set.is_empty(),
            Some(Loaded::Object(Object::Hash(hash))) => hash.is_empty(),
            Some(Loaded::Object(Object::SortedSet(set))) => set.is_empty(),
            Some(Loaded::Object(Object::Stream(_))) => false,
            _ => return Err(Corrupt),
        };
        // A key without elements is no key; of streams there are such.
        self.done = true;
        taken(!is_empty && self.entry.missing == 0)
    }
}
