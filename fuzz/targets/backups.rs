//! Any bytes as a backup, and as the records of one whose checksums are right. The bodies are also run by unit tests.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    ringtail_backup::exercise::backup(data);
    ringtail_backup::exercise::records(data);
});
