//! What asks for an HTTP client: a session of Redis's protocol, through a pipe in memory.

use std::future::poll_fn;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode};
use ringtail_net::{Ends, Pipe, Stream};
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;
use tokio::sync::mpsc;

use crate::account::{self, Account};
use crate::credentials::Credentials;
use crate::exchange::{Exchange, is_gone};
use crate::host::Host;
use crate::problem::Problem;
use crate::request::Requests;

/// Asks for one HTTP connection.
pub(crate) struct Caller {
    ends: Ends,
    /// Whoever runs sessions takes their connections here.
    opened: mpsc::Sender<Stream>,
    bounds: Bounds,
    link: Option<Link>,
}

/// What answers are held to.
struct Bounds {
    /// Longest answer to one request.
    most: usize,
    account: Arc<Account>,
}

/// Whether a session may be opened for what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is the first of its request.
    First,
    /// It rests on what the same session was asked before.
    Next,
}

/// A session that is being asked.
#[derive(Debug)]
struct Link {
    pipe: Pipe,
    /// What it was opened with.
    header: Option<HeaderValue>,
    resp: Resp,
    /// The beginning of a message, which came with answers.
    unread: Vec<u8>,
}

impl Caller {
    pub(crate) fn new(ends: Ends, opened: mpsc::Sender<Stream>, most: usize, account: Arc<Account>) -> Self {
        Self { ends, opened, bounds: Bounds { most, account }, link: None }
    }

    /// Whether requests go on in the session that they had before.
    pub(crate) fn has_session(&self) -> bool {
        self.link.is_some()
    }

    /// Lets its session go: something was begun in it that is not to go on.
    pub(crate) fn leave(&mut self) {
        self.link = None;
    }

    /// Has a session of whom the header says, before there is anything to ask.
    ///
    /// # Errors
    /// The client is not let in.
    pub(crate) async fn prepare(
        &mut self,
        host: &dyn Host,
        header: Option<&HeaderValue>,
        resp: Resp,
    ) -> Result<(), Problem> {
        let link = match self.take_link(header) {
            Some(link) => link,
            None => self.open(host, header, resp).await?,
        };
        self.link = Some(link);
        Ok(())
    }

    fn take_link(&mut self, header: Option<&HeaderValue>) -> Option<Link> {
        self.link.take().filter(|link| link.header.as_ref() == header && !link.pipe.is_over())
    }

    /// The answers to `requests`, in order, asked as whom the header says, in this version of the protocol. Errors are among the
    /// answers.
    ///
    /// Who gives up waiting for them ends the session: it is only kept when all is answered.
    ///
    /// # Errors
    /// The client is not let in, or the session ended. Nothing was run if it was to go on and can't.
    pub(crate) async fn ask(
        &mut self,
        host: &dyn Host,
        header: Option<&HeaderValue>,
        resp: Resp,
        (step, requests): (Step, &Requests),
    ) -> Result<Vec<Value>, Problem> {
        let mut link = match (self.take_link(header), step) {
            (Some(link), _) => link,
            (None, Step::First) => self.open(host, header, resp).await?,
            (None, Step::Next) => return Err(Problem::left()),
        };
        if link.resp != resp {
            link.hello(resp, None, &self.bounds).await?;
        }
        let answers = link.exchange(requests, &self.bounds).await?;
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
        let mut link = Link { pipe, header: header.cloned(), resp, unread: Vec::new() };
        link.hello(resp, credentials.as_ref(), &self.bounds).await?;
        Ok(link)
    }
}

impl Link {
    /// Agrees on the protocol, and shows who is asking.
    async fn hello(&mut self, resp: Resp, who: Option<&Credentials>, to: &Bounds) -> Result<(), Problem> {
        let version: &[u8] = if resp == Resp::V3 { b"3" } else { b"2" };
        let hello = match who {
            None => Requests::one(&[b"HELLO", version]),
            Some(Credentials { name, password }) => {
                Requests::one(&[b"HELLO", version, b"AUTH", name, password])
            }
        };
        let answers = self.exchange(&hello, to).await?;
        self.resp = resp;
        match answers.first().and_then(Value::error) {
            None => Ok(()),
            Some(error) if error.starts_with(b"NOAUTH") => {
                Err(Problem::new(StatusCode::UNAUTHORIZED, "NOAUTH", "authentication is required"))
            }
            Some(error) if is_gone(error) => Err(account::full()),
            Some(error) => Err(Problem::of_error(error)),
        }
    }

    /// Sends and receives at once, since either may have to wait for the other.
    async fn exchange(&mut self, requests: &Requests, to: &Bounds) -> Result<Vec<Value>, Problem> {
        let mut exchange = Exchange::new(requests, std::mem::take(&mut self.unread), to.most);
        poll_fn(|cx| exchange.poll(&self.pipe, &to.account, cx)).await?;
        let (answers, unread) = exchange.finish()?;
        self.unread = unread;
        Ok(answers)
    }
}
