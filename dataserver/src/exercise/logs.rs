//! Any bytes to the decoder of the log's groups.

use super::Source;
use crate::log::record::{Group, HEADER, add, begin, finish, next_group};

/// Decodes bytes as they are, and groups made of them that are then changed in one place.
pub fn logs(data: &[u8]) {
    decode(data);
    let mut source = Source(data);
    let mut log = Vec::new();
    while !source.is_empty() {
        append(&mut source, &mut log);
    }
    assert_eq!(decode(&log), log.len(), "what was written is read");
    let Some(at) = data.first_chunk::<2>().map(|at| usize::from(u16::from_le_bytes(*at))) else { return };
    if let Some(byte) = log.get_mut(at) {
        *byte ^= 1 << (data[0] % 8);
        assert!(decode(&log) <= at, "what was changed is not");
    }
}

fn append(source: &mut Source<'_>, log: &mut Vec<u8>) {
    let start = log.len();
    begin(log, source.byte().into());
    for _ in 0..=source.below(4) {
        let args: Vec<_> = (0..=source.below(4)).map(|_| source.bytes(300)).collect();
        add(log, source.byte(), args.into_iter());
    }
    assert!(finish(log, start).is_ok());
}

/// The bytes of the whole groups at the start, each of which says the same when it is written again.
fn decode(data: &[u8]) -> usize {
    let mut at = 0;
    while let Ok(Some((group, size))) = next_group(&data[at..]) {
        let again = encode(&group);
        let body = &data[at + HEADER..at + size];
        // A number may be written in more than one way, and then it is shorter again.
        assert!(again.len() < size || again[HEADER..] == *body);
        at += size;
    }
    at
}

fn encode(group: &Group<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    begin(&mut out, group.time);
    for effect in group.effects() {
        add(&mut out, effect.db, effect.args());
    }
    assert!(finish(&mut out, 0).is_ok());
    out
}
