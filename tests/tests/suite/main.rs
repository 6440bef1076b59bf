//! Ringtail's programs from outside, beside the real ones.

mod bad_input;
mod clients;
mod docs;
mod failure;
mod front;
mod hostile;
mod memory;
mod scan;
mod session;
mod start;
mod table;
mod topology;
mod traffic;
