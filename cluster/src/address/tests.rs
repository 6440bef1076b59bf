use super::*;
use proptest::prelude::*;

#[test]
fn addresses_are_read_and_written_in_one_form() {
    for (text, host, port, written) in [
        ("10.0.0.1:3000", "10.0.0.1", 3000, "10.0.0.1:3000"),
        ("Cache-1.Example.com:1", "cache-1.example.com", 1, "cache-1.example.com:1"),
        ("data_server:65535", "data_server", 65535, "data_server:65535"),
        ("[::1]:3000", "::1", 3000, "[::1]:3000"),
        ("[2001:DB8:0:0::1]:3000", "2001:db8::1", 3000, "[2001:db8::1]:3000"),
    ] {
        let address = Address::parse(text).unwrap();
        assert_eq!((address.host(), address.port()), (host, port), "{text}");
        assert_eq!(address.to_string(), written);
        assert_eq!(Address::parse(written).unwrap(), address);
    }
}

#[test]
fn what_is_no_address_is_refused_with_a_reason() {
    for (text, reason) in [
        ("", "no port; write"),
        ("host", "no port; write"),
        ("host:", "no port from 1"),
        (":3000", "host name"),
        ("host:0", "no port from 1"),
        ("host:65536", "no port from 1"),
        ("host:+1", "no port from 1"),
        ("host:01", "no port from 1"),
        ("host:99999999999999999999", "no port from 1"),
        ("::1:3000", "in brackets"),
        ("[::1:3000", "without ]"),
        ("[::g]:3000", "between its brackets"),
        ("[fe80::1%eth0]:3000", "between its brackets"),
        ("256.0.0.1:3000", "IPv4"),
        ("10.1:3000", "IPv4"),
        ("-a:3000", "host name"),
        ("a..b:3000", "host name"),
        ("a.:3000", "host name"),
        ("a b:3000", "host name"),
        ("redis://a:3000", "more than one colon"),
        ("ä:3000", "host name"),
    ] {
        let refused = Address::parse(text).unwrap_err();
        assert!(refused.contains(reason), "{text}: {refused}");
    }
    assert!(Address::parse(&format!("{}:1", "a".repeat(64))).is_err());
    assert!(Address::parse(&format!("{}a:1", "a.".repeat(127))).is_err());
}

proptest! {
    #[test]
    fn any_text_is_an_address_or_a_reason(text in ".{0,80}") {
        if let Ok(address) = Address::parse(&text) {
            prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
    }
}
