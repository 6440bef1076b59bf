//! Backups and RDB files with the program, beside a real redis-server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ringtail_tests::harness::{Redis, real_part, repo_file, scratch};
use ringtail_tests::resp::{Conn, Value};
use serde_json::Value as Json;

fn ringtail(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtail"));
    command.args(args).current_dir(dir).env_clear().env("HOME", dir);
    command.output().expect("it starts")
}

/// Runs it, and expects it to go well.
fn fine(dir: &Path, args: &[&str]) -> String {
    let output = ringtail(dir, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", errors(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const LINES: &[&str] = &[
    "SET text abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc",
    "SET later v PXAT 99999999999999",
    "RPUSH list a 1 -5000",
    "SADD set a 2 c",
    "ZADD scores 1.5 a -3 b inf c",
    "HSET hash f 1 g value",
    "XADD stream 1-1 f v g w",
    "XADD stream 2-0 f v",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group me COUNT 1 STREAMS stream >",
    "SELECT 3",
    "SET elsewhere v",
    "SELECT 0",
];

fn fill(conn: &mut Conn) {
    for line in LINES {
        assert!(!matches!(conn.run(line), Value::Error(_)), "{line}");
    }
    for n in 0..1000 {
        conn.run(&format!("SET key:{n} value:{n}"));
    }
    conn.call(&[&b"SET"[..], b"bin\0ary\xff", b"\0\r\n\xff"]);
    let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    conn.call(&["FUNCTION", "LOAD", code]);
}

/// All keys with their dumps and expiries; DUMP is the same wherever the value is the same and came the same way.
fn state(conn: &mut Conn) -> Vec<(u32, Vec<u8>, String, i64)> {
    let mut state = Vec::new();
    for db in [0, 3] {
        conn.run(&format!("SELECT {db}"));
        let Value::Array(keys) = conn.run("KEYS *") else { panic!("no keys") };
        for key in keys {
            let key = key.bytes().expect("a string").to_vec();
            let show: &[&str] = match conn.call(&[&b"TYPE"[..], &key]).text().as_str() {
                "string" => &["GET"],
                "list" => &["LRANGE", "0", "-1"],
                "set" => &["SORT", "ALPHA"],
                "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
                "hash" => &["HGETALL"],
                _ => &["XINFO", "STREAM"],
            };
            let (name, rest) = show.split_first().expect("a command");
            let mut request: Vec<&[u8]> = vec![name.as_bytes()];
            if *name == "XINFO" {
                request.extend([&b"STREAM"[..], &key, b"FULL"]);
            } else {
                request.push(&key);
                request.extend(rest.iter().map(|word| word.as_bytes()));
            }
            let shown = conn.call(&request).to_string();
            let at = conn.call(&[&b"PEXPIRETIME"[..], &key]).int();
            state.push((db, key, without_radix(&shown), at));
        }
    }
    conn.run("SELECT 0");
    state.sort();
    state
}

/// XINFO without what is about memory alone, and without when a consumer was seen, which 7.0 counts from its load.
fn without_radix(shown: &str) -> String {
    let parts = shown.split("radix-tree-keys");
    parts.map(|part| part.split("radix-tree-nodes").next().unwrap_or_default()).collect()
}

/// A server with keys, and its RDB file under the name `dump.rdb` in a directory of ours.
fn with_dump() -> Option<(Redis, Conn, PathBuf)> {
    let redis = Redis::start(&[])?;
    let mut conn = redis.endpoint.open();
    fill(&mut conn);
    conn.run("SAVE");
    let Value::Array(dir) = conn.run("CONFIG GET dir") else { panic!("no directory") };
    let ours = scratch("files");
    std::fs::copy(Path::new(&dir[1].text()).join("dump.rdb"), ours.join("dump.rdb"))
        .expect("the file that was saved");
    Some((redis, conn, ours))
}

#[test]
fn files_go_round() {
    let Some((_redis, mut conn, dir)) = with_dump() else { return };
    let had = state(&mut conn);
    fine(&dir, &["convert", "dump.rdb", "all.backup"]);
    fine(&dir, &["convert", "all.backup", "again.rdb"]);
    for file in ["dump.rdb", "all.backup", "again.rdb"] {
        let Some(other) = Redis::start(&[]) else { return };
        let addr = format!("127.0.0.1:{}", other.endpoint.port);
        let output = ringtail(&dir, &["--plaintext", "--addr", &addr, "restore", file]);
        assert_eq!(output.status.code(), Some(0), "{file}: {}", errors(&output));
        let said = format!("{} restored, 1 libraries; 0 had expired, 0 failed", "1,009 keys");
        assert!(errors(&output).contains(&said), "{}", errors(&output));
        let mut conn = other.endpoint.open();
        assert_eq!(state(&mut conn), had, "{file}");
        assert_eq!(conn.run("FCALL f 0").int(), 1);

        let again = ringtail(&dir, &["--plaintext", "--addr", &addr, "restore", file]);
        assert_eq!(again.status.code(), Some(1));
        let said = errors(&again);
        assert!(
            said.contains("BUSYKEY") && said.contains("--replace") && said.contains("1,010 failed"),
            "{said}"
        );
        fine(&dir, &["--plaintext", "--addr", &addr, "restore", "--replace", file]);
        assert_eq!(state(&mut conn), had, "{file}");
    }
}

#[test]
fn inspect_counts_what_is_there() {
    let Some((_redis, _conn, dir)) = with_dump() else { return };
    fine(&dir, &["convert", "dump.rdb", "all.backup"]);
    for (file, kind) in [("dump.rdb", "rdb"), ("all.backup", "backup")] {
        let json: Json = serde_json::from_str(&fine(&dir, &["inspect", "--json", file])).unwrap();
        assert_eq!((&json["file"]["kind"], &json["keys"]), (&kind.into(), &1009.into()), "{json}");
        assert_eq!(json["databases"]["0"]["string"]["keys"], 1003, "{json}");
        assert_eq!(json["databases"]["3"]["string"]["keys"], 1, "{json}");
        assert_eq!((&json["libraries"], &json["expiring"]), (&1.into(), &1.into()), "{json}");
        assert_eq!(json["biggest"].as_array().unwrap().len(), 10);
        let text = fine(&dir, &["inspect", file]);
        assert!(text.contains("keys       1,009") && text.contains("biggest"), "{text}");
        let keys = fine(&dir, &["inspect", "--keys", file]);
        assert_eq!(keys.lines().count(), 1009);
        assert!(keys.contains("\tbin\\x00ary\\xff\n") && keys.contains("3\tstring\t-\t"), "{keys}");
        assert_eq!(fine(&dir, &["inspect", "--keys", "--json", file]).lines().count(), 1009);
    }
}

#[test]
fn python_reads_the_same() {
    let Some(python) = real_part("python3", "python3") else { return };
    let Some((_redis, _conn, dir)) = with_dump() else { return };
    fine(&dir, &["convert", "dump.rdb", "all.backup"]);
    let script = repo_file("scripts/read_backup.py");
    let output = Command::new(python).arg(script).arg(dir.join("all.backup")).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let lines: Vec<Json> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|line| !line.contains("\\udc"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1008);
    let of = |key: &str| lines.iter().find(|line| line["key"] == key).unwrap().clone();
    assert_eq!(of("list")["value"], serde_json::json!(["a", "1", "-5000"]));
    assert_eq!(of("hash")["value"], serde_json::json!({ "f": ["1", null], "g": ["value", null] }));
    assert_eq!(of("scores")["value"], serde_json::json!({ "b": "-3.0", "a": "1.5", "c": "inf" }));
    assert_eq!(of("later")["expires"], 99_999_999_999_999_u64);
    let stream = &of("stream")["value"];
    assert_eq!(
        stream["entries"],
        serde_json::json!([["1-1", [["f", "v"], ["g", "w"]]], ["2-0", [["f", "v"]]]])
    );
    assert_eq!(stream["groups"][0]["consumers"][0]["pending"][0][0], "1-1");
    assert_eq!((&of("elsewhere")["db"], &of("key:77")["value"]), (&3.into(), &"value:77".into()));
}

#[test]
fn what_can_t_be_read_or_written_is_said() {
    let dir = scratch("bad-files");
    std::fs::write(dir.join("text"), "no backup at all").unwrap();
    std::fs::write(dir.join("new.rdb"), "REDIS0099").unwrap();
    std::fs::write(dir.join("cut.rdb"), "REDIS0010\0\x01a").unwrap();
    for (args, said) in [
        (&["inspect", "none"][..], "check its name"),
        (&["inspect", "text"], "neither a backup nor an RDB file"),
        (&["inspect", "new.rdb"], "version 99"),
        (&["inspect", "cut.rdb"], "cut off"),
        (&["convert", "cut.rdb", "text", "--to", "rdb"], "--overwrite"),
        (&["convert", "cut.rdb", "no/such/out.rdb"], "make the directory"),
        (&["convert", "cut.rdb", "out.backup"], "--recover"),
    ] {
        let output = ringtail(&dir, args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}");
        let text = errors(&output);
        assert!(text.contains(said) && text.lines().count() == 1, "{args:?}: {text}");
    }
    let names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing half written stays: {names:?}");
    let recovered = ringtail(&dir, &["convert", "cut.rdb", "rest.backup", "--recover"]);
    assert_eq!(recovered.status.code(), Some(1));
    assert!(errors(&recovered).contains("left out: ") && dir.join("rest.backup").exists());
    fine(&dir, &["convert", "rest.backup", "rest.rtb"]);
    let unclear = ringtail(&dir, &["convert", "cut.rdb", "out"]);
    assert!(errors(&unclear).contains("--to"), "{}", errors(&unclear));
    for args in [
        &["inspect"][..],
        &["convert", "cut.rdb", "out"],
        &["backup", "a", "b"],
        &["convert", "a", "b", "--rdb-version", "9"],
    ] {
        assert_eq!(ringtail(&dir, args).status.code(), Some(2), "{args:?}");
    }
}

const SNAPSHOT: &[u8] = b"*2\r\n$8\r\nRINGTAIL\r\n$8\r\nSNAPSHOT\r\n";

/// A server that answers one HELLO and then this, which comes in one piece.
fn answering(request: &'static [u8], answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback works");
    let addr = listener.local_addr().expect("loopback works").to_string();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("loopback works");
        let mut asked = [0; 4096];
        assert!(socket.read(&mut asked).expect("loopback works") > 0);
        socket.write_all(b"%1\r\n+proto\r\n:3\r\n").expect("loopback works");
        let read = socket.read(&mut asked).expect("loopback works");
        assert_eq!(asked[..read].escape_ascii().to_string(), request.escape_ascii().to_string());
        socket.write_all(&answer).expect("loopback works");
    });
    addr
}

/// A backup of one key.
fn small_backup(dir: &Path) -> Vec<u8> {
    std::fs::write(dir.join("one.rdb"), [&b"REDIS0010\0\x01a\x01b\xff"[..], &[0; 8]].concat())
        .expect("written");
    fine(dir, &["convert", "one.rdb", "one.backup"]);
    std::fs::read(dir.join("one.backup")).expect("it is there")
}

/// What a server answers that has this for a backup.
fn in_pieces(file: &[u8]) -> Vec<u8> {
    let pieces =
        file.chunks(100).map(|piece| [format!("${}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    [pieces.collect::<Vec<_>>().concat(), b"$0\r\n\r\n".to_vec()].concat()
}

/// Where damage is such that nothing follows it, --recover is no advice.
#[test]
fn what_recover_can_t_read_is_said() {
    let dir = scratch("unreadable");
    let good = small_backup(&dir);
    std::fs::write(dir.join("cut.backup"), &good[..20]).unwrap();
    std::fs::write(dir.join("cut.rdb"), "REDIS00").unwrap();
    for file in ["cut.backup", "cut.rdb"] {
        let first = errors(&ringtail(&dir, &["inspect", file]));
        assert!(first.contains("--recover") || first.contains("neither"), "{file}: {first}");
        let output = ringtail(&dir, &["inspect", "--recover", file]);
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{file}: {text}");
        assert!(!text.contains("give --recover"), "{file}: {text}");
    }
    let text = errors(&ringtail(&dir, &["convert", "--recover", "cut.backup", "rest.rdb"]));
    assert!(text.contains("take another backup"), "{text}");
}

#[test]
fn a_backup_is_received_and_checked() {
    let dir = scratch("backup");
    let good = small_backup(&dir);
    let answer = in_pieces;
    let addr = answering(SNAPSHOT, answer(&good));
    fine(&dir, &["--plaintext", "--addr", &addr, "backup", "got.backup"]);
    assert_eq!(std::fs::read(dir.join("got.backup")).unwrap(), good);
    let mode = std::fs::metadata(dir.join("got.backup")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut bad = good.clone();
    bad[60] ^= 1;
    for (answer, said) in [
        (answer(&bad), "no good backup"),
        (answer(&good[..good.len() - 40]), "no good backup"),
        (b"-NOPERM no\r\n".to_vec(), "NOPERM"),
        (b"-ERR unknown command\r\n".to_vec(), "data server"),
        (b"-ERR RINGTAIL SNAPSHOT does not work through a proxy: send it to the server that it is meant for\r\n".to_vec(), "--each"),
        (b"$100\r\nabc".to_vec(), "closed"),
    ] {
        let addr = answering(SNAPSHOT, answer);
        let output = ringtail(&dir, &["--plaintext", "--addr", &addr, "backup", "other.backup"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(said), "{said}: {}", errors(&output));
        assert!(!dir.join("other.backup").exists());
    }
    let twice = ringtail(&dir, &["--plaintext", "--addr", "127.0.0.1:1", "backup", "got.backup"]);
    assert!(errors(&twice).contains("--overwrite"), "{}", errors(&twice));
}

#[test]
fn each_member_has_a_file_and_one_that_fails_is_said() {
    let dir = scratch("each");
    let good = small_backup(&dir);
    let server = answering(SNAPSHOT, in_pieces(&good));
    let member = |name: &str, addr: &str| format!("%2\r\n$4\r\nname\r\n+{name}\r\n$4\r\naddr\r\n+{addr}\r\n");
    // The file has another server of b as its primary.
    let (one, other, leads) =
        (member("a/1", "127.0.0.1:1"), member("b", "127.0.0.1:1"), member("b", &server));
    let answer = format!("%1\r\n$7\r\nmembers\r\n*2\r\n{one}{other}*1\r\n{leads}");
    let asked = b"*2\r\n$8\r\nRINGTAIL\r\n$8\r\nTOPOLOGY\r\n*2\r\n$8\r\nRINGTAIL\r\n$7\r\nMEMBERS\r\n";
    let proxy = answering(asked, answer.into_bytes());
    let output = ringtail(&dir, &["--plaintext", "--addr", &proxy, "backup", "--each", "new/pool"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("member a/1: nothing listens at 127.0.0.1:1"), "{}", errors(&output));
    let names: Vec<_> =
        std::fs::read_dir(dir.join("new/pool")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["b.backup"], "{}", errors(&output));
    assert_eq!(std::fs::read(dir.join("new/pool/b.backup")).unwrap(), good);

    let server = answering(asked, b"-ERR no proxy\r\n-ERR no proxy\r\n".to_vec());
    let output = ringtail(&dir, &["--plaintext", "--addr", &server, "backup", "--each", "pool"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("names no members: ERR no proxy"), "{}", errors(&output));
    assert!(!dir.join("pool").exists());
}
