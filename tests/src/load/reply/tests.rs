use super::*;

/// Kind, body and length of the first reply of `input`, which must be complete.
fn first(input: &[u8]) -> (Kind, &[u8], usize) {
    let reply = scan(input).expect("is RESP").expect("is complete");
    (reply.kind, &input[reply.body], reply.len)
}

#[test]
fn types_bodies_and_lengths() {
    assert_eq!(first(b"+OK\r\n+OK\r\n"), (Kind::Simple, &b"OK"[..], 5));
    assert_eq!(first(b"-ERR no\r\n"), (Kind::Error, &b"ERR no"[..], 9));
    assert_eq!(first(b":-12\r\n"), (Kind::Integer, &b"-12"[..], 6));
    assert_eq!(first(b"$5\r\na\r\nbc\r\n$1\r\n"), (Kind::Bulk, &b"a\r\nbc"[..], 11));
    assert_eq!(first(b"$0\r\n\r\n"), (Kind::Bulk, &b""[..], 6));
    assert_eq!(first(b"$-1\r\n").0, Kind::Null);
    assert_eq!(first(b"*-1\r\n").0, Kind::Null);
    assert_eq!(first(b"_\r\n").0, Kind::Null);
    assert_eq!(first(b"#t\r\n").0, Kind::Other);
    assert_eq!(first(b"!3\r\nERR\r\n"), (Kind::Error, &b"ERR"[..], 9));
    assert_eq!(
        first(b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n+OK\r\n"),
        (Kind::Aggregate, &b"$1\r\na\r\n*1\r\n:1\r\n"[..], 19)
    );
    assert_eq!(first(b"%1\r\n+a\r\n:1\r\n"), (Kind::Aggregate, &b"+a\r\n:1\r\n"[..], 12));
}

#[test]
fn every_prefix_is_incomplete() {
    let whole: &[u8] = b"*3\r\n$3\r\nabc\r\n:10\r\n%1\r\n+k\r\n$-1\r\n";
    for cut in 0..whole.len() {
        assert_eq!(scan(&whole[..cut]), Ok(None), "cut at {cut}");
    }
    assert_eq!(first(whole).2, whole.len());
}

#[test]
fn what_is_not_resp_is_told() {
    for bad in
        [&b"?\r\n"[..], b"\r\n", b"+a\rb", b"$x\r\n", b"$-2\r\n", b"$\r\n", b"$1\r\nabc", b"*99999999999\r\n"]
    {
        assert_eq!(scan(bad), Err(Malformed), "{}", bad.escape_ascii());
    }
    assert_eq!(scan(&b"*1\r\n".repeat(20)), Err(Malformed));
}
