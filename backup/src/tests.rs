//! What is written is read the same, later versions' files too, and no bytes do harm.

mod backups;
mod damaged;
pub(crate) mod given;
mod later;
