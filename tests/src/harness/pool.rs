use super::process::Process;
use super::ringtail::{Options, Server, start_on_free_port};
use super::{Redis, ours, scratch};
use crate::resp::Endpoint;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The number of members in a pool that a test does not choose.
const MEMBERS: usize = 3;

/// What stands behind a proxy.
pub enum Members {
    /// Ringtail's own servers.
    Ringtail(Vec<Server>),
    /// Stock redis-servers.
    Redis(Vec<Redis>),
}

impl Members {
    /// Where they listen.
    pub fn ports(&self) -> Vec<u16> {
        match self {
            Members::Ringtail(servers) => servers.iter().map(|s| s.endpoint.port).collect(),
            Members::Redis(servers) => servers.iter().map(|s| s.endpoint.port).collect(),
        }
    }

    /// Where the member listens, to speak to it directly.
    pub fn endpoint(&self, member: usize) -> &Endpoint {
        match self {
            Members::Ringtail(servers) => &servers[member].endpoint,
            Members::Redis(servers) => &servers[member].endpoint,
        }
    }

    /// The member's process.
    pub fn process(&mut self, member: usize) -> &mut Process {
        match self {
            Members::Ringtail(servers) => &mut servers[member].process,
            Members::Redis(servers) => &mut servers[member].process,
        }
    }

    /// Starts the member again on its port, empty.
    pub fn restart(&mut self, member: usize) {
        match self {
            Members::Ringtail(servers) => servers[member].restart(),
            Members::Redis(servers) => servers[member].restart(),
        }
    }
}

/// A ringtail-proxy before three members.
pub struct Pool {
    /// The proxy.
    pub process: Process,
    /// Where the proxy listens.
    pub endpoint: Endpoint,
    /// The members' processes.
    pub members: Members,
    /// Its servers.json.
    pub servers_json: PathBuf,
}

impl Pool {
    /// Three ringtail-servers and a proxy; with certificates, TLS on both hops.
    pub fn start(options: &Options) -> Pool {
        Pool::start_with(options, &Options::default())
    }

    /// As `start`, with further arguments for the servers.
    pub fn start_with(options: &Options, servers: &Options) -> Pool {
        let servers = Options { certs: options.certs.clone(), ..servers.clone() };
        let servers = (0..MEMBERS).map(|_| Server::start(&servers)).collect();
        Pool::before(Members::Ringtail(servers), options)
    }

    /// A proxy before three stock redis-servers; `None` where there are none.
    pub fn of_redis(options: &Options) -> Option<Pool> {
        let servers: Option<Vec<Redis>> = (0..MEMBERS).map(|_| Redis::start(&[])).collect();
        Some(Pool::before(Members::Redis(servers?), options))
    }

    /// A proxy before these members.
    pub fn before(members: Members, options: &Options) -> Pool {
        let servers_json = scratch("pool").join("servers.json");
        write_servers(&servers_json, &members.ports());
        let (process, endpoint) = start_proxy(options, &servers_json);
        Pool { process, endpoint, members, servers_json }
    }
}

/// Starts a proxy on a free port and waits for its first answer.
pub fn start_proxy(options: &Options, servers_json: &Path) -> (Process, Endpoint) {
    start_on_free_port("ringtail-proxy", |port| {
        (proxy_command(options, servers_json, port), options.endpoint(port))
    })
}

fn proxy_command(options: &Options, servers_json: &Path, port: u16) -> Command {
    let mut command = Command::new(ours("ringtail-proxy"));
    command.args(["--addr", &format!("127.0.0.1:{port}")]).arg("--servers").arg(servers_json);
    if let Some(certs) = &options.certs {
        command.arg("--server-ca").arg(certs.ca());
    }
    options.apply(&mut command);
    command
}

/// Writes a servers.json whose members are named m0, m1, … in order, by
/// rename, as an editor does.
pub fn write_servers(path: &Path, ports: &[u16]) {
    let named: Vec<(String, u16)> = ports.iter().enumerate().map(|(i, &p)| (format!("m{i}"), p)).collect();
    write_members(path, &named);
}

/// As `write_servers`, with the members' names.
pub fn write_members(path: &Path, members: &[(String, u16)]) {
    let entries: Vec<_> = members
        .iter()
        .map(|(name, port)| serde_json::json!({ "name": name, "addr": format!("127.0.0.1:{port}") }))
        .collect();
    let text = serde_json::to_string_pretty(&entries).expect("JSON of strings");
    let new = path.with_extension("new");
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path)).expect("a file below target");
}
