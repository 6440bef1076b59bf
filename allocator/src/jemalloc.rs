//! jemalloc.

use std::sync::Once;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes that this thread allocated less those that it freed.
#[inline]
pub fn thread_net() -> i64 {
    use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};
    thread_local! {
        static COUNTERS: Option<(ThreadLocal<u64>, ThreadLocal<u64>)> =
            allocatedp::read().ok().zip(deallocatedp::read().ok());
    }
    COUNTERS.with(|counters| match counters {
        Some((allocated, freed)) => allocated.get().wrapping_sub(freed.get()) as i64,
        None => 0,
    })
}

/// Bytes given out, in pages that hold any of them, and in pages that are mapped.
pub fn pages() -> [u64; 3] {
    use tikv_jemalloc_ctl::{epoch, stats};
    // The numbers are those of the last epoch.
    let _ = epoch::advance();
    [stats::allocated::read(), stats::active::read(), stats::resident::read()].map(|n| n.unwrap_or(0) as u64)
}

/// Its name and version, as Redis writes them: `jemalloc-5.3.0`.
pub fn name() -> String {
    let version = tikv_jemalloc_ctl::version::read().unwrap_or_default();
    format!("jemalloc-{}", version.split('-').next().unwrap_or_default())
}

/// The allocator's own report.
pub fn report() -> String {
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
pub fn purge() {
    tell(PURGE);
}

/// Gives those back that have been unused for long enough, as allocations do now and then: done often, it leaves little to these.
pub(crate) fn decay() {
    tell(DECAY);
}

/// All arenas are number 4096 (`MALLCTL_ARENAS_ALL`).
const PURGE: &std::ffi::CStr = c"arena.4096.purge";
const DECAY: &std::ffi::CStr = c"arena.4096.decay";

/// Tells the allocator to do something; whether it does.
fn tell(what: &std::ffi::CStr) -> bool {
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
        static TOLD: Once = Once::new();
        TOLD.call_once(|| tracing::warn!(code = refused, "the allocator does not do {what:?}"));
    }
    refused == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_back_when_it_is_told_to() {
        assert!(tell(PURGE) && tell(DECAY) && !tell(c"arena.4096.nothing"));
    }

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
