//! What the running server says about its commands: COMMAND and COMMAND DOCS.

use ringtail_tests::resp::{Conn, Value};
use std::collections::HashMap;

/// A command or a subcommand.
pub(super) struct Command {
    /// One word, or two.
    pub(super) words: Vec<Vec<u8>>,
    /// Arguments that it has at least, without its words.
    pub(super) least: usize,
    /// Whether it takes more.
    pub(super) more: bool,
    /// What its documentation says of them.
    pub(super) args: Vec<Arg>,
}

/// A documented argument.
pub(super) struct Arg {
    pub(super) kind: String,
    pub(super) token: Option<Vec<u8>>,
    pub(super) optional: bool,
    pub(super) multiple: bool,
    pub(super) multiple_token: bool,
    /// Of a block, or one of which is chosen.
    pub(super) of: Vec<Arg>,
}

impl Command {
    /// Its words with a bar between them.
    pub(super) fn name(&self) -> String {
        self.words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join("|")
    }
}

/// All commands; of those with subcommands, the container too. The connection speaks RESP3.
pub(super) fn read(conn: &mut Conn) -> Vec<Command> {
    let mut args = HashMap::new();
    documented(&conn.run("COMMAND DOCS"), &mut args);
    let mut commands = Vec::new();
    for row in conn.run("COMMAND").items() {
        listed(row, &mut args, &mut commands);
    }
    commands
}

fn listed(row: &Value, args: &mut HashMap<String, Vec<Arg>>, into: &mut Vec<Command>) {
    let row = row.items();
    let (name, arity) = (row[0].text(), row[1].int());
    let words: Vec<Vec<u8>> = name.split('|').map(|word| word.as_bytes().to_vec()).collect();
    let least = usize::try_from(arity.unsigned_abs()).expect("an arity") - words.len();
    into.push(Command { words, least, more: arity < 0, args: args.remove(&name).unwrap_or_default() });
    for sub in row[9].items() {
        listed(sub, args, into);
    }
}

fn documented(docs: &Value, into: &mut HashMap<String, Vec<Arg>>) {
    for (name, doc) in pairs(docs) {
        into.insert(name.text(), field(doc, "arguments").map(arguments).unwrap_or_default());
        if let Some(subcommands) = field(doc, "subcommands") {
            documented(subcommands, into);
        }
    }
}

fn arguments(list: &Value) -> Vec<Arg> {
    list.items().iter().map(argument).collect()
}

fn argument(about: &Value) -> Arg {
    let flags = field(about, "flags").map(Value::items).unwrap_or_default();
    let has = |flag: &str| flags.iter().any(|f| f.text() == flag);
    Arg {
        kind: field(about, "type").expect("an argument's type").text(),
        token: field(about, "token").map(|token| token.text().into_bytes()),
        optional: has("optional"),
        multiple: has("multiple"),
        multiple_token: has("multiple_token"),
        of: field(about, "arguments").map(arguments).unwrap_or_default(),
    }
}

fn field<'v>(map: &'v Value, name: &str) -> Option<&'v Value> {
    pairs(map).iter().find(|(key, _)| key.text() == name).map(|(_, value)| value)
}

fn pairs(map: &Value) -> &[(Value, Value)] {
    match map {
        Value::Map(pairs) => pairs,
        other => panic!("expected a map, got {other}"),
    }
}
