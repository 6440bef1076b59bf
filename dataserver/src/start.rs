//! From the options to a running server, and to its end.

use crate::access;
use crate::command::config::settings;
use crate::options::{DEFAULT_ADDR, Options};
use crate::server::Server;
use crate::settings::DEFAULT_MAX_CLIENTS;
use crate::store::memory::Policy;
use crate::worker;
use ringtail_net::shutdown::Hangups;
use ringtail_net::{Exposure, Listener, Problem, Shutdown, TlsServer, Workers, exit, read_secret, workers};
use ringtail_protocol::acl::Users;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The program's name in its messages.
pub const PROGRAM: &str = "ringtail-server";

/// What the options name, read and checked.
struct Checked {
    tls: Option<TlsServer>,
    users: Users,
    exposure: Exposure,
    threads: usize,
}

/// Runs the server that `options`, from `file` and elsewhere, describe until a signal or SHUTDOWN ends it.
pub fn run(options: &Options, file: Option<PathBuf>, check_only: bool) -> ExitCode {
    let checked = match check(options) {
        Ok(_) if check_only => return exit::checked(PROGRAM),
        Ok(checked) => checked,
        Err(problem) => return exit::fail(PROGRAM, exit::USAGE, &problem),
    };
    let listener = match Listener::bind(options.addr.as_deref().unwrap_or(DEFAULT_ADDR), checked.exposure) {
        Ok(listener) => listener,
        Err(problem) => return exit::fail(PROGRAM, exit::USAGE, &problem),
    };
    match serve(options, file, checked, listener) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(exit::RUNTIME),
        Err(error) => {
            let problem =
                Problem::new(format!("cannot run ({error})"), "see the system's limits on threads and files");
            exit::fail(PROGRAM, exit::RUNTIME, &problem)
        }
    }
}

fn check(options: &Options) -> Result<Checked, Problem> {
    let tls = match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => Some(TlsServer::new(cert, key, options.client_ca.as_deref())?),
        (None, None) if options.client_ca.is_some() => {
            return Err(Problem::new("--client-ca needs TLS", "give --cert and --key too"));
        }
        (None, None) => None,
        (Some(_), None) => {
            return Err(Problem::new("--cert without --key", "give both, or neither for plaintext"));
        }
        (None, Some(_)) => {
            return Err(Problem::new("--key without --cert", "give both, or neither for plaintext"));
        }
    };
    let password = options.requirepass_file.as_deref().map(read_secret).transpose()?;
    let users = access::users_of(options.acl_file.as_deref(), options.users.as_deref(), password.as_ref())?;
    let exposure = Exposure {
        encrypted: tls.is_some(),
        authenticated: !users.default_user().is_open() || options.client_ca.is_some(),
        insecure: options.insecure.unwrap_or(false),
    };
    check_parameters(options)?;
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = options.threads.map_or_else(cores, usize::from);
    Ok(Checked { tls, users, exposure, threads })
}

fn serve(
    options: &Options,
    file: Option<PathBuf>,
    checked: Checked,
    listener: Listener,
) -> std::io::Result<bool> {
    let shutdown = Shutdown::new();
    let server = Server::new(listener.local_addr(), checked.threads, shutdown.clone());
    if let Some(file) = file {
        // A relative path means the directory of now.
        server.set_config_file(std::path::absolute(&file).unwrap_or(file));
    }
    apply(options, &server, checked.users);
    let (tls, shared) = (checked.tls.clone(), Arc::clone(&server));
    let body = move |context| worker::work(context, Arc::clone(&shared), tls.clone());
    let workers = Workers::spawn("worker", checked.threads, &shutdown, body)?;
    let runtime = workers::runtime()?;
    runtime.block_on(async {
        tokio::task::spawn_local(shutdown.clone().on_signals());
        tokio::task::spawn_local(ignore_hangups()?);
        let (addr, tls) = (listener.local_addr(), if checked.tls.is_some() { "TLS" } else { "plaintext" });
        tracing::info!(%addr, threads = checked.threads, "ready, {tls}");
        listener.deal(&workers, &shutdown).await
    })?;
    let well = workers.join();
    tracing::info!("stopped");
    Ok(well)
}

/// Tries the parameters of `--set` on a server that is thrown away.
fn check_parameters(options: &Options) -> Result<(), Problem> {
    let Some(list) = options.set.as_deref().filter(|list| !list.is_empty()) else { return Ok(()) };
    let server = Server::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1, Shutdown::new());
    list.iter().try_for_each(|entry| settings::set_at_start(&server, entry)).map_err(|why| {
        Problem::new(format!("--set: {why}"), "write NAME=VALUE; CONFIG GET * lists the names")
    })
}

fn apply(options: &Options, server: &Server, users: Users) {
    settings::note_defaults(server);
    for entry in options.set.iter().flatten() {
        // They have been tried.
        let _ = settings::set_at_start(server, entry);
    }
    let (memory, own) = (&server.store.memory, &server.settings);
    memory.set_limit(options.maxmemory.map_or(0, |size| size.0));
    memory.set_policy(options.maxmemory_policy.unwrap_or(Policy::AllKeysLru));
    own.default_ttl.store(options.default_ttl.map_or(0, |time| time.0.as_millis() as u64), Relaxed);
    own.max_clients.store(options.maxclients.map_or(DEFAULT_MAX_CLIENTS, |n| n as usize), Relaxed);
    server.access.begin(users, options.acl_file.clone());
}

/// SIGHUP means "read the files again" to the proxy; a data server that shares its unit must not die of it.
fn ignore_hangups() -> std::io::Result<impl Future<Output = ()>> {
    let mut hangups = Hangups::new()?;
    Ok(async move {
        loop {
            hangups.next().await;
            tracing::info!("SIGHUP: nothing to read again");
        }
    })
}
