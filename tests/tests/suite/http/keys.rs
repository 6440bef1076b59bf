//! `/v1/keys`, and the API that others had before.

use super::Door;
use serde_json::json;

#[test]
fn any_bytes_under_any_key() {
    let door = Door::plain();
    let mut http = door.client();
    let value: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let path = "/v1/keys/%00%ff%2F..%2F%C3%A9";
    let put = http.ask(&format!("PUT {path}?ttl=100"), &[], &value);
    assert_eq!(put.status, 201, "{put:?}");
    let got = http.ask(&format!("GET {path}"), &[], b"");
    assert_eq!((got.status, got.body == value), (200, true));
    assert_eq!(got.field("content-type"), Some("application/octet-stream"));
    assert_eq!(got.field("etag"), put.field("etag"));
    let left: u64 = got.field("ringtail-ttl").expect("it expires").parse().expect("milliseconds");
    assert!((90_000..=100_000).contains(&left), "{left}");
    let head = http.ask(&format!("HEAD {path}"), &[], b"");
    assert_eq!((head.status, head.field("content-length")), (200, Some("100000")));
    let redis = door.pool.endpoint.open().call(&[&b"GET"[..], b"\0\xff/../\xc3\xa9"]);
    assert_eq!(redis.bytes(), Some(&*value), "the same key by Redis's protocol");
    assert_eq!(http.ask(&format!("PUT {path}"), &[], b"").status, 204);
    let empty = http.ask(&format!("GET {path}"), &[], b"");
    assert_eq!((empty.status, empty.body.len(), empty.field("ringtail-ttl")), (200, 0, None));
    assert_eq!(http.ask(&format!("DELETE {path}"), &[], b"").status, 204);
    assert_eq!(http.ask(&format!("DELETE {path}"), &[], b"").problem(), "NOTFOUND there is no such key");
    assert_eq!(http.ask(&format!("GET {path}"), &[], b"").status, 404);
}

#[test]
fn values_are_set_on_conditions() {
    let door = Door::plain();
    let mut http = door.client();
    assert_eq!(http.ask("PUT /v1/keys/c?xx", &[], b"1").status, 412);
    assert_eq!(http.ask("PUT /v1/keys/c", &[("if-match", "*")], b"1").status, 412);
    assert_eq!(http.ask("PUT /v1/keys/c?nx", &[], b"1").status, 201);
    assert_eq!(http.ask("PUT /v1/keys/c?nx=true", &[], b"2").status, 412);
    assert_eq!(http.ask("PUT /v1/keys/c", &[("if-none-match", "*")], b"2").status, 412);
    assert_eq!(http.ask("PUT /v1/keys/c?nx&xx", &[], b"2").status, 400);
    let tag = http.ask("GET /v1/keys/c", &[], b"").field("etag").expect("a tag").to_owned();
    assert_eq!(http.ask("GET /v1/keys/c", &[("if-none-match", &tag)], b"").status, 304);
    assert_eq!(http.ask("GET /v1/keys/c", &[("if-match", "\"x\"")], b"").status, 412);
    assert_eq!(http.ask("PUT /v1/keys/c", &[("if-match", "\"x\"")], b"2").status, 412);
    let list = format!("\"x\", {tag}");
    assert_eq!(http.ask("PUT /v1/keys/c", &[("if-match", &list)], b"2").status, 204);
    assert_eq!(http.ask("PUT /v1/keys/c", &[("if-match", &tag)], b"3").status, 412, "it is another now");
    assert_eq!(http.ask("DELETE /v1/keys/c", &[("if-match", &tag)], b"").status, 412);
    assert_eq!(http.ask("GET /v1/keys/c", &[], b"").body, b"2");
    assert_eq!(http.ask("PUT /v1/keys/c", &[("if-match", "x")], b"3").status, 400, "no tag");
    assert_eq!(door.commands(r#"["LPUSH","l","x"]"#)["result"], 1);
    assert_eq!(http.ask("PUT /v1/keys/l", &[("if-match", &tag)], b"3").status, 409, "no string");
    assert_eq!(http.ask("GET /v1/keys/l", &[], b"").status, 409);
}

/// Each adds one to the number that it has read, if nobody else has meanwhile.
#[test]
fn of_those_who_compare_and_set_none_is_lost() {
    let door = Door::plain();
    assert_eq!(door.ask("PUT /v1/keys/n", &[], b"0").status, 201);
    let add = || {
        let mut http = door.client();
        for _ in 0..25 {
            loop {
                let got = http.ask("GET /v1/keys/n", &[], b"");
                let number: u32 = std::str::from_utf8(&got.body).expect("text").parse().expect("a number");
                let next = (number + 1).to_string();
                let tag = got.field("etag").expect("a tag");
                match http.ask("PUT /v1/keys/n", &[("if-match", tag)], next.as_bytes()).status {
                    204 => break,
                    412 => {}
                    other => panic!("{other}"),
                }
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(add))));
    assert_eq!(door.ask("GET /v1/keys/n", &[], b"").body, b"100");
}

#[test]
fn keys_are_scanned() {
    let door = Door::plain();
    let set: Vec<_> = (0..300).map(|n| json!(["SET", format!("s:{n}"), "v"])).collect();
    door.commands(&json!(set).to_string());
    let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
    let mut http = door.client();
    loop {
        let part = http.ask(&format!("GET /v1/keys?match=s:*&count=50&cursor={cursor}"), &[], b"").json();
        found.extend(part["keys"].as_array().expect("keys").iter().map(|key| key.to_string()));
        cursor = part["cursor"].as_str().expect("a cursor").to_owned();
        if cursor == "0" {
            break;
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 300);
    assert_eq!(http.ask("GET /v1/keys?cursor=x", &[], b"").status, 400);
    assert_eq!(http.ask("GET /v1/keys?count=0", &[], b"").status, 400);
}

#[test]
fn the_older_api_is_as_it_was_documented() {
    let door = Door::plain();
    let mut http = door.client();
    let set = http.ask("POST /set?key=foo&value=bar&ttl=60", &[], b"");
    let node = set.json()["node"].as_str().expect("a member's name").to_owned();
    assert!(["m0", "m1", "m2"].contains(&&*node));
    assert_eq!(
        (set.status, set.json()),
        (201, json!({"message": "Value set successfully", "key": "foo", "node": node}))
    );
    let left = door.commands(r#"["TTL","foo"]"#)["result"].as_i64().expect("a number");
    assert!((1..=60).contains(&left));
    let get = http.ask("GET /get?key=foo", &[], b"");
    assert_eq!((get.status, get.json()), (200, json!({"key": "foo", "value": "bar", "node": node})));
    let del = http.ask("DELETE /del?key=foo", &[], b"");
    assert_eq!(
        (del.status, del.json()),
        (200, json!({"message": "Value deleted successfully", "key": "foo", "node": node}))
    );
    let get = http.ask("GET /get?key=foo", &[], b"");
    assert_eq!((get.status, get.json()), (404, json!({"error": "Key not found"})));
    let root = http.ask("GET /", &[], b"");
    assert_eq!(root.status, 200);
    assert!(root.json()["message"].is_string() && root.json()["version"].is_string());
    for (line, missing) in [
        ("POST /set?key=a", "value"),
        ("POST /set?value=a", "key"),
        ("GET /get", "key"),
        ("DELETE /del", "key"),
    ] {
        let answer = http.ask(line, &[], b"");
        assert_eq!(answer.status, 400, "{line}");
        assert!(answer.json()["error"].as_str().expect("why").contains(missing), "{line}");
    }
    for (line, allowed) in
        [("GET /set", "POST"), ("POST /get", "GET,HEAD"), ("GET /del", "DELETE"), ("PUT /", "GET,HEAD,POST")]
    {
        let answer = http.ask(line, &[], b"");
        assert_eq!((answer.status, answer.field("allow")), (405, Some(allowed)), "{line}");
    }
}
