//! What a stream moves its bytes through: a TCP socket, or a pipe in memory, for what the program says to itself and for networks
//! that are simulated in tests.

use std::fmt::Debug;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::task::{Context, Poll};

use bytes::BufMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What a stream moves its bytes through.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Memory(Box<dyn Memory>),
}

/// One end of a connection that no system knows of.
pub(crate) trait Memory: Debug + Send + Sync {
    /// Moves what has come to `buf`, as far as it has room. `Ok(0)` is the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there.
    fn try_read(&self, buf: &mut dyn BufMut) -> io::Result<usize>;

    /// Takes as much of `bytes` as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Whether the other end is closed.
    fn peer_has_left(&self) -> bool;

    /// Whether there is something to read, or the end of it.
    fn has_unread(&self) -> bool;

    /// Closes the sending side.
    fn end_sending(&self);

    /// The other end's address, this end's, and the number that `CLIENT LIST` shows as its descriptor.
    fn ends(&self) -> (SocketAddr, SocketAddr, RawFd);
}

impl Socket {
    /// The socket that the system knows, for what only that can do: TLS.
    ///
    /// # Errors
    /// It is a pipe.
    #[inline]
    pub(crate) fn tcp(&self) -> io::Result<&TcpStream> {
        match self {
            Self::Tcp(socket) => Ok(socket),
            Self::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    #[inline]
    pub(crate) fn try_read_buf(&self, buf: &mut impl BufMut) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_read_buf(buf),
            Self::Memory(pipe) => pipe.try_read(buf),
        }
    }

    pub(crate) fn try_read(&self, mut buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_read(buf),
            Self::Memory(pipe) => pipe.try_read(&mut buf),
        }
    }

    #[inline]
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_write(bytes),
            Self::Memory(pipe) => pipe.try_write(bytes),
        }
    }

    #[inline]
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_read_ready(cx),
            Self::Memory(pipe) => pipe.poll_read_ready(cx),
        }
    }

    #[inline]
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_write_ready(cx),
            Self::Memory(pipe) => pipe.poll_write_ready(cx),
        }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.peer_addr(),
            Self::Memory(pipe) => Ok(pipe.ends().0),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr(),
            Self::Memory(pipe) => Ok(pipe.ends().1),
        }
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(socket) => socket.as_raw_fd(),
            Self::Memory(pipe) => pipe.ends().2,
        }
    }
}

/// What tokio's sockets don't have.
pub(crate) trait Transport {
    /// A transfer shorter than the space given means that the socket is drained (or full): epoll(7), question 9.
    /// Tells tokio so, which saves the system call whose only answer would be EAGAIN.
    fn forget_readiness(&self, interest: Interest, moved: usize);

    /// Whether the peer has closed its side, as the system knows it at this moment.
    fn peer_has_left(&self) -> bool;

    /// Whether there is something to read, or the end of it, as the system knows it at this moment.
    fn has_unread(&self) -> bool;

    /// Closes the sending side.
    fn end_sending(&self) -> io::Result<()>;
}

impl Transport for TcpStream {
    fn forget_readiness(&self, interest: Interest, moved: usize) {
        if moved > 0 {
            let _ = self.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        }
    }

    fn peer_has_left(&self) -> bool {
        let mut socket = [PollFd::new(self, PollFlags::RDHUP)];
        let left = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        poll(&mut socket, Some(&Timespec::default())).is_ok() && socket[0].revents().intersects(left)
    }

    fn has_unread(&self) -> bool {
        let mut socket = [PollFd::new(self, PollFlags::IN)];
        poll(&mut socket, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    fn end_sending(&self) -> io::Result<()> {
        SockRef::from(self).shutdown(Shutdown::Write)
    }
}

impl Transport for Socket {
    #[inline]
    fn forget_readiness(&self, interest: Interest, moved: usize) {
        if let Self::Tcp(socket) = self {
            socket.forget_readiness(interest, moved);
        }
    }

    fn peer_has_left(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.peer_has_left(),
            Self::Memory(pipe) => pipe.peer_has_left(),
        }
    }

    fn has_unread(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.has_unread(),
            Self::Memory(pipe) => pipe.has_unread(),
        }
    }

    fn end_sending(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.end_sending(),
            Self::Memory(pipe) => {
                pipe.end_sending();
                Ok(())
            }
        }
    }
}
