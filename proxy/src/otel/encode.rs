//! Spans as OpenTelemetry's protobuf has them, with the names of its semantic conventions for databases.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Encoded, Status};
use prost::Message;

use super::span::{Asked, Span, Times};
use crate::start::PROGRAM;

/// What the name of a span is if there is no such command: what the client calls it may be anything.
const UNKNOWN: &str = "UNKNOWN";

/// Who it is that exports.
pub(super) struct Encoder {
    resource: Resource,
}

impl Encoder {
    pub(super) fn new() -> Self {
        let attributes = vec![
            text("service.name", PROGRAM),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &format!("{:032x}", fastrand::u128(..))),
        ];
        Self { resource: Resource { attributes, ..Resource::default() } }
    }

    /// The body of a request with these spans.
    pub(super) fn encode(&self, spans: &[Span]) -> Vec<u8> {
        let scope = InstrumentationScope {
            name: PROGRAM.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let mut encoded = Vec::new();
        spans.iter().for_each(|span| add(&mut encoded, span));
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: encoded, schema_url: String::new() }];
        let resource = Some(self.resource.clone());
        let of_us = ResourceSpans { resource, scope_spans, schema_url: String::new() };
        ExportTraceServiceRequest { resource_spans: vec![of_us] }.encode_to_vec()
    }
}

/// The client's request, and what was asked of members for it.
fn add(encoded: &mut Vec<Encoded>, span: &Span) {
    let (trace, id) = (fastrand::u128(1..), fastrand::u64(1..));
    let name = span.command.map_or_else(|| UNKNOWN.to_owned(), |command| spelled(command.full_name));
    let begin = |id: u64, kind: SpanKind, times: Times, error: Option<&'static str>| Encoded {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name: name.clone(),
        kind: kind.into(),
        start_time_unix_nano: times.begun.as_nanos() as u64,
        end_time_unix_nano: times.ended.as_nanos() as u64,
        attributes: vec![
            text("db.system.name", "redis"),
            text("db.operation.name", &name),
            text("db.namespace", &span.db.to_string()),
        ],
        status: error.map(|_| Status { code: StatusCode::Error.into(), message: String::new() }),
        ..Encoded::default()
    };
    let mut server = begin(id, SpanKind::Server, span.times, span.error);
    server.attributes.push(text("network.peer.address", &span.peer.ip().to_canonical().to_string()));
    server.attributes.push(number("network.peer.port", usize::from(span.peer.port())));
    server.attributes.extend(known(span.member.as_deref(), span.request, span.reply, span.error));
    encoded.push(server);
    for Asked { member, times, request, reply, error } in &span.asked {
        // What was never written to a member took it no time.
        let Some(times) = times else { continue };
        let mut client = begin(fastrand::u64(1..), SpanKind::Client, *times, *error);
        client.parent_span_id = id.to_be_bytes().to_vec();
        client.attributes.extend(known(Some(member), *request, *reply, *error));
        encoded.push(client);
    }
}

/// The attributes that are not known of every request.
fn known(
    member: Option<&str>,
    request: Option<usize>,
    reply: Option<usize>,
    error: Option<&'static str>,
) -> impl Iterator<Item = KeyValue> {
    let member = member.map(|name| text("ringtail.member", name));
    let request = request.map(|size| number("ringtail.request.size", size));
    let reply = reply.map(|size| number("ringtail.reply.size", size));
    member.into_iter().chain(request).chain(reply).chain(error.map(|kind| text("error.type", kind)))
}

/// `config|set` as a client would write it.
fn spelled(name: &str) -> String {
    name.replace('|', " ").to_uppercase()
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: usize) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
