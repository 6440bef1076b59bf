//! RESTORE of any bytes, and of values' dumps with changes, whose checksum is right. The body is also run by a unit test.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringtail_dataserver::exercise::payloads(data));
