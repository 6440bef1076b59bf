//! `ringtail export` and `import`: what goes out comes back, and what is wrong is said.

use super::{command, fronts, path, run, run_with};
use crate::front::Front;
use ringtail_tests::harness::{Options, Pool, Redis, Server, scratch, wait_for};
use ringtail_tests::resp::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Keys of every type, with bytes that are no text, and times.
fn fill(front: &Front) {
    let mut conn = front.endpoint().open();
    let lines: &[&[&[u8]]] = &[
        &[b"SET", b"text", "grüße \"q\"\n".as_bytes()],
        &[b"SET", b"bytes\xff\x00", b"\xfe\x00,\"\r\n"],
        &[b"SET", b"", b""],
        &[b"SET", b"number", b"12345"],
        &[b"SET", b"timed", b"v", b"EX", b"1000"],
        &[b"RPUSH", b"list", b"a", b"b", b"a", b"\xff"],
        &[b"SADD", b"set", b"1", b"2", b"3"],
        &[b"SADD", b"words", b"x", b"\xff"],
        &[b"HSET", b"hash", b"f", b"v", b"g", b""],
        &[b"HSET", b"bytehash", b"\xff", b"v"],
        &[b"ZADD", b"zset", b"0.1", b"a", b"inf", b"b", b"-3", b"c"],
        &[b"XADD", b"stream", b"1-1", b"f", b"v"],
        &[b"XADD", b"stream", b"2-1", b"f", b"v"],
        &[b"XGROUP", b"CREATE", b"stream", b"g", b"0"],
        &[b"XREADGROUP", b"GROUP", b"g", b"c", b"COUNT", b"1", b"STREAMS", b"stream", b">"],
        &[b"XDEL", b"stream", b"2-1"],
    ];
    for line in lines {
        let reply = conn.call(line);
        assert!(reply.error().is_none(), "{}: {reply:?}", front.name);
    }
    let long: Vec<String> = (0..2000).map(|number| format!("element {number}")).collect();
    let words: Vec<&str> = ["RPUSH", "long"].into_iter().chain(long.iter().map(String::as_str)).collect();
    assert_eq!(conn.call(&words).int(), 2000);
}

/// Lines of a file in order, without times, which run on.
fn sorted(file: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(file).expect("the file");
    let mut lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for line in &mut lines {
        if let Some(ttl) = line.as_object_mut().and_then(|line| line.remove("ttl")) {
            assert!(ttl.as_f64().is_some_and(|ttl| ttl > 900.0 && ttl <= 1000.0), "{ttl}");
        }
        // Sets have no order, and neither have equal scores.
        if line["type"] == "set" {
            let members = line["value"].as_array_mut().expect("members");
            members.sort_by_key(ToString::to_string);
        }
        if line["type"] == "zset" {
            line["value"].as_array_mut().expect("members").sort_by_key(ToString::to_string);
        }
    }
    lines.sort_by_key(|line| line["key"].to_string());
    lines
}

#[test]
fn what_goes_out_comes_back() {
    for front in fronts() {
        fill(&front);
        let dir = scratch("transfer");
        let (first, second) = (dir.join("first.jsonl"), dir.join("second.jsonl"));
        let ended = run(front.endpoint(), &["export", path(&first)]);
        assert!(ended.code == Some(0) && ended.errors.contains("13 keys"), "{}: {ended:?}", front.name);
        assert!(run(front.endpoint(), &["import", "--check", path(&first)]).code == Some(0));
        let mut conn = front.endpoint().open();
        assert!(conn.call(&["FLUSHALL"]).is_ok());
        let ended = run(front.endpoint(), &["import", path(&first)]);
        assert!(
            ended.code == Some(0) && ended.errors.contains("13 keys imported"),
            "{}: {ended:?}",
            front.name
        );
        run(front.endpoint(), &["export", path(&second)]).good();
        assert_eq!(sorted(&first), sorted(&second), "{}", front.name);
        assert_eq!(conn.call(&["GET", "text"]), Value::Bulk("grüße \"q\"\n".as_bytes().to_vec()));
        assert_eq!(conn.call(&[&b"GET"[..], b"bytes\xff\x00"]), Value::Bulk(b"\xfe\x00,\"\r\n".to_vec()));
        assert!((900..=1000).contains(&conn.call(&["TTL", "timed"]).int()));
        assert_eq!(conn.call(&["XPENDING", "stream", "g"]).items()[0].int(), 1, "{}", front.name);
        let left = std::fs::read_dir(&dir).expect("a directory").count();
        assert_eq!(left, 2, "nothing is left beside the files");
    }
}

#[test]
fn keys_go_from_a_pool_to_redis_and_back() {
    let Some(redis) = Redis::start(&[]) else { return };
    let pool = Front::pool(&Options::default());
    fill(&pool);
    let dir = scratch("transfer");
    let (there, back) = (dir.join("there.jsonl"), dir.join("back.jsonl"));
    run(pool.endpoint(), &["export", path(&there)]).good();
    run(&redis.endpoint, &["import", path(&there)]).good();
    run(&redis.endpoint, &["export", path(&back)]).good();
    assert_eq!(sorted(&there), sorted(&back));
}

#[test]
fn strings_go_by_csv_through_pipes() {
    let pool = Front::pool(&Options::default());
    fill(&pool);
    let out = command(pool.endpoint(), &["export", "--format", "csv", "--type", "string", "-"])
        .output()
        .expect("it runs");
    assert!(out.status.success(), "{out:?}");
    assert!(out.stdout.starts_with(b"key,value,ttl\n"));
    // Who does not say that only strings are wanted is told of the others.
    let part = run(pool.endpoint(), &["export", "--match", "[bl]*", "--format", "csv", "-"]);
    assert!(part.code == Some(1) && part.errors.contains("of other types not in it"), "{part:?}");
    assert!(part.out.starts_with("key,value,ttl\nbytes"), "{part:?}");
    let mut conn = pool.endpoint().open();
    let before = conn.call(&[&b"GET"[..], b"bytes\xff\x00"]);
    assert!(conn.call(&["FLUSHALL"]).is_ok());
    let ended = run_with(pool.endpoint(), &["import", "--format", "csv", "-"], &out.stdout);
    assert!(ended.code == Some(0) && ended.errors.contains("5 keys imported"), "{ended:?}");
    assert_eq!(conn.call(&[&b"GET"[..], b"bytes\xff\x00"]), before);
    assert_eq!(conn.call(&["DBSIZE"]).int(), 5);
}

#[test]
fn what_is_wrong_ends_the_import_with_its_line_and_it_goes_on() {
    let front = Front::server(&Options::default());
    let dir = scratch("transfer");
    for (name, head, good, bad) in [
        (
            "f.jsonl",
            "",
            "{\"key\":\"k#\",\"type\":\"string\",\"value\":\"v\"}\n",
            "{\"key\":\"x\",\"typ\":\"string\"}\n",
        ),
        ("f.csv", "key,value,ttl\n", "k#,v,\n", "x,\"broken\"quote,\n"),
    ] {
        let mut conn = front.endpoint().open();
        assert!(conn.call(&["FLUSHALL"]).is_ok());
        let file = dir.join(name);
        let lines: Vec<String> = (0..700).map(|number| good.replace('#', &number.to_string())).collect();
        let whole = format!("{head}{}{bad}{}", lines[..600].concat(), lines[600..].concat());
        std::fs::write(&file, whole).expect("a file");
        let line = 601 + head.lines().count();
        let ended = run(front.endpoint(), &["import", path(&file)]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains(&format!("{name}:{line}: ")), "{ended:?}");
        assert!(ended.errors.contains("600 keys imported"), "{ended:?}");
        assert_eq!(conn.call(&["DBSIZE"]).int(), 600);
        let ended = run(front.endpoint(), &["import", "--check", path(&file)]);
        assert!(ended.code == Some(1) && ended.errors.contains(&format!("{name}:{line}: ")), "{ended:?}");
        // The line is corrected, and the import goes on with it; what was imported is not touched.
        assert_eq!(conn.call(&["SET", "k3", "changed"]), Value::Simple("OK".into()));
        let corrected =
            format!("{head}{}{}{}", lines[..600].concat(), good.replace('#', "new"), lines[600..].concat());
        std::fs::write(&file, corrected).expect("a file");
        let ended = run(front.endpoint(), &["import", "--resume", path(&file)]);
        assert!(ended.code == Some(0) && ended.errors.contains("701 keys imported"), "{ended:?}");
        assert_eq!(conn.call(&["DBSIZE"]).int(), 701);
        assert_eq!(conn.call(&["GET", "k3"]), Value::Bulk(b"changed".to_vec()));
        let ended = run(front.endpoint(), &["import", "--resume", path(&file)]);
        assert!(ended.code == Some(1) && ended.errors.contains("begin without --resume"), "{ended:?}");
    }
}

#[test]
fn keys_that_are_there_stay_unless_they_are_to_be_replaced() {
    let front = Front::server(&Options::default());
    let file = scratch("transfer").join("two.csv");
    std::fs::write(&file, "key,value,ttl\na,new,\nb,new,5\n").expect("a file");
    let mut conn = front.endpoint().open();
    assert!(conn.call(&["SET", "a", "old"]).is_ok());
    let ended = run(front.endpoint(), &["import", path(&file)]);
    assert!(ended.code == Some(1) && ended.errors.contains("line 2: \"a\" is there already"), "{ended:?}");
    assert_eq!(conn.call(&["GET", "a"]), Value::Bulk(b"old".to_vec()));
    assert_eq!(conn.call(&["GET", "b"]), Value::Bulk(b"new".to_vec()));
    run(front.endpoint(), &["import", "--replace", path(&file)]).good();
    assert_eq!(conn.call(&["GET", "a"]), Value::Bulk(b"new".to_vec()));
}

#[test]
fn members_with_another_password_are_backed_up() {
    let dir = scratch("each-password");
    let secret = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).expect("a file");
        path(&dir.join(name)).to_owned()
    };
    let (own, theirs) = (secret("own", "the pool's"), secret("theirs", "the servers'"));
    let proxy = Options {
        password: Some("the pool's".into()),
        args: vec!["--server-password-file".into(), theirs.clone()],
        ..Options::default()
    };
    let servers = Options { password: Some("the servers'".into()), ..Options::default() };
    let pool = Pool::start_with(&proxy, &servers);
    let files = dir.join("files");
    let args = ["--password-file", &own, "backup", "--each", path(&files)];
    let refused = run(&pool.endpoint, &args);
    assert!(refused.code == Some(1) && refused.errors.contains("give --member-password-file"), "{refused:?}");
    run(&pool.endpoint, &[&args[..], &["--member-password-file", &theirs]].concat()).good();
    assert_eq!(std::fs::read_dir(&files).expect("a directory").count(), 3);
    let file = dir.join("x");
    let single = ["backup", path(&file), "--member-password-file", &theirs];
    assert_eq!(run(&pool.endpoint, &single).code, Some(2));
}

#[test]
fn all_that_stayed_are_named_to_a_file() {
    let front = Front::server(&Options::default());
    let file = scratch("transfer").join("twenty.csv");
    let rows: String = (0..20).map(|number| format!("k{number},v,\n")).collect();
    std::fs::write(&file, format!("key,value,ttl\n{rows}")).expect("a file");
    run(front.endpoint(), &["import", path(&file)]).good();
    let ended = run(front.endpoint(), &["import", path(&file)]);
    assert_eq!(ended.errors.matches("is there already").count(), 20, "{ended:?}");
}

#[test]
fn an_export_that_was_killed_goes_on() {
    let front = Front::pool(&Options::default());
    let mut conn = front.endpoint().open();
    for part in 0..60 {
        let pairs = (0..1000).flat_map(|number| [format!("k:{part}:{number}"), "v".repeat(50)]);
        let words: Vec<String> = std::iter::once("MSET".to_string()).chain(pairs).collect();
        assert!(conn.call(&words).is_ok());
    }
    let dir = scratch("transfer");
    let file = dir.join("all.jsonl");
    let state = dir.join("all.jsonl.state");
    let mut child = command(front.endpoint(), &["export", path(&file)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    assert!(wait_for(Duration::from_secs(20), || state.exists()));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(!file.exists(), "a part must not look like the whole");
    let ended = run(front.endpoint(), &["export", path(&file)]);
    assert!(ended.code == Some(1) && ended.errors.contains("--resume"), "{ended:?}");
    let ended = run(front.endpoint(), &["export", "--resume", "--match", "x*", path(&file)]);
    assert!(ended.code == Some(1) && ended.errors.contains("another"), "{ended:?}");
    let ended = run(front.endpoint(), &["export", "--resume", path(&file)]);
    assert!(ended.code == Some(0) && ended.errors.contains("60,000 keys"), "{ended:?}");
    let lines = sorted(&file);
    let mut names: Vec<_> = lines.iter().map(|line| line["key"].as_str().expect("a key")).collect();
    names.dedup();
    assert_eq!((lines.len(), names.len()), (60_000, 60_000));
    assert!(!state.exists());
}

/// Lines for `import`: keys k0, k1 and so on.
fn lines(count: usize, value: &str) -> Vec<String> {
    let line = |number| format!("{{\"key\":\"k{number}\",\"type\":\"string\",\"value\":\"{value}\"}}\n");
    (0..count).map(line).collect()
}

#[test]
fn an_import_goes_on_in_its_own_server_alone_and_in_the_same_way() {
    let (a, b) = (Front::server(&Options::default()), Front::server(&Options::default()));
    let file = scratch("transfer").join("all.jsonl");
    let good = lines(1000, "new");
    std::fs::write(&file, good[..600].concat() + "nonsense\n" + &good[600..].concat()).expect("a file");
    assert!(a.endpoint().open().call(&["SET", "k700", "old"]).is_ok());
    assert_eq!(run(a.endpoint(), &["import", path(&file)]).code, Some(1));
    std::fs::write(&file, good.concat()).expect("a file");
    for (front, more) in [(&b, None), (&a, Some("--replace"))] {
        let args: Vec<&str> = ["import", "--resume", path(&file)].into_iter().chain(more).collect();
        let ended = run(front.endpoint(), &args);
        assert!(ended.code == Some(1) && ended.errors.contains("another server"), "{ended:?}");
    }
    assert_eq!(b.endpoint().open().call(&["DBSIZE"]).int(), 0);
    // Nothing behind the wrong line was sent before: what stands there is somebody else's.
    let ended = run(a.endpoint(), &["import", "--resume", path(&file)]);
    assert!(ended.code == Some(1) && ended.errors.contains("\"k700\" is there already"), "{ended:?}");
    assert_eq!(a.endpoint().open().call(&["GET", "k700"]), Value::Bulk(b"old".to_vec()));
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let front = Front::server(&Options::default());
    let dir = scratch("transfer");
    let (file, state) = (dir.join("all.jsonl"), dir.join("all.jsonl.state"));
    std::fs::write(&file, lines(60_000, &"v".repeat(100)).concat()).expect("a file");
    let mut child = command(front.endpoint(), &["import", path(&file)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    assert!(wait_for(Duration::from_secs(20), || state.exists()));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let mut conn = front.endpoint().open();
    assert!(conn.call(&["DBSIZE"]).int() < 60_000, "it was killed before its end");
    let ended = run(front.endpoint(), &["import", "--resume", path(&file)]);
    assert!(ended.code == Some(0) && ended.errors.contains("60,000 keys imported"), "{ended:?}");
    assert_eq!(conn.call(&["DBSIZE"]).int(), 60_000);
    assert!(!state.exists());
}

#[test]
fn an_export_does_not_go_on_in_another_process() {
    for of_pool in [false, true] {
        let mut pool = Pool::start(&Options::default());
        let mut server = Server::start(&Options::default());
        let endpoint = if of_pool { pool.endpoint.clone() } else { server.endpoint.clone() };
        let mut conn = endpoint.open();
        for part in 0..30 {
            let pairs = (0..1000).flat_map(|number| [format!("k:{part}:{number}"), "v".repeat(50)]);
            let words: Vec<String> = std::iter::once("MSET".to_string()).chain(pairs).collect();
            assert!(conn.call(&words).is_ok());
        }
        let dir = scratch("transfer");
        let (file, state) = (dir.join("all.jsonl"), dir.join("all.jsonl.state"));
        let mut child = command(&endpoint, &["export", path(&file)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        assert!(wait_for(Duration::from_secs(20), || state.exists()));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        if of_pool {
            pool.members.process(2).kill();
            pool.members.restart(2);
        } else {
            server.process.kill();
            server.restart();
        }
        let ended = run(&endpoint, &["export", "--resume", path(&file)]);
        assert!(ended.code == Some(1) && ended.errors.contains("was restarted"), "{ended:?}");
        run(&endpoint, &["export", "--overwrite", path(&file)]).good();
    }
}

#[test]
fn an_import_that_waits_for_stdin_can_be_interrupted() {
    let front = Front::server(&Options::default());
    let mut child = command(front.endpoint(), &["import", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut input, lines(1000, "v").concat().as_bytes()).expect("it reads");
    let mut conn = front.endpoint().open();
    assert!(wait_for(Duration::from_secs(20), || conn.call(&["DBSIZE"]).int() > 0), "nothing comes");
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()));
    let ended = wait_for(Duration::from_secs(5), || child.try_wait().expect("a child").is_some());
    let _ = child.kill();
    let output = child.wait_with_output().expect("it ends");
    assert!(ended && !String::from_utf8_lossy(&output.stderr).contains("--resume"), "{output:?}");
}
