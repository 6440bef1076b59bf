//! What the most is that one client can make us hold: every bound of the protocol, in one place.

/// Longest argument of a request, in bytes (Redis's `proto-max-bulk-len`).
pub const MAX_BULK: usize = 512 * 1024 * 1024;
/// Most arguments of one request.
pub const MAX_ARGS: usize = 1024 * 1024;
/// Longest inline line, and longest header line (`*3`, `$5`), in bytes.
pub const MAX_LINE: usize = 64 * 1024;
/// Most bytes of one request, all arguments together (Redis's `client-query-buffer-limit`).
pub const MAX_REQUEST: usize = 1024 * 1024 * 1024;
/// Longest argument before authentication.
pub const MAX_BULK_UNAUTHENTICATED: usize = 16 * 1024;
/// Most arguments before authentication.
pub const MAX_ARGS_UNAUTHENTICATED: usize = 10;
/// Longest reply that is built for one request, in bytes, so that no request (an MGET of one long value a thousand times) makes
/// us hold more. A longer one is an error instead.
pub const MAX_REPLY: usize = MAX_BULK + 64 * 1024 * 1024;
/// Deepest nesting of a reply that a client of ours accepts.
pub const MAX_REPLY_DEPTH: usize = 32;
/// Most requests parsed, and looked up together, before the first of them runs.
pub const MAX_BATCH: usize = 128;

/// The bounds that apply to one connection's requests.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Most arguments of a request.
    pub args: usize,
    /// Longest argument, in bytes.
    pub bulk: usize,
}

impl RequestLimits {
    /// For clients that may run commands.
    pub const FULL: Self = Self { args: MAX_ARGS, bulk: MAX_BULK };
    /// For clients that have yet to authenticate.
    pub const UNAUTHENTICATED: Self = Self { args: MAX_ARGS_UNAUTHENTICATED, bulk: MAX_BULK_UNAUTHENTICATED };
}

// Offsets into a request are kept as u32.
const _: () = assert!(MAX_REQUEST + MAX_LINE < u32::MAX as usize);
const _: () = assert!(MAX_BULK < MAX_REQUEST);
const _: () = assert!(MAX_BULK_UNAUTHENTICATED <= MAX_BULK && MAX_ARGS_UNAUTHENTICATED <= MAX_ARGS);
