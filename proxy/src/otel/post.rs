//! One request to the collector, on a connection of its own: there are two in a second at most, unless much is traced.

use std::io;

use httparse::{EMPTY_HEADER, Response, Status};
use ringtail_net::Stream;
use tokio::time::timeout;

use super::collector::Collector;
use crate::limits;
use crate::start::PROGRAM;

/// Why the collector did not take the spans.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) why: String,
    /// It may take them another time.
    pub(super) is_passing: bool,
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self { why: error.to_string(), is_passing: true }
    }
}

/// Sends the spans, encoded.
pub(super) async fn post(collector: &Collector, body: &[u8]) -> Result<(), Refusal> {
    let within = limits::OTLP_TIMEOUT;
    let exchange = async {
        let mut stream = Stream::connect(&collector.addr, collector.tls.as_ref(), within).await?;
        stream.write_all(head(collector, body.len()).as_bytes()).await?;
        stream.write_all(body).await?;
        let status = status(&mut stream).await?;
        // Some stacks of TLS call a connection broken that ends without a word.
        stream.shutdown().await;
        Ok(status)
    };
    let done: io::Result<u16> = match timeout(within, exchange).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::other(format!("no answer within {} s", within.as_secs()))),
    };
    judge(done?)
}

fn head(collector: &Collector, length: usize) -> String {
    let (path, host, version) = (&collector.path, &collector.host, env!("CARGO_PKG_VERSION"));
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {PROGRAM}/{version}\r\n\
         Content-Type: application/x-protobuf\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

/// Reads the head of the answer; what follows it is of no use.
async fn status(stream: &mut Stream) -> io::Result<u16> {
    let mut head = Vec::with_capacity(1 << 10);
    loop {
        stream.readable().await?;
        match stream.try_read(&mut head, limits::OTLP_ANSWER) {
            Ok(0) => return Err(io::Error::other("it broke off before it answered")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if let Some(status) = parse(&head)? {
            return Ok(status);
        }
        if head.len() >= limits::OTLP_ANSWER {
            return Err(no_http());
        }
    }
}

/// The status, once the head is complete.
fn parse(head: &[u8]) -> io::Result<Option<u16>> {
    let mut headers = [EMPTY_HEADER; 64];
    let mut response = Response::new(&mut headers);
    match response.parse(head) {
        Ok(Status::Partial) => Ok(None),
        Ok(Status::Complete(_)) => Ok(response.code),
        Err(_) => Err(no_http()),
    }
}

fn no_http() -> io::Error {
    io::Error::other("it does not answer as HTTP has it")
}

/// What the protocol says of an answer.
fn judge(status: u16) -> Result<(), Refusal> {
    match status {
        200..=299 => Ok(()),
        429 | 502 | 503 | 504 => Err(Refusal { why: format!("it answers {status}"), is_passing: true }),
        _ => Err(Refusal { why: format!("it answers {status}"), is_passing: false }),
    }
}
