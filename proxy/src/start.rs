//! From the options to a running proxy, and to its end.

use std::net::IpAddr;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ringtail_cluster::{Servers, Topology, WatchOptions, Watcher};
use ringtail_net::config::shown;
use ringtail_net::listener::is_loopback;
use ringtail_net::outbox::OutputLimits;
use ringtail_net::shutdown::Hangups;
use ringtail_net::{
    Exposure, Listener, Problem, Secret, Shutdown, TlsClient, TlsServer, Workers, exit, read_secret, workers,
};
use ringtail_protocol::acl::{Access, Users};

use crate::access::users_of;
use crate::options::{DEFAULT_ADDR, DEFAULT_SERVERS, Options};
use crate::settings::{
    DEFAULT_CONNS, DEFAULT_DEDICATED, DEFAULT_HANDSHAKES, DEFAULT_TIMEOUT, Live, Settings,
};
use crate::shared::Shared;
use crate::worker;

/// The program's name in its messages.
pub const PROGRAM: &str = "ringtail-proxy";

/// What the options name, read and checked.
struct Checked {
    tls: Option<TlsServer>,
    users: Users,
    server_tls: Option<TlsClient>,
    server_password: Option<Secret>,
    exposure: Exposure,
    timeout: Duration,
    threads: usize,
    output_limits: (u64, u64, u64),
}

/// Runs the proxy that `options` describe until a signal ends it.
pub fn run(options: &Options, check_only: bool) -> ExitCode {
    let fail = |problem| exit::fail(PROGRAM, exit::USAGE, &problem);
    let checked = match check(options) {
        Ok(_) if check_only => return exit::checked(PROGRAM),
        Ok(checked) => checked,
        Err(problem) => return fail(problem),
    };
    let listener = match Listener::bind(options.addr.as_deref().unwrap_or(DEFAULT_ADDR), checked.exposure) {
        Ok(listener) => listener,
        Err(problem) => return fail(problem),
    };
    let watcher = match Watcher::start(servers_file(options), WatchOptions::default()) {
        Ok(watcher) => watcher,
        Err(refusal) => return fail(refused(&refusal)),
    };
    match serve(options, checked, listener, watcher) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(exit::RUNTIME),
        Err(error) => {
            let hint = "see the system's limits on threads and files";
            exit::fail(PROGRAM, exit::RUNTIME, &Problem::new(format!("cannot run ({error})"), hint))
        }
    }
}

fn servers_file(options: &Options) -> &Path {
    options.servers.as_deref().unwrap_or(Path::new(DEFAULT_SERVERS))
}

fn refused(refusal: &ringtail_cluster::Refusal) -> Problem {
    Problem::new(
        refusal.to_string(),
        "give --servers FILE with a JSON array of members such as [{\"addr\":\"127.0.0.1:3000\"}]",
    )
}

fn check(options: &Options) -> Result<Checked, Problem> {
    let tls = listener_tls(options)?;
    let server_tls = server_tls(options)?;
    let password = options.requirepass_file.as_deref().map(read_secret).transpose()?;
    let users = users_of(options, password.as_ref())?;
    let server_password = options.server_password_file.as_deref().map(read_secret).transpose()?;
    let exposure = Exposure {
        encrypted: tls.is_some(),
        authenticated: !users.default_user().is_open() || options.client_ca.is_some(),
        insecure: options.insecure.unwrap_or(false),
    };
    let timeout = options.timeout.map_or(DEFAULT_TIMEOUT, |time| time.0);
    if timeout.is_zero() {
        return Err(Problem::new("--timeout 0 leaves the servers no time", "give at least 1ms"));
    }
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = options.threads.map_or_else(cores, usize::from);
    check_members(options, server_tls.is_some() || exposure.insecure)?;
    let output_limits = output_limits(options)?;
    Ok(Checked { tls, users, server_tls, server_password, exposure, timeout, threads, output_limits })
}

fn output_limits(options: &Options) -> Result<(u64, u64, u64), Problem> {
    let limits = OutputLimits::default();
    if let Some(text) = &options.client_output_buffer_limit {
        let hint = "say it as Redis does: --client-output-buffer-limit 'pubsub 32mb 8mb 60'";
        let problem = |why| Problem::new(format!("--client-output-buffer-limit '{text}': {why}"), hint);
        limits.change(text).map_err(problem)?;
    }
    Ok(limits.get())
}

fn listener_tls(options: &Options) -> Result<Option<TlsServer>, Problem> {
    match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => TlsServer::new(cert, key, options.client_ca.as_deref()).map(Some),
        (None, None) if options.client_ca.is_some() => {
            Err(Problem::new("--client-ca needs TLS", "give --cert and --key too"))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(Problem::new("--cert without --key", "give both, or neither for plaintext")),
        (None, Some(_)) => Err(Problem::new("--key without --cert", "give both, or neither for plaintext")),
    }
}

fn server_tls(options: &Options) -> Result<Option<TlsClient>, Problem> {
    let identity = match (&options.server_cert, &options.server_key) {
        (Some(cert), Some(key)) => Some((cert.as_path(), key.as_path())),
        (None, None) => None,
        (Some(_), None) => {
            return Err(Problem::new("--server-cert without --server-key", "give both or neither"));
        }
        (None, Some(_)) => {
            return Err(Problem::new("--server-key without --server-cert", "give both or neither"));
        }
    };
    match (&options.server_ca, identity) {
        (Some(ca), identity) => TlsClient::new(Some(ca), identity).map(Some),
        (None, Some(_)) => {
            Err(Problem::new("--server-cert needs TLS to the servers", "give --server-ca too"))
        }
        (None, None) => Ok(None),
    }
}

/// Members at addresses of other machines, if what goes there would be in plaintext. (Members called by name are
/// judged when they are connected to.)
fn check_members(options: &Options, protected: bool) -> Result<(), Problem> {
    let servers = Servers::read(servers_file(options)).map_err(|refusal| refused(&refusal))?;
    let topology = Topology::new(servers, 0);
    let beyond = topology.members().iter().map(|member| member.addr.to_string()).find(|addr| is_beyond(addr));
    match beyond {
        Some(addr) if !protected => Err(Problem::new(
            format!("{}: the server {addr} would be spoken to in plaintext", servers_file(options).display()),
            "give --server-ca, or --insecure if the network is trusted",
        )),
        _ => Ok(()),
    }
}

/// Whether `addr` (`host:port`) is an IP address of another machine.
fn is_beyond(addr: &str) -> bool {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse::<IpAddr>().is_ok_and(|ip| !is_loopback(ip))
}

fn serve(options: &Options, checked: Checked, listener: Listener, watcher: Watcher) -> std::io::Result<bool> {
    let Checked { tls, users, server_tls, server_password, exposure, timeout, threads, output_limits } =
        checked;
    let settings = Settings {
        addr: listener.local_addr(),
        timeout,
        conns: usize::from(options.conns.unwrap_or(DEFAULT_CONNS)),
        dedicated: options.dedicated.unwrap_or(DEFAULT_DEDICATED) as usize,
        threads,
        tls: tls.is_some(),
        output_limits,
        live: Live::new(options),
        flags: shown(options),
        handshakes: usize::from(options.handshakes.unwrap_or(DEFAULT_HANDSHAKES)),
        server_tls,
        server_password,
        insecure: exposure.insecure,
    };
    let access = Access::new(users, options.acl_file.clone());
    let shared = Shared::new(settings, access, watcher.topologies().clone(), Some(watcher));
    shared.rates.set(options.rate.clone().unwrap_or_default());
    let shutdown = Shutdown::new();
    let (worker_shared, worker_tls) = (Arc::clone(&shared), tls.clone());
    let body = move |context| worker::work(context, Arc::clone(&worker_shared), worker_tls.clone());
    let workers = Workers::spawn("worker", threads, &shutdown, body)?;
    workers::runtime()?.block_on(async {
        tokio::task::spawn_local(shutdown.clone().on_signals());
        tokio::task::spawn_local(reload_on_hangup(Arc::clone(&shared))?);
        let (addr, tls) = (listener.local_addr(), if tls.is_some() { "TLS" } else { "plaintext" });
        let members = shared.topologies.current().members().len();
        tracing::info!(%addr, threads, members, "ready, {tls}");
        listener.deal(&workers, &shutdown).await
    })?;
    let well = workers.join();
    tracing::info!("stopped");
    Ok(well)
}

fn reload_on_hangup(shared: Arc<Shared>) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangups = Hangups::new()?;
    Ok(async move {
        loop {
            hangups.next().await;
            shared.reload();
        }
    })
}
