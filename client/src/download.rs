//! One long answer: pieces one after another, on a connection of its own.

use std::time::Duration;

use ringtail_protocol::value::Value;
use tokio::time::timeout;

use crate::error::Error;
use crate::feed::Feed;
use crate::options::ConnectOptions;

/// The answer to a request that is answered by bulk strings, of which an empty one is the last: `RINGTAIL SNAPSHOT`.
pub struct Download {
    feed: Feed,
    timeout: Option<Duration>,
}

impl Download {
    /// Connects and sends the request.
    ///
    /// # Errors
    /// As [`Client::connect`](crate::Client::connect).
    pub async fn start<A: AsRef<[u8]>>(options: &ConnectOptions, request: &[A]) -> Result<Self, Error> {
        Ok(Self { feed: Feed::start(options, request).await?, timeout: options.timeout })
    }

    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// The server's error reply, or the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let reply = self.feed.next();
        let reply = match self.timeout {
            Some(longest) => {
                timeout(longest, reply).await.map_err(|_| Error::Timeout { safe_to_retry: true })?
            }
            None => reply.await,
        };
        match reply? {
            Value::Bulk(bytes) if bytes.is_empty() => Ok(None),
            Value::Bulk(bytes) => Ok(Some(bytes.to_vec())),
            _ => Err(Error::Unsupported("the server does not answer with pieces")),
        }
    }
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
