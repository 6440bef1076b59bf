//! Certificates, keys and CAs read from PEM files. Every problem names its file and what to do, because "TLS does
//! not work" is the operator's most common bad morning.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use crate::limits;
use crate::problem::Problem;
use crate::secret::warn_if_open;

/// A certificate chain and its key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(crate) fn read(cert: &Path, key: &Path) -> Result<Self, Problem> {
        let chain = read_certificates(cert)?;
        check_dates(cert, &chain[..1])?;
        Ok(Self { chain, key: read_key(key)? })
    }
}

/// The CA certificates of a file.
pub(crate) fn read_ca(path: &Path) -> Result<RootCertStore, Problem> {
    let certificates = read_certificates(path)?;
    check_dates(path, &certificates)?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    match added {
        0 => Err(not_a_certificate(path, &"no CA certificate that we understand")),
        _ => Ok(roots),
    }
}

/// What the operating system trusts.
pub(crate) fn native_roots() -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(Problem::new(
            "this system has no CA certificates",
            "name the CA file, or install the package ca-certificates",
        )),
        false => Ok(roots),
    }
}

fn open(path: &Path) -> Result<File, Problem> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn read(path: &Path, file: File) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    file.take(limits::PEM_FILE).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(format!("cannot read {} ({error})", path.display()), "check its path and mode")
}

/// At least one.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let bytes = read(path, open(path)?)?;
    let certificates: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(no_certificate(path, &bytes)),
        Err(error) => Err(not_a_certificate(path, &error)),
    }
}

fn no_certificate(path: &Path, bytes: &[u8]) -> Problem {
    let hint = if contains(bytes, "PRIVATE KEY-----") {
        "it holds a private key: are certificate and key swapped?"
    } else if is_der(bytes) {
        "it looks like DER: convert it with 'openssl x509 -inform der'"
    } else {
        "give a PEM file that has BEGIN CERTIFICATE in it"
    };
    Problem::new(format!("there is no certificate in {}", path.display()), hint)
}

fn not_a_certificate(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(format!("{} is damaged ({error})", path.display()), "copy it again or make a new one")
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Problem> {
    let file = open(path)?;
    warn_if_open(&file, path);
    let bytes = read(path, file)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => no_key(path, &bytes),
        error => Problem::new(
            format!("the key in {} is damaged ({error})", path.display()),
            "copy it again or make a new one",
        ),
    })
}

fn no_key(path: &Path, bytes: &[u8]) -> Problem {
    let hint = if contains(bytes, "ENCRYPTED PRIVATE KEY") {
        "it is encrypted: decrypt it with 'openssl pkey'"
    } else if contains(bytes, "OPENSSH PRIVATE KEY") {
        "it is an SSH key: give one in PKCS#8, PKCS#1 or SEC1"
    } else if contains(bytes, "BEGIN CERTIFICATE") {
        "it holds a certificate: are certificate and key swapped?"
    } else if is_der(bytes) {
        "it looks like DER: convert it with 'openssl pkey -inform der'"
    } else {
        "give a PEM file that has BEGIN PRIVATE KEY in it"
    };
    Problem::new(format!("there is no private key that we can use in {}", path.display()), hint)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// DER begins with a SEQUENCE whose length takes two or three bytes.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x83, ..])
}

/// Refuses when none of the certificates is valid now: a bundle of CAs may hold old ones.
fn check_dates(path: &Path, certificates: &[CertificateDer<'_>]) -> Result<(), Problem> {
    let now = ASN1Time::now();
    let mut refused = Ok(());
    for certificate in certificates {
        match check_date(path, certificate, now) {
            Ok(()) => return Ok(()),
            Err(problem) => refused = Err(problem),
        }
    }
    refused
}

fn check_date(path: &Path, certificate: &CertificateDer<'_>, now: ASN1Time) -> Result<(), Problem> {
    let parsed = X509Certificate::from_der(certificate).map_err(|error| not_a_certificate(path, &error))?;
    let validity = parsed.1.validity();
    if now > validity.not_after {
        let message = format!("the certificate in {} expired on {}", path.display(), validity.not_after);
        return Err(Problem::new(message, "renew it"));
    }
    if now < validity.not_before {
        let message =
            format!("the certificate in {} is not valid before {}", path.display(), validity.not_before);
        return Err(Problem::new(message, "check this machine's clock"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
