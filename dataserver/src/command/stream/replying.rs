//! Entries and ids as replies.

use crate::value::stream::{Entry, Id, Piece};
use ringtail_protocol::reply::Reply;

/// An id.
#[inline]
pub(super) fn id(reply: &mut Reply<'_>, id: Id) {
    id.with_text(|text| reply.bulk(text));
}

/// An entry: its id, and its fields and values in turn.
pub(super) fn entry(reply: &mut Reply<'_>, entry: Entry<'_>) {
    reply.array(2);
    id(reply, entry.id);
    reply.array(2 * entry.len);
    for (field, value) in entry.pairs() {
        piece(reply, field);
        piece(reply, value);
    }
}

#[inline]
fn piece(reply: &mut Reply<'_>, piece: Piece<'_>) {
    match piece {
        Piece::Bytes(bytes) => reply.bulk(bytes),
        Piece::Int(n) => reply.bulk_int(n),
    }
}

/// All of some entries, in an array. How many. Stops where the reply is too long to be sent.
pub(super) fn entries<'e>(reply: &mut Reply<'_>, all: impl Iterator<Item = Entry<'e>>) -> usize {
    let (open, mut count) = (reply.open(), 0);
    for one in all {
        entry(reply, one);
        count += 1;
        if reply.is_too_long() {
            break;
        }
    }
    reply.close_array(open, count);
    count
}

/// Ids, in an array.
pub(super) fn ids(reply: &mut Reply<'_>, all: &[Id]) {
    reply.array(all.len());
    all.iter().for_each(|&one| id(reply, one));
}
