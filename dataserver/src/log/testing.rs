//! A second server that does what the log of a first one says, and what both have.

use super::apply::Applier;
use super::files::Chunk;
use super::merge::Merge;
use super::record::next_group;
use super::replay::replay;
use crate::command::testing::Harness;
use crate::rdb;
use crate::server::Server;
use crate::store::GROUPS;
use crate::store::entry::{Entry, Value};
use crate::value::Object;
use crate::value::fields::Fields;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// A server that follows another one.
pub(crate) struct Mirror {
    first: Arc<Server>,
    /// The one that follows.
    pub(crate) second: Harness,
    merge: Merge,
    applier: Applier,
    /// All that was logged so far.
    log: Vec<u8>,
}

/// Threads of a server that starts again, and groups in each chunk that it reads.
const THREADS: usize = 3;
const GROUPS_AT_ONCE: usize = 100;

/// An effect as text: its words, which are cut when they are long, and how many bytes it has.
pub(crate) type Told = (String, usize);

impl Mirror {
    /// An empty server, as `first` is still, of which everything is logged from now on.
    pub(crate) fn of(first: &Arc<Server>) -> Self {
        first.store.set_logged(true);
        let second = Harness::new();
        let applier = Applier::new(Arc::clone(&second.server), 0);
        Self { first: Arc::clone(first), second, merge: Merge::default(), applier, log: Vec::new() }
    }

    /// Does what was logged since. The effects of each group.
    ///
    /// # Panics
    /// When it can't be done.
    pub(crate) fn follow(&mut self) -> Vec<Vec<Told>> {
        let (mut stream, mut at, mut told) = (Vec::new(), 0, Vec::new());
        self.merge.collect(&self.first.store.intake, &mut stream);
        while at < stream.len() {
            let (group, length) = next_group(&stream[at..]).expect("a group").expect("all of it");
            let effects = group.effects().map(|effect| shown(&effect.args().collect::<Vec<_>>()));
            told.push(effects.collect());
            if let Err(refused) = self.applier.apply(&group) {
                panic!("{refused}, of {told:?}");
            }
            at += length;
        }
        self.log.append(&mut stream);
        told
    }

    /// What differs between the two: each line is a key with what it has there, or nothing.
    pub(crate) fn differences(&self) -> String {
        self.differences_from(&self.second.server)
    }

    /// What differs at a server that is started with the log of all that was done, which several threads do again.
    ///
    /// # Panics
    /// When it can't be done.
    pub(crate) fn differences_after_restart(&self) -> String {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let third = Server::new(address, THREADS, ringtail_net::Shutdown::new());
        let mut chunks = chunks(&self.log);
        let done = replay(&third, true, || Ok::<_, Infallible>(chunks.next()));
        assert_eq!(done.map(|done| done.refused), Ok(Vec::new()));
        self.differences_from(&third)
    }

    fn differences_from(&self, other: &Server) -> String {
        let (mut first, mut second) = (contents(&self.first), contents(other));
        first.retain(|key, value| second.get(key) != Some(value) || second.remove(key).is_none());
        let lines = |name: &str, all: BTreeMap<(u8, String), String>| {
            let lines = all.into_iter().map(|((db, key), value)| format!("{name} has {db} {key}: {value}\n"));
            lines.collect::<String>()
        };
        lines("the first", first) + &lines("the second", second)
    }
}

/// The bytes of a log as they are read.
fn chunks(log: &[u8]) -> impl Iterator<Item = Chunk> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (offset, mut groups) = (at, 0);
        while let Ok(Some((_, length))) = next_group(&log[at..])
            && groups < GROUPS_AT_ONCE
        {
            (at, groups) = (at + length, groups + 1);
        }
        (groups > 0).then(|| Chunk { offset: offset as u64, bytes: log[offset..at].to_vec(), groups })
    })
}

fn shown(args: &[&[u8]]) -> Told {
    const MOST: usize = 60;
    let word = |arg: &&[u8]| arg[..arg.len().min(MOST)].escape_ascii().to_string();
    let words: Vec<String> = args.iter().take(MOST).map(word).collect();
    (words.join(" "), args.iter().map(|arg| arg.len() + 1).sum())
}

/// All keys of a server, those whose time is over with the others, and its libraries.
fn contents(server: &Server) -> BTreeMap<(u8, String), String> {
    let mut all = BTreeMap::new();
    for group in 0..GROUPS {
        let slots = server.store.lock(group);
        if slots.is_empty() {
            continue;
        }
        for entry in slots.dicts().iter().flat_map(|dict| dict.iter()) {
            all.insert((slots.db_of(entry), text(entry.key())), described(entry));
        }
    }
    for library in server.scripts.libraries.read().iter() {
        all.insert((u8::MAX, library.name.clone()), text(&library.code));
    }
    all
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// When it expires and what it has, in an order that does not depend on its form in memory.
fn described(entry: &Entry) -> String {
    let value = entry.value();
    let value = match &value {
        Value::Bytes(bytes) => text(bytes),
        Value::Object(Object::Hash(hash)) => fields(hash),
        Value::Object(Object::Set(set)) => {
            let mut members = Vec::new();
            set.for_each(|item| members.push(text(item.bytes(&mut itoa::Buffer::new()))));
            members.sort_unstable();
            format!("{members:?}")
        }
        Value::Object(Object::SortedSet(set)) => {
            let mut members = Vec::new();
            // As in Redis, a zero loses its sign in the small form alone.
            set.each(0..set.len(), false, |(score, member)| members.push((score + 0.0, text(member))));
            format!("{members:?}")
        }
        // All others have one payload only.
        _ => text(&rdb::dump(&value)),
    };
    format!("{:?} {value}", entry.expiry())
}

fn fields(hash: &Fields) -> String {
    let mut all = Vec::new();
    match hash {
        Fields::Timed(timed) => timed.for_each(|(field, value, at)| all.push((text(field), text(value), at))),
        _ => hash.for_each(|field, value| all.push((text(field), text(value), None))),
    }
    all.sort_unstable();
    format!("{all:?}")
}
