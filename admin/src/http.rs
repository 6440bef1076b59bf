//! The little HTTP that this takes: one request without a body, one answer, the end. What a peer sends beyond that is never read.
//!
//! Heads are parsed by the parser that hyper uses; nothing of a head is kept, logged or sent back.

use std::io;

use ringtail_net::Stream;

use crate::limits;

#[cfg(test)]
mod tests;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Which kinds of content it takes.
    pub(crate) accept: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

const TEXT: &str = "text/plain; charset=utf-8";

impl Answer {
    /// A line of text.
    pub(crate) fn text(status: u16, line: &str) -> Self {
        Self { status, content_type: TEXT, body: format!("{line}\n") }
    }

    /// The answer's bytes; one to HEAD has no body, but its length.
    pub(crate) fn bytes(&self, with_body: bool) -> Vec<u8> {
        let (status, reason, length) = (self.status, reason(self.status), self.body.len());
        let allow = if status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        let mut out = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n{allow}\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            self.content_type
        );
        if with_body {
            out.push_str(&self.body);
        }
        out.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    }
}

/// Reads the head of a request; `Err` inside is what to answer instead. `None`: the peer has left before it was complete.
pub(crate) async fn read(stream: &mut Stream) -> io::Result<Option<Result<Request, Answer>>> {
    let mut head = Vec::with_capacity(1 << 10);
    loop {
        stream.readable().await?;
        match stream.try_read(&mut head, limits::HEAD + 1) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if let Some(parsed) = parse(&head) {
            return Ok(Some(parsed));
        }
    }
}

/// `None`: more has to come.
fn parse(head: &[u8]) -> Option<Result<Request, Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; limits::HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Err(httparse::Error::TooManyHeaders) => Some(Err(Answer::text(431, "too many headers"))),
        Err(error) => Some(Err(Answer::text(400, &format!("this is no HTTP request: {error}")))),
        Ok(_) if head.len() > limits::HEAD => Some(Err(Answer::text(431, "the head is too long"))),
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) => Some(accept(&request)),
    }
}

fn accept(request: &httparse::Request<'_, '_>) -> Result<Request, Answer> {
    let value = |name: &str| {
        let mut found = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        found.next().map(|header| String::from_utf8_lossy(header.value).into_owned())
    };
    let is_empty = value("content-length").is_none_or(|length| length.trim() == "0");
    if !is_empty || value("transfer-encoding").is_some() {
        return Err(Answer::text(413, "a request has no body here"));
    }
    let target = request.path.unwrap_or_default();
    Ok(Request {
        method: request.method.unwrap_or_default().to_owned(),
        path: target.split('?').next().unwrap_or_default().to_owned(),
        accept: value("accept"),
    })
}
