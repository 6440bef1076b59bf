//! One process takes a port over from another (`--reuse-port`) without a connection lost.
//!
//! With SO_REUSEPORT both listen, each with a queue of its own, and the kernel spreads new connections over the two. What is in the queue of
//! one that closes is reset. So the newcomer has the kernel give all new connections to it (a program of one
//! instruction: "the socket that came last"), and the other one closes its socket once nothing has come for a while.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;

use nix::libc::{BPF_K, BPF_RET, sock_filter, sock_fprog};
use nix::sys::socket::{setsockopt, sockopt::AttachReusePortCbpf};

/// State "listening" in /proc/net/tcp.
const LISTENING: &str = "0A";

/// Has the kernel give all new connections on the port to this socket, which was the last to listen there. When others close, or this
/// one does, the program's answer names no socket any more, and the kernel chooses among those there are.
pub(crate) fn take_all(listener: &(impl AsFd + AsRawFd)) -> io::Result<()> {
    let before = others(listener)?;
    if before == 0 {
        return Ok(());
    }
    let mut answer = [sock_filter {
        code: (BPF_RET | BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: u32::try_from(before).unwrap_or(u32::MAX),
    }];
    let program = sock_fprog { len: 1, filter: answer.as_mut_ptr() };
    setsockopt(listener, AttachReusePortCbpf, &program).map_err(io::Error::from)
}

/// How many other sockets listen at the same address.
pub(crate) fn others(listener: &impl AsRawFd) -> io::Result<usize> {
    let inode = fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd()))?.ino().to_string();
    let mut rows = Vec::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        // A machine may have no IPv6.
        let Ok(table) = File::open(table) else { continue };
        rows.extend(listening(BufReader::new(table))?);
    }
    let own = rows.iter().find(|(_, of)| *of == inode).map(|(address, _)| address);
    Ok(rows.iter().filter(|(address, of)| Some(address) == own && *of != inode).count())
}

/// Address and inode of each listening socket: they come before all others.
fn listening(table: impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut rows = Vec::new();
    for line in table.lines().skip(1) {
        let line = line?;
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match fields[..] {
            [_, address, _, LISTENING, _, _, _, _, _, inode, ..] => {
                rows.push((address.to_owned(), inode.to_owned()))
            }
            _ => break,
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
