//! What both programs are told about their life: where they get their socket from, who they believe, how they end.

use std::path::PathBuf;
use std::time::Duration;

use crate::entry::Entry;
use crate::listener::Place;
use crate::problem::Problem;
use crate::proxied::Proxied;
use crate::tls::TlsServer;
use crate::units::Time;

/// The flags, defaults applied.
#[derive(Debug, Clone, Default)]
pub struct LifeFlags {
    /// `--admin`
    pub admin: Option<String>,
    /// `--drain-timeout`
    pub drain_timeout: Duration,
    /// `--listen-fd`
    pub listen_fd: Option<u16>,
    /// `--reuse-port`
    pub reuse_port: bool,
    /// `--proxy-protocol`
    pub proxy_protocol: bool,
    /// `--proxy-protocol-from`
    pub proxy_protocol_from: Vec<String>,
    /// `--tls-ticket-keys`
    pub tls_ticket_keys: Option<PathBuf>,
}

impl LifeFlags {
    /// Where to listen, with the `--addr` of the program.
    pub fn place<'a>(&self, addr: &'a str) -> Place<'a> {
        Place { addr, fd: self.listen_fd.map(i32::from), reuse_port: self.reuse_port }
    }

    /// The way in.
    ///
    /// # Errors
    /// As [`Proxied::from_flags`].
    pub fn entry(&self, tls: Option<TlsServer>) -> Result<Entry, Problem> {
        let proxied = Proxied::from_flags(self.proxy_protocol, &self.proxy_protocol_from)?;
        Ok(Entry { tls, proxied })
    }

    /// All of them for CONFIG GET, by name.
    pub fn parameters(&self) -> [(&'static str, String); 7] {
        let yes_or_no = |on: bool| if on { "yes" } else { "no" }.to_owned();
        let keys = self.tls_ticket_keys.as_ref().map(|path| path.display().to_string());
        [
            ("admin", self.admin.clone().unwrap_or_default()),
            ("drain-timeout", Time(self.drain_timeout).to_string()),
            ("listen-fd", self.listen_fd.map(|fd| fd.to_string()).unwrap_or_default()),
            ("proxy-protocol", yes_or_no(self.proxy_protocol)),
            ("proxy-protocol-from", self.proxy_protocol_from.join(" ")),
            ("reuse-port", yes_or_no(self.reuse_port)),
            ("tls-ticket-keys", keys.unwrap_or_default()),
        ]
    }
}
