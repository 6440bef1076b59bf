//! What systemd is told of a service of `Type=notify` or `notify-reload`, and its watchdog: sd_notify(3), one datagram each.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The service manager, if there is one that listens.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    manager: Option<(UnixDatagram, SocketAddr)>,
}

impl Notifier {
    /// The one that `$NOTIFY_SOCKET` names: a path, or an abstract name after `@`.
    pub(crate) fn from_env() -> Self {
        let Some(name) = std::env::var("NOTIFY_SOCKET").ok().filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        match connect(&name) {
            Ok(manager) => Self { manager: Some(manager) },
            Err(error) => {
                tracing::warn!("NOTIFY_SOCKET={name} can't be used: {error}");
                Self::default()
            }
        }
    }

    /// Ready for clients; also the end of a reload.
    pub(crate) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Is not ready yet, and is to be given so much more time.
    pub(crate) fn starting(&self, patience: Duration) {
        self.send(&format!("EXTEND_TIMEOUT_USEC={}\nSTATUS=loading", patience.as_micros()));
    }

    /// Reads its files again; [`Self::ready`] follows.
    pub(crate) fn reloading(&self) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading files again", monotonic_micros()));
    }

    /// Ends.
    pub(crate) fn stopping(&self, status: &str) {
        self.send(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Lives.
    pub(crate) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, text: &str) {
        let Some((socket, manager)) = &self.manager else { return };
        // A manager that does not read must not hold us up, and can't be told of it either.
        if let Err(error) = socket.send_to_addr(text.as_bytes(), manager) {
            tracing::debug!("the service manager can't be told: {error}");
        }
    }
}

fn connect(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// What systemd compares with its own CLOCK_MONOTONIC.
fn monotonic_micros() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

/// Within which time the manager wants a sign of life (`$WATCHDOG_USEC`), if it wants any from this process.
pub(crate) fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let micros = number("WATCHDOG_USEC").filter(|micros| *micros > 0)?;
    is_ours.then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests;
