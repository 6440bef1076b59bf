use super::*;

const OPEN: Exposure = Exposure { encrypted: false, authenticated: false, insecure: false };

fn refused(exposure: Exposure, addr: &str) -> Option<String> {
    exposure.check(addr.parse().unwrap()).err().map(|problem| problem.to_string())
}

#[test]
fn beyond_loopback_only_with_tls_and_password_or_by_will() {
    let sealed = Exposure { encrypted: true, authenticated: true, insecure: false };
    for addr in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(refused(OPEN, addr), None, "{addr}");
    }
    for addr in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[fe80::1]:1"] {
        assert_eq!(refused(sealed, addr), None, "{addr}");
        assert_eq!(refused(Exposure { insecure: true, ..OPEN }, addr), None, "{addr}");
        for half in [OPEN, Exposure { encrypted: true, ..OPEN }, Exposure { authenticated: true, ..OPEN }] {
            assert!(refused(half, addr).is_some(), "{addr} {half:?}");
        }
    }
    assert_eq!(
        refused(OPEN, "0.0.0.0:3000").unwrap(),
        "0.0.0.0:3000 would be open to other machines in plaintext and without a password: \
         give --cert, --key and --requirepass-file, or --insecure if the network is trusted"
    );
}

#[test]
fn what_cannot_be_bound_says_what_to_do() {
    let first = Listener::bind("127.0.0.1:0", OPEN).unwrap();
    let addr = first.local_addr().to_string();
    let problem = Listener::bind(&addr, OPEN).unwrap_err().to_string();
    assert_eq!(
        problem,
        format!(
            "{addr} is in use by another process: choose another --addr or stop that process (or give --reuse-port to both)"
        )
    );
    let foreign = Exposure { insecure: true, ..OPEN };
    let problem = Listener::bind("192.0.2.1:0", foreign).unwrap_err().to_string();
    assert!(problem.starts_with("192.0.2.1 is not an address of this machine"), "{problem}");
    for addr in ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":::"] {
        let problem = Listener::bind(addr, OPEN).unwrap_err().to_string();
        assert!(
            problem.contains(&format!("'{addr}'")) && problem.ends_with("give --addr HOST:PORT"),
            "{problem}"
        );
    }
}
