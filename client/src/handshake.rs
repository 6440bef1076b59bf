//! What is said first on a new connection: the protocol's version, who we are, the database.

use std::io;

use ringtail_net::{Stream, TlsClient};
use ringtail_protocol::reply::write_request;
use ringtail_protocol::value::Value;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::Error;
use crate::options::{ConnectOptions, Credentials};
use crate::requests::Effect;

/// What every new connection is told; it follows what succeeds on the present one.
pub(crate) struct Session {
    pub(crate) database: u32,
    pub(crate) credentials: Option<Credentials>,
}

impl Session {
    pub(crate) fn new(options: &ConnectOptions) -> Self {
        Self { database: options.database, credentials: options.credentials.clone() }
    }

    pub(crate) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Select(database) => self.database = *database,
            Effect::Auth(credentials) => self.credentials = Some(credentials.clone()),
            Effect::Reset => self.database = 0,
        }
    }
}

/// Connects, shakes hands and greets, all within the options' time.
pub(crate) async fn open(
    options: &ConnectOptions,
    tls: Option<&TlsClient>,
    session: &Session,
) -> Result<Connection, Error> {
    let within = options.connect_timeout;
    let stream = Stream::connect(&options.addr, tls, within).await.map_err(|error| not_connected(&error))?;
    let mut connection = Connection::new(stream);
    match timeout(within, greet(&mut connection, options, session)).await {
        Ok(greeted) => greeted?,
        Err(_) => return Err(silent(&options.addr)),
    }
    connection.end_handshake();
    Ok(connection)
}

fn not_connected(error: &io::Error) -> Error {
    Error::Connect { kind: error.kind(), text: error.to_string() }
}

fn silent(addr: &str) -> Error {
    Error::Connect {
        kind: io::ErrorKind::TimedOut,
        text: format!("{addr}: connected, but the server says nothing"),
    }
}

async fn greet(link: &mut Connection, options: &ConnectOptions, session: &Session) -> Result<(), Error> {
    let greeting = Greeting { link, options, credentials: session.credentials.as_ref() };
    greeting.run(session.database).await
}

struct Greeting<'g> {
    link: &'g mut Connection,
    options: &'g ConnectOptions,
    credentials: Option<&'g Credentials>,
}

impl Greeting<'_> {
    async fn run(mut self, database: u32) -> Result<(), Error> {
        if !(self.options.resp3 && self.hello().await?) {
            self.auth().await?;
            self.set_name().await?;
        }
        self.select(database).await
    }

    /// HELLO 3 with everything in it; false when the server does not know it.
    async fn hello(&mut self) -> Result<bool, Error> {
        let mut request: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(credentials) = self.credentials {
            let user = credentials.user.as_deref().unwrap_or(b"default");
            request.extend([b"AUTH", user, credentials.password.expose()]);
        }
        if let Some(name) = &self.options.name {
            request.extend([b"SETNAME", name.as_bytes()]);
        }
        let reply = self.ask(&request).await?;
        let Some(text) = reply.error() else { return Ok(true) };
        match reply.error_code() {
            // A server that wants a password, and we have none yet: it may come as a command.
            Some(b"NOAUTH") if self.credentials.is_none() => Ok(false),
            Some(b"NOPROTO") => Ok(false),
            Some(b"ERR") if is_unknown_command(text) => Ok(false),
            _ => Err(self.refused(text)),
        }
    }

    async fn auth(&mut self) -> Result<(), Error> {
        let Some(credentials) = self.credentials else { return Ok(()) };
        let mut request: Vec<&[u8]> = vec![b"AUTH"];
        request.extend(credentials.user.as_deref());
        request.push(credentials.password.expose());
        let reply = self.ask(&request).await?;
        reply.error().map_or(Ok(()), |text| Err(self.refused(text)))
    }

    async fn set_name(&mut self) -> Result<(), Error> {
        if let Some(name) = &self.options.name {
            // Servers that can't name connections are served too.
            self.ask(&[b"CLIENT", b"SETNAME", name.as_bytes()]).await?;
        }
        Ok(())
    }

    async fn select(&mut self, database: u32) -> Result<(), Error> {
        if database == 0 {
            return Ok(());
        }
        let reply = self.ask(&[b"SELECT", database.to_string().as_bytes()]).await?;
        match (reply.error(), reply.error_code()) {
            (None, _) | (_, Some(b"NOAUTH")) => Ok(()),
            (Some(text), _) => Err(self.refused(text)),
        }
    }

    async fn ask(&mut self, request: &[&[u8]]) -> Result<Value, Error> {
        let mut bytes = Vec::new();
        write_request(&mut bytes, request.iter().copied());
        let addr = &self.options.addr;
        self.link
            .ask(&bytes)
            .await
            .map_err(|error| Error::Connect { kind: error.kind(), text: format!("{addr}: {error}") })
    }

    fn refused(&self, text: &[u8]) -> Error {
        let text = String::from_utf8_lossy(text).into_owned();
        if text.starts_with("WRONGPASS")
            || text.starts_with("NOAUTH")
            || text.contains("without any password")
        {
            return Error::Auth(text);
        }
        let text = format!("{}: the server says: {text}", self.options.addr);
        Error::Connect { kind: io::ErrorKind::ConnectionRefused, text }
    }
}

fn is_unknown_command(text: &[u8]) -> bool {
    text.starts_with(b"ERR unknown command")
}
