//! A data server without sockets, at a clock that the test sets: request lines in, replies as text out.

use crate::execute::Executor;
use crate::server::Server;
use crate::session::{Session, Wait};
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::write_request;
use ringtail_protocol::request::{Batch, Parser};
use ringtail_protocol::value::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// When the clock of tests starts.
pub(crate) const START: u64 = 1_700_000_000_000;

/// A server with one client.
pub(crate) struct Harness {
    pub(crate) server: Arc<Server>,
    pub(crate) executor: Executor,
    pub(crate) session: Session,
    pub(crate) now: u64,
}

impl Harness {
    /// An empty server.
    pub(crate) fn new() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::of(Server::new(address, 1, ringtail_net::Shutdown::new()))
    }

    /// Another client of the same server.
    pub(crate) fn of(server: Arc<Server>) -> Self {
        let client = server.clients.register(server.address, server.address, 0);
        let executor = Executor::new(Arc::clone(&server), 0);
        let session = Session::new(client, &server.access);
        Self { server, executor, session, now: START }
    }

    /// Moves the clock.
    pub(crate) fn advance(&mut self, millis: u64) {
        self.now += millis;
    }

    /// Runs a line as one types it in a client. Replies: `OK`, `12`, `'text'`, `nil`, `[1, 'a']`, `{'k': 1}`, `-ERR …`.
    pub(crate) fn run(&mut self, line: &str) -> String {
        self.run_bytes(format!("{line}\r\n").into_bytes())
    }

    /// Runs a request of these arguments, for what is too long or too odd for a line.
    pub(crate) fn run_args(&mut self, args: &[&[u8]]) -> String {
        let mut request = Vec::new();
        write_request(&mut request, args.iter().copied());
        self.run_bytes(request)
    }

    /// What the command that waited was served, if it was.
    pub(crate) fn served(&mut self) -> Option<String> {
        let Wait::Blocked(blocked) = &self.session.wait else { return None };
        let reply = blocked.waiter.take()?;
        self.executor.unblock(&mut self.session);
        Some(Self::decoded(&reply).iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    fn run_bytes(&mut self, request: Vec<u8>) -> String {
        self.replies(request).iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    /// The replies to requests as they come from a socket.
    pub(crate) fn replies(&mut self, mut requests: Vec<u8>) -> Vec<Value> {
        let (mut batch, mut out) = (Batch::default(), Vec::new());
        let parsed = Parser::default().parse(&mut requests, RequestLimits::FULL, &mut batch);
        assert!(parsed.error.is_none() && parsed.consumed == requests.len(), "no whole requests: {parsed:?}");
        self.executor.run_at(self.now, &mut self.session, &batch, &requests, &mut out);
        while matches!(self.session.wait, Wait::Script(_)) {
            self.executor.go_on(&mut self.session, &mut out);
        }
        Self::decoded(&out)
    }

    /// Sends a request whose script runs long, and lets it run for one slice.
    pub(crate) fn begin(&mut self, args: &[&[u8]]) {
        let (mut request, mut batch, mut out) = (Vec::new(), Batch::default(), Vec::new());
        write_request(&mut request, args.iter().copied());
        Parser::default().parse(&mut request, RequestLimits::FULL, &mut batch);
        self.executor.run_at(self.now, &mut self.session, &batch, &request, &mut out);
        assert!(out.is_empty(), "it is over already: {}", String::from_utf8_lossy(&out));
    }

    /// Lets it run for another one; its reply, once it has ended.
    pub(crate) fn go_on(&mut self) -> Option<String> {
        let mut out = Vec::new();
        let ended = self.executor.go_on(&mut self.session, &mut out);
        ended.then(|| Self::decoded(&out).iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    fn decoded(out: &[u8]) -> Vec<Value> {
        let (mut replies, mut at) = (Vec::new(), 0);
        while at < out.len() {
            let (value, length) = Value::decode(&out[at..]).expect("a reply").expect("all of it");
            replies.push(value);
            at += length;
        }
        replies
    }
}

/// A reply on one line.
pub(crate) fn shown(value: &Value) -> String {
    match value.plain() {
        Value::Null => "nil".to_owned(),
        Value::Simple(bytes) => text(bytes),
        Value::Error(bytes) => format!("-{}", text(bytes)),
        Value::Int(n) => n.to_string(),
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => format!("'{}'", text(bytes)),
        Value::Array(items) | Value::Push(items) => format!("[{}]", listed(items)),
        Value::Set(items) => format!("~[{}]", listed(items)),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{}: {}", shown(key), shown(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn listed(items: &[Value]) -> String {
    items.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Bytes as text; quotes inside stay as they are.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"")
}
