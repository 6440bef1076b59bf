//! Any bytes, in pieces of any size, to the request parser. The body is also run by a unit test.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&piece, data)) = data.split_first() else { return };
    let whole = ringtail_protocol::request::exercise(data, usize::MAX);
    let pieces = ringtail_protocol::request::exercise(data, piece.into());
    assert_eq!(whole.0, pieces.0);
});
