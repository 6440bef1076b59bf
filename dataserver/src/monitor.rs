//! MONITOR: clients who are shown every command that runs.

use crate::secrets;
use crate::session::Client;
use ringtail_net::outbox::Frame;
use ringtail_protocol::command::{Command, Flags};
use ringtail_protocol::request::Args;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who is shown what runs.
#[derive(Default)]
pub struct Monitors {
    on: AtomicBool,
    clients: Mutex<Vec<Arc<Client>>>,
}

/// A client is shown what runs for as long as this lives.
pub struct Monitoring {
    monitors: Arc<Monitors>,
    id: u64,
}

impl Monitors {
    fn clients(&self) -> MutexGuard<'_, Vec<Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody is; looked at after every command.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Shows a client what runs from now on.
    pub fn add(self: &Arc<Self>, client: &Arc<Client>) -> Monitoring {
        self.clients().push(Arc::clone(client));
        self.on.store(true, Relaxed);
        client.monitors.store(true, Relaxed);
        Monitoring { monitors: Arc::clone(self), id: client.id }
    }

    /// Shows a command that has run. `from` is its client's address, or `lua`.
    #[cold]
    pub fn show(&self, micros: u64, db: u8, from: &str, command: &Command, args: Args<'_>) {
        if command.flags.intersects(Flags::SKIP_MONITOR.union(Flags::ADMIN)) {
            return;
        }
        let frame: Frame = line(micros, db, from, command, args).into();
        self.clients().iter().for_each(|client| client.push(&frame));
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        let mut clients = self.monitors.clients();
        for client in clients.extract_if(.., |client| client.id == self.id) {
            client.monitors.store(false, Relaxed);
        }
        self.monitors.on.store(!clients.is_empty(), Relaxed);
    }
}

/// `+1700000000.123456 [0 127.0.0.1:5000] "SET" "k" "v"`
fn line(micros: u64, db: u8, from: &str, command: &Command, args: Args<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(64);
    // Writing to memory can't fail.
    let _ = write!(line, "+{}.{:06} [{db} {from}]", micros / 1_000_000, micros % 1_000_000);
    for arg in secrets::shown(command, args) {
        line.extend_from_slice(b" \"");
        arg.iter().for_each(|&byte| quote(byte, &mut line));
        line.push(b'"');
    }
    line.extend_from_slice(b"\r\n");
    line
}

fn quote(byte: u8, line: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x07 => b'a',
        0x08 => b'b',
        b' '..=b'~' => return line.push(byte),
        _ => {
            let _ = write!(line, "\\x{byte:02x}");
            return;
        }
    };
    line.extend_from_slice(&[b'\\', short]);
}
