//! How much one connection holds beside its session: of a request's body, and of answers until the client has taken them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use axum::http::StatusCode;

use crate::host::Host;
use crate::problem::Problem;

/// One connection's account. A connection has one request at a time, and all of its tasks are of one thread.
pub(crate) struct Account {
    host: Arc<dyn Host>,
    held: AtomicUsize,
}

impl Account {
    pub(crate) fn new(host: &Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self { host: Arc::clone(host), held: AtomicUsize::new(0) })
    }

    /// Whether so many bytes more may be held, which they are then.
    pub(crate) fn hold(&self, bytes: usize) -> bool {
        let may = self.host.hold(bytes);
        if may {
            self.held.fetch_add(bytes, Relaxed);
        }
        may
    }

    /// So many of the bytes that are held are not any more.
    pub(crate) fn give_back(&self, bytes: usize) {
        let held = self.held.load(Relaxed);
        let bytes = bytes.min(held);
        self.held.store(held - bytes, Relaxed);
        if bytes > 0 {
            self.host.release(bytes);
        }
    }

    /// Nothing is held any more: a request and its answer are over.
    pub(crate) fn clear(&self) {
        let held = self.held.swap(0, Relaxed);
        if held > 0 {
            self.host.release(held);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The first words of what is said when there is no room.
pub(crate) const FULL: &str = "ERR the proxy holds as much as it may";

/// There is no room for a request.
pub(crate) fn full() -> Problem {
    let detail = "the proxy holds as much as it may (--max-in-flight): nothing was run, try again later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ERR", detail).and_close()
}
