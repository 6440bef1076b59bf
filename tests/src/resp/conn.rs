use super::{Value, parse, request};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a reply may take before a test calls it lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client's side of TLS: whom it trusts and who it is.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the CA in `ca`, and shows the certificate and key of `identity`.
    pub fn new(ca: &Path, identity: Option<(&Path, &Path)>) -> Tls {
        let mut roots = RootCertStore::empty();
        for cert in certs(ca) {
            roots.add(cert).expect("a CA certificate");
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        Tls(Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let key = PrivateKeyDer::from_pem_file(key).expect("a private key in PEM");
                builder.with_client_auth_cert(certs(cert), key).expect("a certificate and its key")
            }
        }))
    }
}

fn certs(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Where a server listens and how to speak to it.
#[derive(Clone)]
pub struct Endpoint {
    /// A port of 127.0.0.1.
    pub port: u16,
    /// TLS, or plaintext without.
    pub tls: Option<Tls>,
    /// Sent by AUTH on every new connection.
    pub password: Option<String>,
}

impl Endpoint {
    /// A plaintext port of this machine.
    pub fn plain(port: u16) -> Endpoint {
        Endpoint { port, tls: None, password: None }
    }

    /// Opens a connection, authenticated if there is a password.
    pub fn connect(&self) -> Result<Conn> {
        let mut conn = self.connect_raw()?;
        if let Some(password) = &self.password {
            let reply = conn.try_call(&["AUTH", password])?;
            if !reply.is_ok() {
                return Err(Error::other(format!("AUTH: {reply}")));
            }
        }
        Ok(conn)
    }

    /// Opens a connection and sends nothing on it but the TLS handshake.
    pub fn connect_raw(&self) -> Result<Conn> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some(tls) => Stream::Tls(Box::new(handshake(tls, tcp)?)),
        };
        Ok(Conn { stream, buf: Vec::new() })
    }

    /// As `connect`, for places where nothing can go wrong but the test.
    pub fn open(&self) -> Conn {
        self.connect().unwrap_or_else(|e| panic!("can't connect to 127.0.0.1:{}: {e}", self.port))
    }

    /// As `open`, with the session switched to RESP3.
    pub fn open3(&self) -> Conn {
        let mut conn = self.open();
        let reply = conn.call(&["HELLO", "3"]);
        assert!(matches!(reply, Value::Map(_)), "HELLO 3: {reply}");
        conn
    }
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

fn handshake(tls: &Tls, mut tcp: TcpStream) -> Result<TlsStream> {
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let mut session = ClientConnection::new(tls.0.clone(), name).map_err(Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut tcp)?;
    }
    Ok(StreamOwned::new(session, tcp))
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// One connection. Methods named `try_…` return what went wrong with the
/// connection; the others panic, which is what most tests want.
pub struct Conn {
    stream: Stream,
    buf: Vec<u8>,
}

impl Conn {
    /// Connects to an address of any machine in plaintext; neither that nor a reply may take longer than `patience`.
    pub fn connect_to(addr: SocketAddr, patience: Duration) -> Result<Conn> {
        let tcp = TcpStream::connect_timeout(&addr, patience)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(patience))?;
        Ok(Conn { stream: Stream::Plain(tcp), buf: Vec::new() })
    }

    /// Closes the sending side: replies still come.
    pub fn end_sending(&mut self) -> Result<()> {
        self.tcp().shutdown(Shutdown::Write)
    }

    /// Sends a request and waits for its reply.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value> {
        self.send(&request(args))?;
        self.read()
    }

    /// Sends a request and waits for its reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.try_call(args).unwrap_or_else(|e| panic!("{}: {e}", words(args)))
    }

    /// As `call`, from words separated by spaces.
    pub fn run(&mut self, line: &str) -> Value {
        self.call(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Sends all requests at once, then reads as many replies.
    pub fn try_pipeline<A: AsRef<[u8]>>(&mut self, requests: &[Vec<A>]) -> Result<Vec<Value>> {
        self.send(&requests.iter().flat_map(|args| request(args)).collect::<Vec<u8>>())?;
        requests.iter().map(|_| self.read()).collect()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(s) => s.write_all(bytes),
            Stream::Tls(s) => s.write_all(bytes).and_then(|()| s.flush()),
        }
    }

    /// Waits for the next reply.
    pub fn read(&mut self) -> Result<Value> {
        loop {
            if let Some((value, len)) = parse(&self.buf)? {
                self.buf.drain(..len);
                return Ok(value);
            }
            let mut piece = [0; 64 * 1024];
            match self.receive(&mut piece)? {
                0 => return Err(Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
                n => self.buf.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// How long `read` and `receive` wait from now on.
    pub fn set_patience(&mut self, patience: Duration) {
        self.tcp().set_read_timeout(Some(patience)).expect("a socket takes a timeout");
    }

    /// Whether the other side closes the connection, sending nothing more,
    /// before the patience ends.
    pub fn closes(&mut self) -> bool {
        let mut piece = [0; 1];
        match self.receive(&mut piece) {
            Ok(n) => n == 0,
            Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(s) => s,
            Stream::Tls(s) => s.get_ref(),
        }
    }

    /// Reads what there is, up to the size of `into`; 0 at the end.
    pub fn receive(&mut self, into: &mut [u8]) -> Result<usize> {
        match &mut self.stream {
            Stream::Plain(s) => s.read(into),
            Stream::Tls(s) => s.read(into),
        }
    }
}

/// A request for a message.
fn words<A: AsRef<[u8]>>(args: &[A]) -> String {
    args.iter().map(|a| String::from_utf8_lossy(a.as_ref()).into_owned()).collect::<Vec<_>>().join(" ")
}
