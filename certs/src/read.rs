//! What is there already, and whether it is fit for use.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use rcgen::{KeyPair, PublicKeyData};
use ringtail_net::Problem;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;

use crate::files;

/// A certificate with fewer days left is renewed now, not found expired next week.
const RENEW_BEFORE: Duration = Duration::from_secs(7 * 86_400);

/// A certificate and its key as PEM; empty where the file is missing.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// Whether a pair can be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    Good,
    /// There is no certificate.
    Missing,
    KeyMissing,
    Expired,
    /// Damaged, or key and certificate do not belong together.
    Unfit(String),
}

/// Reads `NAME.crt` and `NAME.key`.
pub(crate) fn pair(dir: &Path, name: &str) -> Result<Pair, Problem> {
    Ok(Pair {
        cert: files::read_if_there(&dir.join(format!("{name}.crt")))?,
        key: files::read_if_there(&dir.join(format!("{name}.key")))?,
    })
}

impl Pair {
    pub(crate) fn state(&self) -> State {
        if self.cert.is_empty() {
            return State::Missing;
        }
        let judged = self.with_cert(|cert| match cert.validity().time_to_expiration() {
            Some(left) if left.unsigned_abs() > RENEW_BEFORE => self.key_state(cert),
            _ if ASN1Time::now() < cert.validity().not_before => State::Unfit("it is not valid yet".into()),
            _ => State::Expired,
        });
        judged.unwrap_or_else(|| State::Unfit("the certificate is damaged".into()))
    }

    fn key_state(&self, cert: &X509Certificate<'_>) -> State {
        if self.key.is_empty() {
            return State::KeyMissing;
        }
        match KeyPair::from_pem(&self.key) {
            Ok(key) if key.subject_public_key_info() == cert.public_key().raw => State::Good,
            Ok(_) => State::Unfit("certificate and key do not belong together".into()),
            Err(_) => State::Unfit("the key is damaged".into()),
        }
    }

    pub(crate) fn is_signed_by(&self, ca: &Self) -> bool {
        let verify = |cert: &X509Certificate<'_>| {
            ca.with_cert(|ca| {
                cert.issuer() == ca.subject() && cert.verify_signature(Some(ca.public_key())).is_ok()
            })
        };
        self.with_cert(verify).flatten().unwrap_or(false)
    }

    /// The first of `names` that the certificate is not for.
    pub(crate) fn lacks<'n>(&self, names: &'n [String]) -> Option<&'n String> {
        let has = self.with_cert(names_of).unwrap_or_default();
        names.iter().find(|name| !has.contains(name))
    }

    /// `None` when there is no certificate that can be parsed.
    fn with_cert<T>(&self, judge: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
        let pem = Pem::iter_from_buffer(self.cert.as_bytes()).next()?.ok()?;
        pem.parse_x509().ok().map(|cert| judge(&cert))
    }
}

fn names_of(cert: &X509Certificate<'_>) -> Vec<String> {
    let extension = cert.subject_alternative_name().ok().flatten();
    let names = extension.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    names.iter().filter_map(name_text).collect()
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            _ => Some(IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    }
}
