//! Access control lists: users, what they may do, and the rules that say so, in Redis's own notation.
//!
//! A [`User`] has a root [`Selector`] and may have more; a request is allowed when one of them allows its command, its keys and
//! its channels together ([`User::may`]). Users are immutable once they are in a [`Users`] table: a change makes a new one,
//! so that a session can keep an `Arc<User>` and look at it without a lock.
//!
//! Nothing here reads a file, a clock or a random number: who needs them hands them in.

mod access;
mod answers;
mod check;
mod commands;
mod file;
mod identity;
mod log;
mod password;
mod pattern;
mod rule;
mod selector;
mod user;
mod users;

#[cfg(test)]
mod tests;

pub use access::Access;
pub use answers::{GENPASS_BYTES, generated_password, run};
pub use check::{Denied, Reason};
pub use file::{NO_FILE, NOT_SAVED, Origin, Refused};
pub use identity::{Identity, Look};
pub use log::{Context, Log};
pub use pattern::Permission;
pub use rule::RuleError;
pub use selector::Selector;
pub use user::User;
pub use users::{DEFAULT_USER, Users};
