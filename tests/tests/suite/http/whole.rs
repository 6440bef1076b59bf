//! All or nothing: what is refused was not run, what was run is answered, and each answer is of its own request.

use super::{Door, comes_true};
use ringtail_tests::harness::{Options, scratch};
use ringtail_tests::resp::Value;
use serde_json::json;

const JSON: (&str, &str) = ("content-type", "application/json");

fn with_users(users: &[&str], args: &[&str]) -> Door {
    let config = scratch("whole").join("proxy.toml");
    std::fs::write(&config, format!("users = {users:?}\n")).expect("a file below target");
    let config = ["--config", config.to_str().expect("a path in UTF-8")];
    Door::open(&Options::args(&[&config, args].concat()))
}

#[test]
fn a_transaction_that_is_refused_runs_nothing() {
    let door = with_users(&["user app on >pw ~* +@read +@write +@connection"], &[]);
    let app = [("authorization", "Bearer app:pw"), JSON];
    let mut http = door.client();
    let refused = http.ask("POST /multi-exec", &app, br#"[["INCR","n"],["INCR","n"]]"#);
    assert!(refused.status == 400 && refused.json()["error"].to_string().contains("NOPERM"), "{refused:?}");
    let refused = http.ask("PATCH /v1/hashes/h", &app, br#"{"fields":{"a":"1","b":null}}"#);
    assert!(refused.status == 403 && refused.problem().starts_with("NOPERM"), "{refused:?}");
    let door = with_users(&["user app on >pw ~* +@read +@write +@connection +watch"], &[]);
    let mut http = door.client();
    let tag = door.ask("PUT /v1/keys/k", &[], b"old").field("etag").expect("a tag").to_owned();
    let refused = http.ask("PUT /v1/keys/k", &[app[0], ("if-match", &tag)], b"new");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(door.ask("GET /v1/keys/k", &[], b"").body, b"old");
    for key in ["n", "h"] {
        assert_eq!(door.ask(&format!("DELETE /v1/keys/{key}"), &[], b"").status, 404, "{key} was made");
    }
}

#[test]
fn nor_does_one_that_runs_out_of_its_rate() {
    let door = with_users(&["user app on >pw ~* +@all"], &["--rate", "app=12/s"]);
    let app = [("authorization", "Bearer app:pw"), JSON];
    let mut http = door.client();
    let mut runs = 0;
    for _ in 0..8 {
        let done = http.ask("POST /multi-exec", &app, br#"[["INCR","n"],["INCR","n"],["INCR","n"]]"#);
        match done.status {
            200 => runs += 1,
            _ => assert_eq!(done.status, 429, "{done:?}"),
        }
    }
    assert_eq!(door.commands(r#"["GET","n"]"#), json!({"result": (runs * 3).to_string()}));
    comes_true("tokens", || door.ask("GET /v1/keys/n", &app[..1], b"").status == 200);
    let next = http.ask("POST /v1/commands", &app, br#"["PING"]"#);
    assert!(
        next.status == 429 || next.json() == json!({"result": "PONG"}),
        "it is in no transaction: {next:?}"
    );
}

#[test]
fn what_is_taken_out_is_answered() {
    let door = Door::open(&Options::args(&["--http-max-body", "64kb"]));
    let mut http = door.client();
    http.commands(r#"["RPUSH","l",{"base64":"/w=="},"b"]"#);
    let taken = http.ask("DELETE /v1/lists/l?count=2", &[], b"");
    assert_eq!(taken.json(), json!({"values": [{"base64": "/w=="}, "b"]}));
    http.commands(r#"["SET","g",{"base64":"/wA="}]"#);
    assert_eq!(http.commands(r#"["GETDEL","g"]"#), json!({"result": {"base64": "/wA="}}));
    http.commands(r#"["HSET","h",{"base64":"/w=="},"v"]"#);
    let fields = http.ask("GET /v1/hashes/h", &[], b"").json();
    assert_eq!(fields, json!({"fields": [[{"base64": "/w=="}, "v"]]}));
    let large = "x".repeat(45_000);
    for _ in 0..3 {
        http.ask("POST /v1/lists/big", &[JSON], json!({ "values": [&large] }).to_string().as_bytes());
    }
    for side in ["left", "right"] {
        let long = http.ask(&format!("DELETE /v1/lists/big?count=2&side={side}"), &[], b"");
        assert!(long.status == 413 && long.problem().contains("none was taken out"), "{long:?}");
    }
    assert_eq!(http.commands(r#"["LLEN","big"]"#), json!({"result": 3}));
    let last = http.ask("DELETE /v1/lists/big?side=right", &[], b"");
    assert_eq!(last.json(), json!({ "values": [large] }));
}

#[test]
fn an_answer_that_is_too_long_is_in_nobodys_way() {
    let door = Door::open(&Options::args(&["--http-max-body", "64kb"]));
    let mut direct = door.pool.endpoint.open();
    for key in ["a", "b"] {
        direct.call(&["SETRANGE", key, "300000", "x"]);
    }
    let mut http = door.client();
    let many = r#"[["INCR","before"],["GET","a"],["MGET","a","b"],["INCR","after"],["ECHO","x"]]"#;
    let answers = http.commands(many);
    assert_eq!(answers[0], json!({"result": 1}));
    for at in [1, 2] {
        let error = answers[at]["error"].as_str().expect("an error");
        assert!(error.starts_with("TOOLARGE ") && error.contains("was run"), "{error}");
    }
    assert_eq!((&answers[3], &answers[4]), (&json!({"result": 1}), &json!({"result": "x"})));
    assert_eq!(http.ask("GET /v1/keys/a", &[], b"").status, 413);
    assert_eq!(http.ask("GET /v1/keys/after", &[], b"").body, b"1", "the connection goes on");
    let upstash = http.ask("POST /pipeline", &[], br#"[["GET","a"],["GET","after"]]"#);
    assert_eq!(upstash.json()[1], json!({"result": "1"}));
}

#[test]
fn fields_of_hashes_are_changed_on_conditions() {
    let door = Door::plain();
    let mut http = door.client();
    let path = "/v1/hashes/h/f";
    assert_eq!(http.ask(&format!("PUT {path}"), &[("if-match", "*")], b"x").status, 412);
    assert_eq!(http.ask(&format!("PUT {path}"), &[("if-none-match", "*")], b"a").status, 201);
    assert_eq!(http.ask(&format!("PUT {path}"), &[("if-none-match", "*")], b"x").status, 412);
    let tag = http.ask(&format!("GET {path}"), &[], b"").field("etag").expect("a tag").to_owned();
    assert_eq!(http.ask(&format!("GET {path}"), &[("if-none-match", &tag)], b"").status, 304);
    assert_eq!(http.ask(&format!("PUT {path}"), &[("if-match", "\"other\"")], b"x").status, 412);
    assert_eq!(http.ask(&format!("PUT {path}"), &[("if-match", &tag)], b"b").status, 204);
    assert_eq!(http.ask(&format!("DELETE {path}"), &[("if-match", &tag)], b"").status, 412, "it is old");
    assert_eq!(http.ask(&format!("GET {path}"), &[], b"").body, b"b");
    assert_eq!(http.ask(&format!("DELETE {path}"), &[("if-match", "*")], b"").status, 204);
    // Where they mean nothing they are not taken for nothing.
    for line in ["PATCH /v1/hashes/h", "POST /v1/lists/l", "DELETE /v1/lists/l"] {
        let refused = http.ask(line, &[("if-match", &tag), JSON], br#"{"fields":{"a":"1"},"values":["a"]}"#);
        assert!(refused.status == 400 && refused.problem().contains("If-Match"), "{line}: {refused:?}");
    }
}

#[test]
fn who_is_refused_may_ask_again_on_the_same_connection() {
    let door = with_users(&["user app on >pw ~* +@all"], &[]);
    let mut http = door.client();
    for _ in 0..3 {
        assert_eq!(http.ask("GET /v1/keys/k", &[("authorization", "Bearer app:wrong")], b"").status, 401);
        assert_eq!(http.ask("GET /v1/keys/k", &[("authorization", "Bearer app:pw")], b"").status, 404);
    }
}

#[test]
fn messages_to_a_session_are_no_answers() {
    let door = Door::plain();
    let mut http = door.client();
    let echo = |http: &mut super::Http, n: u32| {
        let asked = json!([["ECHO", format!("a{n}")], ["ECHO", format!("b{n}")]]).to_string();
        assert_eq!(
            http.commands(&asked),
            json!([{ "result": format!("a{n}") }, { "result": format!("b{n}") }])
        );
    };
    echo(&mut http, 0);
    let mut other = door.pool.endpoint.open3();
    let list = other.run("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains("lib-name=http")).expect("it is listed").to_owned();
    let id = line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).expect("a number");
    let told = other.run(&format!("CLIENT TRACKING ON BCAST REDIRECT {id}"));
    assert!(told.is_ok(), "{told}");
    // More than the pipe takes, so that it ends in the middle of one.
    let evil = "+evil\r\n".repeat(2000);
    for n in 1..=60 {
        let set = other.call(&["SET", &format!("{evil}{n}"), "v"]);
        assert!(matches!(set, Value::Simple(_)), "{set}");
        if n % 10 == 0 {
            echo(&mut http, n);
        }
    }
}
