//! Makes `CommandId` and the finished table out of the rows of all groups.

use super::arg::{KEY, block, double, int, key, one_of, pattern, string, time, word};
use super::row::{alias, row};
use super::{Acl, Command, Flags, Group, Join, KeyFlags, KeyRange, KeySpec, PoolRule};

macro_rules! table {
    (; $($group:ident { $($id:ident = $row:expr;)* })*) => {
        /// Every command, subcommand and alias: the index of its row in [`COMMANDS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "each is documented by its row")]
        pub enum CommandId { $($($id,)*)* }

        const IDS: &[CommandId] = &[$($(CommandId::$id,)*)*];

        const ROWS: [Command; IDS.len()] = [$($(Command { group: Group::$group, ..$row },)*)*];
    };
}

generic_rows! { string_rows list_rows hash_rows connection_rows server_rows table; }

impl CommandId {
    /// A placeholder for rows that do not know their place yet.
    pub(super) const FIRST: Self = IDS[0];
    /// How many there are; ids are `0..COUNT`.
    pub const COUNT: usize = IDS.len();
}

/// All rows, by [`CommandId`]; the subcommands of a command stand right behind it.
pub static COMMANDS: [Command; CommandId::COUNT] = finished();

/// Fills in what follows from a row's place and from its own words.
const fn finished() -> [Command; CommandId::COUNT] {
    let mut table = ROWS;
    let (mut i, mut parent) = (0, 0);
    while i < table.len() {
        table[i] = derived(table[i], IDS[i]);
        if has_bar(table[i].full_name) {
            table[i].parent = Some(IDS[parent]);
            table[parent].subcommand_count += 1;
        } else {
            parent = i;
        }
        i += 1;
    }
    table
}

const fn derived(row: Command, id: CommandId) -> Command {
    let mut command = if let Some(of) = row.alias_of { aliased(row, of) } else { row };
    let (range, movable) = KeyRange::of(command.key_specs);
    command.id = id;
    command.range = range;
    command.acl = command.acl.union(Acl::implied(command.flags, command.group));
    if movable {
        command.flags = command.flags.union(Flags::MOVABLEKEYS);
    }
    command
}

const fn aliased(alias: Command, of: CommandId) -> Command {
    let original = ROWS[of as usize];
    Command {
        full_name: alias.full_name,
        alias_of: alias.alias_of,
        summary: alias.summary,
        since: alias.since,
        history: &[],
        ..original
    }
}

const fn has_bar(name: &str) -> bool {
    let (bytes, mut i) = (name.as_bytes(), 0);
    while i < bytes.len() {
        if bytes[i] == b'|' {
            return true;
        }
        i += 1;
    }
    false
}
