//! What a collector gets to see, of requests through a whole proxy; and that one which is in trouble troubles nobody.

#[path = "../../tests/otlp/collector.rs"]
mod receiver;

mod exporting;
mod spans;

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span as Decoded;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use ringtail_net::Shutdown;

use super::collector::Collector;
use super::{Exporter, Sink, Traces};
use crate::options::Options;
use crate::settings::Settings;
use crate::testing::settings;
use receiver::{Answering, attribute};

/// Exports to a collector that answers so.
fn exporting(share: f64, answering: Answering) -> (Exporter, receiver::Collector) {
    let collector = receiver::Collector::start(answering);
    (to(&collector.url(), share, Duration::from_secs(10)), collector)
}

/// The same to any, with so much time from now on to end in.
fn to(url: &str, share: f64, drain: Duration) -> Exporter {
    let shutdown = Shutdown::new();
    shutdown.ask();
    Exporter::start(Collector::at(url).expect("a URL"), share, shutdown, drain).expect("a thread")
}

fn traced(exporter: &Exporter, timeout: Duration) -> Settings {
    Settings { traces: exporter.sink(), ..settings(timeout) }
}

fn is(span: &Decoded, kind: SpanKind) -> bool {
    span.kind == i32::from(kind)
}

fn of(span: &Decoded, key: &str) -> Option<String> {
    attribute(&span.attributes, key)
}

#[test]
fn requests_are_drawn_by_their_share() {
    let exporter = to("http://127.0.0.1:1", 0.1, Duration::ZERO);
    let traces = Traces::new(&exporter.sink());
    let drawn = (0..100_000).filter(|_| traces.draws()).count();
    // Six times the standard deviation, which is 95.
    assert!((9_430..=10_570).contains(&drawn), "{drawn}");
    let all = Traces::new(&Sink { share: 1.0, ..exporter.sink() });
    assert!((0..1000).all(|_| all.draws()));
    let hardly = Traces::new(&Sink { share: 1e-18, ..exporter.sink() });
    assert!((0..1000).all(|_| !hardly.draws()));
    let off = Traces::new(&Sink::default());
    off.left.set(0);
    assert!((0..1000).all(|_| !off.draws()));
}

#[test]
fn a_wrong_url_or_share_is_refused_and_an_empty_variable_is_none() {
    let wishes = |url: &str, share: Option<f64>| {
        let options = Options { otlp: Some(url.to_owned()), otlp_sample: share, ..Options::default() };
        super::Wishes::of(&options).map_err(|problem| problem.to_string())
    };
    let urls = [
        "collector:4318",
        "grpc://collector:4317",
        "http://",
        "http://user:hunter2@collector:4318",
        "http://collector:4318/?key=hunter2",
        "http://collector:0",
        "http://collector:port",
        "http://collector:4318/a\r\nX-Header: b",
    ];
    for url in urls {
        let problem = wishes(url, None).err().unwrap_or_else(|| panic!("{url} is taken"));
        assert!(problem.contains("--otlp") && !problem.contains("hunter2"), "{problem}");
    }
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(
            wishes("http://collector:4318", Some(share))
                .is_err_and(|problem| problem.contains("--otlp-sample"))
        );
    }
    assert!(wishes("", None).is_ok_and(|wishes| wishes.collector.is_none()));
    let at = |url| {
        let collector = Collector::at(url).expect("a URL");
        (collector.addr, collector.path, collector.tls.is_some())
    };
    assert_eq!(at("http://a:4318"), ("a:4318".to_owned(), "/v1/traces".to_owned(), false));
    assert_eq!(at("http://[::1]/otlp/"), ("[::1]:80".to_owned(), "/otlp/v1/traces".to_owned(), false));
    assert_eq!(at("https://a.example"), ("a.example:443".to_owned(), "/v1/traces".to_owned(), true));
}
