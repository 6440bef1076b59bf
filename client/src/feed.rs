//! Replies without an end, on a connection of their own: MONITOR.

use ringtail_protocol::reply::write_request;
use ringtail_protocol::value::Value;

use crate::connection::Connection;
use crate::error::Error;
use crate::handshake::{Session, open};
use crate::options::ConnectOptions;

/// What a server sends after one request, for as long as the connection holds.
pub struct Feed(Connection);

impl Feed {
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
        Ok(Self(link))
    }

    /// The next reply, however long it takes.
    ///
    /// # Errors
    /// The server's error reply, or the connection is lost.
    pub async fn next(&mut self) -> Result<Value, Error> {
        let reply = self.0.reply().await.map_err(|error| lost(&error))?;
        match reply.error() {
            Some(text) => Err(Error::Reply(String::from_utf8_lossy(text).into_owned())),
            None => Ok(reply),
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
    async fn replies_come_until_the_connection_ends() {
        let server = FakeServer::start(|_, words| {
            greeted(words).unwrap_or(Answer::Bytes(b"+OK\r\n+1.5 [0 a] \"get\"\r\n-ERR enough\r\n"))
        })
        .await;
        let mut feed = Feed::start(&server.options(), &["MONITOR"]).await.unwrap();
        assert_eq!(feed.next().await.unwrap().as_str(), Some("OK"));
        assert_eq!(feed.next().await.unwrap().as_str(), Some("1.5 [0 a] \"get\""));
        assert_eq!(feed.next().await, Err(Error::Reply("ERR enough".into())));
    }
}
