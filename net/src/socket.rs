//! What a stream moves its bytes through: a TCP socket, and in tests that simulate the network also a pipe in memory.

use std::io;
use std::net::Shutdown;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

#[cfg(feature = "simulation")]
pub(crate) use crate::simulation::Socket;
/// What a stream moves its bytes through.
#[cfg(not(feature = "simulation"))]
pub(crate) type Socket = TcpStream;

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
