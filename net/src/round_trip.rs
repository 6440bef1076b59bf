//! What the kernel knows of the time that a connection's network takes.
#![expect(unsafe_code, reason = "TCP_INFO, which no safe wrapper among our crates has")]

use std::mem::{offset_of, size_of};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The smoothed round trip time of a TCP connection, as the kernel has measured it on this connection's segments; `None` if it has not
/// yet, or the system does not say.
pub(crate) fn round_trip(socket: &impl AsRawFd) -> Option<Duration> {
    // SAFETY: `tcp_info` is a struct of plain numbers, for all of which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    let place = (&raw mut info).cast();
    // SAFETY: `place` and `len` are valid for the call, `len` says how large the place is, and the kernel writes no more than that.
    let failed = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut len)
    };
    // An older kernel may know a shorter struct.
    let told = len as usize >= offset_of!(libc::tcp_info, tcpi_rtt) + size_of::<u32>();
    (failed == 0 && told && info.tcpi_rtt > 0).then(|| Duration::from_micros(u64::from(info.tcpi_rtt)))
}
