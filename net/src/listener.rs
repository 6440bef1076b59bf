//! The listening side: bind once at start, then one loop accepts and deals connections to the workers in turn.
//!
//! One acceptor and not SO_REUSEPORT for each worker: that one balances by a hash of addresses, so the few long-lived
//! connections of a proxy could all meet on one worker.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::inherited;
use crate::limits;
use crate::problem::Problem;
use crate::rate_limited::RateLimited;
use crate::shutdown::Shutdown;
use crate::takeover;
use crate::workers::Workers;

/// How a listener is protected, to judge whether it may be reached from other machines.
#[derive(Debug, Clone, Copy)]
pub struct Exposure {
    /// The listener speaks TLS.
    pub encrypted: bool,
    /// Clients must show a password or a certificate.
    pub authenticated: bool,
    /// The operator said `--insecure`.
    pub insecure: bool,
}

impl Exposure {
    /// Refuses what would open the data to everyone on the network.
    ///
    /// # Errors
    /// `address` is beyond loopback, and the listener is in plaintext or without a password.
    pub fn check(self, address: SocketAddr) -> Result<(), Problem> {
        if self.insecure || is_loopback(address.ip()) || (self.encrypted && self.authenticated) {
            return Ok(());
        }
        let (what, flags) = match (self.encrypted, self.authenticated) {
            (false, false) => ("in plaintext and without a password", "--cert, --key and --requirepass-file"),
            (false, true) => ("in plaintext", "--cert and --key"),
            _ => ("without a password", "--requirepass-file or --client-ca"),
        };
        Err(Problem::new(
            format!("{address} would be open to other machines {what}"),
            format!("give {flags}, or --insecure if the network is trusted"),
        ))
    }
}

/// Whether only this machine can reach the address.
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Where to listen.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// `host:port`; port 0 takes a free one.
    pub addr: &'a str,
    /// A socket that listens already, passed by whoever started this process: instead of `addr`.
    pub fd: Option<i32>,
    /// Others may listen at the same address, and this one takes over from them.
    pub reuse_port: bool,
}

/// A bound socket that does not accept yet. With `reuse_port` it does not even listen: as soon as it did, connections would come that nobody
/// takes if the rest of the start fails.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    reuse_port: bool,
}

impl Listener {
    /// Binds `addr` (`host:port`; port 0 takes a free one).
    ///
    /// # Errors
    /// The address is refused by `exposure`, or cannot be bound, and what to do then.
    pub fn bind(addr: &str, exposure: Exposure) -> Result<Self, Problem> {
        Self::at(&Place { addr, fd: None, reuse_port: false }, exposure)
    }

    /// Binds the place, or takes the socket that was passed: that of `fd`, or systemd's. To be called once, before other files
    /// are opened.
    ///
    /// # Errors
    /// The address is refused by `exposure`, or cannot be bound, or what was passed is no listening socket, and what to do then.
    pub fn at(place: &Place<'_>, exposure: Exposure) -> Result<Self, Problem> {
        let passed = place.fd.map_or_else(inherited::from_systemd, |fd| Ok(Some(fd)))?;
        match passed {
            Some(fd) => Self::of(inherited::take(fd)?, false, exposure),
            None => Self::beside("--addr", place.addr, place.reuse_port, exposure),
        }
    }

    /// Binds the address that `flag` says, whatever was passed: a program's second door.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn beside(flag: &str, addr: &str, reuse_port: bool, exposure: Exposure) -> Result<Self, Problem> {
        let address = resolve(flag, addr)?;
        exposure.check(address)?;
        let socket = listen(address, reuse_port).map_err(|error| explain(flag, address, &error))?;
        Self::of(socket, reuse_port, exposure)
    }

    fn of(socket: TcpListener, reuse_port: bool, exposure: Exposure) -> Result<Self, Problem> {
        let lost =
            |error| Problem::new(format!("the listening socket has no address ({error})"), "choose another");
        let address = socket.local_addr().map_err(lost)?;
        exposure.check(address)?;
        Ok(Self { socket, address, reuse_port })
    }

    /// The bound address, with the port that was chosen for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Begins to listen; on this thread's runtime.
    ///
    /// # Errors
    /// The port can't be listened on after all, or the socket could not be given to the runtime.
    pub fn open(self) -> io::Result<Acceptor> {
        if self.reuse_port {
            SockRef::from(&self.socket).listen(limits::BACKLOG)?;
            if let Err(error) = takeover::take_all(&self.socket) {
                tracing::warn!(%error, "new connections are shared with others on this port: they can't be taken over");
            }
        }
        self.socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpListener::from_std(self.socket)?;
        Ok(Acceptor { socket, reuse_port: self.reuse_port })
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Acceptor {
    socket: tokio::net::TcpListener,
    reuse_port: bool,
}

impl Acceptor {
    /// Accepts until `shutdown` is asked for and deals the connections to `workers` in turn, as such that came by `door`; the socket is then
    /// closed. Failures to accept are logged and waited out; they never end the loop.
    pub async fn deal(self, door: Door, workers: &Workers, shutdown: &Shutdown) {
        let mut dealer = workers.dealer(door);
        tokio::select! {
            () = shutdown.asked() => {}
            () = accept_all(&self.socket, &mut dealer) => {}
        }
        if self.reuse_port && takeover::others(&self.socket).is_ok_and(|others| others > 0) {
            let _ = timeout(limits::HANDOVER_MOST, hand_over(&self.socket, &mut dealer)).await;
        }
    }
}

/// Accepts what was on its way to this socket when another process took the port over.
async fn hand_over(socket: &tokio::net::TcpListener, dealer: &mut Dealer) {
    while let Ok(Ok((socket, peer))) = timeout(limits::HANDOVER_QUIET, accept_one(socket)).await {
        dealer.deal(socket, peer).await;
    }
}

fn resolve(flag: &str, addr: &str) -> Result<SocketAddr, Problem> {
    let bad = |why: &dyn std::fmt::Display| {
        Problem::new(format!("'{addr}' is no address to listen on ({why})"), format!("give {flag} HOST:PORT"))
    };
    let mut addresses = addr.to_socket_addrs().map_err(|error| bad(&error))?;
    addresses.next().ok_or_else(|| bad(&"the name has no address"))
}

fn listen(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.bind(&address.into())?;
    if !reuse_port {
        socket.listen(limits::BACKLOG)?;
    }
    Ok(socket.into())
}

fn explain(flag: &str, address: SocketAddr, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::AddrInUse => Problem::new(
            format!("{address} is in use by another process"),
            format!("choose another {flag} or stop that process (or give --reuse-port to both)"),
        ),
        io::ErrorKind::AddrNotAvailable => Problem::new(
            format!("{} is not an address of this machine", address.ip()),
            format!("choose another {flag} (0.0.0.0 is every IPv4 address)"),
        ),
        io::ErrorKind::PermissionDenied => Problem::new(
            format!("no permission to listen on {address}"),
            "choose a port of 1024 or above, or grant CAP_NET_BIND_SERVICE",
        ),
        _ => {
            let hint = format!("choose another {flag}");
            Problem::new(format!("cannot listen on {address} ({error})"), hint)
        }
    }
}

/// Which of a program's listeners a connection came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The one that every program has.
    Main,
    /// The second one.
    Side,
}

/// A connection on its way from the acceptor to a worker; [`crate::Stream::accept`] takes it over.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, non-blocking.
    pub socket: TcpStream,
    /// The client's address.
    pub peer: SocketAddr,
    /// Where it came in.
    pub door: Door,
    pub(crate) live: Live,
}

impl Accepted {
    /// A connection, non-blocking, that counts as live until its [`crate::Stream`] is dropped: for listeners that deal to no workers.
    pub fn new(socket: TcpStream, peer: SocketAddr, live: &Arc<AtomicUsize>) -> Self {
        Self { socket, peer, door: Door::Main, live: Live::new(live) }
    }

    /// How many connections of the program are alive, this one included.
    pub fn live_connections(&self) -> usize {
        self.live.0.load(Ordering::Relaxed)
    }
}

/// One live connection; dropping it takes it off the count.
#[derive(Debug)]
pub(crate) struct Live(Arc<AtomicUsize>);

impl Live {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The workers' queues and whose turn it is.
#[derive(Debug)]
pub(crate) struct Dealer {
    pub(crate) queues: Vec<mpsc::Sender<Accepted>>,
    pub(crate) turn: usize,
    pub(crate) live: Arc<AtomicUsize>,
    pub(crate) door: Door,
}

impl Dealer {
    /// Gives the connection to the next worker with room; when none has any, waits for the one whose turn it
    /// is, and the kernel's backlog holds the others meanwhile.
    async fn deal(&mut self, socket: TcpStream, peer: SocketAddr) {
        let mut accepted = Accepted { socket, peer, door: self.door, live: Live::new(&self.live) };
        for _ in 0..self.queues.len() {
            match self.next().try_send(accepted) {
                Ok(()) => return,
                Err(refused) => accepted = refused.into_inner(),
            }
        }
        // Fails only when that worker has ended, and with it the program.
        let _ = self.next().send(accepted).await;
    }

    fn next(&mut self) -> &mpsc::Sender<Accepted> {
        self.turn = (self.turn + 1) % self.queues.len();
        &self.queues[self.turn]
    }
}

async fn accept_all(listener: &tokio::net::TcpListener, dealer: &mut Dealer) {
    static FAILURES: RateLimited = RateLimited::new();
    loop {
        match accept_one(listener).await {
            Ok((socket, peer)) => dealer.deal(socket, peer).await,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                FAILURES.log(|suppressed| tracing::error!(%error, suppressed, "cannot accept connections"));
                tokio::time::sleep(limits::ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn accept_one(listener: &tokio::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = listener.accept().await?;
    // Off this thread's epoll: the worker registers it with its own.
    Ok((socket.into_std()?, peer))
}

/// The client gave up before we came to it: no reason to pause.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests;
