//! The log: what every change did, as one sequence of effects, and its files.

mod crc32;
pub mod files;
pub mod record;
