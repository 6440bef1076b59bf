//! Waits of threads that serve no connection.

use std::time::Duration;

/// Leaves the processor to others between two looks at what another thread, or the disk, has to do first. On no worker's thread.
#[expect(
    clippy::disallowed_methods,
    reason = "these threads have nothing else to do, and nothing tells them"
)]
pub fn rest(time: Duration) {
    std::thread::sleep(time);
}
