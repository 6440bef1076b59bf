use super::*;
use crate::testing::{WITHIN, listen};

#[test]
fn the_host_part_is_the_name_to_verify() {
    for (addr, host) in [("a.example:1", "a.example"), ("10.0.0.1:1", "10.0.0.1"), ("[::1]:3000", "::1")] {
        assert_eq!(server_name(addr).unwrap().to_str(), host);
    }
    assert!(server_name("no_name!:1").is_err());
}

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    let (listener, addr) = listen();
    drop(listener);
    let error = Stream::connect(&addr.to_string(), None, WITHIN).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().starts_with(&addr.to_string()), "{error}");
}

#[tokio::test]
async fn an_address_without_a_port_is_an_error() {
    assert!(Stream::connect("localhost", None, WITHIN).await.is_err());
}
