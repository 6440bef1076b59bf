//! The command line of `ringtail bench`.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use ringtail_net::units::Time;

use super::keys::Spread;
use super::sizes::Sizes;
use super::trace::Speed;

const EXAMPLES: &str = "\
Examples:
  ringtail --plaintext bench 127.0.0.1:6379                    50 clients, GET and SET 10:1, 10 seconds
  ringtail bench redis://127.0.0.1:6379 rediss://cache:9443 --rounds 5 --preload
                                                             two servers side by side
  ringtail bench --mix 'get:8,set:1,SETEX {key} 60 {value}:1' --keys-from zipf --pipeline 16
  ringtail bench --rate 20000 --duration 1m --json             is p99.9 good enough at 20,000 a second?
  ringtail bench --replay trace.csv --speed 2                  a trace, twice as fast as it was
  ringtail --user app --password-file pw --cacert ca.crt bench cache:9443

--mix has commands with weights: get, set, getset, incr, append, strlen, exists, del, expire, lpush, rpush, lpop, rpop, llen, \
lrange, sadd, srem, sismember, scard, hset, hget, hgetall, hdel, zadd, zscore, zrange, ping; mget:N and mset:N of N keys (a weight may \
follow: mget:10:3); or any command with {key} and {value} in it, of which each is drawn for itself. Each type has keys of its own.

Without --rate each client sends a batch, waits for its replies, and sends the next: latency is from the batch's sending. With --rate \
requests are due at fixed times, and latency is from when a request was due, however late it could be sent: a server that stalls \
is charged for all requests that should have come meanwhile (no coordinated omission), also at the end: what was due then is still sent, for 5 \
seconds, and what was not sent by then is an error. Without a duration a round is given up when no reply has come for 10 seconds, or --timeout.

A trace is CSV with the columns time,key,size,op,ttl, of which the last ones may be left out, or as its header names them. time and ttl are in \
seconds; op is get, set, del, incr, exists or expire.

It writes into the server that it measures, and removes nothing: with --ttl 10m strings go by themselves; of other types, and without \
--ttl, keys stay until they are deleted (all begin with --key-prefix), and where --maxmemory is set they evict others.

Exit codes: 0 every request was answered, 1 no connection, or some were not or with an error, 2 wrong usage, 130 stopped by Ctrl-C \
(what was measured until then is printed).";

/// `ringtail bench`, as a program of its own.
#[derive(Debug, Parser)]
#[command(name = "ringtail", bin_name = "ringtail", disable_help_subcommand = true)]
pub(super) enum Program {
    /// Loads servers of Redis's protocol, and shows their throughput and latency
    #[command(after_help = EXAMPLES)]
    Bench(Box<Flags>),
}

/// What to load, with what, and how long.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// What to load: HOST:PORT with TLS or not as the flags before `bench` say, redis://… without and rediss://… with TLS
    /// [default: the server of --addr]
    #[arg(value_name = "TARGET")]
    pub(super) targets: Vec<String>,
    /// How long each round measures [default: 10s, or until --requests or --replay is through]
    #[arg(long, value_name = "TIME")]
    pub(super) duration: Option<Time>,
    /// End a round after so many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) requests: Option<u64>,
    /// Connections to a target
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) clients: u32,
    /// Threads that share them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) threads: u32,
    /// Requests that a connection sends at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(super) pipeline: u32,
    /// Commands with their weights, see below
    #[arg(long, value_name = "MIX", default_value = "get:10,set:1")]
    pub(super) mix: String,
    /// How many keys of each type there are
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(super) keys: u64,
    /// How keys are drawn: all alike, few of them often (EXPONENT, 0.99 if not given), or around the middle one (SIGMA in keys, a
    /// sixth of them if not given)
    #[arg(long, value_name = "uniform|zipf[:EXPONENT]|gauss[:SIGMA]", default_value = "uniform")]
    pub(super) keys_from: Spread,
    /// Bytes of a key
    #[arg(long, value_name = "BYTES", default_value_t = 16)]
    pub(super) key_size: usize,
    /// What keys begin with
    #[arg(long, value_name = "TEXT", default_value = "bench:")]
    pub(super) key_prefix: String,
    /// Bytes of a value: a number, evenly drawn between two, or several with weights (64:9,4kb:1)
    #[arg(long, value_name = "N|MIN-MAX|N:WEIGHT,…", default_value = "256")]
    pub(super) value_size: Sizes,
    /// Strings that `set` and --preload write expire after this time
    #[arg(long, value_name = "TIME")]
    pub(super) ttl: Option<Time>,
    /// Requests a second of all clients together, due at fixed times, whether or not the target keeps up
    #[arg(long, value_name = "PER-SECOND", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(super) rate: Option<u64>,
    /// Load before each measurement
    #[arg(long, value_name = "TIME", default_value = "500ms", conflicts_with = "replay")]
    pub(super) warmup: Time,
    /// Measure so often, the targets in turn
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) rounds: u32,
    /// Write all keys that the mix reads first
    #[arg(long)]
    pub(super) preload: bool,
    /// Send what a trace says, when it says so
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mix", "rate", "keys_from", "keys", "key_size", "preload", "ttl", "requests"])]
    pub(super) replay: Option<PathBuf>,
    /// With --replay: so many times as fast, or `max` without any waiting
    #[arg(long, value_name = "TIMES|max", default_value = "1", requires = "replay")]
    pub(super) speed: Speed,
    /// With --replay: longest time without a row, after --speed
    #[arg(long, value_name = "TIME", default_value = "1m", requires = "replay")]
    pub(super) max_gap: Time,
    /// With --replay: leave out rows that are wrong, and cut longer gaps short
    #[arg(long, requires = "replay")]
    pub(super) skip_bad: bool,
    /// What the random draws begin with: the same, the same requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// When to draw the distribution of latencies
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(super) chart: When,
}

/// When to do what only a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal
    Auto,
    /// In a pipe too
    Always,
    /// Not at all
    Never,
}
