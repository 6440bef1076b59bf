//! TLS as the programs use it: a server side and a client side, each made once from files at start.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::{Identity, native_roots, read_ca};
use crate::limits;
use crate::problem::Problem;
use crate::session::Session;
use crate::tls_error::handshake_error;

/// The accepting side. Cheap to clone.
#[derive(Clone)]
pub struct TlsServer {
    acceptor: TlsAcceptor,
}

impl TlsServer {
    /// From the certificate chain and key that clients see; with `client_ca`, clients must show a
    /// certificate that this CA signed.
    ///
    /// # Errors
    /// A file that cannot be used, by name.
    pub fn new(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, Problem> {
        let config = server_config(cert, key, client_ca)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Performs the handshake within [`limits::HANDSHAKE_TIMEOUT`].
    pub(crate) async fn handshake(&self, socket: TcpStream) -> io::Result<(TcpStream, Session)> {
        let accepted = timeout(limits::HANDSHAKE_TIMEOUT, self.acceptor.accept(socket)).await;
        let stream = accepted.map_err(|_| handshake_timeout())?.map_err(handshake_error)?;
        let (socket, connection) = stream.into_inner();
        Ok((socket, Session::new(connection)))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

/// The connecting side. Cheap to clone.
#[derive(Clone)]
pub struct TlsClient {
    connector: TlsConnector,
    ca: Option<PathBuf>,
}

impl TlsClient {
    /// Trusts `ca`, or the system's roots without one; shows the certificate and key of `identity` to
    /// servers that ask.
    ///
    /// # Errors
    /// A file that cannot be used, by name.
    pub fn new(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Self, Problem> {
        let config = client_config(ca, identity)?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), ca: ca.map(Path::to_path_buf) })
    }

    /// The CA file that servers are judged by; `None` for the system's roots.
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Performs the handshake; the caller bounds the time.
    pub(crate) async fn handshake(
        &self,
        name: ServerName<'static>,
        socket: TcpStream,
    ) -> io::Result<(TcpStream, Session)> {
        let stream = self.connector.connect(name, socket).await.map_err(handshake_error)?;
        let (socket, connection) = stream.into_inner();
        Ok((socket, Session::new(connection)))
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("ca", &self.ca).finish_non_exhaustive()
    }
}

fn handshake_timeout() -> io::Error {
    let text = format!("no TLS handshake within {} s", limits::HANDSHAKE_TIMEOUT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Always by name: the process-wide default depends on which features other crates turn on.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The server side's settings: TLS 1.2 and 1.3.
///
/// # Errors
/// A file that cannot be used, by name.
pub fn server_config(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<ServerConfig, Problem> {
    let identity = Identity::read(cert, key)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| impossible(&error))?;
    let builder = match client_ca {
        Some(ca) => builder.with_client_cert_verifier(client_verifier(ca)?),
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(identity.chain, identity.key);
    let mut config = config.map_err(|error| unusable(cert, key, &error))?;
    set_resumption(&mut config, client_ca.is_some()).map_err(|error| impossible(&error))?;
    Ok(config)
}

/// Tickets, which cost the server no memory. But a resumed session skips the client's certificate, so a revoked or
/// expired client would keep coming back: with client certificates nothing is resumed.
fn set_resumption(config: &mut ServerConfig, mutual: bool) -> Result<(), rustls::Error> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    if !mutual {
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = 1;
    }
    Ok(())
}

fn client_verifier(ca: &Path) -> Result<Arc<dyn ClientCertVerifier>, Problem> {
    let roots = Arc::new(read_ca(ca)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
    verifier.build().map_err(|error| impossible(&error))
}

/// The client side's settings: TLS 1.2 and 1.3, the server always verified.
///
/// # Errors
/// A file that cannot be used, by name.
pub fn client_config(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<ClientConfig, Problem> {
    let roots = ca.map_or_else(native_roots, read_ca)?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| impossible(&error))?.with_root_certificates(roots);
    let Some((cert, key)) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let Identity { chain, key: private } = Identity::read(cert, key)?;
    builder.with_client_auth_cert(chain, private).map_err(|error| unusable(cert, key, &error))
}

/// A certificate and key that were read well, but not by rustls or not together.
fn unusable(cert: &Path, key: &Path, error: &rustls::Error) -> Problem {
    let (cert, key) = (cert.display(), key.display());
    match error {
        rustls::Error::InconsistentKeys(_) => Problem::new(
            format!("{cert} and {key} do not belong together"),
            "give the key that the certificate was made with",
        ),
        error => Problem::new(
            format!("{cert} with {key} cannot be used for TLS ({error})"),
            "make the certificate with an ECDSA P-256, Ed25519 or RSA key of 2048 bits or more",
        ),
    }
}

/// What depends on no file: the library itself is not fit to run.
fn impossible(error: &dyn fmt::Display) -> Problem {
    Problem::new(format!("TLS cannot be set up ({error})"), "report this as a bug")
}

#[cfg(test)]
mod tests;
