//! What a worker counts. Only its own thread writes, so counting is a plain add; any thread may read.

pub use ringtail_protocol::stats::Counter;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One worker's counters, on cache lines of their own.
        #[derive(Default)]
        #[repr(align(128))]
        pub struct Counters {
            /// Which worker's they are.
            pub worker: usize,
            $($(#[$doc])* pub $name: Counter,)*
        }

        impl Counters {
            /// Those of a worker.
            pub fn of(worker: usize) -> Self {
                Self { worker, ..Self::default() }
            }

            /// Starts all of them again at 0.
            pub fn reset(&self) { $(self.$name.reset();)* }
        }
    };
}

/// Counts a panic that passes through where this lives.
pub struct PanicCount<'c>(pub &'c Counters);

impl Drop for PanicCount<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panics.add(1);
        }
    }
}

counters! {
    /// Commands run.
    commands,
    /// Bytes read from clients.
    bytes_in,
    /// Bytes written to clients.
    bytes_out,
    /// Times that a client's requests were read.
    reads,
    /// Times that replies were written.
    writes,
    /// Look-ups that found a key.
    hits,
    /// Look-ups that found none.
    misses,
    /// Keys removed because their time was over.
    expired,
    /// Keys removed to make room.
    evicted,
    /// Rounds of looking for expired keys that had to be cut short.
    expire_capped,
    /// Time spent on looking for expired keys, in microseconds.
    expire_micros,
    /// Time spent on making room, in microseconds.
    evict_micros,
    /// Error replies.
    errors,
    /// Connections taken.
    connections,
    /// Connections refused because there were too many.
    rejected,
    /// TLS handshakes that were done.
    handshakes,
    /// Connections that failed before their first request: mostly handshakes.
    handshakes_failed,
    /// Commands that panicked.
    panics,
}
