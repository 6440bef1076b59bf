//! One long answer: pieces one after another, on a connection of its own.

use std::time::Duration;

use ringtail_protocol::reply::write_request;
use ringtail_protocol::value::Value;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::Error;
use crate::handshake::{Session, open};
use crate::options::ConnectOptions;

/// The answer to a request that is answered by bulk strings, of which an empty one is the last: `RINGTAIL SNAPSHOT`.
pub struct Download {
    link: Connection,
    timeout: Option<Duration>,
}

impl Download {
    /// Connects and sends the request.
    ///
    /// # Errors
    /// As [`Client::connect`](crate::Client::connect).
    pub async fn start<A: AsRef<[u8]>>(options: &ConnectOptions, request: &[A]) -> Result<Self, Error> {
        let tls = options.tls_client()?;
        let mut link = open(options, tls.as_ref(), &Session::new(options)).await?;
        let mut bytes = Vec::new();
        write_request(&mut bytes, request.iter().map(AsRef::as_ref));
        link.send(&bytes).await.map_err(|error| lost(&error))?;
        Ok(Self { link, timeout: options.timeout })
    }

    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// The server's error reply, or the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let reply = self.link.reply();
        let reply = match self.timeout {
            Some(longest) => {
                timeout(longest, reply).await.map_err(|_| Error::Timeout { safe_to_retry: true })?
            }
            None => reply.await,
        };
        match reply.map_err(|error| lost(&error))? {
            Value::Bulk(bytes) if bytes.is_empty() => Ok(None),
            Value::Bulk(bytes) => Ok(Some(bytes.to_vec())),
            other => Err(match other.error() {
                Some(text) => Error::Reply(String::from_utf8_lossy(text).into_owned()),
                None => Error::Unsupported("the server does not answer with pieces"),
            }),
        }
    }
}

fn lost(error: &std::io::Error) -> Error {
    Error::Lost { safe_to_retry: true, why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, FakeServer, greeted};

    #[tokio::test]
    async fn pieces_come_until_an_empty_one() {
        let server = FakeServer::start(|_, words| {
            greeted(words).unwrap_or(Answer::Bytes(b"$3\r\nabc\r\n>1\r\n+push\r\n$2\r\nde\r\n$0\r\n\r\n"))
        })
        .await;
        let mut download = Download::start(&server.options(), &["RINGTAIL", "SNAPSHOT"]).await.unwrap();
        let mut all = Vec::new();
        while let Some(piece) = download.next().await.unwrap() {
            all.push(piece);
        }
        assert_eq!(all, [b"abc".to_vec(), b"de".to_vec()]);
    }

    #[tokio::test]
    async fn errors_are_told() {
        let server = FakeServer::start(|_, words| {
            greeted(words).unwrap_or(Answer::Bytes(b"$3\r\nabc\r\n-ERR the disk is full\r\n"))
        })
        .await;
        let mut download = Download::start(&server.options(), &["RINGTAIL", "SNAPSHOT"]).await.unwrap();
        assert_eq!(download.next().await, Ok(Some(b"abc".to_vec())));
        assert_eq!(download.next().await, Err(Error::Reply("ERR the disk is full".into())));
    }
}
