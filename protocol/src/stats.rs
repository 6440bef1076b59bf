//! What operators ask a running server or proxy about its commands: how often each ran, how long it took, which errors were
//! answered, what was slow, and when. Both count with these types and answer with these functions; neither a clock nor a thread is
//! in here: times are given, in ticks whose length the owner knows.

mod answers;
mod class;
mod commands;
mod counter;
mod histogram;
mod latency;
mod slowlog;

pub use answers::{Observed, answer, command_stats, error_stats, latency_stats, percentiles};
pub use class::Class;
pub use commands::{Stats, Told, Worker};
pub use counter::Counter;
pub use histogram::{Histogram, Sum};
pub use latency::{COMMAND, EVICTION_CYCLE, EXPIRE_CYCLE, Event, FAST_COMMAND, Latency, Sample};
pub use slowlog::{Entry, Slowlog};
