//! Makes `CommandId` and the finished table out of the rows of all groups.

use super::arg::{
    AGGREGATE, BY, COUNT_ANY, EXPIRY_CONDITION, FIELD_CONDITION, FIELDS, FLUSH_TYPE, FROM, FUNCTION_ARGS,
    KEY, LIMIT, ON_OFF, SCRIPT_ARGS, SHA_ARGS, SIDES, SORT_BY, SORT_GET, SORT_ORDER, TRIM, UNITS,
    UNKNOWN_READ, UNKNOWN_USE, WITH_COORD, WITH_DIST, WITH_HASH, block, double, int, key, one_of, pattern,
    string, time, word,
};
use super::row::{alias, row};
use super::{Acl, Command, Flags, Group, Join, KeyFlags, KeyRange, KeySpec, PoolRule, keys};

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

generic_rows! { string_rows list_rows hash_rows
set_rows sorted_set_rows stream_rows bitmap_rows hyperloglog_rows geo_rows pubsub_rows transactions_rows scripting_rows connection_rows server_rows acl_rows cluster_rows table; }

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
    let mut table = placed();
    let mut i = 0;
    while i < table.len() {
        table[i] = derived(table[i]);
        i += 1;
    }
    table
}

/// Gives each row its id; a row whose name has a bar is a subcommand of the last one without.
const fn placed() -> [Command; CommandId::COUNT] {
    let mut table = ROWS;
    let (mut i, mut parent) = (0, 0);
    while i < table.len() {
        table[i].id = IDS[i];
        if let Some(name) = behind_bar(table[i].full_name) {
            table[i].name = name;
            table[i].parent = Some(IDS[parent]);
            table[parent].subcommand_count += 1;
        } else {
            parent = i;
        }
        i += 1;
    }
    table
}

const fn derived(row: Command) -> Command {
    let mut command = if let Some(of) = row.alias_of { aliased(row, of) } else { row };
    let (range, movable) = KeyRange::of(command.key_specs);
    command.range = range;
    command.acl = command.acl.union(Acl::implied(&command));
    if movable {
        assert!(
            keys::finding(command.key_specs) <= keys::MOVABLE_SPECS,
            "more key specs than the iterator can hold"
        );
        command.flags = command.flags.union(Flags::MOVABLEKEYS);
    }
    command
}

const fn aliased(alias: Command, of: CommandId) -> Command {
    Command {
        id: alias.id,
        full_name: alias.full_name,
        name: alias.name,
        alias_of: alias.alias_of,
        history: &[],
        replaced_by: None,
        also: None,
        ..ROWS[of as usize]
    }
}

const fn behind_bar(name: &str) -> Option<&str> {
    let (bytes, mut i) = (name.as_bytes(), 0);
    while i < bytes.len() {
        if bytes[i] == b'|' {
            return Some(name.split_at(i + 1).1);
        }
        i += 1;
    }
    None
}
