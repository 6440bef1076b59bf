//! Any bytes as groups of the log, and groups of the log with changes. The body is also run by a unit test.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringtail_dataserver::exercise::logs(data));
