//! Waits of threads that serve no connection.

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use std::time::Duration;

/// How much less than others a thread asks for that has stepped back: of a core that is wanted by both it gets a tenth.
const STEPPED_BACK: i32 = 10;

/// Leaves the processor to others between two looks at what another thread, or the disk, has to do first. On no worker's thread.
#[expect(
    clippy::disallowed_methods,
    reason = "these threads have nothing else to do, and nothing tells them"
)]
pub fn rest(time: Duration) {
    std::thread::sleep(time);
}

/// Lets others go first on this thread's core, and on those of the threads that it starts, for as long as they live.
pub fn step_back() {
    // Linux counts each thread by itself here. Where it is not allowed, the thread is only less polite.
    let _ = setpriority_process(Some(gettid()), STEPPED_BACK);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn only_the_thread_that_asked_steps_back() {
        fn here() -> i32 {
            getpriority_process(Some(gettid())).unwrap()
        }
        let before = here();
        let there = || {
            step_back();
            let heir = std::thread::spawn(here).join().unwrap();
            (here(), heir)
        };
        assert_eq!(std::thread::spawn(there).join().unwrap(), (STEPPED_BACK, STEPPED_BACK));
        assert_eq!(here(), before);
    }
}
