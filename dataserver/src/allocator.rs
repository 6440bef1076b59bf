//! What only the allocator knows or can do.

use crate::rest::rest;
use ringtail_net::RateLimited;
use std::time::Duration;

/// From one look to the next for what has been unused for long enough. The allocator divides the ten seconds that it waits into steps of 50 ms.
const PERIOD: Duration = Duration::from_millis(50);

/// Bytes given out, in pages that hold any of them, and in pages that are mapped.
#[cfg(not(any(miri, tsan)))]
pub(crate) fn pages() -> [u64; 3] {
    use tikv_jemalloc_ctl::{epoch, stats};
    // The numbers are those of the last epoch.
    let _ = epoch::advance();
    [stats::allocated::read(), stats::active::read(), stats::resident::read()].map(|n| n.unwrap_or(0) as u64)
}

/// Its name and version, as Redis writes them: `jemalloc-5.3.0`.
#[cfg(not(any(miri, tsan)))]
pub(crate) fn name() -> String {
    let version = tikv_jemalloc_ctl::version::read().unwrap_or_default();
    format!("jemalloc-{}", version.split('-').next().unwrap_or_default())
}

/// The allocator's own report.
#[cfg(not(any(miri, tsan)))]
pub(crate) fn report() -> String {
    let mut text = Vec::new();
    match tikv_jemalloc_ctl::stats_print::stats_print(
        &mut text,
        tikv_jemalloc_ctl::stats_print::Options::default(),
    ) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => format!("no statistics: {error}\n"),
    }
}

/// Gives unused pages of all arenas back to the system.
#[cfg(not(any(miri, tsan)))]
pub(crate) fn purge() {
    tell(c"arena.4096.purge");
}

/// Gives those back that have been unused for long enough, as allocations do now and then: done often, it leaves little to these.
#[cfg(not(any(miri, tsan)))]
fn decay() {
    tell(c"arena.4096.decay");
}

/// Tells the allocator to do something, most likely with all arenas, which are number 4096 (`MALLCTL_ARENAS_ALL`).
#[cfg(not(any(miri, tsan)))]
fn tell(what: &std::ffi::CStr) {
    #![expect(unsafe_code, reason = "a control that takes and gives nothing has no safe form")]
    // SAFETY: The name ends in a zero byte; these controls read and write nothing through the other arguments, which are null.
    let refused = unsafe {
        tikv_jemalloc_sys::mallctl(
            what.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        )
    };
    if refused != 0 {
        static FAILED: RateLimited = RateLimited::new();
        FAILED.log(|suppressed| {
            tracing::warn!(code = refused, suppressed, "the allocator does not do {what:?}")
        });
    }
}

/// Begins to give unused pages back on a thread of its own, for as long as the process lives. Else that happens in the middle of
/// any allocation, with thousands of system calls when the last one is some time ago: a worker's clients waited for 10 to 50 ms.
pub(crate) fn begin_giving_back() {
    let run = || loop {
        decay();
        rest(PERIOD);
    };
    // Without the thread it is as it would be else.
    let _ = std::thread::Builder::new().name("give-back".into()).spawn(run);
}

#[cfg(any(miri, tsan))]
pub(crate) fn pages() -> [u64; 3] {
    [0; 3]
}

#[cfg(any(miri, tsan))]
pub(crate) fn name() -> String {
    "libc".to_owned()
}

#[cfg(any(miri, tsan))]
pub(crate) fn report() -> String {
    String::new()
}

#[cfg(any(miri, tsan))]
pub(crate) fn purge() {}

#[cfg(any(miri, tsan))]
fn decay() {}

#[cfg(all(test, not(any(miri, tsan))))]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_it_is() {
        let name = name();
        let version = name.strip_prefix("jemalloc-").expect("a name");
        assert!(
            version.split('.').count() == 3 && version.split('.').all(|n| n.parse::<u32>().is_ok()),
            "{name}"
        );
    }
}
