//! What measures a load: a histogram of latencies, and a timer that is more exact than the runtime's.

mod histogram;
mod timer;

pub use histogram::Histogram;
pub use timer::Timer;
