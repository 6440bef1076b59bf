//! Commands out of JSON, and answers into it.

pub(crate) mod bounded;
mod commands;
mod values;
mod word;

#[cfg(test)]
mod tests;

pub(crate) use commands::parse;
pub(crate) use values::{Encoding, text_of, write};
pub(crate) use word::Word;
