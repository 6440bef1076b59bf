//! The connecting side of a stream: resolve, connect, shake hands, all within one deadline.

use std::io;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::stream::Stream;
use crate::tls::TlsClient;

impl Stream {
    /// Connects to `addr` (`host:port`, IPv6 in brackets). Names are resolved anew on each call. With
    /// `tls`, the server must prove to be the host part, name or IP address.
    ///
    /// # Errors
    /// Each text begins with `addr` and says what failed; the kind is the failure's own.
    pub async fn connect(addr: &str, tls: Option<&TlsClient>, within: Duration) -> io::Result<Self> {
        match timeout(within, open(addr, tls)).await {
            Ok(done) => done.map_err(|error| about(addr, &error)),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{addr}: no connection within {} ms", within.as_millis()),
            )),
        }
    }
}

async fn open(addr: &str, tls: Option<&TlsClient>) -> io::Result<Stream> {
    let socket = connect_any(addr).await?;
    let Some(tls) = tls else {
        return Stream::plain(socket);
    };
    socket.set_nodelay(true)?;
    let (socket, session) = tls.handshake(server_name(addr)?, socket).await?;
    Stream::secure(socket, session)
}

/// Tries each address that the name has, in the resolver's order.
async fn connect_any(addr: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host(addr).await? {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn server_name(addr: &str) -> io::Result<ServerName<'static>> {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(host.to_owned()).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "the host part is no name that a certificate can have")
    })
}

fn about(addr: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{addr}: {error}"))
}
