//! Commands of the table with arguments as documented, nearly so, or not at all, of several clients in turn.

use super::Source;
use crate::command::testing::{Harness, START};
use crate::log::testing::Mirror;
use crate::session::ReplyMode;
use crate::store::GROUPS;
use ringtail_protocol::command::{Arg, ArgFlags, ArgKind, COMMANDS, Command, CommandId, Group};
use ringtail_protocol::reply::write_request;
use ringtail_protocol::value::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Clients at once.
const CLIENTS: usize = 3;
/// Requests of one input.
const MOST: usize = 150;

/// Numbers and what looks like them.
const EDGES: [&str; 34] = [
    "0",
    "1",
    "-1",
    "2",
    "-2",
    "3",
    "10",
    "100",
    "-100",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "4294967296",
    "2147483648",
    "1e308",
    "-1e308",
    "1e-320",
    "nan",
    "inf",
    "-inf",
    "-0.0",
    "1.5",
    "(1",
    "[a",
    "-",
    "+",
    "$",
    ">",
    "0-0",
    "1-1",
    "5-*",
    "18446744073709551615-18446744073709551615",
    "*",
];

/// What keys are called by.
const KEYS: [&str; 12] = ["s", "b", "l", "h", "S", "z", "g", "x", "p", "{t}1", "{t}2", "none"];

/// Scripts and a library, each with what may go wrong in it.
const SCRIPTS: [&str; 10] = [
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "redis.setresp(3) return redis.call(unpack(ARGV))",
    "return {1, 2.5, {3, 'a', false, nil, 5}, {double = 3.5}, {err = 'E x'}, {ok = 'y'}}",
    "return cjson.decode(ARGV[1])",
    "return cmsgpack.unpack(ARGV[1])",
    "return struct.unpack(ARGV[1], ARGV[2])",
    "return cjson.encode(ARGV)",
    "error(ARGV[1])",
    "#!lua name=mylib\nredis.register_function('f', function(keys, args) return redis.call(unpack(args)) end)",
];

/// Requests that fill the keys.
const FILLS: [&str; 14] = [
    "SET s 7",
    "SETBIT b 77 1",
    "RPUSH l 1 2 3 a b c",
    "HSET h m1 1 m2 2 m3 x f v",
    "HPEXPIRE h 20 FIELDS 2 m1 m2",
    "SADD S 1 2 3",
    "SADD S m1 m2 m3 m4 m5 m6",
    "ZADD z 1 m1 2 m2 3 m3 3 m4",
    "GEOADD g 13.36 38.11 m1 15.08 37.5 m2",
    "XADD x * m1 v m2 w",
    "XGROUP CREATE x m1 0 MKSTREAM",
    "XREADGROUP GROUP m1 m2 STREAMS x >",
    "PFADD p m1 m2 m3",
    "PEXPIRE l 15",
];

/// Runs the commands that `data` says.
///
/// # Panics
/// When a command does, when a reply is none, when a request has not exactly one, when the store's books are wrong, when something is
/// left of clients that have gone, or when the log does not say what was changed.
pub fn commands(data: &[u8]) {
    let mut source = Source(data);
    let first = Harness::new();
    let server = Arc::clone(&first.server);
    let mut clients = vec![first];
    clients.extend((1..CLIENTS).map(|_| Harness::of(Arc::clone(&server))));
    if source.often(128) {
        for setting in ["hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-listpack-entries"]
        {
            clients[0].run(&format!("CONFIG SET {setting} 3"));
        }
    }
    let mut mirror = source.often(128).then(|| Mirror::of(&server));
    let mut now = START;
    for _ in 0..MOST {
        if source.is_empty() {
            break;
        }
        let client = &mut clients[source.below(CLIENTS)];
        now += u64::from(source.byte() / 16);
        client.now = now;
        turn(client, &mut source);
        mirror.iter_mut().for_each(|mirror| drop(mirror.follow()));
    }
    for client in &mut clients {
        client.executor.leave(&mut client.session, now);
        client.session.stop_tracking();
    }
    for group in 0..GROUPS {
        server.store.lock(group).check(server.store.hasher());
    }
    if let Some(mut mirror) = mirror {
        mirror.follow();
        assert_eq!(mirror.differences(), "", "a server that does what the log says has something else");
    }
    assert_eq!(server.blocked.load(Relaxed), 0, "clients that wait, though they are gone");
    let mut last = Harness::of(Arc::clone(&server));
    last.now = now;
    // It may be paused, or not be allowed to anybody any more.
    if last.run("FLUSHALL SYNC") == "OK" {
        let tracked = &server.store.tracked;
        let left = [tracked.keys.load(Relaxed), tracked.items.load(Relaxed)];
        assert_eq!(
            (last.run("DBSIZE").as_str(), left),
            ("0", [0, 0]),
            "keys, tracked ones, and their trackers"
        );
    }
}

/// One request of a client that may send one.
fn turn(client: &mut Harness, source: &mut Source<'_>) {
    client.served();
    if client.session.stops() {
        return;
    }
    let args = if source.often(60) { fill(source) } else { request(source) };
    send(client, &args);
}

/// Sends it as that client, and counts the answers.
pub(crate) fn send(client: &mut Harness, args: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    write_request(&mut bytes, args.iter().map(Vec::as_slice));
    let was_quiet = client.session.reply_mode != ReplyMode::On;
    let replies = client.replies(bytes);
    let answers = replies.iter().filter(|reply| !matches!(reply, Value::Push(_))).count();
    let session = &client.session;
    // A transaction may have ended in one that waits, or is quiet.
    let is_quiet = was_quiet || session.reply_mode != ReplyMode::On || session.stops();
    let is_free = is_quiet || session.is_subscriber() || is_pubsub(&args[0]);
    assert!(answers == 1 || is_free, "{answers} answers: {}", shown(args));
}

fn is_pubsub(name: &[u8]) -> bool {
    COMMANDS.iter().any(|row| row.group == Group::PubSub && row.name().as_bytes().eq_ignore_ascii_case(name))
}

pub(crate) fn shown(args: &[Vec<u8>]) -> String {
    args.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn fill(source: &mut Source<'_>) -> Vec<Vec<u8>> {
    source.one_of(&FILLS).split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn request(source: &mut Source<'_>) -> Vec<Vec<u8>> {
    let command = &COMMANDS[source.below(COMMANDS.len())];
    request_of(command, source)
}

pub(crate) fn request_of(command: &Command, source: &mut Source<'_>) -> Vec<Vec<u8>> {
    let mut args = Vec::new();
    if source.often(200) {
        documented(command.args, source, &mut args);
        spoil(source, &mut args);
    } else {
        let count = usize::from(command.arity.unsigned_abs()).saturating_sub(1) + source.below(4);
        (0..count).for_each(|_| args.push(anything(source)));
    }
    tame(command, source, &mut args);
    let words = command.full_name.to_uppercase();
    words.split('|').map(|word| word.as_bytes().to_vec()).chain(args).collect()
}

fn documented(args: &[Arg], source: &mut Source<'_>, into: &mut Vec<Vec<u8>>) {
    for arg in args {
        if arg.flags.contains(ArgFlags::OPTIONAL) && source.often(128) {
            continue;
        }
        let times = if arg.flags.contains(ArgFlags::MULTIPLE) { source.one_of(&[1, 1, 2, 3, 5]) } else { 1 };
        for time in 0..times {
            if time == 0 || arg.flags.contains(ArgFlags::MULTIPLE_TOKEN) {
                into.extend(arg.token.map(|token| token.as_bytes().to_vec()));
            }
            value(arg, source, into);
        }
    }
}

fn value(arg: &Arg, source: &mut Source<'_>, into: &mut Vec<Vec<u8>>) {
    match arg.kind {
        ArgKind::OneOf => {
            let chosen = source.below(arg.args.len());
            documented(&arg.args[chosen..=chosen], source, into);
        }
        ArgKind::Block => documented(arg.args, source, into),
        ArgKind::PureToken => {}
        ArgKind::Key => into.push(key(source)),
        ArgKind::Integer | ArgKind::Double | ArgKind::UnixTime => into.push(number(source)),
        ArgKind::String | ArgKind::Pattern => into.push(anything(source)),
    }
}

/// One argument lost, put in or changed, now and then.
fn spoil(source: &mut Source<'_>, args: &mut Vec<Vec<u8>>) {
    if args.is_empty() || source.often(200) {
        return;
    }
    let at = source.below(args.len());
    match source.below(3) {
        0 => drop(args.remove(at)),
        1 => args.insert(at, anything(source)),
        _ => args[at] = anything(source),
    }
}

fn key(source: &mut Source<'_>) -> Vec<u8> {
    source.one_of(&KEYS).into()
}

fn number(source: &mut Source<'_>) -> Vec<u8> {
    if source.often(100) { source.one_of(&EDGES).into() } else { source.below(8).to_string().into() }
}

fn anything(source: &mut Source<'_>) -> Vec<u8> {
    match source.below(8) {
        0 | 1 => key(source),
        2 => source.one_of(&EDGES).into(),
        3 | 4 => format!("m{}", source.below(8)).into(),
        5 => vec![b'x'; source.one_of(&[0, 63, 64, 65, 2000])],
        6 => source.one_of(&["*", "[a-", "\\", "m[^", "?*", " 5", "f", "on", "u8", "i64", "#1"]).into(),
        _ => source.bytes(20).to_vec(),
    }
}

/// Keeps from what ends the test, and from what takes long here as it would anywhere.
fn tame(command: &Command, source: &mut Source<'_>, args: &mut Vec<Vec<u8>>) {
    match command.executes() {
        // It ends the server; its lines come between the replies.
        CommandId::Shutdown | CommandId::Monitor => {
            args.splice(.., [b"x".to_vec(), b"y".to_vec()]).for_each(drop)
        }
        CommandId::Eval | CommandId::EvalRo | CommandId::ScriptLoad | CommandId::FunctionLoad => {
            let script = source.one_of(&SCRIPTS).into();
            args.splice(..1.min(args.len()), [script]).for_each(drop);
        }
        CommandId::Setrange | CommandId::Setbit | CommandId::Bitfield => bound(args, 5000),
        CommandId::Srandmember | CommandId::Hrandfield | CommandId::Zrandmember => bound(args, 1000),
        _ => {}
    }
}

/// Numbers that are larger become this one; those that no command takes stay.
fn bound(args: &mut [Vec<u8>], most: i64) {
    for arg in args {
        let number = std::str::from_utf8(arg).ok().and_then(|text| text.parse::<i64>().ok());
        if number.is_some_and(|n| (most as u64 + 1..1 << 40).contains(&n.unsigned_abs())) {
            *arg = most.to_string().into();
        }
    }
}
