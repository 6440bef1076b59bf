use std::collections::HashSet;

use super::*;

mod answers;
mod finding;

/// How few and how many arguments `args` can be; none: any number.
fn span(args: &[Arg]) -> (usize, Option<usize>) {
    args.iter().map(arg_span).fold((0, Some(0)), |(least, most), (few, many)| {
        (least + few, most.zip(many).map(|(most, many)| most + many))
    })
}

fn arg_span(arg: &Arg) -> (usize, Option<usize>) {
    let token = usize::from(arg.token.is_some() && arg.kind != ArgKind::PureToken);
    let (least, most) = match arg.kind {
        ArgKind::Block => span(arg.args),
        ArgKind::OneOf => {
            let spans: Vec<_> = arg.args.iter().map(arg_span).collect();
            let most = spans.iter().map(|(_, most)| *most).collect::<Option<Vec<_>>>();
            (spans.iter().map(|(least, _)| *least).min().unwrap(), most.and_then(|all| all.into_iter().max()))
        }
        _ => (1, Some(1)),
    };
    let least = if arg.flags.contains(ArgFlags::OPTIONAL) { 0 } else { least + token };
    (least, most.filter(|_| !arg.flags.contains(ArgFlags::MULTIPLE)).map(|most| most + token))
}

#[test]
fn arity_is_what_the_arguments_say() {
    // Redis counts loosely where words are needed for any sense to be made, and takes QUIT's rest.
    let loose = ["client|kill", "quit"];
    for command in COMMANDS.iter().filter(|command| !loose.contains(&command.full_name)) {
        let words = command.full_name.split('|').count();
        let extra = usize::from(!command.subcommands().is_empty() && command.arity == -2);
        let (least, most) = span(command.args);
        let least = (words + least + extra) as i16;
        let fixed =
            most.is_some_and(|most| (words + most) as i16 == least) && extra == 0 && command.arity > 0;
        assert_eq!(command.arity, if fixed { least } else { -least }, "{}", command.full_name);
    }
}

#[test]
fn arguments_name_every_key_spec_and_no_other() {
    fn specs(args: &[Arg], found: &mut HashSet<usize>) {
        for arg in args {
            if arg.is_key() {
                found.insert(usize::from(arg.key_spec));
            }
            specs(arg.args, found);
        }
    }
    for command in &COMMANDS {
        let mut found = HashSet::new();
        specs(command.args, &mut found);
        let keys = |&spec: &usize| !command.key_specs[spec].flags.contains(KeyFlags::NOT_KEY);
        assert_eq!(found, (0..command.key_specs.len()).filter(keys).collect(), "{}", command.full_name);
    }
}

#[test]
fn names_are_lower_case_and_unique_and_rows_are_at_their_ids() {
    let mut seen = HashSet::new();
    for (place, command) in COMMANDS.iter().enumerate() {
        assert_eq!(command.id as usize, place);
        assert_eq!(command.id.command().full_name, command.full_name);
        assert_eq!(command.full_name, command.full_name.to_lowercase());
        assert!(seen.insert(command.full_name), "{} twice", command.full_name);
        assert!(!command.summary.is_empty() && command.summary.ends_with('.'), "{}", command.full_name);
        assert!(command.arity != 0, "{}", command.full_name);
    }
}

#[test]
fn subcommands_stand_behind_their_parent() {
    let mut counted = 0;
    for parent in &COMMANDS {
        for sub in parent.subcommands() {
            assert_eq!(sub.parent, Some(parent.id));
            assert_eq!(sub.full_name, format!("{}|{}", parent.full_name, sub.name()));
            assert!(sub.subcommands().is_empty());
            counted += 1;
        }
    }
    assert_eq!(counted, COMMANDS.iter().filter(|command| command.parent.is_some()).count());
}

#[test]
fn the_proxy_routes_by_keys_exactly_what_has_keys() {
    for command in &COMMANDS {
        let by_keys = matches!(
            command.pool,
            PoolRule::Keys | PoolRule::Options | PoolRule::Waits | PoolRule::Script | PoolRule::Split(_)
        );
        let has_keys = command.key_specs.iter().any(|spec| !spec.flags.contains(KeyFlags::NOT_KEY));
        // What a lane can't serve has keys or not.
        let elsewhere = matches!(
            command.pool,
            PoolRule::Refused | PoolRule::Waits | PoolRule::Session | PoolRule::Channel
        );
        assert!(by_keys == has_keys || elsewhere, "{}", command.full_name);
        assert!(!command.is_write() || command.pool != PoolRule::Local, "{}", command.full_name);
    }
}

#[test]
fn a_write_says_so_in_flags_categories_and_key_specs() {
    for command in &COMMANDS {
        let name = command.full_name;
        assert!(!command.flags.contains(Flags::WRITE | Flags::READONLY), "{name}");
        assert_eq!(command.acl.contains(Acl::WRITE), command.is_write(), "{name}");
        let changes = KeyFlags::RW | KeyFlags::OW | KeyFlags::RM;
        let changed = command.key_specs.iter().any(|spec| spec.flags.intersects(changes));
        // As in Redis: the one keeps the count with the key, the other notes what it delivered; what a script does is not known.
        let differs = matches!(command.id, CommandId::Pfcount | CommandId::Xreadgroup)
            || matches!(command.id, CommandId::Eval | CommandId::Evalsha | CommandId::Fcall);
        assert!(command.key_specs.is_empty() || changed == command.is_write() || differs, "{name}");
        let access = KeyFlags::RO | changes | KeyFlags::NOT_KEY;
        assert!(
            command.key_specs.iter().all(|spec| (spec.flags & access).bits().count_ones() == 1),
            "{name}"
        );
    }
}

#[test]
fn categories_are_implied_or_added() {
    let cases = [
        (CommandId::Get, Acl::READ | Acl::STRING | Acl::FAST),
        (CommandId::Lpush, Acl::WRITE | Acl::LIST | Acl::FAST),
        (CommandId::Client, Acl::SLOW),
        (CommandId::ClientKill, Acl::CONNECTION | Acl::ADMIN | Acl::DANGEROUS | Acl::SLOW),
        (CommandId::Flushall, Acl::WRITE | Acl::KEYSPACE | Acl::DANGEROUS | Acl::SLOW),
        (CommandId::Role, Acl::ADMIN | Acl::DANGEROUS | Acl::FAST),
        (CommandId::CommandDocs, Acl::CONNECTION | Acl::SLOW),
    ];
    for (id, acl) in cases {
        assert_eq!(id.command().acl, acl, "{id:?}");
    }
}

#[test]
fn an_alias_is_its_original_but_for_the_name() {
    let aliases: Vec<_> = COMMANDS.iter().filter(|command| command.alias_of.is_some()).collect();
    assert_eq!(aliases.len(), 9);
    for alias in aliases {
        let original = alias.executes().command();
        assert!(original.alias_of.is_none());
        assert_eq!((alias.arity, alias.flags, alias.acl), (original.arity, original.flags, original.acl));
        assert_eq!((alias.range, alias.pool, alias.group), (original.range, original.pool, original.group));
    }
}

#[test]
fn ranges_are_those_of_redis() {
    let cases = [
        (CommandId::Get, (1, 1, 1)),
        (CommandId::Mget, (1, -1, 1)),
        (CommandId::Mset, (1, -1, 2)),
        (CommandId::Lcs, (1, 2, 1)),
        (CommandId::Rename, (1, 2, 1)),
        (CommandId::Lmove, (1, 2, 1)),
        (CommandId::ObjectEncoding, (2, 2, 1)),
        (CommandId::Lmpop, (0, 0, 0)),
        (CommandId::Ping, (0, 0, 0)),
        (CommandId::RemoveBatch, (1, -1, 1)),
    ];
    for (id, (first, last, step)) in cases {
        assert_eq!(id.command().range, KeyRange { first, last, step }, "{id:?}");
    }
}

#[test]
fn arity_is_checked_both_ways() {
    let cases: [(&str, &[usize], &[usize]); 5] = [
        ("get", &[2], &[0, 1, 3]),
        ("set", &[3, 4, 100_000], &[0, 2]),
        ("keys", &[1, 2], &[0, 3]),
        ("ttl", &[2, 3], &[1, 4]),
        ("mget", &[2, 1 << 20], &[1]),
    ];
    for (name, right, wrong) in cases {
        let command = lookup(name.as_bytes()).unwrap();
        assert!(right.iter().all(|&count| command.arity_ok(count)), "{name}");
        assert!(!wrong.iter().any(|&count| command.arity_ok(count)), "{name}");
    }
}

#[test]
fn the_reference_page_is_the_tables() {
    let page = include_str!("../../../docs/commands.md");
    assert!(
        page == reference::markdown(),
        "docs/commands.md is stale: cargo run -p ringtail-protocol --example reference > docs/commands.md"
    );
}

#[test]
fn syntax_is_written_as_redis_writes_it() {
    let cases = [
        (
            CommandId::Set,
            "SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds \
             | PXAT unix-time-milliseconds | KEEPTTL]",
        ),
        (CommandId::Mset, "MSET key value [key value ...]"),
        (CommandId::Lmpop, "LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]"),
        (CommandId::Info, "INFO [section [section ...]]"),
        (CommandId::Dbsize, "DBSIZE"),
        (CommandId::Client, "CLIENT subcommand [argument ...]"),
        (CommandId::Command, "COMMAND"),
        (
            CommandId::CommandList,
            "COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        ),
        (CommandId::Hello, "HELLO [protover [AUTH username password] [SETNAME clientname]]"),
    ];
    for (id, line) in cases {
        assert_eq!(syntax(id.command()), line);
    }
}
