//! Which arguments of a request are nobody's business: passwords and what tells of users. Everything that shows requests to
//! operators (SLOWLOG, MONITOR) asks here.

use crate::command::config;
use ringtail_protocol::command::{Command, CommandId};
use ringtail_protocol::request::Args;

/// What is shown in the place of a secret.
const REDACTED: &[u8] = b"(redacted)";

/// A request as operators may see it: its arguments in order, the secret ones replaced.
pub(crate) fn shown<'a>(command: &Command, args: Args<'a>) -> impl ExactSizeIterator<Item = &'a [u8]> {
    let hidden = Hidden::of(command, args);
    args.iter().enumerate().map(move |(i, arg)| if hidden.contains(args, i) { REDACTED } else { arg })
}

/// The secret arguments of a request.
enum Hidden {
    None,
    /// All from this one on.
    From(usize),
    /// These.
    Range(usize, usize),
    /// The values of CONFIG SET's secret parameters.
    Values,
}

impl Hidden {
    fn of(command: &Command, args: Args<'_>) -> Self {
        match command.executes() {
            CommandId::Auth => Self::From(1),
            CommandId::Hello => after(args, 2, b"AUTH", 2),
            CommandId::ConfigSet => Self::Values,
            _ if is_about_users(command.full_name) => Self::From(2),
            _ => Self::None,
        }
    }

    fn contains(&self, args: Args<'_>, i: usize) -> bool {
        match *self {
            Self::None => false,
            Self::From(first) => i >= first,
            Self::Range(first, last) => (first..=last).contains(&i),
            // Names stand at even places, each before its value.
            Self::Values => i >= 3 && i % 2 == 1 && config::is_secret(&args[i - 1]),
        }
    }
}

/// As in Redis, not even who they are about.
fn is_about_users(name: &str) -> bool {
    ["acl|deluser", "acl|getuser", "acl|setuser"].contains(&name)
}

/// So many arguments after a word, which is looked for from an argument on.
fn after(args: Args<'_>, from: usize, word: &[u8], count: usize) -> Hidden {
    let at = (from..args.len()).find(|&i| args[i].eq_ignore_ascii_case(word));
    at.map_or(Hidden::None, |at| Hidden::Range(at + 1, at + count))
}
