//! Connected streams, plain or TLS.

use super::options::Options;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A stream of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Connects and, if the options say so, shakes hands.
pub struct Transport {
    options: Options,
    tls: Option<TlsConnector>,
}

impl Transport {
    /// A transport as the options say; fails if the CA certificate can't be used.
    pub fn new(options: &Options) -> io::Result<Self> {
        let tls = options.cacert.as_deref().map(connector).transpose()?;
        Ok(Self { options: options.clone(), tls })
    }

    /// A new connection. The one virtual call for each read and write is far below what a system call costs.
    pub async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.options.addr).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => {
                let name = ServerName::IpAddress(self.options.addr.ip().into());
                Ok(Box::new(tls.connect(name, stream).await?))
            }
        }
    }
}

fn connector(cacert: &Path) -> io::Result<TlsConnector> {
    let explain = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", cacert.display()));
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(cacert).map_err(|e| explain(&e))? {
        roots.add(cert.map_err(|e| explain(&e))?).map_err(|e| explain(&e))?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
