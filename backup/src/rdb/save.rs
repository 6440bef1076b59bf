//! From values to bytes: each in the plainest form, which every version from the one that is named on reads.
//! Redis makes its small forms of them again when they are small.

mod stream;

use super::kind;
use super::listpack::Builder;
use super::load::PACKED;
use super::version::{COMMON, FIELD_TIMES};
use super::writer::Writer;
use crate::Corrupt;
use crate::sink::{Begin, ConsumerHead, Counts, GroupHead, Id, PendingEntry, Sink, Taken};
use std::borrow::Cow;
use stream::Stream;

/// Bytes that a node of a list is filled with.
const NODE: usize = 8192;

/// Takes a value, and has it as Redis writes it: its kind, then the value.
pub struct Saver {
    out: Writer,
    open: Open,
    version: u16,
    /// The newest version that may be used.
    newest: u16,
}

/// The collection that is being written.
#[derive(Default)]
enum Open {
    #[default]
    Nothing,
    /// The nodes before the last one, how many they are, and the last one.
    List(Writer, usize, Builder),
    /// Its elements are written as they come.
    Plain,
    /// A hash with times, counted from this one, which is 1; 0 stands for none.
    Timed(u64),
    Stream(Box<Stream>),
}

impl Saver {
    /// One that uses no later version of the format than this, and refuses what needs one.
    pub(super) fn up_to(newest: u16) -> Self {
        Self { out: Writer::default(), open: Open::default(), version: COMMON, newest }
    }

    /// What was written, and the version of the format that it needs.
    pub(super) fn finish(self) -> (Vec<u8>, u16) {
        (self.out.0, self.version)
    }

    fn allows(&self, version: u16) -> bool {
        self.newest >= version
    }

    fn needs(&mut self, version: u16) -> Taken {
        self.version = self.version.max(version);
        if self.allows(version) { Ok(()) } else { Err(Corrupt) }
    }

    fn begin_plain(&mut self, kind: u8, len: usize) {
        self.out.raw(&[kind]);
        self.out.count(len);
        self.open = Open::Plain;
    }

    fn stream(&mut self) -> Result<&mut Stream, Corrupt> {
        if let Open::Stream(stream) = &mut self.open { Ok(stream) } else { Err(Corrupt) }
    }
}

/// Appends a node of a list.
fn put_node(nodes: &mut Writer, node: Builder) {
    nodes.number(PACKED);
    nodes.plain(&node.finish());
}

impl Sink for Saver {
    fn string(&mut self, bytes: Cow<'_, [u8]>) -> Taken {
        self.out.raw(&[kind::STRING]);
        self.out.string(&bytes);
        Ok(())
    }

    fn begin(&mut self, what: Begin) -> Taken {
        match what {
            Begin::List => self.open = Open::List(Writer::default(), 0, Builder::default()),
            Begin::Set { len } => self.begin_plain(kind::SET, len),
            Begin::SortedSet { len } => self.begin_plain(kind::ZSET_2, len),
            Begin::Hash { len, first: None } => self.begin_plain(kind::HASH, len),
            Begin::Hash { len, first: Some(first) } => {
                self.needs(FIELD_TIMES)?;
                self.out.raw(&[kind::HASH_TIMES]);
                self.out.raw(&first.to_le_bytes());
                self.out.count(len);
                self.open = Open::Timed(first);
            }
            Begin::Stream => self.open = Open::Stream(Box::default()),
        }
        Ok(())
    }

    fn element(&mut self, bytes: &[u8]) -> Taken {
        let Open::List(nodes, count, node) = &mut self.open else {
            self.out.string(bytes);
            return Ok(());
        };
        if !node.is_empty() && node.size() + bytes.len() > NODE {
            put_node(nodes, std::mem::take(node));
            *count += 1;
        }
        node.push(bytes);
        Ok(())
    }

    fn field(&mut self, field: &[u8], value: &[u8], expiry: Option<u64>) -> Taken {
        match (&self.open, expiry) {
            (Open::Timed(first), expiry) => {
                let after = expiry.map(|at| at.checked_sub(*first).ok_or(Corrupt)).transpose()?;
                self.out.number(after.map_or(0, |after| after + 1));
            }
            (_, None) => {}
            // It was said that there are none.
            (_, Some(_)) => return Err(Corrupt),
        }
        self.out.string(field);
        self.out.string(value);
        Ok(())
    }

    fn scored(&mut self, member: &[u8], score: f64) -> Taken {
        self.out.string(member);
        self.out.raw(&score.to_le_bytes());
        Ok(())
    }

    fn entry(&mut self, id: Id, parts: usize) -> Taken {
        self.stream()?.entry(id, parts);
        Ok(())
    }

    fn part(&mut self, bytes: &[u8]) -> Taken {
        self.stream()?.part(bytes);
        Ok(())
    }

    fn counts(&mut self, counts: Counts) -> Taken {
        self.stream()?.counts(counts);
        Ok(())
    }

    fn group(&mut self, group: GroupHead<'_>) -> Taken {
        self.stream()?.group(group);
        Ok(())
    }

    fn consumer(&mut self, consumer: ConsumerHead<'_>) -> Taken {
        self.stream()?.consumer(consumer);
        Ok(())
    }

    fn pending(&mut self, pending: PendingEntry) -> Taken {
        self.stream()?.pending(pending);
        Ok(())
    }

    fn end(&mut self) -> Taken {
        match std::mem::take(&mut self.open) {
            Open::List(mut nodes, count, node) => {
                put_node(&mut nodes, node);
                self.out.raw(&[kind::LIST_QUICKLIST_2]);
                self.out.count(count + 1);
                self.out.raw(&nodes.0);
            }
            Open::Stream(stream) => {
                let version = stream.finish(self.allows(super::version::ACTIVE_TIMES), &mut self.out);
                self.version = self.version.max(version);
            }
            Open::Nothing | Open::Plain | Open::Timed(_) => {}
        }
        Ok(())
    }
}
