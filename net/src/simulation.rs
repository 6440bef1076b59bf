//! A network in memory, for tests that run with paused time: every delay, every short read and write and every loss comes from
//! one seed, so what went wrong once goes wrong again. While a thread has a [`Network`], [`Stream::connect`] on it connects there.
//!
//! ```text
//! try_write -> Way: transit (each piece with the time of its arrival) -> arrived -> try_read
//!                   Network::run moves what is due, unless the place is severed
//! ```

mod way;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BufMut;
use fastrand::Rng;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::socket::Memory;
use crate::stream::Stream;
use way::Way;

/// What a connection holds at most in one direction, before its sender has to wait.
const LEAST_CAPACITY: usize = 8 << 10;
const MOST_CAPACITY: usize = 64 << 10;

thread_local! {
    static HERE: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

/// The network of this thread, until it is dropped.
#[derive(Debug)]
pub struct Network(Arc<Shared>);

/// A listener at an address of the network.
#[derive(Debug)]
pub struct Incoming {
    network: Arc<Shared>,
    addr: String,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The longest that a piece travels.
    longest: Duration,
    /// Something was sent.
    sent: Notify,
    /// Somebody connected.
    knocked: Notify,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// Connections that wait to be accepted, by address.
    listeners: HashMap<String, VecDeque<Stream>>,
    severed: Vec<String>,
    /// By the address that was connected to.
    links: Vec<(String, [Arc<Way>; 2])>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Network {
    /// The network of the calling thread, where pieces travel for up to `longest`.
    pub fn new(seed: u64, longest: Duration) -> Self {
        let state = State {
            rng: Rng::with_seed(seed),
            listeners: HashMap::new(),
            severed: Vec::new(),
            links: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            longest,
            sent: Notify::new(),
            knocked: Notify::new(),
        });
        HERE.set(Some(Arc::clone(&shared)));
        Self(shared)
    }

    /// Moves what is sent to where it goes, for ever.
    pub fn run(&self) -> impl Future<Output = ()> + use<> {
        let network = Arc::clone(&self.0);
        async move {
            loop {
                match network.deliver(Instant::now()) {
                    None => network.sent.notified().await,
                    Some(next) => tokio::select! {
                        biased;
                        () = network.sent.notified() => {}
                        () = sleep_until(next) => {}
                    },
                }
            }
        }
    }

    /// Listens at an address, until [`Self::deafen`]; what listened there is replaced.
    pub fn listen(&self, addr: &str) -> Incoming {
        lock(&self.0.state).listeners.insert(addr.to_owned(), VecDeque::new());
        Incoming { network: Arc::clone(&self.0), addr: addr.to_owned() }
    }

    /// Nothing gets to this address or away from it, new connections neither, until [`Self::heal`].
    pub fn sever(&self, addr: &str) {
        lock(&self.0.state).severed.push(addr.to_owned());
    }

    /// What was held up arrives.
    pub fn heal(&self, addr: &str) {
        lock(&self.0.state).severed.retain(|severed| severed != addr);
        self.0.sent.notify_one();
        self.0.knocked.notify_waiters();
    }

    /// Nobody listens at this address any more.
    pub fn deafen(&self, addr: &str) {
        let waiting = lock(&self.0.state).listeners.remove(addr);
        drop(waiting);
    }

    /// Breaks every connection to this address, at both ends.
    pub fn reset(&self, addr: &str) {
        let links = lock(&self.0.state).links.clone();
        links.iter().filter(|(to, _)| to == addr).flat_map(|(_, ways)| ways).for_each(|way| way.reset());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        HERE.set(None);
        // Streams that wait to be accepted would keep what they are kept in.
        let waiting = std::mem::take(&mut lock(&self.0.state).listeners);
        drop(waiting);
    }
}

impl Incoming {
    /// The next connection.
    pub async fn accept(&self) -> Stream {
        loop {
            let knocked = self.network.knocked.notified();
            let next = lock(&self.network.state).listeners.get_mut(&self.addr).and_then(VecDeque::pop_front);
            match next {
                Some(stream) => return stream,
                None => knocked.await,
            }
        }
    }
}

/// A connection to an address of this thread's network; `None` if it has none.
pub(crate) fn connect(addr: &str) -> Option<impl Future<Output = io::Result<Stream>> + use<>> {
    let network = HERE.with_borrow(Clone::clone)?;
    let addr = addr.to_owned();
    Some(async move {
        while lock(&network.state).severed.contains(&addr) {
            network.knocked.notified().await;
        }
        let made = network.link(&addr);
        network.knocked.notify_waiters();
        made
    })
}

impl Shared {
    fn link(self: &Arc<Self>, addr: &str) -> io::Result<Stream> {
        let mut state = lock(&self.state);
        if !state.listeners.contains_key(addr) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let capacity = state.rng.usize(LEAST_CAPACITY..=MOST_CAPACITY);
        let ways = [Way::new(capacity), Way::new(capacity)];
        let [there, back] = &ways;
        let end = |reads: &Arc<Way>, writes: &Arc<Way>| Pipe {
            network: Arc::clone(self),
            reads: Arc::clone(reads),
            writes: Arc::clone(writes),
        };
        let (ours, theirs) = (end(back, there), end(there, back));
        state.links.push((addr.to_owned(), ways.clone()));
        if let Some(waiting) = state.listeners.get_mut(addr) {
            waiting.push_back(Stream::simulated(theirs));
        }
        Ok(Stream::simulated(ours))
    }

    /// Moves what is due: when to look again.
    fn deliver(&self, now: Instant) -> Option<Instant> {
        let State { links, severed, .. } = &mut *lock(&self.state);
        links.retain(|(_, ways)| ways.iter().any(|way| Arc::strong_count(way) > 1));
        let open = links.iter().filter(|(addr, _)| !severed.contains(addr));
        open.flat_map(|(_, ways)| ways).filter_map(|way| way.deliver(now)).min()
    }

    /// When what is sent now arrives.
    fn arrival(&self) -> Instant {
        let most = self.longest.as_micros() as u64;
        Instant::now() + Duration::from_micros(lock(&self.state).rng.u64(0..=most))
    }

    /// How much of so many bytes goes at once.
    fn share(&self, len: usize) -> usize {
        let rng = &mut lock(&self.state).rng;
        if rng.bool() { len } else { rng.usize(1..=len) }
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Pipe {
    network: Arc<Shared>,
    reads: Arc<Way>,
    writes: Arc<Way>,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.end_sending();
        self.reads.abandon();
    }
}

impl Memory for Pipe {
    fn try_read(&self, buf: &mut dyn BufMut) -> io::Result<usize> {
        let most = buf.remaining_mut();
        let read = self.reads.read(|there| self.network.share(there.min(most)))?;
        buf.put_slice(&read);
        Ok(read.len())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let piece = |room: usize| self.network.share(room.min(bytes.len()));
        let written = self.writes.write(bytes, self.network.arrival(), piece)?;
        self.network.sent.notify_one();
        Ok(written)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.reads.poll_read(cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.poll_write(cx)
    }

    fn peer_has_left(&self) -> bool {
        self.reads.is_over()
    }

    fn has_unread(&self) -> bool {
        self.reads.is_readable()
    }

    fn end_sending(&self) {
        self.writes.end(self.network.arrival());
        self.network.sent.notify_one();
    }

    fn ends(&self) -> (SocketAddr, SocketAddr, RawFd) {
        let nowhere = (Ipv4Addr::LOCALHOST, 0).into();
        (nowhere, nowhere, -1)
    }
}

impl Stream {
    /// What [`Self::try_read`] and [`Self::readable`] bring, as one: the bytes that came; none at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut buf = Vec::new();
        poll_fn(|cx| {
            loop {
                match self.try_read(&mut buf, MOST_CAPACITY) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        std::task::ready!(self.poll_read_ready(cx))?;
                    }
                    done => return Poll::Ready(done),
                }
            }
        })
        .await?;
        Ok(buf)
    }
}
