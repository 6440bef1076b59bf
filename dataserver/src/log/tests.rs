//! What is logged of each command, and that it says all.

mod keeping;
mod lines;
mod random;
mod together;
mod words;
