use super::*;

fn status(head: &str) -> Option<u16> {
    parse(head.as_bytes()).map(|parsed| parsed.map_or_else(|answer| answer.status, |_| 200))
}

#[test]
fn a_request_is_its_method_path_and_accept() {
    let head = b"GET /metrics?x=1 HTTP/1.1\r\nHost: evil\r\nACCEPT: text/plain\r\n\r\nrest";
    let request = Request {
        method: "GET".to_owned(),
        path: "/metrics".to_owned(),
        accept: Some("text/plain".to_owned()),
    };
    assert_eq!(parse(head), Some(Ok(request)));
    for length in 0..head.len() - 4 {
        assert_eq!(parse(&head[..length]), None, "{length}");
    }
}

#[test]
fn what_is_too_much_or_no_request_is_refused() {
    assert_eq!(status("*1\r\n$4\r\nPING\r\n"), Some(400));
    assert_eq!(status("GET / HTTP/2.0\r\n\r\n"), Some(400));
    assert_eq!(status("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"), Some(413));
    assert_eq!(status("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), Some(413));
    assert_eq!(status("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), Some(200));
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(limits::HEADERS + 1))), Some(431));
    assert_eq!(status(&format!("GET /{} HTTP/1.1", "a".repeat(limits::HEAD))), Some(431));
    assert_eq!(status(&format!("GET /{} HTTP/1.1", "a".repeat(limits::HEAD - 20))), None);
}

#[test]
fn an_answer_to_head_has_the_length_of_the_body_that_it_leaves_out() {
    let answer = Answer::text(405, "no");
    let whole = String::from_utf8(answer.bytes(true)).unwrap();
    let head = String::from_utf8(answer.bytes(false)).unwrap();
    assert_eq!(whole, format!("{head}no\n"));
    assert!(head.contains("\r\nContent-Length: 3\r\n") && head.contains("\r\nAllow: GET, HEAD\r\n"));
}
