//! SCAN over the pool: one cursor, the members one after the other.
//!
//! A cursor is the asked server's own (48 bits) and above it the tag of its member: a hash of the member's name, so that it
//! means the same in every proxy, and after members came or went. Members are asked in the order of their tags; where a
//! tag is gone, the next one follows. 0 begins, and is told when the last member is done.

use std::rc::Rc;

use ringtail_cluster::crc16;
use ringtail_protocol::errors::{Error, INVALID_CURSOR};
use ringtail_protocol::number::parse_u64;
use ringtail_protocol::reply::Reply;

use super::keyspace::{bulk, bulks, owns};
use super::{Question, ask, odd};
use crate::limits::MEMBER_CURSOR;
use crate::member::Member;
use crate::worker::Worker;

#[cfg(test)]
mod tests;

/// Tags fit in 15 bits: clients that read the cursor as a signed number can.
const TAGS: u16 = 1 << 15;

/// Keys of a page unless COUNT says another number, as in Redis.
const PAGE: usize = 10;

/// Where a scan stands: the member's tag, and its server's cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    tag: u16,
    inner: u64,
}

impl Cursor {
    fn parse(text: &[u8]) -> Option<Self> {
        let number = parse_u64(text)?;
        let tag = u16::try_from(number >> 48).ok().filter(|tag| *tag < TAGS)?;
        Some(Self { tag, inner: number & MEMBER_CURSOR })
    }

    /// 0, which begins a scan and ends it. No member has tag 0.
    const END: Self = Self { tag: 0, inner: 0 };

    fn number(self) -> u64 {
        u64::from(self.tag) << 48 | self.inner
    }
}

/// A tag for each name, not 0 and no two the same. The names must be in their order.
fn tags<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u16> {
    let mut tags: Vec<u16> = Vec::new();
    for name in names {
        let mut tag = crc16(name.as_bytes()) % (TAGS - 1) + 1;
        while tags.contains(&tag) {
            tag = tag % (TAGS - 1) + 1;
        }
        tags.push(tag);
    }
    tags
}

/// The first that is at this tag or after it: its index.
fn next(tags: &[u16], from: u16) -> Option<usize> {
    (0..tags.len()).filter(|at| tags[*at] >= from).min_by_key(|at| tags[*at])
}

/// One page, and the cursor of the next. Members are asked one after the other until there are as many keys as a page is
/// to have, so that a small pool is scanned in one go, as a small server is.
pub(super) async fn scan(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let cursor = question.words.get(1).and_then(|text| Cursor::parse(text)).ok_or(INVALID_CURSOR)?;
    let (topology, members) = (worker.topology(), worker.members());
    let tags = tags(members.iter().map(|member| member.name.as_str()));
    let (mut cursor, mut found) = (cursor, Vec::new());
    let wanted = page_size(question);
    // Each member at most once, however little is found.
    for _ in 0..members.len() {
        let Some(at) = next(&tags, cursor.tag) else {
            cursor = Cursor::END;
            break;
        };
        // The member that the cursor was of has left: the next one is scanned from its start.
        let inner = if tags[at] == cursor.tag { cursor.inner } else { 0 };
        let member = &members[at];
        let answer = ask_page(member, question, inner).await?;
        let (told, keys) = parts(&answer).ok_or_else(|| odd(member))?;
        if told > MEMBER_CURSOR {
            return Err(Error::new(format!(
                "ERR member {} answered a SCAN cursor above 2^48",
                member.label()
            )));
        }
        let owned = keys.into_iter().filter(|key| owns(&topology, member, key));
        found.extend(owned.map(<[u8]>::to_vec));
        cursor = following(&tags, at, told);
        if told > 0 || cursor == Cursor::END || found.len() >= wanted {
            break;
        }
    }
    page(question, cursor.number(), &found, out);
    Ok(())
}

/// Keys that a page is to have at least, if there are as many.
fn page_size(question: &Question) -> usize {
    let at = question.words.iter().position(|word| word.eq_ignore_ascii_case(b"COUNT"));
    let count = at.and_then(|at| parse_u64(question.words.get(at + 1)?));
    count.map_or(PAGE, |count| count as usize)
}

/// The cursor after a page of the member at `at`, whose server told `told`.
fn following(tags: &[u16], at: usize, told: u64) -> Cursor {
    if told > 0 {
        return Cursor { tag: tags[at], inner: told };
    }
    let next = tags[at].checked_add(1).and_then(|from| next(tags, from));
    next.map_or(Cursor::END, |next| Cursor { tag: tags[next], inner: 0 })
}

async fn ask_page(member: &Rc<Member>, question: &Question, inner: u64) -> Result<Vec<u8>, Error> {
    let inner = inner.to_string();
    let mut request = question.request();
    request[1] = inner.as_bytes();
    ask(member, question.db, &request).await
}

/// The cursor and the keys of a server's page.
fn parts(answer: &[u8]) -> Option<(u64, Vec<&[u8]>)> {
    let (cursor, rest) = bulk(answer.strip_prefix(b"*2\r\n")?)?;
    Some((parse_u64(cursor)?, bulks(rest)?))
}

fn page(question: &Question, cursor: u64, keys: &[Vec<u8>], out: &mut Vec<u8>) {
    let mut reply = Reply::new(out, question.resp);
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
}
