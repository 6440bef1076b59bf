//! How to connect.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ringtail_net::secret::Secret;
use ringtail_net::{Problem, Stream, TlsClient};

use crate::error::Error;
use crate::handshake::{Session, open};
use crate::limits;

/// Where the server is, how it is verified, and who we are. TLS is on, and always verified, unless
/// [`plaintext`](Self::plaintext) is asked for.
///
/// ```
/// use ringtail::ConnectOptions;
/// use std::time::Duration;
///
/// let options = ConnectOptions::new("cache.example.net:9443")
///     .ca_file("ca.crt")
///     .auth("app", "its password")
///     .database(2)
///     .timeout(Some(Duration::from_secs(1)));
/// ```
#[derive(Clone)]
pub struct ConnectOptions {
    pub(crate) addr: String,
    pub(crate) tls: bool,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) name: Option<String>,
    pub(crate) database: u32,
    pub(crate) resp3: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    pub(crate) attempts: Option<u32>,
    pub(crate) queue: usize,
}

/// A user's name, and the password that is never shown.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) user: Option<Vec<u8>>,
    pub(crate) password: Secret,
}

impl Credentials {
    pub(crate) fn new(user: Option<&[u8]>, password: &[u8]) -> Self {
        Self { user: user.map(<[u8]>::to_vec), password: Secret::new(password) }
    }
}

impl ConnectOptions {
    /// For the server at `addr`, `host:port` (IPv6 in brackets). The host part is what its certificate must name.
    pub fn new(addr: impl Into<String>) -> Self {
        Self {
            addr: addr.into(),
            tls: true,
            ca: None,
            identity: None,
            credentials: None,
            name: None,
            database: 0,
            resp3: true,
            timeout: Some(limits::TIMEOUT),
            connect_timeout: limits::CONNECT_TIMEOUT,
            attempts: None,
            queue: limits::QUEUE,
        }
    }

    /// Whether to use TLS, as it is by default.
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// No TLS: for servers on the same machine.
    pub fn plaintext(self) -> Self {
        self.tls(false)
    }

    /// The CA that must have signed the server's certificate, a PEM file; without it the system's roots.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(path.into());
        self
    }

    /// The certificate and key, PEM files, for servers that ask for them.
    pub fn client_certificate(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((cert.into(), key.into()));
        self
    }

    /// The user's name and password.
    pub fn auth(mut self, user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        self.credentials = Some(Credentials::new(Some(user.as_ref()), password.as_ref()));
        self
    }

    /// The default user's password.
    pub fn password(mut self, password: impl AsRef<[u8]>) -> Self {
        self.credentials = Some(Credentials::new(None, password.as_ref()));
        self
    }

    /// The name of the user that the password is of, which must be given before.
    ///
    /// # Errors
    /// [`Error::Options`]: there is none.
    pub fn user(mut self, user: impl AsRef<[u8]>) -> Result<Self, Error> {
        let Some(credentials) = &mut self.credentials else {
            let hint = "give its password first".into();
            return Err(Error::Options { text: "a user needs a password".into(), hint });
        };
        credentials.user = Some(user.as_ref().to_vec());
        Ok(self)
    }

    /// The connection's name, as `CLIENT LIST` shows it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The database that is selected, 0 by default.
    pub fn database(mut self, database: u32) -> Self {
        self.database = database;
        self
    }

    /// Speaks RESP2 from the start. Otherwise RESP3, and RESP2 with servers that don't know it.
    pub fn resp2(mut self) -> Self {
        self.resp3 = false;
        self
    }

    /// The longest wait for an answer, reconnecting included; `None` waits for ever. Ten seconds by default.
    ///
    /// Answers come in order, so a connection whose oldest request is overdue is given up and made again.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// The longest wait for a connection with its TLS and handshake. Five seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How many attempts to reconnect one request waits for. By default as many as its timeout allows.
    pub fn reconnect_attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts.max(1));
        self
    }

    /// How many requests wait for the connection to take them before `cmd` itself waits. 1024 by default.
    pub fn queue(mut self, requests: usize) -> Self {
        self.queue = requests.max(1);
        self
    }

    /// The same for the server at another address.
    pub fn at(mut self, addr: impl Into<String>) -> Self {
        self.addr = addr.into();
        self
    }

    /// The server's address.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// Whether TLS is used.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Connects, shakes hands and greets, and gives the connection away, for who speaks the protocol themselves.
    ///
    /// # Errors
    /// As [`Client::connect`](crate::Client::connect).
    pub async fn open(&self) -> Result<Stream, Error> {
        let tls = self.tls_client()?;
        Ok(open(self, tls.as_ref(), &Session::new(self)).await?.stream)
    }

    /// What verifies the server, if TLS is used; reads the files that the options name.
    pub(crate) fn tls_client(&self) -> Result<Option<TlsClient>, Error> {
        self.verifier().map_err(|problem| Error::Options { text: problem.message, hint: problem.hint })
    }

    fn verifier(&self) -> Result<Option<TlsClient>, Problem> {
        if !self.tls {
            return Ok(None);
        }
        let identity = self.identity.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
        TlsClient::new(self.ca.as_deref(), identity).map(Some)
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("addr", &self.addr)
            .field("tls", &self.tls)
            .field("ca", &self.ca)
            .field("credentials", &self.credentials)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
