//! The connecting side of a stream: resolve, connect, shake hands, all within one deadline.

use std::io;
use std::time::Duration;

use rustls::{CertificateError, Error, InvalidMessage};
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::limits;
use crate::stream::Stream;
use crate::tls::TlsClient;
use crate::tls_error::rustls_error;

impl Stream {
    /// Connects to `addr` (`host:port`, IPv6 in brackets). Names are resolved anew on each call. With
    /// `tls`, the server must prove to be the host part, name or IP address.
    ///
    /// # Errors
    /// Each text begins with `addr` and says what failed; the kind is the failure's own.
    pub async fn connect(addr: &str, tls: Option<&TlsClient>, within: Duration) -> io::Result<Self> {
        match timeout(within, open(addr, tls)).await {
            Ok(done) => done.map_err(|error| explain(addr, tls, &error)),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{addr}: no connection within {} ms", within.as_millis()),
            )),
        }
    }
}

async fn open(addr: &str, tls: Option<&TlsClient>) -> io::Result<Stream> {
    #[cfg(feature = "simulation")]
    if let Some(simulated) = crate::simulation::connect(addr) {
        return simulated.await;
    }
    let socket = connect_any(addr).await?;
    let Some(tls) = tls else {
        return Stream::plain(socket);
    };
    socket.set_nodelay(true)?;
    let (socket, session) = Box::pin(tls.handshake(server_name(addr)?, socket)).await?;
    Stream::secure(socket, session)
}

/// Tries each address that the name has, in the resolver's order; and again from the first, if one did not say no. The caller
/// bounds the time.
async fn connect_any(addr: &str) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host(addr).await?.collect();
    loop {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let mut refused = true;
        for address in &addresses {
            match timeout(limits::DIAL, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => last = error,
                Err(_) => refused = false,
            }
        }
        if refused {
            return Err(last);
        }
    }
}

fn server_name(addr: &str) -> io::Result<ServerName<'static>> {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let refused = |_| io::Error::new(io::ErrorKind::InvalidInput, "no certificate can be for that name");
    ServerName::try_from(host.to_owned()).map_err(refused)
}

/// The failure with the address before it, and with the CA file where that is to blame.
fn explain(addr: &str, tls: Option<&TlsClient>, error: &io::Error) -> io::Error {
    let text = match (tls, rustls_error(error)) {
        (Some(tls), Some(inner)) => explain_tls(tls, &inner).unwrap_or_else(|| error.to_string()),
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("{addr}: {text}"))
}

fn explain_tls(tls: &TlsClient, error: &Error) -> Option<String> {
    use CertificateError::{BadSignature, NotValidForName, NotValidForNameContext, UnknownIssuer};
    match error {
        // A bad signature: another CA of the same name, as after making a CA anew.
        Error::InvalidCertificate(UnknownIssuer | BadSignature) => Some(format!(
            "the server's certificate was not signed by {}: give the file of the CA that signed it",
            trusted(tls)
        )),
        Error::InvalidCertificate(NotValidForName) => {
            Some("the server's certificate is for another name".into())
        }
        Error::InvalidCertificate(NotValidForNameContext { expected, presented }) => Some(format!(
            "the server's certificate is not for {} (it is for: {}): connect by a name it has, or add the name",
            expected.to_str(),
            presented.join(", ")
        )),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Some("the server does not speak TLS there: connect without TLS, or to its TLS port".into())
        }
        _ => None,
    }
}

fn trusted(tls: &TlsClient) -> String {
    tls.ca().map_or("any CA that this system trusts".into(), |ca| format!("the CA in {}", ca.display()))
}

#[cfg(test)]
mod tests;
