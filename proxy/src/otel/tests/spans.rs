use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::{Decoded, exporting, is, of, traced};
use crate::settings::Settings;
use crate::testing::{Answering, Fake, Proxy, bulk, echoing, keys_of, on_a_worker};

const TIMEOUT: Duration = Duration::from_millis(300);

/// The spans of these requests, through a proxy with two members: a answers as told, b echoes.
fn spans_of(
    change: fn(Settings) -> Settings,
    answering: fn() -> Answering,
    requests: impl AsyncFn(&Proxy, &Fake, [&str; 2]),
) -> Vec<Decoded> {
    let (exporter, collector) = exporting(1.0, |_| Some(200));
    on_a_worker(async {
        let (one, other) = (Fake::start(answering()).await, Fake::start(echoing()).await);
        let proxy = Proxy::start_with(&[&one, &other], change(traced(&exporter, TIMEOUT))).await;
        let [a, b] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        requests(&proxy, &one, [a, b]).await;
    });
    exporter.finish();
    collector.spans()
}

fn server_spans(spans: &[Decoded]) -> Vec<&Decoded> {
    spans.iter().filter(|span| is(span, SpanKind::Server)).collect()
}

fn children<'a>(spans: &'a [Decoded], parent: &Decoded) -> Vec<&'a Decoded> {
    spans.iter().filter(|span| span.parent_span_id == parent.span_id).collect()
}

#[test]
fn a_request_and_what_its_member_was_asked() {
    let spans = spans_of(
        |settings| settings,
        || Rc::new(|words| Some(if words[0] == b"get" { bulk(b"0123456789") } else { b"+OK\r\n".to_vec() })),
        async |proxy, _, [a, _]| {
            let mut client = proxy.client().await;
            client.ask("SELECT 3").await;
            assert_eq!(client.ask(&format!("get {a}")).await, "$10\r\n0123456789\r\n");
            client.ask("CONFIG SET timeout 1s").await;
        },
    );
    let names: Vec<&str> = server_spans(&spans).iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["SELECT", "GET", "CONFIG SET"]);
    let get = server_spans(&spans)[1];
    let [asked] = children(&spans, get)[..] else { panic!("one child") };
    for span in [get, asked] {
        assert_eq!(span.name, "GET");
        assert_eq!(of(span, "db.system.name").as_deref(), Some("redis"));
        assert_eq!(of(span, "db.operation.name").as_deref(), Some("GET"));
        assert_eq!(of(span, "db.namespace").as_deref(), Some("3"));
        assert_eq!(of(span, "ringtail.member").as_deref(), Some("a"));
        assert_eq!(of(span, "ringtail.reply.size").as_deref(), Some("17"));
        assert!(of(span, "ringtail.request.size").is_some_and(|size| size.parse::<u32>().unwrap() > 20));
        assert_eq!((span.status.as_ref(), of(span, "error.type")), (None, None));
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    assert!(is(asked, SpanKind::Client) && asked.trace_id == get.trace_id && get.parent_span_id.is_empty());
    assert_eq!(of(get, "network.peer.address").as_deref(), Some("127.0.0.1"));
    assert!(of(get, "network.peer.port").is_some() && of(asked, "network.peer.address").is_none());
    let traces: HashSet<_> = server_spans(&spans).iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces.len(), 3);
}

/// A pipeline on one lane: each answer ends the span of its own request.
#[test]
fn every_request_of_a_pipeline_is_traced_once() {
    let spans = spans_of(
        |settings| settings,
        || Rc::new(|words| Some(bulk(&vec![b'x'; words[1].len()]))),
        async |proxy, _, [a, _]| {
            let mut client = proxy.client().await;
            let lines: Vec<String> = (0..200).map(|n| format!("GET {{{a}}}{}", "k".repeat(n))).collect();
            client.send(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
            for _ in &lines {
                client.answer().await;
            }
        },
    );
    assert_eq!(spans.len(), 400);
    let sizes = |span: &&Decoded, key: &str| of(span, key).unwrap().parse::<usize>().unwrap();
    let mut sorted = server_spans(&spans);
    sorted.sort_by_key(|span| sizes(span, "ringtail.request.size"));
    assert!(
        sorted
            .windows(2)
            .all(|two| sizes(&two[0], "ringtail.reply.size") <= sizes(&two[1], "ringtail.reply.size"))
    );
    assert!(server_spans(&spans).iter().all(|span| children(&spans, span).len() == 1));
}

#[test]
fn a_request_for_several_members_has_a_child_for_each() {
    let spans = spans_of(
        |settings| settings,
        || Rc::new(|_| Some(b"-WRONGTYPE no\r\n".to_vec())),
        async |proxy, _, [a, b]| {
            assert!(proxy.client().await.ask(&format!("MGET {a} {b}")).await.starts_with("-WRONGTYPE"));
        },
    );
    let [mget] = server_spans(&spans)[..] else { panic!("one request: {spans:?}") };
    assert_eq!((&*mget.name, of(mget, "ringtail.member")), ("MGET", None));
    assert_eq!(of(mget, "error.type").as_deref(), Some("WRONGTYPE"));
    let mut members: Vec<_> = children(&spans, mget)
        .iter()
        .map(|span| (of(span, "ringtail.member").unwrap(), of(span, "error.type")))
        .collect();
    members.sort();
    assert_eq!(members, [("a".to_owned(), Some("WRONGTYPE".to_owned())), ("b".to_owned(), None)]);
}

#[test]
fn errors_are_told_by_their_codes_and_by_no_word_of_a_script() {
    let spans = spans_of(
        |settings| settings,
        || {
            Rc::new(|words| match &words[0][..] {
                b"GET" => Some(b"-WRONGTYPE of the-secret-value\r\n".to_vec()),
                _ => Some(b"-SECRETVALUE of a script\r\n".to_vec()),
            })
        },
        async |proxy, _, [a, b]| {
            let mut client = proxy.client().await;
            for line in ["GET", "THESECRETCOMMAND x", "SELECT 99", &format!("RENAME {a}"), "MEMORY THESECRET"]
            {
                assert!(client.ask(line).await.starts_with("-ERR"), "{line}");
            }
            client.ask(&format!("GET {a}")).await;
            client.ask(&format!("INCR {a}")).await;
            assert!(client.ask(&format!("PFADD {b} the-secret-value")).await.starts_with('$'));
        },
    );
    let errors: Vec<_> =
        server_spans(&spans).iter().map(|span| (span.name.clone(), of(span, "error.type"))).collect();
    let expected = [
        ("GET", Some("ERR")),
        ("UNKNOWN", Some("ERR")),
        ("SELECT", Some("ERR")),
        ("RENAME", Some("ERR")),
        ("UNKNOWN", Some("ERR")),
        ("GET", Some("WRONGTYPE")),
        ("INCR", Some("_OTHER")),
        ("PFADD", None),
    ];
    assert_eq!(errors, expected.map(|(name, error)| (name.to_owned(), error.map(str::to_owned))));
    for span in &spans {
        let status = span.status.as_ref();
        assert_eq!(
            status.is_some_and(|status| status.code() == StatusCode::Error),
            of(span, "error.type").is_some()
        );
        assert!(status.is_none_or(|status| status.message.is_empty()));
    }
    let all = format!("{spans:?}").to_lowercase();
    assert!(!all.contains("secret"), "{all}");
}

#[test]
fn a_member_that_is_late_or_lost_shows_where_the_time_went() {
    let silent: fn() -> Answering = || Rc::new(|_| None);
    let spans = spans_of(
        |settings| settings,
        silent,
        async |proxy, _, [a, _]| {
            assert!(proxy.client().await.ask(&format!("GET {a}")).await.starts_with("-TIMEOUT"));
        },
    );
    let [late] = server_spans(&spans)[..] else { panic!("one request: {spans:?}") };
    assert_eq!((&*late.name, of(late, "error.type").as_deref()), ("GET", Some("TIMEOUT")));
    let [asked] = children(&spans, late)[..] else { panic!("one child") };
    let took = Duration::from_nanos(asked.end_time_unix_nano - asked.start_time_unix_nano);
    assert!(took > TIMEOUT / 2 && took < TIMEOUT * 10, "{took:?}");
    let spans = spans_of(
        |settings| settings,
        silent,
        async |proxy, member, [a, b]| {
            let mut client = proxy.client().await;
            client.send(&[&format!("SET {a} x"), &format!("SET {b} x")]).await;
            tokio::time::sleep(TIMEOUT / 10).await;
            member.stop().await;
            assert!(client.answer().await.starts_with("-MEMBERLOST"));
            client.answer().await;
        },
    );
    let told = |span: &&Decoded| (of(span, "ringtail.member").unwrap(), of(span, "error.type"));
    let mut sets: Vec<_> = server_spans(&spans).iter().map(told).collect();
    sets.sort();
    assert_eq!(sets, [("a".to_owned(), Some("MEMBERLOST".to_owned())), ("b".to_owned(), None)]);
}

#[test]
fn what_is_passed_through_and_what_the_pool_is_asked_is_traced_too() {
    let spans = spans_of(
        |settings| Settings { large: 64 << 10, ..settings },
        || {
            Rc::new(|words| {
                Some(if words[0] == b"DBSIZE" { b":1\r\n".to_vec() } else { bulk(&vec![b'x'; 400 << 10]) })
            })
        },
        async |proxy, _, [a, _]| {
            let mut client = proxy.client().await;
            client.send(&[&format!("GET {a}")]).await;
            assert_eq!(client.answer().await.len(), (400 << 10) + 11);
            client.send(&[&format!("GET {a}")]).await;
            assert_eq!(client.answer().await.len(), (400 << 10) + 11);
            client.send(&[&format!("SET {a} {}", "y".repeat(200 << 10))]).await;
            client.answer().await;
            client.ask("DBSIZE").await;
        },
    );
    let names: Vec<&str> = server_spans(&spans).iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["GET", "GET", "SET", "DBSIZE"]);
    let set = server_spans(&spans)[2];
    assert!(of(set, "ringtail.request.size").unwrap().parse::<usize>().unwrap() > 200 << 10);
    assert_eq!(of(set, "ringtail.member").as_deref(), Some("a"));
    assert_eq!(children(&spans, set).len(), 1);
}

/// A transaction goes to its member as MULTI, its commands and EXEC: it is one request, and its answer is the last of those.
#[test]
fn a_transaction_is_one_request() {
    let spans = spans_of(
        |settings| settings,
        || {
            Rc::new(|words| {
                let answer: &[u8] = match &words[0][..] {
                    b"MULTI" => b"+OK\r\n",
                    b"EXEC" => b"*1\r\n$1\r\nv\r\n",
                    _ => b"+QUEUED\r\n",
                };
                Some(answer.to_vec())
            })
        },
        async |proxy, _, [a, _]| {
            let mut client = proxy.client().await;
            for (line, answer) in
                [("MULTI", "+OK\r\n"), (&format!("GET {a}"), "+QUEUED\r\n"), ("EXEC", "*1\r\n$1\r\nv\r\n")]
            {
                assert_eq!(client.ask(line).await, answer);
            }
        },
    );
    let exec = server_spans(&spans).into_iter().find(|span| span.name == "EXEC").expect("an EXEC");
    assert_eq!(of(exec, "ringtail.reply.size").as_deref(), Some("11"));
    assert_eq!(children(&spans, exec).len(), 1);
}
