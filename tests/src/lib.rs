//! What Ringtail's tests stand on: processes started on free ports, a small
//! blocking client, the table of cases in `cases/` with its runner, and a check of
//! histories; and the bench's load generator.

pub mod cases;
pub mod harness;
pub mod history;
pub mod load;
pub mod resp;
