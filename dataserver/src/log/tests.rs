//! What is logged of each command, and that it says all.

mod random;
mod words;
