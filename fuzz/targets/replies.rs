//! Any bytes, in pieces of any size, to the reply scanner. The body is also run by a unit test.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&piece, data)) = data.split_first() else { return };
    assert_eq!(
        ringtail_protocol::frame::exercise(data, usize::MAX),
        ringtail_protocol::frame::exercise(data, piece.into()),
    );
});
