//! A collector that takes OTLP over HTTP, as the protocol's own types decode it; or does not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// What it answers to a request, counted from 0: a status, or nothing, ever.
pub(crate) type Answering = fn(usize) -> Option<u16>;

#[derive(Default)]
struct Got {
    heads: Vec<String>,
    bodies: Vec<Vec<u8>>,
    answered: Vec<Option<u16>>,
}

pub(crate) struct Collector {
    pub(crate) addr: SocketAddr,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    pub(crate) fn start(answering: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (addr, got) = (listener.local_addr().expect("an address"), Arc::default());
        let kept = Arc::clone(&got);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let got = Arc::clone(&kept);
                thread::spawn(move || take(socket, &got, answering));
            }
        });
        Self { addr, got }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.got.lock().expect("a collector").heads.clone()
    }

    /// Of all requests, taken or not.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.got.lock().expect("a collector").bodies.clone()
    }

    /// What it took.
    pub(crate) fn exports(&self) -> Vec<ExportTraceServiceRequest> {
        let got = self.got.lock().expect("a collector");
        let taken = got.bodies.iter().zip(&got.answered).filter(|(_, status)| **status == Some(200));
        taken.map(|(body, _)| ExportTraceServiceRequest::decode(&body[..]).expect("OTLP")).collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.exports().into_iter().flat_map(|export| export.resource_spans);
        resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
    }
}

fn take(mut socket: TcpStream, got: &Mutex<Got>, answering: Answering) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let (head, body) = loop {
        match socket.read(&mut piece) {
            Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
            _ => return,
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = text[..end].to_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        if bytes.len() >= end + 4 + length.parse::<usize>().expect("a number") {
            break (head, bytes[end + 4..].to_vec());
        }
    };
    let mut kept = got.lock().expect("a collector");
    let status = answering(kept.answered.len());
    kept.heads.push(head);
    kept.bodies.push(body);
    kept.answered.push(status);
    drop(kept);
    if let Some(status) = status {
        let _ = write!(socket, "HTTP/1.1 {status} Fine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    } else {
        // Until the proxy leaves.
        let _ = socket.read(&mut piece);
    }
}

/// What an attribute says, as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key} is {other:?}"),
    }
}

/// Waits until `condition`, for ten seconds.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "in vain: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}
