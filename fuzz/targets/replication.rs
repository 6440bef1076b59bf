//! Any bytes, and frames of them, as what the other end of replication says. The body is also run by a unit test.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringtail_dataserver::exercise::replication(data));
