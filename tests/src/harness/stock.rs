use super::process::Process;
use super::ringtail::start_on_free_port;
use super::{Certs, parts};
use crate::resp::Endpoint;
use std::process::Command;

/// A real redis-server without persistence.
pub struct Redis {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub endpoint: Endpoint,
}

impl Redis {
    /// Starts Debian's redis-server; `None` where there is none.
    pub fn start(args: &[&str]) -> Option<Redis> {
        let program = parts::real_part("redis-server", "redis-server")?;
        let (process, endpoint) = start_on_free_port("redis-server", |port| {
            let mut command = Command::new(&program);
            command.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]);
            command.args(["--enable-debug-command", "yes", "--loglevel", "warning"]);
            command.args(["--port", &port.to_string()]).args(args);
            (command, Endpoint::plain(port))
        });
        Some(Redis { process, endpoint })
    }

    /// As `start`, speaking TLS only.
    pub fn start_tls(certs: &Certs) -> Option<Redis> {
        let program = parts::real_part("redis-server", "redis-server")?;
        let (process, endpoint) = start_on_free_port("redis-server", |port| {
            let mut command = Command::new(&program);
            command.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", "0"]);
            command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            command.arg("--tls-ca-cert-file").arg(certs.ca());
            command.arg("--tls-cert-file").arg(certs.server_cert());
            command.arg("--tls-key-file").arg(certs.server_key());
            (command, Endpoint { port, tls: Some(certs.trust()), password: None })
        });
        Some(Redis { process, endpoint })
    }
}
