//! A listening socket that another process opened: a supervisor (`--listen-fd`), or systemd (`LISTEN_FDS`). It stays open while
//! this program is replaced, and who connects meanwhile waits in its queue.
#![allow(unsafe_code)]

use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use socket2::{Domain, Socket, Type};

use crate::problem::Problem;

/// Where systemd puts the first socket.
const FIRST: RawFd = 3;

/// The number of the socket that systemd has passed to this process, if it has.
///
/// # Errors
/// It has passed more than one.
pub(crate) fn from_systemd() -> Result<Option<RawFd>, Problem> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    match number("LISTEN_FDS").filter(|_| number("LISTEN_PID") == Some(std::process::id())) {
        None | Some(0) => Ok(None),
        Some(1) => Ok(Some(FIRST)),
        Some(count) => Err(Problem::new(
            format!("systemd passed {count} sockets"),
            "give the socket unit one ListenStream=",
        )),
    }
}

/// Takes the socket over.
///
/// # Errors
/// The number is not that of a listening TCP socket.
pub(crate) fn take(fd: RawFd) -> Result<TcpListener, Problem> {
    let bad = |what: &str| {
        Problem::new(
            format!("--listen-fd {fd}: {what}"),
            "pass a listening TCP socket, as a supervisor or systemd's socket unit does",
        )
    };
    if fd < 0 || !PathBuf::from(format!("/proc/self/fd/{fd}")).exists() {
        return Err(bad("no such descriptor is open"));
    }
    // SAFETY: it is open, as just seen. Nobody else in this process owns it: it came with the process, this is called once
    // before the program opens anything that it keeps, and its own numbers (those of standard input and output) are owned by nobody who would
    // close them. Should it not be what is wanted it is leaked below rather than closed.
    let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let is_tcp = matches!(socket.domain(), Ok(Domain::IPV4 | Domain::IPV6))
        && socket.r#type().ok() == Some(Type::STREAM);
    if !is_tcp || !socket.is_listener().unwrap_or(false) {
        std::mem::forget(socket);
        return Err(bad("it is no listening TCP socket"));
    }
    // What this program starts is not to have it. An error would leave things as they were.
    let _ = socket.set_cloexec(true);
    Ok(socket.into())
}
