//! Kinds of commands whose durations may be compared: few enough for a histogram each.

use crate::command::{Command, Flags, Group};

/// What a command does, for its duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads keys.
    Read,
    /// Changes keys.
    Write,
    /// May wait for a key; its duration is then that of the waiting.
    Blocking,
    /// Runs a script or a function.
    Script,
    /// Begins, ends or guards a transaction.
    Transaction,
    /// What is left: about connections, messages, the server.
    Other,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Blocking, Self::Script, Self::Transaction, Self::Other];

    /// That of a command.
    pub fn of(command: &Command) -> Self {
        let has = |flag| command.flags.contains(flag);
        match command.group {
            Group::Scripting => Self::Script,
            Group::Transactions => Self::Transaction,
            _ if has(Flags::BLOCKING) => Self::Blocking,
            _ if has(Flags::WRITE) => Self::Write,
            _ if has(Flags::READONLY) => Self::Read,
            _ => Self::Other,
        }
    }

    /// In lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Blocking => "blocking",
            Self::Script => "script",
            Self::Transaction => "transaction",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::lookup;

    #[test]
    fn each_command_has_the_class_of_what_it_does() {
        for (name, class) in [
            ("get", Class::Read),
            ("set", Class::Write),
            ("blpop", Class::Blocking),
            ("evalsha", Class::Script),
            ("exec", Class::Transaction),
            ("publish", Class::Other),
        ] {
            assert_eq!(Class::of(lookup(name.as_bytes()).unwrap()), class, "{name}");
        }
        assert!(Class::ALL.iter().enumerate().all(|(at, class)| *class as usize == at));
    }
}
