//! See the package description.
pub mod command;
