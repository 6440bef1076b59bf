//! What the tests share: certificates made on the spot, and pairs of connected streams.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::listener::{Accepted, Door, Live};
use crate::{Stream, TlsClient, TlsServer};

pub(crate) const WITHIN: Duration = Duration::from_secs(20);

/// A directory of its own, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ringtail-net-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) type Ca = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn make_ca() -> Ca {
    make_ca_named("test CA")
}

pub(crate) fn make_ca_named(name: &str) -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for localhost and 127.0.0.1, changed by `change` first, and its key, as PEM.
pub(crate) fn make_leaf(ca: &Ca, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    change(&mut params);
    (params.signed_by(&key, ca).unwrap().pem(), key.serialize_pem())
}

/// A CA and one certificate that serves both sides.
pub(crate) struct Pki {
    pub(crate) scratch: Scratch,
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::of(make_ca())
    }

    pub(crate) fn of(ca: Ca) -> Self {
        let scratch = Scratch::new();
        let (cert, key) = make_leaf(&ca, |_| ());
        let ca = scratch.write("ca.crt", ca.pem());
        let cert = scratch.write("leaf.crt", cert);
        let key = scratch.write("leaf.key", key);
        Self { scratch, ca, cert, key }
    }

    pub(crate) fn server(&self) -> TlsServer {
        TlsServer::new(&self.cert, &self.key, None).unwrap()
    }

    pub(crate) fn mutual_server(&self) -> TlsServer {
        TlsServer::new(&self.cert, &self.key, Some(&self.ca)).unwrap()
    }

    pub(crate) fn client(&self) -> TlsClient {
        TlsClient::new(Some(&self.ca), None).unwrap()
    }

    pub(crate) fn identity(&self) -> (&Path, &Path) {
        (&self.cert, &self.key)
    }
}

/// A listener on a free port of loopback.
pub(crate) fn listen() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// The next connection, as a worker gets it.
pub(crate) fn take(listener: &std::net::TcpListener) -> Accepted {
    let (socket, peer) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    Accepted { socket, peer, door: Door::Main, live: Live::new(&Arc::<AtomicUsize>::default()) }
}

/// The accepting and the connecting end of one connection.
pub(crate) async fn pair(pki: Option<&Pki>) -> (Stream, Stream) {
    let (listener, addr) = listen();
    let (server, client) = (pki.map(Pki::server), pki.map(Pki::client));
    let addr = addr.to_string();
    let connect = Stream::connect(&addr, client.as_ref(), WITHIN);
    let accept = async {
        tokio::task::yield_now().await;
        Stream::accept(take(&listener), server.as_ref()).await
    };
    let (near, far) = tokio::join!(connect, accept);
    (far.unwrap(), near.unwrap())
}

/// Reads until `wanted` bytes are there or the stream ends.
pub(crate) async fn read_some(stream: &mut Stream, wanted: usize, max: usize) -> Vec<u8> {
    let mut got = Vec::with_capacity(wanted.min(64 << 10));
    while got.len() < wanted {
        stream.readable().await.unwrap();
        match stream.try_read(&mut got, max) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
    }
    got
}
