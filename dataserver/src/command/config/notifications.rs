//! `notify-keyspace-events`: which events are published, and in which channels, as letters.

use super::Refusal;
use crate::event::{Channels, Class};
use crate::server::Server;

/// The letters of classes, in the order in which they are shown. `d`, events of modules, of which there are none here, is understood.
const LETTERS: [(char, Class); 12] = [
    ('g', Class::GENERIC),
    ('$', Class::STRING),
    ('l', Class::LIST),
    ('s', Class::SET),
    ('h', Class::HASH),
    ('z', Class::ZSET),
    ('x', Class::EXPIRED),
    ('e', Class::EVICTED),
    ('t', Class::STREAM),
    ('d', Class::MODULE),
    ('n', Class::NEW),
    ('m', Class::KEY_MISS),
];

/// What is published, as letters: `A` stands for all that are no special wish.
pub(super) fn text(server: &Server) -> String {
    let (classes, channels) = server.notifications();
    let mut text = String::new();
    let mut rest = classes;
    if classes.contains(Class::ALL) {
        text.push('A');
        rest = rest.difference(Class::ALL);
    }
    let shown =
        |class: Class| LETTERS.iter().filter(move |(_, c)| class.contains(*c)).map(|(letter, _)| *letter);
    text.extend(shown(rest.difference(Class::KEY_MISS)));
    for (letter, channel) in [('K', Channels::KEYSPACE), ('E', Channels::KEYEVENT)] {
        if channels.contains(channel) {
            text.push(letter);
        }
    }
    text.extend(shown(rest.intersection(Class::KEY_MISS)));
    text
}

/// Changes what is published.
pub(super) fn set(server: &Server, text: &str) -> Result<(), Refusal> {
    let (mut classes, mut channels) = (Class::empty(), Channels::empty());
    for letter in text.chars() {
        match letter {
            'A' => classes |= Class::ALL,
            'K' => channels |= Channels::KEYSPACE,
            'E' => channels |= Channels::KEYEVENT,
            _ => {
                let known = LETTERS.iter().find(|(known, _)| *known == letter);
                classes |= known.ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?.1;
            }
        }
    }
    server.notify(classes, channels);
    Ok(())
}
