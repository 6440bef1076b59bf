//! Any bytes as an RDB file. The body is also run by a unit test.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drop(ringtail_backup::exercise::rdb_file(data)));
