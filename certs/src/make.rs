//! The certificates themselves: ECDSA P-256, strict enough for every TLS library (OpenSSL's -x509_strict).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use ringtail_net::Problem;

use crate::read::Pair;

const DAY: Duration = Duration::from_secs(86_400);
const CA_DAYS: u32 = 3650;
/// A machine whose clock is a little behind takes the new certificate too.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// What a certificate that the CA signs is for.
pub(crate) struct Leaf {
    /// File name without `.crt` and `.key`.
    pub(crate) file: &'static str,
    /// DNS names and IP addresses.
    pub(crate) names: Vec<String>,
    usage: ExtendedKeyUsagePurpose,
}

impl Leaf {
    pub(crate) fn server(names: &[String]) -> Self {
        Self { file: "server", names: names.to_vec(), usage: ExtendedKeyUsagePurpose::ServerAuth }
    }

    pub(crate) fn client() -> Self {
        Self {
            file: "client",
            names: vec!["ringtail-client".into()],
            usage: ExtendedKeyUsagePurpose::ClientAuth,
        }
    }
}

/// localhost and what was asked for besides.
pub(crate) fn server_names(more: &[String]) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    for name in more {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// A name as it stands in a certificate: a DNS name, or an IP address in its shortest form.
pub(crate) fn parse_name(name: &str) -> Result<String, String> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(ip.to_string());
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._*".contains(c);
    match !name.is_empty() && name.len() <= 253 && name.chars().all(legal) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err("neither a DNS name nor an IP address".into()),
    }
}

/// A new CA.
pub(crate) fn ca() -> Result<Pair, Problem> {
    let mut params = params("Ringtail development CA", &[], CA_DAYS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = new_key()?;
    let cert = params.self_signed(&key).map_err(|error| failed(&error))?;
    Ok(Pair { cert: cert.pem(), key: key.serialize_pem() })
}

/// A new certificate signed by `ca`.
pub(crate) fn leaf(leaf: &Leaf, ca: &Issuer<'_, KeyPair>, days: u32) -> Result<Pair, Problem> {
    let mut params = params(&format!("ringtail {}", leaf.file), &leaf.names, days)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![leaf.usage.clone()];
    params.use_authority_key_identifier_extension = true;
    let key = new_key()?;
    let cert = params.signed_by(&key, ca).map_err(|error| failed(&error))?;
    Ok(Pair { cert: cert.pem(), key: key.serialize_pem() })
}

fn params(name: &str, alternatives: &[String], days: u32) -> Result<CertificateParams, Problem> {
    let mut params = CertificateParams::new(alternatives).map_err(|error| failed(&error))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Ringtail");
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + DAY * days).into();
    Ok(params)
}

fn new_key() -> Result<KeyPair, Problem> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| failed(&error))
}

pub(crate) fn failed(error: &rcgen::Error) -> Problem {
    Problem::new(
        format!("a certificate could not be made ({error})"),
        "check the files of the CA, or use --force",
    )
}
