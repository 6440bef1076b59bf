//! The address of a server as `servers.json` writes it: `host:port`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

#[cfg(test)]
mod tests;

/// The longest host name that DNS has, in bytes.
const MAX_HOST: usize = 253;

/// The longest part of a host name between dots, in bytes.
const MAX_LABEL: usize = 63;

/// A host (name, IPv4 or IPv6 address) and a port. Names are kept as names: whoever connects resolves them,
/// each time anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// In its shortest form and small letters, so that equal addresses are equal; IPv6 without brackets.
    host: String,
    port: u16,
    v6: bool,
}

impl Address {
    /// Reads `host:port`, where the host is a name, an IPv4 address, or an IPv6 address in brackets.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that began with the text itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (host, port) = text.rsplit_once(':').ok_or("has no port; write host:port")?;
        let port = parse_port(port)?;
        match host.strip_prefix('[') {
            Some(rest) => Ok(Self { host: parse_v6(rest)?, port, v6: true }),
            None => Ok(Self { host: parse_host(host)?, port, v6: false }),
        }
    }

    /// The host to connect to and to verify a certificate by: a name or an IP address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// As [`Address::parse`] reads it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.v6 {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Digits alone: `u16::from_str` would take a sign.
fn parse_port(text: &str) -> Result<u16, &'static str> {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or("has no port from 1 to 65535 after its last colon")
}

fn parse_v6(rest: &str) -> Result<String, &'static str> {
    let inner = rest.strip_suffix(']').ok_or("has a [ without ] before the port")?;
    let address: Ipv6Addr = inner.parse().map_err(|_| "has no IPv6 address between its brackets")?;
    Ok(address.to_string())
}

fn parse_host(host: &str) -> Result<String, &'static str> {
    if host.contains(':') {
        return Err("has more than one colon; write an IPv6 address in brackets: [::1]:3000");
    }
    if looks_like_v4(host) {
        let address: Result<Ipv4Addr, _> = host.parse();
        return address.map(|address| address.to_string()).map_err(|_| "has no valid IPv4 address");
    }
    match host.len() <= MAX_HOST && host.split('.').all(is_label) {
        true => Ok(host.to_ascii_lowercase()),
        false => Err("has no valid host name before its port"),
    }
}

/// No host name ends in a part of digits alone (RFC 1123), so that what does was meant as an address.
fn looks_like_v4(host: &str) -> bool {
    host.rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Letters, digits, inner hyphens; and underscores, which container networks put into names.
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}
