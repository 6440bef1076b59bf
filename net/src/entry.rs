//! What a connection passes through before its first request.

use std::io;
use std::net::SocketAddr;

use crate::listener::Accepted;
use crate::proxied::Proxied;
use crate::stream::Stream;
use crate::tls::TlsServer;

/// The way in. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Every connection speaks TLS.
    pub tls: Option<TlsServer>,
    /// Load balancers say for whom they connect.
    pub proxied: Option<Proxied>,
}

/// A connection that did not get in.
#[derive(Debug)]
pub struct Refused {
    /// The client, as far as it is known.
    pub peer: SocketAddr,
    /// Why. The text does not name the peer.
    pub error: io::Error,
}

impl Entry {
    /// The connection with its true client as the peer.
    ///
    /// # Errors
    /// The PROXY header is bad, or took too long.
    pub async fn identify(&self, accepted: Accepted) -> Result<Accepted, Refused> {
        let peer = accepted.peer;
        match &self.proxied {
            None => Ok(accepted),
            // Boxed, so that no connection's task is as large as this for as long as it lives.
            Some(proxied) => {
                Box::pin(proxied.identify(accepted)).await.map_err(|error| Refused { peer, error })
            }
        }
    }

    /// The stream of a connection, and who its client is.
    ///
    /// # Errors
    /// The header or the handshake failed, or took too long.
    pub async fn admit(&self, accepted: Accepted) -> Result<(Stream, SocketAddr), Refused> {
        let accepted = self.identify(accepted).await?;
        let peer = accepted.peer;
        let stream = Stream::accept(accepted, self.tls.as_ref()).await;
        stream.map(|stream| (stream, peer)).map_err(|error| Refused { peer, error })
    }
}
