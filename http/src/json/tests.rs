use ringtail_protocol::value::Value;

use super::*;

fn parsed(text: &str) -> Result<(String, bool), String> {
    match parse(text.as_bytes()) {
        Ok(body) => Ok((
            String::from_utf8_lossy(&body.requests.bytes).replace("\r\n", " ").trim_end().into(),
            body.is_list,
        )),
        Err(problem) => Err(problem.detail.into_owned()),
    }
}

#[test]
fn one_command_or_many() {
    assert_eq!(parsed(r#"["GET","k"]"#), Ok(("*2 $3 GET $1 k".into(), false)));
    assert_eq!(parsed(r#"[["GET","k"],["PING"]]"#), Ok(("*2 $3 GET $1 k *1 $4 PING".into(), true)));
    assert_eq!(
        parsed(r#"["SET","k",1,-2,1.5,true,{"base64":"/w=="}]"#),
        Ok(("*7 $3 SET $1 k $1 1 $2 -2 $3 1.5 $4 true $1 \u{fffd}".into(), false))
    );
    assert_eq!(parsed(r#"[{"base64":"R0VU"},"k"]"#), Ok(("*2 $3 GET $1 k".into(), false)));
    assert_eq!(parsed("[]"), Ok((String::new(), true)));
}

#[test]
fn what_is_no_command_is_refused() {
    for bad in [
        "",
        "{}",
        "\"GET\"",
        "[1",
        "[[]]",
        "[null]",
        "[[\"GET\"],\"k\"]",
        "[\"GET\",[\"k\"]]",
        "[\"GET\",{}]",
        "[\"GET\",{\"base64\":\"?\"}]",
        "[\"GET\",{\"base64\":\"\",\"x\":\"\"}]",
        "[\"GET\",{\"x\":\"\"}]",
        "[[\"GET\",[\"k\"]]]",
        "[[[\"GET\"]]]",
        "[\"GET\",\"k\"] x",
        "[\"GET\",\"\u{1}\"]",
        "[\"GET\",18446744073709551616]",
        "[\"GET\",-9223372036854775809]",
        "[[\"GET\",1e300]]",
        "[[\"PING\"],{}]",
        "[\"SUBSCRIBE\",\"c\"]",
        "[[\"PING\"],[\"MULTI\"]]",
    ] {
        assert!(parsed(bad).is_err(), "{bad:?}");
    }
    assert!(parse(b"[\"GET\",\"\xff\"]").is_err(), "no UTF-8");
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    assert!(parsed(&deep).unwrap_err().contains("not what it should be"));
    let many = format!("[{}]", vec!["[\"PING\"]"; crate::limits::COMMANDS + 1].join(","));
    assert!(parsed(&many).unwrap_err().contains("more than"));
}

fn written(value: &Value, encoding: Encoding) -> String {
    let mut out = Vec::new();
    write(&mut out, value, encoding);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_kind_of_answer() {
    let text = |text: &str| Value::Bulk(text.into());
    let all = Value::Array(vec![
        Value::Null,
        Value::Simple(b"OK".to_vec()),
        text("a\"\n"),
        Value::Int(-7),
        Value::Bool(true),
        Value::Double(1.5),
        Value::Double(f64::INFINITY),
        Value::Double(f64::NAN),
        Value::BigNumber("123456789012345678901".into()),
        Value::Error(b"ERR x".to_vec()),
        Value::Map(vec![(text("f"), text("v"))]),
        Value::Map(vec![(Value::Int(1), text("v"))]),
        Value::Set(vec![]),
    ]);
    assert_eq!(
        written(&all, Encoding::Text),
        r#"[null,"OK","a\"\n",-7,true,1.5,"inf","nan","123456789012345678901",{"error":"ERR x"},{"f":"v"},[[1,"v"]],[]]"#
    );
}

#[test]
fn bytes_that_are_no_text_are_never_changed_unasked() {
    let bytes = Value::Bulk(b"\xff\0".to_vec());
    assert_eq!(written(&bytes, Encoding::Text), "{\"base64\":\"/wA=\"}");
    let map = Value::Map(vec![(bytes.clone(), Value::Int(1))]);
    assert_eq!(written(&map, Encoding::Text), "[[{\"base64\":\"/wA=\"},1]]");
    assert_eq!(written(&map, Encoding::Base64), "{\"/wA=\":1}");
    assert_eq!(written(&bytes, Encoding::Base64), "\"/wA=\"");
    assert_eq!(written(&bytes, Encoding::Lossy), "\"\u{fffd}\\u0000\"");
    assert_eq!(written(&Value::Bulk(b"OK".to_vec()), Encoding::Base64), "\"T0s=\"");
    assert_eq!(written(&Value::Simple(b"OK".to_vec()), Encoding::Base64), "\"OK\"");
}
