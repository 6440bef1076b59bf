//! TLS as the programs use it: a server side and a client side, each made from files and again when they change.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::{Identity, native_roots, read_ca};
use crate::limits;
use crate::problem::Problem;
use crate::reload::{Files, Reloads};
use crate::session::Session;
use crate::tickets::TicketKeys;
use crate::tls_error::handshake_error;

/// The files of the accepting side.
#[derive(Debug, Clone)]
struct ServerFiles {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    ticket_keys: Option<PathBuf>,
}

/// The accepting side, as its files have it. Cheap to clone; clones share what is read again.
#[derive(Clone)]
pub struct TlsServer {
    inner: Arc<ServerSide>,
}

struct ServerSide {
    files: ServerFiles,
    identity: Files,
    /// The file of the fleet's keys, and what was in it.
    keys: Option<(Arc<TicketKeys>, Files)>,
    /// None under mutual TLS. The same after a reload, so that sessions of before it can be resumed.
    tickets: Option<Arc<dyn ProducesTickets>>,
    config: ArcSwap<ServerConfig>,
}

impl TlsServer {
    /// From the certificate chain and key that clients see; with `client_ca`, clients must show a
    /// certificate that this CA signed.
    ///
    /// # Errors
    /// A file that cannot be used, by name.
    pub fn new(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, Problem> {
        let client_ca = client_ca.map(Path::to_path_buf);
        Self::of(ServerFiles { cert: cert.into(), key: key.into(), client_ca, ticket_keys: None })
    }

    /// From what the flags name; none without certificate and key.
    ///
    /// # Errors
    /// A flag without the one that it needs, or a file that cannot be used, by name.
    pub fn from_flags(
        cert: Option<&Path>,
        key: Option<&Path>,
        client_ca: Option<&Path>,
        ticket_keys: Option<&Path>,
    ) -> Result<Option<Self>, Problem> {
        let (client_ca, ticket_keys) = (client_ca.map(Path::to_path_buf), ticket_keys.map(Path::to_path_buf));
        let both = "give --cert and --key too";
        match (cert, key) {
            (Some(_), None) => {
                Err(Problem::new("--cert without --key", "give both, or neither for plaintext"))
            }
            (None, Some(_)) => {
                Err(Problem::new("--key without --cert", "give both, or neither for plaintext"))
            }
            (None, None) if client_ca.is_some() => Err(Problem::new("--client-ca needs TLS", both)),
            (None, None) if ticket_keys.is_some() => Err(Problem::new("--tls-ticket-keys needs TLS", both)),
            (None, None) => Ok(None),
            (Some(_), Some(_)) if client_ca.is_some() && ticket_keys.is_some() => Err(Problem::new(
                "--tls-ticket-keys with --client-ca",
                "leave it out: with client certificates no session is resumed, so that each one is checked",
            )),
            (Some(cert), Some(key)) => {
                Self::of(ServerFiles { cert: cert.into(), key: key.into(), client_ca, ticket_keys }).map(Some)
            }
        }
    }

    fn of(files: ServerFiles) -> Result<Self, Problem> {
        let identity = Files::now(
            [Some(&files.cert), Some(&files.key), files.client_ca.as_ref()]
                .into_iter()
                .flatten()
                .map(PathBuf::as_path),
        );
        let keys = files.ticket_keys.as_deref().map(|path| Ok((Files::now([path]), TicketKeys::read(path)?)));
        let keys = keys.transpose()?.map(|(seen, keys)| (keys, seen));
        let tickets = match (&files.client_ca, &keys) {
            (Some(_), _) => None,
            (None, Some((keys, _))) => Some(Arc::clone(keys) as Arc<dyn ProducesTickets>),
            (None, None) => Some(aws_lc_rs::Ticketer::new().map_err(|error| impossible(&error))?),
        };
        let config = ArcSwap::from_pointee(server_config(&files, tickets.clone())?);
        Ok(Self { inner: Arc::new(ServerSide { files, identity, keys, tickets, config }) })
    }

    /// Has the files read again when they change: new connections then see what is in them, others go on.
    pub fn watch(&self, reloads: &mut Reloads) {
        let side = Arc::clone(&self.inner);
        reloads.add("certificate", self.inner.identity.clone(), move || {
            side.config.store(Arc::new(server_config(&side.files, side.tickets.clone())?));
            Ok(())
        });
        let keys = self.inner.keys.clone().zip(self.inner.files.ticket_keys.clone());
        if let Some(((keys, seen), path)) = keys {
            reloads.add("ticket keys", seen, move || keys.reload(&path));
        }
    }

    /// Performs the handshake within [`limits::HANDSHAKE_TIMEOUT`].
    pub(crate) async fn handshake(&self, socket: TcpStream) -> io::Result<(TcpStream, Session)> {
        let acceptor = TlsAcceptor::from(self.inner.config.load_full());
        let accepted = timeout(limits::HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await;
        let stream = accepted.map_err(|_| handshake_timeout())?.map_err(handshake_error)?;
        let (socket, connection) = stream.into_inner();
        Ok((socket, Session::new(connection)))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").field("files", &self.inner.files).finish_non_exhaustive()
    }
}

/// The connecting side, as its files have it. Cheap to clone; clones share what is read again.
#[derive(Clone)]
pub struct TlsClient {
    inner: Arc<ClientSide>,
}

struct ClientSide {
    ca: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
    files: Files,
    config: ArcSwap<ClientConfig>,
}

impl ClientSide {
    fn read(&self) -> Result<ClientConfig, Problem> {
        client_config(self.ca.as_deref(), borrowed(&self.identity))
    }
}

fn borrowed(identity: &Option<(PathBuf, PathBuf)>) -> Option<(&Path, &Path)> {
    identity.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()))
}

impl TlsClient {
    /// Trusts `ca`, or the system's roots without one; shows the certificate and key of `identity` to
    /// servers that ask.
    ///
    /// # Errors
    /// A file that cannot be used, by name.
    pub fn new(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Self, Problem> {
        let files = Files::now(ca.into_iter().chain(identity.iter().flat_map(|(cert, key)| [*cert, *key])));
        let config = ArcSwap::from_pointee(client_config(ca, identity)?);
        let identity = identity.map(|(cert, key)| (cert.to_path_buf(), key.to_path_buf()));
        Ok(Self { inner: Arc::new(ClientSide { ca: ca.map(Path::to_path_buf), identity, files, config }) })
    }

    /// Has the files read again when they change: new connections are then made by what is in them, others go on.
    pub fn watch(&self, what: &'static str, reloads: &mut Reloads) {
        let side = Arc::clone(&self.inner);
        reloads.add(what, self.inner.files.clone(), move || {
            side.config.store(Arc::new(side.read()?));
            Ok(())
        });
    }

    /// The CA file that servers are judged by; `None` for the system's roots.
    pub fn ca(&self) -> Option<&Path> {
        self.inner.ca.as_deref()
    }

    /// Performs the handshake; the caller bounds the time.
    pub(crate) async fn handshake(
        &self,
        name: ServerName<'static>,
        socket: TcpStream,
    ) -> io::Result<(TcpStream, Session)> {
        let connector = TlsConnector::from(self.inner.config.load_full());
        let stream = connector.connect(name, socket).await.map_err(handshake_error)?;
        let (socket, connection) = stream.into_inner();
        Ok((socket, Session::new(connection)))
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("ca", &self.inner.ca).finish_non_exhaustive()
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
fn server_config(
    files: &ServerFiles,
    tickets: Option<Arc<dyn ProducesTickets>>,
) -> Result<ServerConfig, Problem> {
    let (cert, key) = (&files.cert, &files.key);
    let identity = Identity::read(cert, key)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| impossible(&error))?;
    let builder = match &files.client_ca {
        Some(ca) => builder.with_client_cert_verifier(client_verifier(ca)?),
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(identity.chain, identity.key);
    let mut config = config.map_err(|error| unusable(cert, key, &error))?;
    set_resumption(&mut config, tickets);
    Ok(config)
}

/// Tickets, which cost the server no memory. But a resumed session skips the client's certificate, so a revoked or
/// expired client would keep coming back: with client certificates there are no tickets, and nothing is resumed.
fn set_resumption(config: &mut ServerConfig, tickets: Option<Arc<dyn ProducesTickets>>) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    if let Some(tickets) = tickets {
        config.ticketer = tickets;
        config.send_tls13_tickets = 1;
    }
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
