//! The command line of `ringtail-load`.

use super::workload::Sizes;
use clap::Parser;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// Loads a server that speaks RESP from one thread, checks every reply, and prints what it measured as JSON.
///
/// The keys are written first. Each connection then sends a batch of requests, waits for all of its replies, and sends
/// the next. The exit code is 1 if a reply was wrong or missing, 2 for a bad option.
#[derive(Debug, Clone, Parser)]
#[command(name = "ringtail-load", version)]
pub struct Options {
    /// Address of the server.
    #[arg(long, value_name = "HOST:PORT")]
    pub addr: SocketAddr,
    /// Connections.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Requests in a batch.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub pipeline: u16,
    /// GETs to SETs.
    #[arg(long, default_value = "10:1", value_name = "GETS:SETS")]
    pub ratio: String,
    /// Commands with weights instead of the ratio: GET:10,SET:1,HSET:3.
    #[arg(long, value_name = "NAME:WEIGHT,…", conflicts_with = "ratio")]
    pub mix: Option<String>,
    /// Different keys, asked for evenly.
    #[arg(long, default_value_t = 100_000)]
    pub keys: u32,
    /// Bytes of a key.
    #[arg(long, default_value_t = 12)]
    pub key_size: usize,
    /// Bytes of a value.
    #[arg(long, default_value_t = 256)]
    pub value_size: usize,
    /// Ends after this many operations [default: only after --seconds].
    #[arg(long)]
    pub requests: Option<u64>,
    /// Ends after this long, at the latest.
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub seconds: Duration,
    /// Load before the measurement starts.
    #[arg(long, default_value = "0.5", value_name = "SECONDS", value_parser = seconds)]
    pub warmup: Duration,
    /// Operations a second of all connections together [default: as many as can be].
    #[arg(long)]
    pub rate: Option<NonZeroU32>,
    /// Does not write the keys first.
    #[arg(long, conflicts_with = "preload_only")]
    pub no_preload: bool,
    /// Writes the keys and ends.
    #[arg(long)]
    pub preload_only: bool,
    /// Database of all connections.
    #[arg(long)]
    pub db: Option<u32>,
    /// Speaks TLS.
    #[arg(long, requires = "cacert")]
    pub tls: bool,
    /// CA certificate that signed the server's (PEM).
    #[arg(long, requires = "tls")]
    pub cacert: Option<PathBuf>,
    /// Where the random keys start.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Processes whose CPU time over the measurement is reported.
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub watch: Vec<u32>,
}

impl Options {
    /// The mix of commands.
    pub fn mix(&self) -> Result<String, String> {
        if let Some(mix) = &self.mix {
            return Ok(mix.clone());
        }
        let (gets, sets) =
            self.ratio.split_once(':').ok_or_else(|| format!("not a ratio: '{}'", self.ratio))?;
        Ok(format!("GET:{gets},SET:{sets}"))
    }

    /// The sizes of keys and values.
    pub fn sizes(&self) -> Sizes {
        Sizes { keys: self.keys, key: self.key_size, value: self.value_size }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
