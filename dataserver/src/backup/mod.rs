//! All keys as one stream of bytes, exact as of one moment, while commands go on: backups, the log's base, a replica's first sync.
//!
//! ```text
//! save::walk      slot by slot; then what was changed behind it, again and again until that is little; then the rest, under all locks
//! load::Loader    the way back, on all threads
//! files           where backups are written, and when
//! ```

pub mod files;
pub mod load;
pub mod progress;
pub mod save;
