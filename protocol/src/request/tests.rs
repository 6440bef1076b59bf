use super::*;
use proptest::prelude::*;

fn all(data: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let (found, error) = exercise(data, usize::MAX);
    let text = |args: &Vec<Vec<u8>>| args.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
    error.map_or(Ok(found.iter().map(text).collect()), |e| Err(e.text()))
}

fn encode(args: &[Vec<u8>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for a in args {
        out.extend(format!("${}\r\n", a.len()).bytes());
        out.extend(a);
        out.extend(b"\r\n");
    }
    out
}

#[test]
fn arrays_and_inline_lines() {
    let ok = [
        ("*1\r\n$4\r\nPING\r\n", vec![vec!["PING"]]),
        ("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", vec![vec!["GET", ""]]),
        ("PING\r\nGET a\n", vec![vec!["PING"], vec!["GET", "a"]]),
        ("\r\n\n  \r\n", vec![]),
        ("*0\r\n*-1\r\nPING\r\n", vec![vec!["PING"]]),
        ("set k \"a b\\x41\\n\" 'it\\'s'\r\n", vec![vec!["set", "k", "a bA\n", "it's"]]),
        ("set \"\" ''\r\n", vec![vec!["set", "", ""]]),
        ("set a\"b c\"\r\n", vec![vec!["set", "ab c"]]),
        ("*1\r\n$4\r\nPI", vec![]),
    ];
    for (data, want) in ok {
        assert_eq!(all(data.as_bytes()).unwrap(), want, "{data:?}");
    }
}

#[test]
fn malformed_requests_get_redis_texts() {
    let long = "x".repeat(MAX_LINE + 1);
    let bad = [
        ("*-5\r\n", "invalid multibulk length"),
        ("*a\r\n", "invalid multibulk length"),
        ("*01\r\n", "invalid multibulk length"),
        ("*1048577\r\n", "invalid multibulk length"),
        ("*99999999999999999999\r\n", "invalid multibulk length"),
        ("*1\r\n$-2\r\n", "invalid bulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$9999999999\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n:4\r\n", "expected '$', got ':'"),
        ("*1\r\n*1\r\n", "expected '$', got '*'"),
        ("*1\r\n$1\r\nabc", "expected CRLF after an argument"),
        ("set \"a\r\n", "unbalanced quotes in request"),
        ("set \"a\"b\r\n", "unbalanced quotes in request"),
    ];
    for (data, want) in bad {
        assert_eq!(all(data.as_bytes()), Err(format!("ERR Protocol error: {want}")), "{data:?}");
    }
    let lines = [
        ("", "too big inline request"),
        ("*1", "too big mbulk count string"),
        ("*1\r\n$1", "too big bulk count string"),
    ];
    for (start, want) in lines {
        let filler = if start.is_empty() { long.clone() } else { "1".repeat(MAX_LINE + 1) };
        assert_eq!(all(format!("{start}{filler}").as_bytes()), Err(format!("ERR Protocol error: {want}")));
    }
}

#[test]
fn bounds_are_small_before_authentication() {
    let parse = |data: &[u8]| {
        let (mut data, mut batch) = (data.to_vec(), Batch::default());
        Parser::default().parse(&mut data, RequestLimits::UNAUTHENTICATED, &mut batch).error
    };
    assert_eq!(parse(b"*11\r\n"), Some(ProtocolError::ArrayLengthUnauthenticated));
    assert_eq!(parse(b"*1\r\n$16385\r\n"), Some(ProtocolError::BulkLengthUnauthenticated));
    assert_eq!(parse(b"*10\r\n$16384\r\n"), None);
}

#[test]
fn requests_before_an_error_are_kept() {
    let (found, error) = exercise(b"*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n", usize::MAX);
    assert_eq!((found.len(), error), (1, Some(ProtocolError::BulkLength)));
}

#[test]
fn nothing_is_allocated_for_what_is_announced() {
    let (mut parser, mut batch) = (Parser::default(), Batch::default());
    let mut data = b"*1000000\r\n$536870912\r\nabc".to_vec();
    let parsed = parser.parse(&mut data, RequestLimits::FULL, &mut batch);
    assert!(parsed.error.is_none() && parser.is_mid_request());
    assert!(batch.spans.capacity() < 100 && parser.partial.capacity() < 100);
}

#[test]
fn a_batch_is_bounded() {
    let mut data = b"PING\r\n".repeat(MAX_BATCH + 5);
    let mut batch = Batch::default();
    let parsed = Parser::default().parse(&mut data, RequestLimits::FULL, &mut batch);
    assert_eq!((batch.requests().len(), parsed.consumed), (MAX_BATCH, MAX_BATCH * 6));
}

proptest! {
    #[test]
    fn any_split_finds_the_same(
        requests in proptest::collection::vec(proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6), 0..8),
        piece in 1usize..64,
    ) {
        let data: Vec<u8> = requests.iter().flat_map(|r| encode(r)).collect();
        let (found, error) = exercise(&data, piece);
        prop_assert_eq!(error, None);
        prop_assert_eq!(found, requests);
    }

    #[test]
    fn garbage_never_panics(data in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'"'), Just(b'1'), any::<u8>()], 0..200), piece in 1usize..50) {
        let whole = exercise(&data, usize::MAX);
        let pieces = exercise(&data, piece);
        prop_assert_eq!(whole.0, pieces.0);
    }
}

#[test]
fn what_was_put_back_is_parsed_again() {
    let data =
        b"\r\nGET \"a b\"\r\n*1\r\n$4\r\nPING\r\n\n'set' '\"' \"x y\"\r\n*1\r\n$1\r\nq\r\nECHO \"a\" \"b\r\n";
    let (all, error) = exercise(data, usize::MAX);
    assert_eq!((all.len(), error), (4, Some(ProtocolError::UnbalancedQuotes)));
    for first in 0..=all.len() {
        // Parsed from an offset on, as when requests before it are dealt with.
        let (mut buf, mut batch) = ([b"PING\n", &data[..]].concat(), Batch::default());
        Parser::default().parse(&mut buf[5..], RequestLimits::FULL, &mut batch);
        batch.put_back(first, &mut buf, 5);
        let (again, error) = exercise(&buf[5 + batch.end_of(first)..], usize::MAX);
        assert_eq!(again, all[first..]);
        assert_eq!(error, Some(ProtocolError::UnbalancedQuotes));
    }
}

/// A request that is passed on as it comes: its beginning is known, and its end is found in any pieces.
#[test]
fn a_large_request_is_known_by_its_beginning_and_passed_on_to_its_end() {
    let body = "x".repeat(300);
    let request = format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$300\r\n{body}\r\n");
    let data = format!("{request}*1\r\n$4\r\nPING\r\n").into_bytes();
    for piece in 1..40 {
        let (mut parser, mut batch) = (Parser::default(), Batch::default());
        let (mut buf, mut chunks) = (Vec::new(), data.chunks(piece));
        while parser.begun(&buf).is_none_or(|begun| begun.least < request.len() - 2) {
            buf.extend_from_slice(chunks.next().unwrap());
            assert_eq!(parser.parse(&mut buf, RequestLimits::FULL, &mut batch).consumed, 0);
        }
        let begun = parser.begun(&buf).unwrap();
        assert_eq!((begun.count, begun.args.len(), &begun.args[1]), (3, 2, &b"key"[..]));
        let (mut passage, mut passed) = (begun.rest(), begun.at);
        while !passage.is_over() {
            passed += passage.take(&buf[passed..]).unwrap();
            buf.extend(chunks.next().into_iter().flatten());
        }
        assert_eq!(passed, request.len(), "by {piece}");
    }
}

#[test]
fn what_is_no_request_is_not_passed_on() {
    let refused = |rest: &[u8]| Passage::new(2).take(rest).unwrap_err();
    assert_eq!(refused(b"$1\r\nab\r\n"), ProtocolError::BulkEnd);
    assert_eq!(refused(b"$1\r\na\r\n:1\r\n"), ProtocolError::ExpectedBulk(b':'));
    assert_eq!(refused(b"$x\r\n"), ProtocolError::BulkLength);
}
