//! Tells the store's values part by part.

use crate::store::entry::Value;
use crate::value::Object;
use crate::value::fields::{Fields, Timed};
use crate::value::stream::{self, Piece, Stream};
use crate::value::zset::SortedSet;
use ringtail_backup::{Begin, ConsumerHead, Counts, GroupHead, Id, PendingEntry, Sink, Taken};
use std::borrow::Cow;

/// The order in which a sorted set's members are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the lowest score on.
    Forwards,
    /// From the highest on, as Redis writes them: its skip list takes each at its head.
    Backwards,
}

/// Tells a value to a sink.
///
/// # Errors
/// The sink refuses.
pub fn tell(value: &Value<'_>, order: Order, sink: &mut impl Sink) -> Taken {
    match value {
        Value::Bytes(bytes) => return sink.string(Cow::Borrowed(bytes)),
        Value::Object(Object::Bytes(bytes)) => return sink.string(Cow::Borrowed(bytes)),
        Value::Object(Object::List(list)) => {
            sink.begin(Begin::List)?;
            list.iter().try_for_each(|element| sink.element(element))?;
        }
        Value::Object(Object::Set(set)) => {
            sink.begin(Begin::Set { len: set.len() })?;
            let (mut digits, mut taken) = (itoa::Buffer::new(), Ok(()));
            set.for_each(|member| then(&mut taken, || sink.element(member.bytes(&mut digits))));
            taken?;
        }
        Value::Object(Object::SortedSet(set)) => sorted_set(set, order, sink)?,
        Value::Object(Object::Hash(Fields::Timed(hash))) => timed_hash(hash, sink)?,
        Value::Object(Object::Hash(hash)) => {
            sink.begin(Begin::Hash { len: hash.len(), first: None })?;
            let mut taken = Ok(());
            hash.for_each(|field, value| then(&mut taken, || sink.field(field, value, None)));
            taken?;
        }
        Value::Object(Object::Stream(stream)) => tell_stream(stream, sink)?,
    }
    sink.end()
}

/// The next part, unless one before it was refused: visitors can't be stopped.
#[inline]
fn then(taken: &mut Taken, tell: impl FnOnce() -> Taken) {
    if taken.is_ok() {
        *taken = tell();
    }
}

fn sorted_set(set: &SortedSet, order: Order, sink: &mut impl Sink) -> Taken {
    sink.begin(Begin::SortedSet { len: set.len() })?;
    let mut taken = Ok(());
    set.each(0..set.len(), order == Order::Backwards, |(score, member)| {
        then(&mut taken, || sink.scored(member, score));
    });
    taken
}

fn timed_hash(hash: &Timed, sink: &mut impl Sink) -> Taken {
    let (mut first, mut taken) = (None, Ok(()));
    hash.for_each(|(_, _, at)| first = [first, at].into_iter().flatten().min());
    sink.begin(Begin::Hash { len: hash.len(), first })?;
    hash.for_each(|(field, value, at)| then(&mut taken, || sink.field(field, value, at)));
    taken
}

fn told(id: stream::Id) -> Id {
    Id::new(id.ms, id.seq)
}

fn tell_stream(stream: &Stream, sink: &mut impl Sink) -> Taken {
    sink.begin(Begin::Stream)?;
    let (log, mut digits) = (&stream.log, itoa::Buffer::new());
    for entry in log.range(stream::Id::MIN, stream::Id::MAX) {
        sink.entry(told(entry.id), 2 * entry.len)?;
        for (field, value) in entry.pairs() {
            sink.part(bytes(&field, &mut digits))?;
            sink.part(bytes(&value, &mut digits))?;
        }
    }
    sink.counts(Counts { last: told(log.last), max_deleted: told(log.max_deleted), added: log.added })?;
    for (name, group) in &stream.groups {
        sink.group(GroupHead { name, last: told(group.last), read: group.read })?;
        for consumer in group.consumers() {
            let stream::Consumer { name, seen, active, .. } = consumer;
            sink.consumer(ConsumerHead { name, seen: *seen, active: *active })?;
            for id in consumer.ids_from(stream::Id::MIN) {
                let Some(pending) = group.pending(id) else { continue };
                sink.pending(PendingEntry { id: told(id), time: pending.time, count: pending.count })?;
            }
        }
    }
    Ok(())
}

fn bytes<'b>(piece: &'b Piece<'_>, digits: &'b mut itoa::Buffer) -> &'b [u8] {
    match piece {
        Piece::Bytes(bytes) => bytes,
        Piece::Int(n) => digits.format(*n).as_bytes(),
    }
}
