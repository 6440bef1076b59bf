//! The table of cases: what every command answers, in files of lines that read
//! `COMMAND -> REPLY`, run unchanged against every kind of target.
//!
//! `cases/README.md` describes the notation.

mod file;
mod notation;
mod pattern;
mod run;
#[cfg(test)]
mod tests;

pub use file::{Case, Step, load};
pub use notation::{Line, split_words};
pub use pattern::Pattern;
pub use run::{Report, Target, run};
