//! From the options to a running proxy, and to its end.

use std::net::IpAddr;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ringtail_admin::{Admin, Listening, Observed};
use ringtail_cluster::{Colocation, Servers, Topology, WatchOptions, Watcher};
use ringtail_net::config::shown;
use ringtail_net::listener::is_loopback;
use ringtail_net::outbox::OutputLimits;
use ringtail_net::{
    Entry, Exposure, Files, Life, Listener, Password, Problem, Reloads, Shutdown, TlsClient, TlsServer,
    Workers, exit,
};
use ringtail_protocol::acl::{Access, Users};

use crate::access::{self, users_of};
use crate::http;
use crate::options::{DEFAULT_ADDR, DEFAULT_SERVERS, Options};
use crate::otel;
use crate::see::Wishes;
use crate::settings::{
    DEFAULT_CONNS, DEFAULT_DEDICATED, DEFAULT_HANDSHAKES, DEFAULT_LARGE, DEFAULT_TIMEOUT, LEAST_LARGE, Live,
    Settings,
};
use crate::shared::Shared;
use crate::worker;

/// The program's name in its messages.
pub const PROGRAM: &str = "ringtail-proxy";

/// What the options name, read and checked.
struct Checked {
    entry: Entry,
    password: Option<Password>,
    users: Users,
    server_tls: Option<TlsClient>,
    server_password: Option<Password>,
    exposure: Exposure,
    timeout: Duration,
    large: usize,
    threads: usize,
    output_limits: (u64, u64, u64),
    colocation: Colocation,
    traces: otel::Wishes,
}

/// Runs the proxy that `options` describe until a signal ends it.
pub fn run(options: &Options, check_only: bool) -> ExitCode {
    let fail = |problem| exit::fail(PROGRAM, exit::USAGE, &problem);
    let checked = match check(options) {
        Ok(_) if check_only => return exit::checked(PROGRAM),
        Ok(checked) => checked,
        Err(problem) => return fail(problem),
    };
    ringtail_allocator::begin_giving_back();
    let addr = options.addr.as_deref().unwrap_or(DEFAULT_ADDR);
    let listener = match Listener::at(&options.life().place(addr), checked.exposure) {
        Ok(listener) => listener,
        Err(problem) => return fail(problem),
    };
    let (tls, insecure) = (checked.entry.tls.as_ref(), checked.exposure.insecure);
    let admin = Admin::from_flags(&options.life(), tls, options.client_ca.is_some(), insecure);
    let admin = match admin.map(Admin::bind).transpose() {
        Ok(admin) => admin,
        Err(problem) => return fail(problem),
    };
    let http = options.http.as_deref().map(|addr| {
        let reuse_port = options.reuse_port.unwrap_or(false);
        Listener::beside("--http", addr, reuse_port, checked.exposure)
    });
    let http = match http.transpose() {
        Ok(http) => http,
        Err(problem) => return fail(problem),
    };
    let watcher = match Watcher::start(servers_file(options), WatchOptions::default()) {
        Ok(watcher) => watcher,
        Err(refusal) => return fail(refused(&refusal)),
    };
    match serve(options, checked, Sockets { listener, http, admin }, watcher) {
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
    let (cert, key) = (options.cert.as_deref(), options.key.as_deref());
    let tls =
        TlsServer::from_flags(cert, key, options.client_ca.as_deref(), options.tls_ticket_keys.as_deref())?;
    let server_tls = server_tls(options)?;
    let password = options.requirepass_file.as_deref().map(Password::read).transpose()?;
    let users = users_of(options, password.as_ref().map(Password::current).as_deref())?;
    let server_password = options.server_password_file.as_deref().map(Password::read).transpose()?;
    let exposure = Exposure {
        encrypted: tls.is_some(),
        authenticated: !users.default_user().is_open() || options.client_ca.is_some(),
        insecure: options.insecure.unwrap_or(false),
    };
    let timeout = options.timeout.map_or(DEFAULT_TIMEOUT, |time| time.0);
    if timeout.is_zero() {
        return Err(Problem::new("--timeout 0 leaves the servers no time", "give at least 1ms"));
    }
    let large = options.large.map_or(DEFAULT_LARGE, |size| size.0);
    if large < LEAST_LARGE {
        return Err(Problem::new("--large is too small", "give at least 64kb"));
    }
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = options.threads.map_or_else(cores, usize::from);
    let colocation = colocation(options)?;
    check_members(options, server_tls.is_some() || exposure.insecure)?;
    let output_limits = output_limits(options)?;
    let traces = otel::Wishes::of(options)?;
    let entry = options.life().entry(tls)?;
    Ok(Checked {
        entry,
        password,
        users,
        server_tls,
        server_password,
        exposure,
        timeout,
        large: usize::try_from(large).unwrap_or(usize::MAX),
        threads,
        output_limits,
        colocation,
        traces,
    })
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

fn colocation(options: &Options) -> Result<Colocation, Problem> {
    Colocation::of(options.colocate.iter().flatten()).map_err(|why| {
        Problem::new(
            format!("--colocate: {why}"),
            "write the text that the keys begin with, and then *, as in 'bull:*'",
        )
    })
}

/// Where it listens.
struct Sockets {
    listener: Listener,
    http: Option<Listener>,
    admin: Option<Listening>,
}

fn serve(options: &Options, checked: Checked, sockets: Sockets, watcher: Watcher) -> std::io::Result<bool> {
    let Sockets { listener, http: side, admin } = sockets;
    let Checked {
        entry,
        password,
        users,
        server_tls,
        server_password,
        exposure,
        timeout,
        large,
        threads,
        output_limits,
        colocation,
        traces,
    } = checked;
    colocation.put_in_force();
    let shutdown = Shutdown::new();
    let traces = traces.start(&shutdown, options.life().drain_timeout)?;
    let settings = Settings {
        addr: listener.local_addr(),
        timeout,
        large,
        read_from: options.read_from.unwrap_or_default(),
        retry_reads: options.retry_reads.unwrap_or(0),
        conns: usize::from(options.conns.unwrap_or(DEFAULT_CONNS)),
        dedicated: options.dedicated.unwrap_or(DEFAULT_DEDICATED) as usize,
        threads,
        tls: entry.tls.is_some(),
        output_limits,
        live: Live::new(options),
        flags: shown(options),
        pass_through: options.acl_pass_through.unwrap_or(false),
        handshakes: usize::from(options.handshakes.unwrap_or(DEFAULT_HANDSHAKES)),
        server_tls,
        server_password,
        see: Wishes {
            on: options.stats.unwrap_or(true),
            slower_than: options.slowlog_log_slower_than,
            max_len: options.slowlog_max_len,
            monitor_from: options.latency_monitor_threshold,
        },
        traces: traces.sink(),
        insecure: exposure.insecure,
        life: options.life(),
    };
    let access = Access::new(users, options.acl_file.clone());
    let shared = Shared::new(settings, access, watcher.topologies().clone(), Some(watcher));
    shared.rates.set(options.rate.clone().unwrap_or_default());
    let reloader = reloads(&shared, entry.tls.as_ref(), password.as_ref()).start(WatchOptions::default())?;
    if let Some(admin) = admin {
        admin.serve(PROGRAM, Arc::clone(&shared) as Arc<dyn Observed>, shutdown.clone())?;
    }
    let (addr, tls) = (listener.local_addr(), if entry.tls.is_some() { "TLS" } else { "plaintext" });
    let worker_shared = Arc::clone(&shared);
    let door = side.is_some().then(|| http::door(&shared, options));
    let body = move |context| worker::work(context, Arc::clone(&worker_shared), entry.clone(), door.clone());
    let workers = Workers::spawn("worker", threads, &shutdown, body)?;
    let members = shared.topologies.current().members().len();
    let http_addr = side.as_ref().map(Listener::local_addr);
    let on_ready = Box::new(move || {
        tracing::info!(%addr, threads, members, "ready, {tls}");
        if let Some(http) = http_addr {
            tracing::info!(%http, "ready for HTTP, {tls}");
        }
    });
    let drain = shared.settings.life.drain_timeout;
    let on_hangup = Box::new(move || shared.reload());
    let status = format!("ready, {tls} on {addr}");
    let until_ready = None;
    let life =
        Life { listener, side, workers, shutdown, reloader, on_hangup, drain, until_ready, on_ready, status };
    let well = life.run()?;
    traces.finish();
    tracing::info!("stopped");
    Ok(well)
}

/// What is read again when its files change.
fn reloads(shared: &Arc<Shared>, tls: Option<&TlsServer>, password: Option<&Password>) -> Reloads {
    let mut reloads = Reloads::new(Arc::clone(&shared.reloads));
    let settings = &shared.settings;
    if let Some(tls) = tls {
        tls.watch(&mut reloads);
    }
    if let Some(tls) = &settings.server_tls {
        tls.watch("certificates for the servers", &mut reloads);
    }
    if let Some(password) = password {
        let shared = Arc::clone(shared);
        password.watch("password", &mut reloads, move |secret| {
            shared.access.change(|users| users.set_default_password(Some(secret.expose())));
        });
    }
    if let Some(password) = &settings.server_password {
        password.watch("password of the servers", &mut reloads, |_| ());
    }
    if let Some(path) = shared.access.file().cloned() {
        let shared = Arc::clone(shared);
        reloads.add("ACL file", Files::now([&*path]), move || access::reload(&shared, &path));
    }
    reloads
}
