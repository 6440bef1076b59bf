//! Who may what by HTTP: the same as by Redis's protocol.

use super::Door;
use ringtail_tests::harness::{Certs, Options, scratch};

const USERS: &str = "user reader on >s:cret ~app:* resetchannels -@all +get +pttl +exists\n";

fn door_with_users() -> Door {
    let config = scratch("http").join("proxy.toml");
    let users: Vec<String> = USERS.lines().map(|line| format!("{line:?}")).collect();
    std::fs::write(&config, format!("users = [{}]\n", users.join(","))).expect("a file below target");
    // The harness shows the default user's password when it asks whether the proxy is up.
    let args = vec!["--config".to_owned(), config.display().to_string()];
    Door::open(&Options { password: Some("master".to_owned()), args, ..Options::default() })
}

// reader:s:cret, reader:wrong, default:master
const READER: &str = "Basic cmVhZGVyOnM6Y3JldA==";
const WRONG: &str = "Basic cmVhZGVyOndyb25n";
const DEFAULT: &str = "Basic ZGVmYXVsdDptYXN0ZXI=";

#[test]
fn only_who_is_known_and_may() {
    let door = door_with_users();
    let mut http = door.client();
    let nobody = http.ask("GET /v1/keys/app:k", &[], b"");
    assert!(nobody.status == 401 && nobody.problem().starts_with("NOAUTH"), "{nobody:?}");
    assert!(
        nobody.field("www-authenticate").expect("how").starts_with("Bearer"),
        "a browser is not to keep it"
    );
    for wrong in [WRONG, "Bearer nonsense", "Basic !", "Digest x"] {
        let answer = door.ask("GET /v1/keys/app:k", &[("authorization", wrong)], b"");
        assert!(answer.status == 401 && answer.problem().starts_with("WRONGPASS"), "{wrong}: {answer:?}");
    }
    for right in [DEFAULT, "Bearer master", "Bearer default:master"] {
        let answer = door.ask("PUT /v1/keys/app:k", &[("authorization", right)], b"v");
        assert!([201, 204].contains(&answer.status), "{right}: {answer:?}");
    }
    for reader in [READER, "Bearer reader:s:cret"] {
        assert_eq!(door.ask("GET /v1/keys/app:k", &[("authorization", reader)], b"").body, b"v");
        let other = door.ask("GET /v1/keys/other", &[("authorization", reader)], b"");
        assert!(other.status == 403 && other.problem().starts_with("NOPERM"), "{other:?}");
        assert_eq!(door.ask("PUT /v1/keys/app:k", &[("authorization", reader)], b"x").status, 403);
    }
    let token = door.ask("GET /get/app:k?_token=reader:s:cret", &[], b"");
    assert_eq!((token.status, token.body), (200, br#"{"result":"v"}"#.to_vec()));
    assert_eq!(door.ask("GET /get/app:k?_token=wrong", &[], b"").status, 401);
}

#[test]
fn each_request_of_a_connection_is_its_own_users() {
    let door = door_with_users();
    let mut http = door.client();
    let as_default = [("authorization", DEFAULT)];
    for _ in 0..3 {
        assert!(http.ask("PUT /v1/keys/app:k", &as_default, b"v").status < 300);
        assert_eq!(http.ask("PUT /v1/keys/app:k", &[("authorization", READER)], b"x").status, 403);
        assert_eq!(http.ask("GET /v1/keys/app:k", &[("authorization", READER)], b"").body, b"v");
    }
    assert_eq!(http.ask("GET /v1/keys/app:k", &[], b"").status, 401, "nobody's rights are left to nobody");
}

#[test]
fn it_speaks_tls_where_the_proxy_does() {
    let options = Options { password: Some("pw".to_owned()), ..Options::default() }.with_certs(&Certs::get());
    let door = Door::open(&options);
    let mut http = door.client();
    let known = [("authorization", "Bearer pw")];
    let value = vec![7; 3 << 20];
    assert_eq!(http.ask("PUT /v1/keys/k", &known, &value).status, 201);
    assert!(http.ask("GET /v1/keys/k", &known, b"").body == value);
    assert_eq!(http.ask("GET /v1/keys/k", &[], b"").status, 401);
}
