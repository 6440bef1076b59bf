use std::time::{Duration, Instant};

use ringtail_protocol::command::{Command, CommandId};

use super::super::span::{Span, Times};
use super::receiver::{Collector, attribute, until};
use super::{Traces, exporting, to, traced};
use crate::limits;
use crate::testing::{Fake, Proxy, echoing, on_a_worker};

fn span() -> Span {
    let command: &'static Command = CommandId::Get.command();
    Span {
        command: Some(command),
        peer: ([127, 0, 0, 1], 1).into(),
        db: 0,
        member: None,
        times: Times::last(0),
        request: None,
        reply: None,
        error: None,
        asked: Vec::new(),
    }
}

#[test]
fn batches_say_whose_they_are() {
    let (exporter, collector) = exporting(1.0, |_| Some(200));
    let traces = Traces::new(&exporter.sink());
    (0..3).for_each(|_| traces.end(span()));
    until("an export while it runs", || collector.spans().len() == 3);
    traces.end(span());
    exporter.finish();
    assert_eq!(collector.spans().len(), 4);
    let head = &collector.heads()[0];
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: application/x-protobuf\r\n"), "{head}");
    let export = &collector.exports()[0].resource_spans[0];
    let resource = &export.resource.as_ref().unwrap().attributes;
    assert_eq!(attribute(resource, "service.name").as_deref(), Some("ringtail-proxy"));
    assert_eq!(attribute(resource, "service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(attribute(resource, "service.instance.id").map(|id| id.len()), Some(32));
    assert_eq!(export.scope_spans[0].scope.as_ref().unwrap().name, "ringtail-proxy");
}

/// Whatever the collector does, requests do not wait for it, and what it does not take is bounded and counted.
#[test]
fn a_collector_in_trouble_holds_up_no_request() {
    let (answers_500, says_nothing) = (Collector::start(|_| Some(500)), Collector::start(|_| None));
    for url in [&answers_500.url(), &says_nothing.url(), "http://127.0.0.1:1"] {
        let exporter = to(url, 1.0, Duration::ZERO);
        on_a_worker(async {
            let member = Fake::start(echoing()).await;
            let proxy = Proxy::start_with(&[&member], traced(&exporter, Duration::from_secs(5))).await;
            let mut client = proxy.client().await;
            let begun = Instant::now();
            for _ in 0..20 {
                client.send(&["GET k"; 100]).await;
                for _ in 0..100 {
                    assert_eq!(client.answer().await, "$1\r\nk\r\n");
                }
            }
            assert!(begun.elapsed() < limits::OTLP_TIMEOUT, "{:?}", begun.elapsed());
        });
        let begun = Instant::now();
        exporter.finish();
        let took = begun.elapsed();
        assert!(took < limits::OTLP_LAST + Duration::from_secs(1), "{took:?}");
    }
    assert!(!answers_500.bodies().is_empty() && answers_500.spans().is_empty());
    assert!(!says_nothing.bodies().is_empty());
}

#[test]
fn what_finds_no_room_is_counted() {
    let exporter = to("http://127.0.0.1:1", 1.0, Duration::ZERO);
    let sink = exporter.sink();
    let traces = Traces::new(&sink);
    // Faster than the thread can take them, which takes a batch and then waits.
    (0..limits::OTLP_QUEUE + limits::OTLP_BATCH + 500).for_each(|_| traces.end(span()));
    assert!(sink.dropped.load(std::sync::atomic::Ordering::Relaxed) >= 500);
    exporter.finish();
}

/// By the protocol, 503 says: later. 500 says: never.
#[test]
fn a_batch_is_sent_again_if_the_collector_is_only_busy() {
    let (exporter, collector) = exporting(1.0, |request| Some(if request == 0 { 503 } else { 200 }));
    let traces = Traces::new(&exporter.sink());
    traces.end(span());
    until("another attempt", || collector.bodies().len() == 2);
    until("spans", || collector.spans().len() == 1);
    exporter.finish();
    let (exporter, collector) = exporting(1.0, |request| Some(if request == 0 { 500 } else { 200 }));
    let traces = Traces::new(&exporter.sink());
    traces.end(span());
    until("an attempt", || collector.bodies().len() == 1);
    traces.end(span());
    until("the next batch", || collector.bodies().len() == 2);
    exporter.finish();
    assert_eq!((collector.bodies().len(), collector.spans().len()), (2, 1));
}
