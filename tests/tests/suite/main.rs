//! Ringtail's programs from outside, beside the real ones.

mod table;
