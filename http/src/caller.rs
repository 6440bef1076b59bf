//! What asks for an HTTP client: a session of Redis's protocol, through a pipe in memory.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use axum::http::{HeaderValue, StatusCode};
use ringtail_net::{Ends, Pipe, Stream};
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;
use tokio::sync::mpsc;

use crate::credentials::Credentials;
use crate::host::Host;
use crate::limits;
use crate::problem::Problem;
use crate::request::Requests;

/// Asks for one HTTP connection.
#[derive(Debug)]
pub(crate) struct Caller {
    ends: Ends,
    /// Whoever runs sessions takes their connections here.
    opened: mpsc::Sender<Stream>,
    /// Longest answer to one request.
    most: usize,
    link: Option<Link>,
}

/// A session that is being asked.
#[derive(Debug)]
struct Link {
    pipe: Pipe,
    /// What it was opened with.
    header: Option<HeaderValue>,
    resp: Resp,
}

impl Caller {
    pub(crate) fn new(ends: Ends, opened: mpsc::Sender<Stream>, most: usize) -> Self {
        Self { ends, opened, most, link: None }
    }

    /// The answers to `requests`, in order, asked as whom the header says, in this version of the protocol. Errors are among the
    /// answers.
    ///
    /// Who gives up waiting for them ends the session: it is only kept when all is answered.
    ///
    /// # Errors
    /// The client is not let in, or the session ended, or the answers are too long.
    pub(crate) async fn ask(
        &mut self,
        host: &dyn Host,
        header: Option<&HeaderValue>,
        resp: Resp,
        requests: &Requests,
    ) -> Result<Vec<Value>, Problem> {
        let mut link = match self.link.take() {
            Some(link) if link.header.as_ref() == header && !link.pipe.is_over() => link,
            _ => self.open(host, header, resp).await?,
        };
        if link.resp != resp {
            link.hello(resp, None, self.most).await?;
        }
        let answers = link.exchange(requests, self.most).await?;
        self.link = Some(link);
        Ok(answers)
    }

    async fn open(
        &mut self,
        host: &dyn Host,
        header: Option<&HeaderValue>,
        resp: Resp,
    ) -> Result<Link, Problem> {
        let credentials = header.map(|header| Credentials::of(header, host)).transpose()?;
        let (pipe, served) = Stream::pipe(self.ends);
        self.opened.send(served).await.map_err(|_| Problem::cut_off())?;
        let mut link = Link { pipe, header: header.cloned(), resp };
        link.hello(resp, credentials.as_ref(), self.most).await?;
        Ok(link)
    }
}

impl Link {
    /// Agrees on the protocol, and shows who is asking.
    async fn hello(&mut self, resp: Resp, who: Option<&Credentials>, most: usize) -> Result<(), Problem> {
        let version: &[u8] = if resp == Resp::V3 { b"3" } else { b"2" };
        let hello = match who {
            None => Requests::one(&[b"HELLO", version]),
            Some(Credentials { name, password }) => {
                Requests::one(&[b"HELLO", version, b"AUTH", name, password])
            }
        };
        let answers = self.exchange(&hello, most).await?;
        self.resp = resp;
        match answers.first().and_then(Value::error) {
            None => Ok(()),
            Some(error) if error.starts_with(b"NOAUTH") => {
                Err(Problem::new(StatusCode::UNAUTHORIZED, "NOAUTH", "authentication is required"))
            }
            Some(error) => Err(Problem::of_error(error)),
        }
    }

    /// Sends and receives at once, since either may have to wait for the other.
    async fn exchange(&mut self, requests: &Requests, most: usize) -> Result<Vec<Value>, Problem> {
        let mut exchange = Exchange {
            unsent: &requests.bytes,
            got: Vec::new(),
            at: 0,
            scanner: Scanner::default(),
            answers: Vec::with_capacity(requests.count),
            count: requests.count,
            most,
        };
        poll_fn(|cx| exchange.poll(&self.pipe, cx)).await?;
        Ok(exchange.answers)
    }
}

/// Requests on their way, and answers.
struct Exchange<'r> {
    unsent: &'r [u8],
    got: Vec<u8>,
    /// Where the first answer in `got` begins that is not complete.
    at: usize,
    scanner: Scanner,
    answers: Vec<Value>,
    count: usize,
    most: usize,
}

impl Exchange<'_> {
    fn poll(&mut self, pipe: &Pipe, cx: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        loop {
            // Whether it goes on by itself is told by the reading: it is only over when all is answered.
            let _ = self.send(pipe, cx);
            if self.answers.len() == self.count {
                return Poll::Ready(Ok(()));
            }
            ready!(pipe.poll_read_ready(cx)).map_err(|_| Problem::cut_off())?;
            self.receive(pipe)?;
        }
    }

    fn send(&mut self, pipe: &Pipe, cx: &mut Context<'_>) -> Poll<()> {
        while !self.unsent.is_empty() {
            match pipe.try_write(self.unsent) {
                Ok(sent) => self.unsent = &self.unsent[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(pipe.poll_write_ready(cx)).unwrap_or_default();
                }
                // It is over; what it said last is read.
                Err(_) => self.unsent = &[],
            }
        }
        Poll::Ready(())
    }

    fn receive(&mut self, pipe: &Pipe) -> Result<(), Problem> {
        let read = match pipe.try_read(&mut self.got) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            read => read.map_err(|_| Problem::cut_off())?,
        };
        if read == 0 {
            return Err(Problem::cut_off());
        }
        self.take_answers()?;
        if self.got.len() > self.most + limits::FRAMES {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "TOOLARGE",
                "the answer is longer than --http-max-body: ask for less at once, or by Redis's protocol",
            ));
        }
        Ok(())
    }

    fn take_answers(&mut self) -> Result<(), Problem> {
        let broken = |_| Problem::new(StatusCode::BAD_GATEWAY, "ERR", "a member answered what is no reply");
        while self.answers.len() < self.count
            && let Some(length) = self.scanner.scan(&self.got[self.at..]).map_err(broken)?
        {
            let answer = Value::decode(&self.got[self.at..self.at + length]).map_err(broken)?;
            self.at += length;
            match answer {
                Some((Value::Push(_), _)) | None => {}
                Some((answer, _)) => self.answers.push(answer),
            }
        }
        Ok(())
    }
}
