//! The allocator of both programs: what only it knows or can do, and when it gives memory back to the system.
//!
//! Whoever depends on this crate is given jemalloc. Miri and ThreadSanitizer look at the system's own instead.

#[cfg(not(any(miri, tsan)))]
mod jemalloc;
#[cfg(any(miri, tsan))]
mod system;

#[cfg(not(any(miri, tsan)))]
use jemalloc as used;
#[cfg(any(miri, tsan))]
use system as used;

use std::sync::Once;
use std::time::Duration;
pub use used::{name, pages, purge, report, thread_net};

/// From one look to the next for what has been unused for long enough. The allocator divides the ten seconds that it waits into steps of 50 ms.
const PERIOD: Duration = Duration::from_millis(50);

/// Begins to give unused pages back on a thread of its own, for as long as the process lives. Else that happens in the middle of
/// any allocation, with thousands of system calls when the last one is some time ago: a worker's clients waited for 10 to 50 ms.
pub fn begin_giving_back() {
    #[expect(clippy::disallowed_methods, reason = "this thread has nothing else to do, and nothing tells it")]
    let run = || loop {
        used::decay();
        std::thread::sleep(PERIOD);
    };
    static BEGUN: Once = Once::new();
    // Without the thread it is as it would be else.
    BEGUN.call_once(|| drop(std::thread::Builder::new().name("give-back".into()).spawn(run)));
}
