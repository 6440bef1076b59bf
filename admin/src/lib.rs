//! What operators and their machines ask of a running program, on a listener of its own (`--admin`): `/metrics` in OpenMetrics text,
//! `/healthz` and `/readyz`.
//!
//! The programs count anyway, each thread for itself; here the counts are added up and written when somebody asks. So metrics cost the
//! way of a request nothing, and a scrape a thread of its own ([`listen`]).
//!
//! What is exported is declared once, by [`families!`], with its help; the page of metrics is made from that.

pub mod commands;
pub mod family;
mod http;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod process;

pub use family::{Family, Kind};
pub use listen::{Admin, Listening};
pub use metrics::{Buckets, Format, Metrics};

/// A program that can be looked at from another thread.
pub trait Observed: Send + Sync + 'static {
    /// Writes all that it counts.
    fn metrics(&self, out: &mut Metrics);

    /// Whether it can do its work now.
    ///
    /// # Errors
    /// Why not, in one line.
    fn ready(&self) -> Result<(), String>;
}
