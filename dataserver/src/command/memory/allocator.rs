//! What only the allocator knows or can do.

/// Bytes given out, in pages that hold any of them, and in pages that are mapped.
#[cfg(not(any(miri, tsan)))]
pub(super) fn pages() -> [u64; 3] {
    use tikv_jemalloc_ctl::{epoch, stats};
    // The numbers are those of the last epoch.
    let _ = epoch::advance();
    [stats::allocated::read(), stats::active::read(), stats::resident::read()].map(|n| n.unwrap_or(0) as u64)
}

/// The allocator's own report.
#[cfg(not(any(miri, tsan)))]
pub(super) fn report() -> String {
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
pub(super) fn purge() {
    #![expect(unsafe_code, reason = "a control that takes and gives nothing has no safe form")]
    /// jemalloc's number for all arenas (`MALLCTL_ARENAS_ALL`).
    const PURGE: &std::ffi::CStr = c"arena.4096.purge";
    // SAFETY: The name ends in a zero byte; this control reads and writes nothing through the other arguments, which are null.
    let refused = unsafe {
        tikv_jemalloc_sys::mallctl(
            PURGE.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        )
    };
    if refused != 0 {
        tracing::warn!(code = refused, "the allocator did not purge");
    }
}

#[cfg(any(miri, tsan))]
pub(super) fn pages() -> [u64; 3] {
    [0; 3]
}

#[cfg(any(miri, tsan))]
pub(super) fn report() -> String {
    String::new()
}

#[cfg(any(miri, tsan))]
pub(super) fn purge() {}
