use super::*;
use crate::limits::{DEFAULT_WEIGHT, MAX_NAME, MAX_REPLICAS};
use crate::refusal::Place;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Vec<Member>, Refusal> {
    Servers::parse(text.as_bytes(), Path::new("servers.json")).map(Servers::into_members)
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn members_are_read_with_their_defaults() {
    let members = parse(
        r#"[ { "addr": "10.0.0.1:3000", "weight": 500 },
             { "name": "b", "addr": "Host:3000", "replicas": ["10.0.0.12:3000", "[::1]:3000"] } ]"#,
    )
    .unwrap();
    let address = |text| Address::parse(text).unwrap();
    let first = Member {
        name: "10.0.0.1:3000".into(),
        addr: address("10.0.0.1:3000"),
        weight: 500,
        replicas: vec![],
    };
    let replicas = vec![address("10.0.0.12:3000"), address("[::1]:3000")];
    let second = Member { name: "b".into(), addr: address("host:3000"), weight: DEFAULT_WEIGHT, replicas };
    assert_eq!(members, [first, second]);
}

/// Line, column and reason, each for its own fault.
#[test]
fn a_bad_file_is_refused_with_its_place_and_reason() {
    for (text, expected) in [
        ("", "1:1: EOF while parsing a value"),
        ("[\n {\"addr\": \"a:1\"},\n", "3:1: EOF while parsing a value"),
        ("[{\"addr\": \"a:1\"}] x", "1:19: trailing characters"),
        ("[{\"addr\": \"a:1\",}]", "1:17: key must be a string"),
        ("{\"addr\": \"a:1\"}", "1:1: must be an array of members"),
        ("\n  null", "2:3: must be an array of members"),
        (" []", "1:2: has no members"),
        ("[\n  7]", "2:3: a member must be an object"),
        ("[{\"weight\": 1}]", "1:2: a member must have an addr"),
        ("[\n {\"addr\": \"a:1\",\n  \"wieght\": 5}]", "3:10: unknown field `wieght`"),
        ("[{\"addr\": \"a:1\", \"addr\": \"b:1\"}]", "1:23: duplicate field `addr`"),
        ("[{\"addr\": 7}]", "1:11: an address must be a string"),
        ("[{\"addr\": null}]", "1:11: an address must be a string"),
        ("[{\"addr\": \"a\"}]", "1:11: address \"a\" has no port"),
        ("[{\"addr\":\n\"a:x\"}]", "2:1: address \"a:x\" has no port from 1 to 65535"),
        (
            "[{\"addr\": \"a:1\", \"weight\": -1}]",
            "1:28: weight \"-1\" must be a whole number from 0 to 100000",
        ),
        ("[{\"addr\": \"a:1\", \"weight\": 100001}]", "1:28: weight"),
        ("[{\"addr\": \"a:1\", \"weight\": 1.5}]", "1:28: weight"),
        ("[{\"addr\": \"a:1\", \"weight\": 1e999}]", "1:28: weight"),
        ("[{\"addr\": \"a:1\", \"weight\": \"5\"}]", "1:28: weight"),
        ("[{\"addr\": \"a:1\", \"weight\": null}]", "1:28: weight"),
        ("[{\"addr\": \"a:1\", \"weight\": 0}]", "1:1: no member has a weight above 0"),
        ("[{\"addr\": \"a:1\", \"name\": \"\"}]", "1:26: name \"\" must be"),
        ("[{\"addr\": \"a:1\", \"name\": \"a b\"}]", "1:26: name \"a b\" must be"),
        ("[{\"addr\": \"a:1\", \"replicas\": []}]", "1:30: a member with replicas must have a name"),
        ("[{\"addr\": \"a:1\", \"name\": \"a\", \"replicas\": 1}]", "1:43: replicas must be an array"),
        ("[{\"addr\": \"a:1\", \"name\": \"a\", \"replicas\": [\"b\"]}]", "1:44: address \"b\" has no port"),
        (
            "[{\"addr\": \"a:1\", \"name\": \"a\", \"replicas\": [\"A:1\"]}]",
            "1:44: address a:1 is there twice",
        ),
        ("[{\"addr\": \"a:1\"},\n {\"addr\": \"a:1\"}]", "2:11: address a:1 is there twice"),
        (
            "[{\"addr\": \"a:1\"},\n {\"name\": \"a:1\", \"addr\": \"b:1\"}]",
            "2:11: name \"a:1\" is there twice",
        ),
        ("[{\"addr\": \"\\ud800:1\"}]", "1:18: unexpected end of hex escape"),
    ] {
        let refused = refusal(text);
        assert!(refused.starts_with(&format!("servers.json:{expected}")), "{text:?}: {refused}");
    }
}

#[test]
fn what_is_not_utf8_has_a_place_too() {
    let refused = Servers::parse(b"[\n \xFF]", Path::new("s")).unwrap_err();
    assert_eq!(
        (refused.place, refused.reason.as_str()),
        (Some(Place { line: 2, column: 2 }), "is not UTF-8")
    );
}

#[test]
fn every_bound_is_kept() {
    let member = |index: usize| format!("{{\"addr\": \"h{index}:1\"}}");
    let pool = |count: usize| format!("[{}]", (0..count).map(member).collect::<Vec<_>>().join(","));
    assert_eq!(parse(&pool(MAX_MEMBERS)).unwrap().len(), MAX_MEMBERS);
    assert!(refusal(&pool(MAX_MEMBERS + 1)).contains("more than 1024 members"));

    let replicas = |count: usize| {
        let list = (0..count).map(|index| format!("\"r{index}:1\"")).collect::<Vec<_>>().join(",");
        format!("[{{\"name\": \"a\", \"addr\": \"a:1\", \"replicas\": [{list}]}}]")
    };
    assert_eq!(parse(&replicas(MAX_REPLICAS)).unwrap()[0].replicas.len(), MAX_REPLICAS);
    assert!(refusal(&replicas(MAX_REPLICAS + 1)).contains("at most 16 replicas"));

    let named = |length: usize| format!("[{{\"addr\": \"a:1\", \"name\": \"{}\"}}]", "n".repeat(length));
    assert!(parse(&named(MAX_NAME)).is_ok());
    assert!(refusal(&named(MAX_NAME + 1)).len() < 250, "a long value is cut in the message");
}

#[test]
fn nesting_is_no_way_to_the_stack() {
    let deep = format!("[{}{}]", "[".repeat(500_000), "]".repeat(500_000));
    assert!(refusal(&deep).contains("a member must be an object"));
    let deep = format!("[{{\"addr\": {}{}}}]", "[".repeat(500_000), "]".repeat(500_000));
    assert!(refusal(&deep).contains("an address must be a string"));
}

#[test]
fn what_cannot_be_read_is_refused_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("servers.json");
    let refused = Servers::read(&missing).unwrap_err();
    assert_eq!(refused.place, None);
    assert!(refused.to_string().starts_with(&format!("{}: can't be read: ", missing.display())));
    assert!(Servers::read(directory.path()).unwrap_err().reason.contains("is not a file"));
    std::fs::write(&missing, vec![b' '; MAX_FILE + 1]).unwrap();
    assert!(Servers::read(&missing).unwrap_err().reason.contains("longer than 1048576 bytes"));
}

#[test]
fn the_development_pool_is_good() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers.json");
    let members = Servers::read(&file).unwrap().into_members();
    let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["127.0.0.1:3000", "127.0.0.1:3001", "127.0.0.1:3002"]);
}

/// A good file with a few bytes changed: most of what a half-written file can be.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let good = br#"[{"name":"a","addr":"h:1","weight":5,"replicas":["i:1"]},{"addr":"[::1]:2"}]"#.to_vec();
    let change = (0..good.len(), any::<u8>(), any::<bool>());
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut bytes = good.clone();
        for (at, byte, cut) in changes {
            let at = at.min(bytes.len().saturating_sub(1));
            if cut {
                bytes.truncate(at)
            } else if let Some(old) = bytes.get_mut(at) {
                *old = byte
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes_are_members_or_a_refusal_with_a_place_in_the_file(bytes in damaged()) {
        match Servers::parse(&bytes, Path::new("s")) {
            Ok(servers) => prop_assert!(!servers.into_members().is_empty()),
            Err(refusal) => {
                let place = refusal.place.unwrap();
                let lines = bytes.split(|byte| *byte == b'\n').count();
                prop_assert!((1..=lines).contains(&place.line) && (1..=bytes.len() + 1).contains(&place.column));
            }
        }
    }
}
