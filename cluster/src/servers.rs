//! `servers.json`: read with a bound, checked whole, taken or refused whole.

mod entry;
mod source;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::value::RawValue;

use crate::address::Address;
use crate::limits::{MAX_FILE, MAX_MEMBERS};
use crate::refusal::{Fault, Refusal};

pub(crate) use source::Source;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

/// An entry of `servers.json`: a named owner of slots, one primary server and its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member's identity on the ring; by default its address.
    pub name: String,
    /// Where its primary server is.
    pub addr: Address,
    /// Its part of the slots, relative to the other members' weights; 0 is none.
    pub weight: u32,
    /// Where its replicas are.
    pub replicas: Vec<Address>,
}

/// The members of a `servers.json` that passed every check, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    members: Vec<Member>,
}

impl Servers {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A file that can't be read, is no regular file, is too long, or has anything wrong in it.
    pub fn read(file: &Path) -> Result<Self, Refusal> {
        Self::parse(&contents(file)?, file)
    }

    /// Checks the contents of a file; its name is for the refusal alone.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and column.
    pub fn parse(contents: &[u8], file: &Path) -> Result<Self, Refusal> {
        let members = Source::new(contents).and_then(|source| members(&source));
        members.map(|members| Self { members }).map_err(|fault| fault.of(file))
    }

    /// The members, at least one of them with a weight above 0.
    #[must_use]
    pub fn into_members(self) -> Vec<Member> {
        self.members
    }
}

/// What is in a file, if it is a regular one of at most [`MAX_FILE`] bytes. (To open a pipe would wait for
/// its writer.)
pub(crate) fn contents(file: &Path) -> Result<Vec<u8>, Refusal> {
    let refuse = |reason: String| Fault { place: None, reason }.of(file);
    let unreadable = |error: std::io::Error| refuse(format!("can't be read: {error}"));
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(refuse("is not a file".into()));
    }
    let mut contents = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(MAX_FILE as u64 + 1).read_to_end(&mut contents).map_err(unreadable)?;
    match contents.len() <= MAX_FILE {
        true => Ok(contents),
        false => Err(refuse(format!("is longer than {MAX_FILE} bytes"))),
    }
}

fn members(source: &Source<'_>) -> Result<Vec<Member>, Fault> {
    let entries = entries(source)?;
    let mut seen = Seen::default();
    let mut members = Vec::with_capacity(entries.len());
    for raw in entries {
        let entry = entry::Entry::parse(source, raw)?;
        seen.check(source, &entry)?;
        members.push(entry.member);
    }
    match members.iter().any(|member| member.weight > 0) {
        true => Ok(members),
        false => {
            Err(source.fault_at_begin("no member has a weight above 0, so that nobody would own the slots"))
        }
    }
}

fn entries<'a>(source: &Source<'a>) -> Result<Vec<&'a RawValue>, Fault> {
    let whole: &RawValue = source.parse_whole()?;
    if !whole.get().starts_with('[') {
        return Err(
            source.fault_at(whole.get(), "must be an array of members: [{ \"addr\": \"host:port\" }, …]")
        );
    }
    let entries: Vec<&RawValue> = source.parse(whole)?;
    match entries.get(MAX_MEMBERS) {
        _ if entries.is_empty() => Err(source.fault_at(whole.get(), "has no members")),
        Some(one_more) => {
            Err(source.fault_at(one_more.get(), format!("has more than {MAX_MEMBERS} members")))
        }
        None => Ok(entries),
    }
}

/// Names and addresses so far. A server can't be two members, nor a primary and a replica.
#[derive(Default)]
struct Seen {
    names: HashSet<String>,
    addresses: HashSet<Address>,
}

impl Seen {
    fn check(&mut self, source: &Source<'_>, entry: &entry::Entry<'_>) -> Result<(), Fault> {
        for (address, text) in entry.addresses() {
            if !self.addresses.insert(address.clone()) {
                return Err(source.fault_at(text, format!("address {address} is there twice")));
            }
        }
        match self.names.insert(entry.member.name.clone()) {
            true => Ok(()),
            false => {
                Err(source
                    .fault_at(entry.name_text, format!("name \"{}\" is there twice", entry.member.name)))
            }
        }
    }
}
