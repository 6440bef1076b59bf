//! Any bytes, and frames of them, as what the other end of replication says.

use super::Source;
use super::commands::{fill, request_of};
use crate::backup::load::{How, load};
use crate::backup::save::{Progress, save};
use crate::command::testing::{Harness, START};
use crate::log::apply::Applier;
use crate::log::record::{add, begin, finish};
use crate::replication::follow::apply_some;
use crate::replication::wire::{HEAD, Kind, push, take_ack, take_log};
use crate::server::Server;
use crate::store::GROUPS;
use ringtail_protocol::command::COMMANDS;
use std::sync::Arc;

/// Pieces that one end says.
const MOST: usize = 40;

/// A replica that says any bytes, and a primary that sends any bytes, frames of any bytes, effects of any commands, and a snapshot that is
/// damaged.
///
/// # Panics
/// When an end does, when it takes what can't be true or keeps more than it should, or when the store's books are wrong afterwards.
pub fn replication(data: &[u8]) {
    let mut source = Source(data);
    match source.below(4) {
        0 => acknowledge(source.0),
        1 => follow(source.0, &mut Source(data)),
        2 => {
            let said = say(&mut source);
            follow(&said, &mut source);
        }
        _ => sync(&mut source),
    }
}

/// What a replica says.
fn acknowledge(said: &[u8]) {
    const SENT: u64 = 1 << 32;
    const NOW: u64 = 1 << 16;
    let mut unread = Vec::new();
    for piece in said.chunks(7) {
        unread.extend_from_slice(piece);
        loop {
            match take_ack(&mut unread, SENT, NOW) {
                Ok(Some([applied, on_disk, heard])) => {
                    assert!(on_disk <= applied && applied <= SENT && heard <= NOW);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(unread.len() <= HEAD + 24, "{} bytes are kept", unread.len());
    }
}

/// What a primary says, in pieces.
fn follow(said: &[u8], source: &mut Source<'_>) {
    let replica = Harness::new().server;
    let mut applier = Applier::new(Arc::clone(&replica), 0);
    let (mut unread, mut groups, mut rest) = (Vec::new(), Vec::new(), said);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.len().min(source.one_of(&[1000, 1, 5, 64, 300])));
        rest = later;
        unread.extend_from_slice(piece);
        let Ok(told) = take_log(&mut unread, &mut groups) else { break };
        let (applied, ended) = apply_some(&mut applier, &groups);
        groups.drain(..applied);
        if ended.is_err() || told.leads {
            break;
        }
    }
    assert!(unread.len().max(groups.len()) <= said.len(), "more is kept than came");
    check(&replica);
}

/// Frames, most of them as they should be.
fn say(source: &mut Source<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..MOST {
        if source.is_empty() {
            break;
        }
        match source.below(16) {
            0 => {
                push(&mut out, Kind::Heartbeat, &[u64::from(source.byte()); 3].map(u64::to_le_bytes).concat())
            }
            1 => push(&mut out, source.one_of(&[Kind::Log, Kind::Ack, Kind::Lead]), source.bytes(40)),
            2 => out.extend_from_slice(source.bytes(40)),
            _ => {
                let group = group(source);
                // A group may come in more frames than one.
                let (start, end) = group.split_at(source.below((group.len() + 1).min(1 << 16)));
                push(&mut out, Kind::Log, start);
                push(&mut out, Kind::Log, end);
            }
        }
    }
    out
}

/// Effects, also of commands that are never any.
fn group(source: &mut Source<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    begin(&mut out, START + u64::from(source.byte()));
    for _ in 0..=source.below(3) {
        let request = match source.below(4) {
            0 => fill(source),
            _ => request_of(&COMMANDS[source.below(COMMANDS.len())], source),
        };
        add(&mut out, source.one_of(&[0, 0, 0, 1, 15, 16, 255]), request.iter().map(Vec::as_slice));
    }
    assert!(finish(&mut out, 0).is_ok());
    out
}

/// A snapshot of which a bit is another, or the end is missing.
fn sync(source: &mut Source<'_>) {
    let mut primary = Harness::new();
    for _ in 0..source.below(20) {
        let request = fill(source);
        primary.run_args(&request.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    let (mut snapshot, _) =
        save(&primary.server, Vec::new(), &Progress::default()).unwrap_or_else(|error| panic!("{error}"));
    let whole = snapshot.len();
    for _ in 0..source.below(3) {
        let at = source.below(1 << 16) % snapshot.len();
        if source.often(64) {
            snapshot.truncate(at + 1);
        } else {
            snapshot[at] ^= 1 << source.below(8);
        }
    }
    let cut = snapshot.len() < whole;
    let replica = Harness::new().server;
    let loaded = load(&replica, &snapshot[..], How::default(), &Progress::default());
    assert!(loaded.is_err() || !cut, "a part is taken for all");
    check(&replica);
}

fn check(server: &Server) {
    (0..GROUPS).for_each(|group| server.store.lock(group).check(server.store.hasher()));
}
