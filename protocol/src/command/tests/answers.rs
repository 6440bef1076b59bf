//! What `COMMAND` and `HELP` answer, byte for byte.

use super::*;
use crate::reply::{Reply, Resp};

/// The answer to `request`, with spaces for line ends.
fn answer(resp: Resp, request: &str) -> String {
    let words: Vec<&str> = request.split(' ').collect();
    let Found::Command(command) = find(&words[..]) else { panic!("{request}") };
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, resp);
    match introspect(command, &words[..], &mut reply) {
        Ok(answered) => assert!(answered, "{request}"),
        Err(error) => reply.error(&error),
    }
    String::from_utf8(out).unwrap().replace("\r\n", " ")
}

#[test]
fn other_commands_are_left_to_the_server() {
    for command in ["get", "info", "client"] {
        let mut out = Vec::new();
        let row = lookup(command.as_bytes()).unwrap();
        assert_eq!(introspect(row, &[command][..], &mut Reply::new(&mut out, Resp::V2)), Ok(false));
        assert!(out.is_empty());
    }
}

#[test]
fn info_has_redis_shape() {
    assert_eq!(
        answer(Resp::V2, "COMMAND INFO GET nosuch"),
        "*2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 *6 $5 flags *2 +RO +access \
         $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 $9 find_keys *4 $4 type $5 range $4 spec *6 \
         $7 lastkey :0 $7 keystep :1 $5 limit :0 *0 $-1 "
    );
    assert_eq!(
        answer(Resp::V3, "command info lmpop"),
        "*1 *10 $5 lmpop :-4 ~2 +write +movablekeys :0 :0 :0 ~3 +@write +@list +@slow ~0 ~1 %3 $5 flags \
         ~3 +RW +access +delete $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 $9 find_keys %2 $4 type \
         $6 keynum $4 spec %3 $9 keynumidx :0 $8 firstkey :1 $7 keystep :1 ~0 "
    );
    assert!(answer(Resp::V3, "command info nosuch client|id").starts_with("*2 _ *10 $9 client|id :2 "));
    let all = answer(Resp::V2, "command");
    assert_eq!(all, answer(Resp::V2, "command info"));
    let count = answer(Resp::V2, "command count").replace(':', "*");
    assert!(all.starts_with(&count), "{count}");
}

#[test]
fn docs_have_redis_shape() {
    assert_eq!(answer(Resp::V3, "command docs nosuch"), "%0 ");
    assert_eq!(
        answer(Resp::V3, "command docs OBJECT|ENCODING"),
        "%1 $15 object|encoding %5 $7 summary $38 Returns how a value is kept in memory. $5 since $5 2.2.3 $5 group \
         $7 generic $10 complexity $4 O(1) $9 arguments *1 %3 $4 name $3 key $4 type $3 key $14 key_spec_index :0 "
    );
    let substr = answer(Resp::V2, "command docs substr");
    assert!(substr.contains(
        "$9 doc_flags *1 +deprecated $16 deprecated_since $5 2.0.0 $11 replaced_by $10 `GETRANGE` "
    ));
    assert!(answer(Resp::V3, "command docs object").contains("$11 subcommands %5 $15 object|encoding %5 "));
    assert!(answer(Resp::V3, "command docs lpop").contains("$7 history ~1 *2 $5 6.2.0 $8 A count. "));
}

#[test]
fn list_filters() {
    assert_eq!(answer(Resp::V2, "command list filterby pattern *|RESETSTAT"), "*1 $16 config|resetstat ");
    assert_eq!(answer(Resp::V3, "command list filterby module m"), "*0 ");
    assert_eq!(answer(Resp::V3, "command list filterby aclcat nosuch"), "*0 ");
    assert!(answer(Resp::V2, "command list FILTERBY ACLCAT Hash").starts_with("*28 "));
    assert!(answer(Resp::V3, "command list").starts_with(&format!("*{} ", CommandId::COUNT)));
    for wrong in ["x", "filterby aclcat", "filterby x y", "filterby module x y"] {
        assert_eq!(answer(Resp::V2, &format!("command list {wrong}")), "-ERR syntax error ");
    }
}

#[test]
fn getkeys_and_their_flags() {
    let cases = [
        ("getkeys mset a 1 b 2", "*2 $1 a $1 b "),
        ("getkeys LMPOP 2 a b LEFT", "*2 $1 a $1 b "),
        ("getkeys object encoding k", "*1 $1 k "),
        ("getkeys lmpop x a LEFT", "-ERR Invalid arguments specified for command "),
        ("getkeys ping", "-ERR The command has no key arguments "),
        ("getkeys ping a", "-ERR The command has no key arguments "),
        ("getkeys object help", "-ERR The command has no key arguments "),
        ("getkeys nosuch a", "-ERR Invalid command specified "),
        ("getkeys object nosuch k", "-ERR Invalid command specified "),
        ("getkeys get a b", "-ERR Invalid number of arguments specified for command "),
        ("getkeysandflags set k v", "*1 *2 $1 k ~2 +OW +update "),
        ("getkeysandflags put k v GET", "*1 *2 $1 k ~3 +RW +access +update "),
        ("getkeysandflags rename a b", "*2 *2 $1 a ~3 +RW +access +delete *2 $1 b ~2 +OW +update "),
    ];
    for (request, wanted) in cases {
        assert_eq!(answer(Resp::V3, &format!("command {request}")), wanted, "{request}");
    }
}

#[test]
fn help_is_in_the_words_of_redis() {
    assert_eq!(
        answer(Resp::V3, "SLOWLOG HELP"),
        "*12 +SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are: +GET [<count>] +    Return top <count> \
         entries from the slowlog (default: 10, -1 mean all). +    Entries are made of: +    id, timestamp, time in \
         microseconds, arguments array, client IP and port, +    client name +LEN +    Return the length of the slowlog. \
         +RESET +    Reset the slowlog. +HELP +    Prints this help. "
    );
    assert!(answer(Resp::V2, "command help").contains(" +(no subcommand) +    Return details about all"));
    for parent in COMMANDS.iter().filter(|command| command.subcommand(b"help").is_some()) {
        let help = answer(Resp::V2, &format!("{} help", parent.full_name));
        for sub in parent.subcommands() {
            assert_eq!(
                help.matches(&format!("+{}", sub.name().to_uppercase())).count().min(1),
                1,
                "{}: {help}",
                sub.full_name
            );
        }
        assert!(!help.contains("+= "), "{help}");
    }
}
