//! `--admin` beyond loopback: over TLS, to those who show a certificate.

use super::{Admin, SOON, check_process, value};
use crate::front::Front;
use ringtail_tests::harness::{Certs, Options, scratch, wait_for};
use ringtail_tests::resp::{Endpoint, Tls};

/// All that is answered; nothing if the connection fails.
fn ask(endpoint: &Endpoint, path: &str) -> String {
    let Ok(mut conn) = endpoint.connect_raw() else { return String::new() };
    let _ = conn.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let (mut heard, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(read @ 1..) = conn.receive(&mut piece) {
        heard.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn both_programs_are_scraped_over_mutual_tls() {
    let certs = Certs::get();
    let ca = certs.ca().display().to_string();
    let stranger = Certs::make_in(&scratch("strange-scraper"));
    let stranger = Tls::new(&certs.ca(), Some((&stranger.client_cert(), &stranger.client_key())));
    for start in [Front::server, Front::pool] {
        let admin = Admin::anywhere();
        let port = admin.addr.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        // The certificates are for 127.0.0.1, where the test asks; the address is one that others reach.
        let args = ["--admin", &format!("0.0.0.0:{port}"), "--client-ca", &ca];
        let front = start(&Options { identity: true, ..Options::args(&args) }.with_certs(&certs));
        let known = Endpoint { tls: Some(certs.identity()), ..Endpoint::plain(port) };
        assert!(wait_for(SOON, || ask(&known, "/readyz").starts_with("HTTP/1.1 200 ")), "{}", front.name);
        let answer = ask(&known, "/metrics");
        let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK") && text.ends_with("# EOF\n"), "{}: {head}", front.name);
        check_process(text, front.name);
        assert!(value(text, "process_open_fds") > Some(3.0));
        let others = [
            ("no certificate", Some(certs.trust())),
            ("another CA's", Some(stranger.clone())),
            ("no TLS", None),
        ];
        for (who, tls) in others {
            let heard = ask(&Endpoint { tls, ..known.clone() }, "/metrics");
            assert!(!heard.contains("HTTP/1.1 200"), "{} tells {who}: {heard}", front.name);
        }
        assert!(ask(&known, "/healthz").ends_with("ok\n"), "{}: it goes on", front.name);
    }
}
