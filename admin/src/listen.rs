//! The listener: a thread with a runtime of its own, so that neither scrapes nor those who only hold connections take a worker's time.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use ringtail_net::listener::is_loopback;
use ringtail_net::{Accepted, LifeFlags, Problem, RateLimited, Shutdown, Stream, TlsServer, workers};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::http::{self, Answer, Request};
use crate::metrics::{Format, Metrics};
use crate::process::Process;
use crate::{Observed, limits};

#[cfg(test)]
mod tests;

/// How the listener is asked for: `--admin`, and what the program's other flags say about it.
#[derive(Clone, Debug, Default)]
pub struct Admin {
    /// `host:port`; port 0 takes a free one.
    pub addr: String,
    /// The program's certificate: beyond loopback the listener speaks TLS with it.
    pub tls: Option<TlsServer>,
    /// Clients show a certificate.
    pub authenticated: bool,
    /// `--insecure`
    pub insecure: bool,
    /// `--reuse-port`: a process that takes over listens there too, as long as both live.
    pub reuse_port: bool,
}

/// A bound listener that does not answer yet.
#[derive(Debug)]
pub struct Listening {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsServer>,
}

impl Admin {
    /// What the flags say; `None` without `--admin`.
    pub fn from_flags(
        life: &LifeFlags,
        tls: Option<&TlsServer>,
        authenticated: bool,
        insecure: bool,
    ) -> Option<Self> {
        let addr = life.admin.clone()?;
        Some(Self { addr, tls: tls.cloned(), authenticated, insecure, reuse_port: life.reuse_port })
    }

    /// Binds it.
    ///
    /// # Errors
    /// The address can't be bound, or would tell everybody on the network; and what to do then.
    pub fn bind(self) -> Result<Listening, Problem> {
        let address = resolve(&self.addr)?;
        self.check(address)?;
        let failed = |error: io::Error| {
            Problem::new(format!("cannot listen on --admin {address} ({error})"), "choose another --admin")
        };
        let socket = listen(address, self.reuse_port).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let tls = self.tls.filter(|_| !is_loopback(address.ip()));
        Ok(Listening { socket, address, tls })
    }

    fn check(&self, address: SocketAddr) -> Result<(), Problem> {
        if self.insecure || is_loopback(address.ip()) || (self.tls.is_some() && self.authenticated) {
            return Ok(());
        }
        Err(Problem::new(
            format!("--admin {address} would tell other machines about this one without asking who they are"),
            "give --cert, --key and --client-ca, or --insecure if the network is trusted",
        ))
    }
}

fn resolve(addr: &str) -> Result<SocketAddr, Problem> {
    let bad = |why: &dyn std::fmt::Display| {
        Problem::new(format!("'{addr}' is no address to listen on ({why})"), "give --admin HOST:PORT")
    };
    let mut addresses = addr.to_socket_addrs().map_err(|error| bad(&error))?;
    addresses.next().ok_or_else(|| bad(&"the name has no address"))
}

fn listen(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::CONNECTIONS as i32)?;
    Ok(socket.into())
}

impl Listening {
    /// The bound address, with the port that was chosen for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers about `observed` from a thread of its own, for as long as the process lives: also while it drains, so that others see that
    /// it does.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn serve(
        self,
        program: &'static str,
        observed: Arc<dyn Observed>,
        shutdown: Shutdown,
    ) -> io::Result<()> {
        let desk = Arc::new(Desk { observed, shutdown, process: Process::starting(program) });
        let (address, tls) = (self.address, if self.tls.is_some() { "TLS" } else { "plaintext" });
        std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            let ended = workers::runtime().and_then(|runtime| runtime.block_on(self.accept(desk)));
            if let Err(error) = ended {
                tracing::error!(%error, "metrics and health are not answered");
            }
        })?;
        tracing::info!(%address, "metrics and health are answered, {tls}");
        Ok(())
    }

    async fn accept(self, desk: Arc<Desk>) -> io::Result<()> {
        static FAILURES: RateLimited = RateLimited::new();
        let listener = tokio::net::TcpListener::from_std(self.socket)?;
        let (places, live) = (Arc::new(Semaphore::new(limits::CONNECTIONS)), Arc::new(AtomicUsize::new(0)));
        loop {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            match listener.accept().await.and_then(|(socket, peer)| Ok((socket.into_std()?, peer))) {
                Ok((socket, peer)) => {
                    let accepted = Accepted::new(socket, peer, &live);
                    spawn_local(attend(accepted, self.tls.clone(), Arc::clone(&desk), place));
                }
                Err(error) => {
                    FAILURES.log(|suppressed| tracing::error!(%error, suppressed, "cannot accept scrapes"));
                    sleep(limits::ACCEPT_BACKOFF).await;
                }
            }
        }
    }
}

/// One connection, which has so long and no longer.
async fn attend(accepted: Accepted, tls: Option<TlsServer>, desk: Arc<Desk>, _place: OwnedSemaphorePermit) {
    let peer = accepted.peer;
    match timeout(limits::CONNECTION, desk.attend(accepted, tls.as_ref())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, "a connection to --admin failed: {error}"),
        Err(_) => tracing::debug!(%peer, "a connection to --admin took too long"),
    }
}

/// Who answers.
struct Desk {
    observed: Arc<dyn Observed>,
    shutdown: Shutdown,
    process: Process,
}

impl Desk {
    async fn attend(&self, accepted: Accepted, tls: Option<&TlsServer>) -> io::Result<()> {
        let mut stream = Stream::accept(accepted, tls).await?;
        let Some(request) = http::read(&mut stream).await? else { return Ok(()) };
        let (answer, with_body) = match request {
            Ok(request) => (self.answer(&request), request.method != "HEAD"),
            Err(answer) => (answer, true),
        };
        stream.write_all(&answer.bytes(with_body)).await?;
        stream.shutdown().await;
        Ok(())
    }

    fn answer(&self, request: &Request) -> Answer {
        let known = ["/metrics", "/healthz", "/readyz"].contains(&&*request.path);
        match (&*request.method, &*request.path) {
            ("GET" | "HEAD", "/metrics") => self.metrics(Format::of(request.accept.as_deref())),
            ("GET" | "HEAD", "/healthz") => Answer::text(200, "ok"),
            ("GET" | "HEAD", "/readyz") => self.readiness(),
            _ if known => Answer::text(405, "only GET and HEAD"),
            _ => Answer::text(404, "there are /metrics, /healthz and /readyz"),
        }
    }

    fn metrics(&self, format: Format) -> Answer {
        let mut out = Metrics::new(format);
        self.process.metrics(&mut out);
        self.observed.metrics(&mut out);
        Answer { status: 200, content_type: format.content_type(), body: out.finish() }
    }

    fn readiness(&self) -> Answer {
        if self.shutdown.is_asked() {
            return Answer::text(503, "stopping");
        }
        match self.observed.ready() {
            Ok(()) => Answer::text(200, "ready"),
            Err(why) => Answer::text(503, &why),
        }
    }
}
