use super::process::Process;
use super::ringtail::{start_again, start_on_free_port};
use super::{Certs, parts, scratch};
use crate::resp::Endpoint;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A real redis-server without persistence.
pub struct Redis {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub endpoint: Endpoint,
    program: PathBuf,
    args: Vec<String>,
}

impl Redis {
    /// Starts Debian's redis-server; `None` where there is none.
    pub fn start(args: &[&str]) -> Option<Redis> {
        let program = parts::real_part("redis-server", "redis-server")?;
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        let (process, endpoint) = start_on_free_port("redis-server", |port| {
            (command(&program, port, &args), Endpoint::plain(port))
        });
        Some(Redis { process, endpoint, program, args })
    }

    /// As `start`, asking for a password.
    pub fn start_with_password(password: &str) -> Option<Redis> {
        let program = parts::real_part("redis-server", "redis-server")?;
        let args = vec!["--requirepass".to_string(), password.to_string()];
        let (process, endpoint) = start_on_free_port("redis-server", |port| {
            let endpoint = Endpoint { password: Some(password.into()), ..Endpoint::plain(port) };
            (command(&program, port, &args), endpoint)
        });
        Some(Redis { process, endpoint, program, args })
    }

    /// As `start`, speaking TLS only.
    pub fn start_tls(certs: &Certs) -> Option<Redis> {
        let program = parts::real_part("redis-server", "redis-server")?;
        let file = |path: PathBuf| path.to_string_lossy().into_owned();
        let ours = [
            ("--tls-ca-cert-file", file(certs.ca())),
            ("--tls-cert-file", file(certs.server_cert())),
            ("--tls-key-file", file(certs.server_key())),
            ("--tls-auth-clients", "no".into()),
        ];
        let args: Vec<String> = ours.into_iter().flat_map(|(flag, value)| [flag.into(), value]).collect();
        let (process, endpoint) = start_on_free_port("redis-server", |port| {
            let mut command = command(&program, 0, &args);
            command.args(["--tls-port", &port.to_string()]);
            (command, Endpoint { port, tls: Some(certs.trust()), password: None })
        });
        Some(Redis { process, endpoint, program, args })
    }

    /// Starts it again on its port (in plaintext), after its end.
    pub fn restart(&mut self) {
        let mut command = command(&self.program, self.endpoint.port, &self.args);
        self.process = start_again("redis-server", &mut command, &self.endpoint);
    }
}

fn command(program: &Path, port: u16, args: &[String]) -> Command {
    let mut command = Command::new(program);
    // What a SAVE writes is read by whoever starts in the same place.
    command.arg("--dir").arg(scratch("redis"));
    command.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--loglevel", "warning"]);
    command.args(["--port", &port.to_string()]).args(args);
    command
}
