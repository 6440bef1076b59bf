use rcgen::{CertificateParams, date_time_ymd};

use super::*;
use crate::TlsServer;
use crate::testing::{Pki, Scratch, make_ca, make_leaf};
use crate::tls::client_config;

/// The problem that starting with these files ends in, the directory left out.
fn problem(scratch: &Scratch, cert: &Path, key: &Path) -> String {
    let text = TlsServer::new(cert, key, None).unwrap_err().to_string();
    text.replace(scratch.path("").to_str().unwrap(), "")
}

#[test]
fn good_files_are_taken() {
    let pki = Pki::new();
    assert!(TlsServer::new(&pki.cert, &pki.key, None).is_ok());
    assert!(TlsServer::new(&pki.cert, &pki.key, Some(&pki.ca)).is_ok());
    assert!(client_config(Some(&pki.ca), Some(pki.identity())).is_ok());
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_what_to_do() {
    let pki = Pki::new();
    let dir = &pki.scratch;
    let der = read_certificates(&pki.cert).unwrap()[0].to_vec();
    let cases = [
        (
            dir.path("none"),
            "cannot read none (No such file or directory (os error 2)): check its path and mode",
        ),
        (
            dir.write("empty", ""),
            "there is no certificate in empty: give a PEM file that has BEGIN CERTIFICATE in it",
        ),
        (
            pki.key.clone(),
            "there is no certificate in leaf.key: it holds a private key: are certificate and key swapped?",
        ),
        (
            dir.write("der", der),
            "there is no certificate in der: it looks like DER: convert it with 'openssl x509 -inform der'",
        ),
    ];
    for (cert, expected) in cases {
        assert_eq!(problem(dir, &cert, &pki.key), expected);
    }
    let cut = std::fs::read_to_string(&pki.cert).unwrap()[..200].to_owned();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in [cut.as_str(), damaged] {
        let problem = problem(dir, &dir.write("damaged", text), &pki.key);
        assert!(problem.starts_with("damaged is damaged ("), "{problem}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named_with_what_to_do() {
    let pki = Pki::new();
    let dir = &pki.scratch;
    let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let cases = [
        (
            dir.path("none"),
            "cannot read none (No such file or directory (os error 2)): check its path and mode",
        ),
        (dir.write("k1", "x"), "k1: give a PEM file that has BEGIN PRIVATE KEY in it"),
        (pki.cert.clone(), "leaf.crt: it holds a certificate: are certificate and key swapped?"),
        (
            dir.write("k2", pem("ENCRYPTED PRIVATE KEY")),
            "k2: it is encrypted: decrypt it with 'openssl pkey'",
        ),
        (
            dir.write("k3", pem("OPENSSH PRIVATE KEY")),
            "k3: it is an SSH key: give one in PKCS#8, PKCS#1 or SEC1",
        ),
        (
            dir.write("k4", [0x30, 0x82, 1, 1]),
            "k4: it looks like DER: convert it with 'openssl pkey -inform der'",
        ),
    ];
    for (key, expected) in cases {
        let problem = problem(dir, &pki.cert, &key);
        assert_eq!(problem.trim_start_matches("there is no private key that we can use in "), expected);
    }
    let problem = problem(dir, &pki.cert, &dir.write("k5", pem("PRIVATE KEY")));
    assert!(problem.starts_with("leaf.crt with k5 cannot be used for TLS ("), "{problem}");
}

#[test]
fn a_certificate_and_a_key_that_do_not_match() {
    let (pki, other) = (Pki::new(), Pki::new());
    let key = pki.scratch.write("other.key", std::fs::read(&other.key).unwrap());
    assert_eq!(
        problem(&pki.scratch, &pki.cert, &key),
        "leaf.crt and other.key do not belong together: give the key that the certificate was made with"
    );
}

fn with_dates(first: i32, last: i32) -> impl Fn(&mut CertificateParams) {
    move |params| {
        params.not_before = date_time_ymd(first, 1, 1);
        params.not_after = date_time_ymd(last, 1, 1);
    }
}

#[test]
fn dates_of_certificates_and_cas_are_checked() {
    let (dir, ca) = (Scratch::new(), make_ca());
    let (past, key) = make_leaf(&ca, with_dates(2001, 2002));
    let (future, future_key) = make_leaf(&ca, with_dates(2101, 2102));
    let (past, key) = (dir.write("past", &past), dir.write("key", key));
    let (future, future_key) = (dir.write("future", &future), dir.write("future.key", future_key));
    assert_eq!(
        problem(&dir, &past, &key),
        "the certificate in past expired on Jan  1 00:00:00 2002 +00:00: renew it"
    );
    let text = problem(&dir, &future, &future_key);
    assert!(text.contains("is not valid before Jan  1 00:00:00 2101"), "{text}");
    let text = client_config(Some(&past), None).unwrap_err().to_string();
    assert!(text.contains("expired"), "{text}");
    // One good CA in a bundle is enough.
    let bundle = dir.write("bundle", std::fs::read_to_string(&past).unwrap() + &ca.pem());
    assert!(client_config(Some(&bundle), None).is_ok());
}
