//! Any commands of several clients to a data server in process. The body is also run by a unit test.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringtail_dataserver::exercise::commands(data));
