//! From the options to a running server, and to its end.

use crate::access;
use crate::checks;
use crate::command::config::settings;
use crate::durable;
use crate::log::keeper::Policy as LogPolicy;
use crate::log::service::DEFAULT_BACKLOG;
use crate::log::waiting::Ack;
use crate::options::{DEFAULT_ADDR, Options};
use crate::replication::follow;
use crate::replication::steward::{Book, Told};
use crate::server::Server;
use crate::settings::DEFAULT_MAX_CLIENTS;
use crate::store::memory::Policy;
use crate::worker;
use ringtail_admin::{Admin, Listening, Observed};
use ringtail_cluster::{Address, Colocation};
use ringtail_net::{
    Entry, Exposure, Files, Life, Listener, Password, Problem, Reloads, Shutdown, TlsClient, TlsServer,
    WatchOptions, Workers, exit,
};
use ringtail_protocol::acl::Users;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::oneshot;

/// The program's name in its messages.
pub const PROGRAM: &str = "ringtail-server";

/// What the options name, read and checked.
struct Checked {
    entry: Entry,
    password: Option<Password>,
    users: Users,
    exposure: Exposure,
    threads: usize,
    colocation: Colocation,
    primary: follow::Access,
}

/// Runs the server that `options`, from `file` and elsewhere, describe until a signal or SHUTDOWN ends it.
pub fn run(options: &Options, file: Option<PathBuf>, check_only: bool) -> ExitCode {
    let checked = match check(options) {
        Ok(_) if check_only => return exit::checked(PROGRAM),
        Ok(checked) => checked,
        Err(problem) => return exit::fail(PROGRAM, exit::USAGE, &problem),
    };
    let addr = options.addr.as_deref().unwrap_or(DEFAULT_ADDR);
    let listener = match Listener::at(&options.life().place(addr), checked.exposure) {
        Ok(listener) => listener,
        Err(problem) => return exit::fail(PROGRAM, exit::USAGE, &problem),
    };
    let (tls, insecure) = (checked.entry.tls.as_ref(), checked.exposure.insecure);
    let admin = Admin::from_flags(&options.life(), tls, options.client_ca.is_some(), insecure);
    let admin = match admin.map(Admin::bind).transpose() {
        Ok(admin) => admin,
        Err(problem) => return exit::fail(PROGRAM, exit::USAGE, &problem),
    };
    match serve(options, file, checked, listener, admin) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::from(exit::RUNTIME),
        // It never came to serving anybody.
        Ok(Err(problem)) => exit::fail(PROGRAM, exit::USAGE, &problem),
        Err(error) => {
            let problem =
                Problem::new(format!("cannot run ({error})"), "see the system's limits on threads and files");
            exit::fail(PROGRAM, exit::RUNTIME, &problem)
        }
    }
}

fn check(options: &Options) -> Result<Checked, Problem> {
    let (cert, key) = (options.cert.as_deref(), options.key.as_deref());
    let tls =
        TlsServer::from_flags(cert, key, options.client_ca.as_deref(), options.tls_ticket_keys.as_deref())?;
    let password = options.requirepass_file.as_deref().map(Password::read).transpose()?;
    let secret = password.as_ref().map(Password::current);
    let users = access::users_of(options.acl_file.as_deref(), options.users.as_deref(), secret.as_deref())?;
    let exposure = Exposure {
        encrypted: tls.is_some(),
        authenticated: !users.default_user().is_open() || options.client_ca.is_some(),
        insecure: options.insecure.unwrap_or(false),
    };
    check_parameters(options)?;
    checks::check(options)?;
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = options.threads.map_or_else(cores, usize::from);
    let colocation = Colocation::of(options.colocate.iter().flatten()).map_err(|why| {
        Problem::new(
            format!("--colocate: {why}"),
            "write the text that the keys begin with, and then *, as in 'bull:*'",
        )
    })?;
    let entry = options.life().entry(tls)?;
    let primary = primary(options)?;
    Ok(Checked { entry, password, users, exposure, threads, colocation, primary })
}

/// How a primary is spoken to.
fn primary(options: &Options) -> Result<follow::Access, Problem> {
    let identity = options.primary_cert.as_deref().zip(options.primary_key.as_deref());
    let encrypted = options.primary_ca.is_some() || identity.is_some();
    let tls = encrypted.then(|| TlsClient::new(options.primary_ca.as_deref(), identity)).transpose()?;
    let password = options.primary_password_file.as_deref().map(Password::read).transpose()?;
    Ok(follow::Access { tls, user: options.primary_user.clone(), password })
}

fn serve(
    options: &Options,
    file: Option<PathBuf>,
    checked: Checked,
    listener: Listener,
    admin: Option<Listening>,
) -> std::io::Result<Result<bool, Problem>> {
    checked.colocation.put_in_force();
    ringtail_allocator::begin_giving_back();
    let shutdown = Shutdown::new();
    let server = Server::new(listener.local_addr(), checked.threads, shutdown.clone());
    if let Some(file) = file {
        // A relative path means the directory of now.
        server.set_config_file(std::path::absolute(&file).unwrap_or(file));
    }
    let Checked { entry, password, users, threads, primary, .. } = checked;
    server.set_primary_access(primary);
    apply(options, &server, users);
    let book = match book(options, &server) {
        Ok(book) => book,
        Err(problem) => return Ok(Err(problem)),
    };
    let (done, loaded) = oneshot::channel();
    let durable = match durable::begin(&server, options.durability(), book, done) {
        Ok(durable) => durable,
        Err(problem) => return Ok(Err(problem)),
    };
    say_acknowledgements(options, &server);
    // While it loads: who asks is told how far that has come. Not sooner, when nobody could tell it from a server that has nothing to load.
    if let Some(admin) = admin {
        admin.serve(PROGRAM, Arc::clone(&server) as Arc<dyn Observed>, shutdown.clone())?;
    }
    let reloader = reloads(&server, entry.tls.as_ref(), password.as_ref()).start(WatchOptions::default())?;
    let drain = server.life().drain_timeout;
    let (addr, tls) = (listener.local_addr(), if entry.tls.is_some() { "TLS" } else { "plaintext" });
    let body = move |context| worker::work(context, Arc::clone(&server), entry.clone());
    let workers = Workers::spawn("worker", threads, &shutdown, body)?;
    let on_ready = Box::new(move || tracing::info!(%addr, threads, "ready, {tls}"));
    let status = format!("ready, {tls} on {addr}");
    // All that there is to read again is the reloader's.
    let on_hangup = Box::new(|| ());
    // Until all is loaded it listens, and says LOADING.
    let until_ready = Some(loaded);
    let life = Life {
        listener,
        side: None,
        workers,
        shutdown,
        reloader,
        on_hangup,
        drain,
        until_ready,
        on_ready,
        status,
    };
    let well = life.run()?;
    let well = durable.stop() && well;
    tracing::info!("stopped");
    Ok(Ok(well))
}

/// Who is refused for want of replicas is to find why in the log.
fn say_acknowledgements(options: &Options, server: &Server) {
    let ack = options.ack.unwrap_or_default();
    if ack != Ack::Local {
        let (ack, copies) = (ack.name(), server.log.copies());
        let replicas = copies.saturating_sub(1);
        tracing::info!(
            ack,
            copies,
            "clients are acknowledged, and answered, once {replicas} replicas follow"
        );
    }
}

/// servers.json, and this server's place in it.
fn book(options: &Options, server: &Server) -> Result<Option<Book>, Problem> {
    let own = options.announce.as_ref().map(|text| announced(text)).transpose()?;
    if let Some(own) = &own {
        server.announce(own.to_string());
    }
    let Some(file) = options.servers.clone() else { return Ok(None) };
    let own = match own {
        Some(own) => own,
        None if server.address.ip().is_unspecified() => {
            return Err(Problem::new(
                "--servers: this server listens on all addresses, so it can't find itself in the file",
                "give --announce HOST:PORT, as the file has it",
            ));
        }
        None => announced(&server.address.to_string())?,
    };
    server.announce(own.to_string());
    Book::open(Told { file, own, ack: options.ack.unwrap_or_default() }).map(Some)
}

fn announced(text: &str) -> Result<Address, Problem> {
    Address::parse(text).map_err(|why| {
        Problem::new(format!("--announce: {text} {why}"), "write the address as servers.json has it")
    })
}

/// What is read again when its files change.
fn reloads(server: &Arc<Server>, tls: Option<&TlsServer>, password: Option<&Password>) -> Reloads {
    let mut reloads = Reloads::new(Arc::clone(&server.reloads));
    if let Some(tls) = tls {
        tls.watch(&mut reloads);
    }
    if let Some(password) = password {
        let server = Arc::clone(server);
        password.watch("password", &mut reloads, move |secret| {
            server.access.change(|users| users.set_default_password(Some(secret.expose())));
        });
    }
    let primary = server.primary_access();
    if let Some(tls) = &primary.tls {
        tls.watch("certificates for the primary", &mut reloads);
    }
    if let Some(password) = &primary.password {
        password.watch("password of the primary", &mut reloads, |_| ());
    }
    if let Some(path) = server.access.file().cloned() {
        let server = Arc::clone(server);
        reloads.add("ACL file", Files::now([&*path]), move || access::reload(&server, &path));
    }
    reloads
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
    let durability = options.durability();
    if durability.policy != LogPolicy::Off {
        server.log.set_policy(durability.policy);
    }
    server.compaction.growth.store(options.log_growth.map_or(100, u64::from), Relaxed);
    settings::note_defaults(server);
    for entry in options.set.iter().flatten() {
        // They have been tried.
        let _ = settings::set_at_start(server, entry);
    }
    let (memory, own) = (&server.store.memory, &server.settings);
    memory.set_limit(options.maxmemory.map_or(0, |size| size.0));
    own.members.store(options.copies.map_or(3, usize::from), Relaxed);
    let ack = options.ack.unwrap_or_default();
    let _ = own.ack.set(ack);
    server.log.set_copies(ack.copies(own.members.load(Relaxed)));
    server.log.set_backlog(options.repl_backlog.map_or(DEFAULT_BACKLOG, |size| size.0 as usize));
    memory.set_policy(options.maxmemory_policy.unwrap_or(Policy::AllKeysLru));
    own.default_ttl.store(options.default_ttl.map_or(0, |time| time.0.as_millis() as u64), Relaxed);
    own.max_clients.store(options.maxclients.map_or(DEFAULT_MAX_CLIENTS, |n| n as usize), Relaxed);
    server.access.begin(users, options.acl_file.clone());
    server.set_life(options.life());
}
