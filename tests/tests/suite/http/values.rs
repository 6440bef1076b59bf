//! Lists, hashes, commands as JSON, and the protocol of Upstash's SDKs.

use super::Door;
use crate::clients::{must_pass, node_modules, pytest, python};
use ringtail_tests::harness::{Options, real_part, repo_file, scratch};
use serde_json::json;
use std::process::Command;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn lists() {
    let door = Door::plain();
    let mut http = door.client();
    assert_eq!(http.ask("GET /v1/lists/l", &[], b"").status, 404);
    let pushed = http.ask("POST /v1/lists/l", &JSON, br#"{"values":["a",1,{"base64":"/w=="}]}"#);
    assert_eq!((pushed.status, pushed.json()), (200, json!({"length": 3})));
    http.ask("POST /v1/lists/l", &JSON, br#"{"values":["first"],"side":"left"}"#);
    let got = http.ask("GET /v1/lists/l?start=0&stop=2", &[], b"");
    assert_eq!(got.json(), json!({"values": ["first", "a", "1"]}));
    let all = json!({"values": ["first", "a", "1", {"base64": "/w=="}]});
    assert_eq!(http.ask("GET /v1/lists/l", &[], b"").json(), all, "bytes that are no text");
    let got = http.ask("GET /v1/lists/l?start=-1&encoding=base64", &[], b"");
    assert_eq!(got.json(), json!({"values": ["/w=="]}));
    assert_eq!(http.ask("DELETE /v1/lists/l?count=2", &[], b"").json(), json!({"values": ["first", "a"]}));
    http.ask("DELETE /v1/lists/l?side=right&encoding=base64", &[], b"");
    assert_eq!(http.ask("DELETE /v1/lists/l?count=9", &[], b"").json(), json!({"values": ["1"]}));
    assert_eq!(http.ask("DELETE /v1/lists/l", &[], b"").status, 404);
    for bad in [
        &br#"{"values":[]}"#[..],
        br#"{"values":["a"],"x":1}"#,
        br#"{"values":"a"}"#,
        b"[",
        b"",
        br#"{"values":[null]}"#,
    ] {
        let answer = http.ask("POST /v1/lists/l", &JSON, bad);
        assert!(answer.status == 400 && !answer.problem().is_empty(), "{}", String::from_utf8_lossy(bad));
    }
    assert_eq!(http.ask("POST /v1/lists/l", &[("content-type", "text/plain")], b"{}").status, 415);
}

#[test]
fn hashes() {
    let door = Door::plain();
    let mut http = door.client();
    assert_eq!(http.ask("GET /v1/hashes/h", &[], b"").status, 404);
    assert_eq!(http.ask("PUT /v1/hashes/h/f%2F1", &[], b"\xff\0").status, 201);
    assert_eq!(http.ask("PUT /v1/hashes/h/f%2F1", &[], b"\xff\0").status, 204);
    assert_eq!(http.ask("GET /v1/hashes/h/f%2F1", &[], b"").body, b"\xff\0");
    let patched =
        http.ask("PATCH /v1/hashes/h", &JSON, br#"{"fields":{"a":"1","b":2,"f/1":null,"none":null}}"#);
    assert_eq!((patched.status, patched.json()), (200, json!({"created": 2, "removed": 1})));
    assert_eq!(http.ask("GET /v1/hashes/h", &[], b"").json(), json!({"fields": {"a": "1", "b": "2"}}));
    assert_eq!(http.ask("DELETE /v1/hashes/h/a", &[], b"").status, 204);
    assert_eq!(http.ask("DELETE /v1/hashes/h/a", &[], b"").status, 404);
    assert_eq!(http.ask("GET /v1/hashes/h/a", &[], b"").status, 404);
    assert_eq!(http.ask("PATCH /v1/hashes/h", &JSON, br#"{"field":{}}"#).status, 400);
    door.commands(r#"["SET","s","x"]"#);
    assert_eq!(http.ask("GET /v1/hashes/s", &[], b"").problem().split(' ').next(), Some("WRONGTYPE"));
}

#[test]
fn commands_alone_and_many_at_once() {
    let door = Door::plain();
    let mut http = door.client();
    assert_eq!(http.commands(r#"["SET","k","v","EX",100]"#), json!({"result": "OK"}));
    let many = r#"[["GET","k"],["GET","none"],["LPUSH","k","x"],["INCR","n"],["HSET","h","f","v"],["HGETALL","h"],
                   ["ZADD","z",1.5,"m"],["ZSCORE","z","m"],["NOSUCH"],["MGET","k","n","none"]]"#;
    let answers = http.commands(many);
    let answers = answers.as_array().expect("a list");
    assert_eq!(answers[..2], [json!({"result": "v"}), json!({"result": null})]);
    assert!(answers[2]["error"].as_str().expect("an error").starts_with("WRONGTYPE "));
    assert_eq!(answers[5], json!({"result": {"f": "v"}}));
    assert_eq!(answers[7], json!({"result": 1.5}));
    assert!(answers[8]["error"].as_str().expect("an error").starts_with("ERR unknown command"));
    assert_eq!(answers[9], json!({"result": ["v", "1", null]}));
    let alone = http.ask("POST /v1/commands", &JSON, br#"["LPUSH","k","x"]"#);
    assert!(alone.status == 409 && alone.problem().starts_with("WRONGTYPE"));
    http.commands(r#"["SET","bin",{"base64":"/wA="}]"#);
    let text = http.ask("POST /v1/commands", &JSON, br#"["GET","bin"]"#);
    assert_eq!(text.json(), json!({"result": {"base64": "/wA="}}));
    let base64 = http.ask("POST /v1/commands?encoding=base64", &JSON, br#"["GET","bin"]"#);
    assert_eq!(base64.json(), json!({"result": "/wA="}));
    // More than fits into the pipe at once, both ways.
    let large = json!(vec![json!(["ECHO", "x".repeat(2000)]); 1000]).to_string();
    assert_eq!(http.commands(&large).as_array().expect("a list").len(), 1000);
    for refused in [
        r#"["SUBSCRIBE","c"]"#,
        r#"["BLPOP","q",0]"#,
        r#"[["PING"],["MULTI"]]"#,
        r#"["CLIENT","REPLY","OFF"]"#,
    ] {
        let answer = http.ask("POST /v1/commands", &JSON, refused.as_bytes());
        assert!(answer.status == 400 && answer.problem().contains("HTTP"), "{answer:?}");
    }
    assert_eq!(http.commands(r#"["BLPOP","q",0.05]"#), json!({"result": null}), "a wait with an end");
}

#[test]
fn the_rest_protocol_by_hand() {
    let door = Door::plain();
    let mut http = door.client();
    for (line, body, answer) in [
        ("POST /", &br#"["SET","k","v"]"#[..], json!({"result": "OK"})),
        ("GET /get/k", b"", json!({"result": "v"})),
        ("GET /set/k/a%2Fb?EX=100", b"", json!({"result": "OK"})),
        ("POST /set/k?EX=100&NX", b"body", json!({"result": null})),
        ("POST /set/k?EX=100", b"body", json!({"result": "OK"})),
        ("GET /mget/k/none", b"", json!({"result": ["body", null]})),
        (
            "POST /pipeline",
            br#"[["INCR","n"],["LPUSH","n","x"]]"#,
            json!([{"result": 1},
            {"error": "WRONGTYPE Operation against a key holding the wrong kind of value"}]),
        ),
        ("POST /multi-exec", br#"[["INCR","n"],["INCR","n"]]"#, json!([{"result": 2}, {"result": 3}])),
        ("POST /pipeline", b"[]", json!([])),
        ("GET /hgetall/none", b"", json!({"result": []})),
    ] {
        let got = http.ask(line, &[], body);
        assert_eq!((got.status, got.json()), (200, answer), "{line}");
    }
    let base64 = http.ask("GET /get/k", &[("upstash-encoding", "base64")], b"");
    assert_eq!(base64.json(), json!({"result": "Ym9keQ=="}));
    for (line, body) in [
        ("GET /nonsense/k", &b""[..]),
        ("POST /multi-exec", br#"[["SET","k"],["GET","k"]]"#),
        ("POST /", b"{}"),
        ("POST /pipeline", br#"["GET","k"]"#),
        ("GET /subscribe/c", b""),
        ("GET /../../etc/passwd", b""),
    ] {
        let got = http.ask(line, &[], body);
        assert_eq!(got.status, 400, "{line}");
        assert!(got.json()["error"].is_string(), "{line}");
    }
}

#[test]
fn upstash_sdks_work_as_they_are() {
    let options = Options { password: Some("door-token".to_owned()), ..Options::args(&["--timeout", "10s"]) };
    let door = Door::open(&options);
    let with = |command: &mut Command| {
        command
            .env("RINGTAIL_HTTP", door.url())
            .env("RINGTAIL_TOKEN", "door-token")
            .output()
            .expect("it runs")
    };
    if let Some(python) = python("web") {
        must_pass("upstash-redis", with(&mut pytest("web", &python)));
    }
    if let (Some(node), Some(modules)) = (real_part("node", "nodejs"), node_modules("web")) {
        let mut command = Command::new(node);
        command.arg("--test").arg(repo_file("tests/web/upstash.test.cjs")).env("NODE_PATH", modules);
        must_pass("@upstash/redis", with(&mut command));
    }
}

#[test]
fn schemathesis_finds_no_failure() {
    let Some(python) = python("web") else { return };
    let door = Door::open(&Options::args(&["--timeout", "10s"]));
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.arg("--config-file").arg(repo_file("tests/web/schemathesis.toml"));
    command.args(["run", &format!("{}/openapi.json", door.url()), "--no-color"]);
    // What it remembers of a run is not to be left beside the sources.
    command.current_dir(scratch("schemathesis"));
    must_pass("schemathesis", command.output().expect("schemathesis"));
    assert_eq!(door.client().ask("GET /", &[], b"").status, 200);
}
