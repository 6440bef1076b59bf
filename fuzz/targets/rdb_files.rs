//! Any bytes as an RDB file. The body is also run by a unit test.
#![no_main]

use ringtail_backup::exercise::rdb_file;
use std::io::Read;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    rdb_file(data);
    // Nobody guesses what each file begins with.
    rdb_file((&b"REDIS0011"[..]).chain(data));
});
