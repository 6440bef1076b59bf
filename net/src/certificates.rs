//! Certificates, keys and CAs read from PEM files, each problem named by its file.

use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::problem::Problem;

/// A certificate chain and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(crate) fn read(cert: &Path, key: &Path) -> Result<Self, Problem> {
        let chain = read_certificates(cert)?;
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| Problem::new(format!("{}: {error}", key.display()), "give a PEM private key"))?;
        Ok(Self { chain, key })
    }

    pub(crate) fn into_parts(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain, self.key)
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| Problem::new(format!("{}: {error}", path.display()), "give a PEM certificate"))
}

pub(crate) fn read_ca(path: &Path) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|error| {
            Problem::new(format!("{}: {error}", path.display()), "give a PEM CA certificate")
        })?;
    }
    Ok(roots)
}

pub(crate) fn native_roots() -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Problem::new(
            "the system has no trusted CA certificates",
            "install the package ca-certificates, or name a CA file",
        ));
    }
    Ok(roots)
}
