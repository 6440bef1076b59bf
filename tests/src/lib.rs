//! What Ringtail's tests stand on: processes started on free ports, a small
//! blocking client, and the table of cases in `cases/` with its runner; and
//! the bench's load generator.

pub mod cases;
pub mod harness;
pub mod load;
pub mod resp;
