//! The handle that applications hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringtail_protocol::value::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::driver::{Answers, Backoff, Driver, Job, Work};
use crate::error::Error;
use crate::handshake::Session;
use crate::options::ConnectOptions;
use crate::requests::Requests;

/// A connection that any number of tasks share. Clones are handles to the same connection; it ends, after
/// the last answer, when the last handle is dropped.
///
/// Answers come in order, so a command that blocks (`BLPOP`) holds up everyone behind it: give those a client of their own.
///
/// A future that is dropped before its answer came takes no other request's answer with it. Its request
/// may have been executed.
#[derive(Clone, Debug)]
pub struct Client {
    jobs: mpsc::Sender<Job>,
    connected: Arc<AtomicBool>,
    timeout: Option<Duration>,
    /// Whether its requests may make a new connection.
    connects: bool,
}

impl Client {
    /// Connects once, without trying again, and greets the server. Call it inside a tokio runtime, which then runs
    /// the connection's task.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Auth`], or [`Error::Options`].
    pub async fn connect(options: ConnectOptions) -> Result<Self, Error> {
        let client = Self::disconnected(options)?;
        client.reconnect().await?;
        Ok(client)
    }

    /// A client that connects when the first request comes. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Options`].
    pub fn disconnected(options: ConnectOptions) -> Result<Self, Error> {
        let tls = options.tls_client()?;
        let (sender, jobs) = mpsc::channel(options.queue);
        let connected = Arc::new(AtomicBool::new(false));
        let client =
            Self { jobs: sender, connected: connected.clone(), timeout: options.timeout, connects: true };
        let session = Session::new(&options);
        let options = Arc::new(options);
        let driver = Driver { options, tls, jobs, connected, session, backoff: Backoff::new() };
        tokio::spawn(driver.run());
        Ok(client)
    }

    /// Sends a request, and waits for its answer.
    ///
    /// ```no_run
    /// # async fn example(client: ringtail::Client) -> Result<(), ringtail::Error> {
    /// let key = String::from("user:1");
    /// let value = [0xff, 0x00];
    /// client.cmd([b"SET", key.as_bytes(), &value]).await?;
    /// let length = client.cmd(["STRLEN", &key]).await?.as_int();
    /// assert_eq!(length, Some(2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// An error reply is [`Error::Reply`].
    pub async fn cmd<A: AsRef<[u8]>>(&self, args: impl IntoIterator<Item = A>) -> Result<Value, Error> {
        let mut requests = Requests::default();
        requests.push(args)?;
        let value = self.run(requests).await?.pop().unwrap_or(Value::Null);
        match value.error() {
            Some(text) => Err(Error::Reply(String::from_utf8_lossy(text).into_owned())),
            None => Ok(value),
        }
    }

    /// Starts a pipeline: requests that are sent in one piece, with nothing of other tasks between them.
    pub fn pipeline(&self) -> Pipeline<'_> {
        Pipeline { client: self, requests: Ok(Requests::default()) }
    }

    /// The same connection with another limit for answers: `None` waits for ever, as `BLPOP key 0` may have to.
    pub fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The same connection and no other: a request that finds it lost is not sent, and fails with [`Error::Lost`]. For what would
    /// mean something else on a new connection, as between MULTI and EXEC.
    pub fn staying(&self) -> Self {
        Self { connects: false, ..self.clone() }
    }

    /// Whether there is a connection now. It may be lost at any time.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    /// Connects at once when there is no connection, by one attempt.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn reconnect(&self) -> Result<(), Error> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(Job::Connect(done)).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Gives up the connection and the answers that it still owes; the next request makes a new one.
    pub async fn disconnect(&self) {
        // Without a driver there is no connection either.
        let _ = self.jobs.send(Job::Disconnect).await;
    }

    async fn run(&self, requests: Requests) -> Result<Vec<Value>, Error> {
        if requests.count == 0 {
            return Ok(Vec::new());
        }
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let only_reads = requests.only_read();
        let (mut work, answers, taken) = Work::new(requests, deadline);
        work.connects = self.connects;
        let exchange = self.exchange(work, answers);
        let Some(deadline) = deadline else { return exchange.await };
        match timeout_at(deadline, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Timeout { safe_to_retry: only_reads || !taken.load(Ordering::Acquire) }),
        }
    }

    async fn exchange(&self, work: Work, answers: Answers) -> Result<Vec<Value>, Error> {
        self.jobs.send(Job::Run(work)).await.map_err(|_| gone())?;
        answers.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// The driver ends only with its runtime.
fn gone() -> Error {
    Error::Lost { safe_to_retry: false, why: "the runtime that the connection lived in has ended".into() }
}

/// Requests that are sent in one piece; see [`Client::pipeline`].
#[derive(Debug)]
#[must_use = "nothing is sent before `run`"]
pub struct Pipeline<'c> {
    client: &'c Client,
    requests: Result<Requests, Error>,
}

impl Pipeline<'_> {
    /// Adds a request. One that does not fit makes [`run`](Self::run) fail, and nothing is sent.
    pub fn cmd<A: AsRef<[u8]>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        if let Err(error) = self.try_cmd(args) {
            self.requests = Err(error);
        }
        self
    }

    /// Adds a request, or leaves the pipeline as it was.
    ///
    /// # Errors
    /// [`Error::Unsupported`]; or the error of an earlier [`cmd`](Self::cmd).
    pub fn try_cmd<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> Result<(), Error> {
        match &mut self.requests {
            Ok(requests) => requests.push(args),
            Err(error) => Err(error.clone()),
        }
    }

    /// Sends the requests, and waits for all answers, in order. Error replies are among them, as
    /// [`Value::Error`].
    ///
    /// # Errors
    /// There are no answers: a request that does not fit (none was sent), or no connection.
    pub async fn run(self) -> Result<Vec<Value>, Error> {
        self.client.run(self.requests?).await
    }
}

#[cfg(test)]
mod tests;
