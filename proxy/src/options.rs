//! What the proxy can be told at start, by flag, environment or file.

use std::path::PathBuf;

use ringtail_net::LifeFlags;
use ringtail_net::limits::DRAIN;
use ringtail_net::logging::{LogFormat, LogLevel};
use ringtail_net::units::{ByteSize, Time};
use serde::{Deserialize, Serialize};

use crate::rates::Rate;
use crate::replicas::ReadFrom;

/// Where the proxy listens unless told otherwise.
pub const DEFAULT_ADDR: &str = "127.0.0.1:9443";
/// Which members the pool has unless told otherwise.
pub const DEFAULT_SERVERS: &str = "cluster/servers.json";

/// Text of `--help` below the flags.
const EXAMPLES: &str = "Examples:
  ringtail-proxy --servers servers.json                plaintext on 127.0.0.1:9443, for this machine alone
  ringtail-proxy --cert proxy.crt --key proxy.key --server-ca ca.crt
  ringtail-proxy --addr 0.0.0.0:9443 --cert proxy.crt --key proxy.key --requirepass-file password
  ringtail-proxy --config proxy.toml --check-config

servers.json is watched: edit it to add, remove or move members. SIGHUP has it read at once.";

/// The proxy's settings, all optional; defaults are applied where they are used.
#[derive(Debug, Default, clap::Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Address to listen on [default: 127.0.0.1:9443]
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_ADDR")]
    pub addr: Option<String>,
    /// Address to serve HTTP at, with the same users, certificate and limits; see docs/http.md [default: none]
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_HTTP")]
    pub http: Option<String>,
    /// Name by which HTTP clients call this proxy where no password is wanted; addresses and localhost always do. May be given several
    /// times: a page in a browser must not be able to give itself this one [default: none]
    #[arg(long, value_name = "NAME", env = "RINGTAIL_HTTP_HOST", value_delimiter = ',')]
    pub http_host: Option<Vec<String>>,
    /// Longest body of an HTTP request or answer [default: 8mb]
    #[arg(long, value_name = "SIZE", env = "RINGTAIL_HTTP_MAX_BODY")]
    pub http_max_body: Option<ByteSize>,
    /// Certificate chain, PEM; with --key the listener speaks TLS alone
    #[arg(long, value_name = "FILE", env = "RINGTAIL_CERT")]
    pub cert: Option<PathBuf>,
    /// Private key of --cert, PEM
    #[arg(long, value_name = "FILE", env = "RINGTAIL_KEY")]
    pub key: Option<PathBuf>,
    /// Clients must show a certificate that this CA signed
    #[arg(long, value_name = "FILE", env = "RINGTAIL_CLIENT_CA")]
    pub client_ca: Option<PathBuf>,
    /// The pool's members, JSON; watched for changes [default: cluster/servers.json]
    #[arg(long, value_name = "FILE", env = "RINGTAIL_SERVERS")]
    pub servers: Option<PathBuf>,
    /// Most connections from each thread to each server: shared lanes (one is used until it is busy), and as many for questions to all members (SCAN, KEYS) [default: 10]
    #[arg(long, value_name = "N", env = "RINGTAIL_CONNS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub conns: Option<u16>,
    /// Most connections from each thread to each server that one client has for itself, while it waits (BLPOP), watches keys or runs a transaction over several members [default: 1000]
    #[arg(long, value_name = "N", env = "RINGTAIL_DEDICATED", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub dedicated: Option<u32>,
    /// Keys that match hash by the fixed part before the *, as if it were a {tag}: 'bull:*', for programs whose scripts touch many keys. May be
    /// given several times; all servers and proxies of a pool must have the same
    #[arg(long, value_name = "PATTERN", env = "RINGTAIL_COLOCATE", value_delimiter = ' ')]
    pub colocate: Option<Vec<String>>,
    /// Speak TLS to the servers; this CA must have signed their certificates, which are verified by the name or address in --servers
    #[arg(long, value_name = "FILE", env = "RINGTAIL_SERVER_CA")]
    pub server_ca: Option<PathBuf>,
    /// Certificate to show to the servers, PEM
    #[arg(long, value_name = "FILE", env = "RINGTAIL_SERVER_CERT")]
    pub server_cert: Option<PathBuf>,
    /// Private key of --server-cert, PEM
    #[arg(long, value_name = "FILE", env = "RINGTAIL_SERVER_KEY")]
    pub server_key: Option<PathBuf>,
    /// File with the password that the servers want
    #[arg(long, value_name = "FILE", env = "RINGTAIL_SERVER_PASSWORD_FILE")]
    pub server_password_file: Option<PathBuf>,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", env = "RINGTAIL_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// How long a server may take to answer a request or to take a connection: 250ms, 2s [default: 1s]
    #[arg(long, value_name = "TIME", env = "RINGTAIL_TIMEOUT")]
    pub timeout: Option<Time>,
    /// Requests and answers of this size and more are passed through as they come, on connections of their own [default: 256kb]
    #[arg(long, value_name = "SIZE", env = "RINGTAIL_LARGE")]
    pub large: Option<ByteSize>,
    /// How often a read is sent again when the connection to its server is lost before the answer; writes never are [default: 0]
    #[arg(long, value_name = "N", env = "RINGTAIL_RETRY_READS", value_parser = clap::value_parser!(u32).range(0..=10))]
    pub retry_reads: Option<u32>,
    /// Where reads go: to the member's primary, to a replica while one is in step with it, or to whichever answers soonest. READONLY and READWRITE change it for their connection [default: primary]
    #[arg(long, value_name = "WHERE", env = "RINGTAIL_READ_FROM")]
    pub read_from: Option<ReadFrom>,
    /// Most clients at once [default: 10000]
    #[arg(long, value_name = "N", env = "RINGTAIL_MAXCLIENTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub maxclients: Option<u32>,
    /// What may wait for a client that does not take its messages before it is closed: at once beyond the first size, after the seconds beyond the second [default: pubsub 32mb 8mb 60]
    #[arg(long, value_name = "CLASS HARD SOFT SECONDS", env = "RINGTAIL_CLIENT_OUTPUT_BUFFER_LIMIT")]
    pub client_output_buffer_limit: Option<String>,
    /// Most clients of one address; 0 = no bound of its own [default: 0]
    #[arg(long, value_name = "N", env = "RINGTAIL_MAXCLIENTS_PER_ADDR")]
    pub maxclients_per_addr: Option<u32>,
    /// Most clients of one user; 0 = no bound of its own [default: 0]
    #[arg(long, value_name = "N", env = "RINGTAIL_MAXCLIENTS_PER_USER")]
    pub maxclients_per_user: Option<u32>,
    /// Most bytes of requests and replies that are held for all clients together; 0 = no bound [default: 4gb]
    #[arg(long, value_name = "SIZE", env = "RINGTAIL_MAX_IN_FLIGHT")]
    pub max_in_flight: Option<ByteSize>,
    /// Most bytes of requests and replies that are held for one client, and so its longest request; 0 = no bound [default: 1gb]
    #[arg(long, value_name = "SIZE", env = "RINGTAIL_MAX_IN_FLIGHT_PER_CLIENT")]
    pub max_in_flight_per_client: Option<ByteSize>,
    /// Most bytes of replies that a client has not taken: above it, it is closed; 0 = no bound [default: 1gb]
    #[arg(long, value_name = "SIZE", env = "RINGTAIL_OUTPUT_LIMIT")]
    pub output_limit: Option<ByteSize>,
    /// How long a client may take nothing of the replies that wait for it before it is closed; 0 = for ever [default: 60s]
    #[arg(long, value_name = "TIME", env = "RINGTAIL_OUTPUT_TIMEOUT")]
    pub output_timeout: Option<Time>,
    /// TLS handshakes in progress at once in each thread; others wait, up to 10 s [default: 256]
    #[arg(long, value_name = "N", env = "RINGTAIL_HANDSHAKES", value_parser = clap::value_parser!(u16).range(1..))]
    pub handshakes: Option<u16>,
    /// Commands a second for a user, or for each without a rate of its own (*); may be given several times
    #[arg(long, value_name = "USER=N/s", env = "RINGTAIL_RATE", value_delimiter = ' ')]
    pub rate: Option<Vec<Rate>>,
    /// File with the password that clients must show by AUTH
    #[arg(long, value_name = "FILE", env = "RINGTAIL_REQUIREPASS_FILE")]
    pub requirepass_file: Option<PathBuf>,
    /// File of users and what they may do, in Redis's format; ACL LOAD reads it again, ACL SAVE writes it
    #[arg(long, value_name = "FILE", env = "RINGTAIL_ACL_FILE")]
    pub acl_file: Option<PathBuf>,
    /// Let the servers say who a client is and what it may do: each user has connections of its own to them
    #[arg(long, env = "RINGTAIL_ACL_PASS_THROUGH", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub acl_pass_through: Option<bool>,
    /// Users for those who want no file of their own for them, one `user NAME RULE …` each. Only in the configuration file: what is
    /// on a command line can be read by everybody.
    #[arg(skip)]
    pub users: Option<Vec<String>>,
    /// How long connections may take to come to an end at SIGTERM before they are cut off [default: 10s]
    #[arg(long, value_name = "TIME", env = "RINGTAIL_DRAIN_TIMEOUT")]
    pub drain_timeout: Option<Time>,
    /// Number of a listening socket that was passed to this process, instead of --addr; systemd's (LISTEN_FDS) is found by itself
    #[arg(long, value_name = "N", env = "RINGTAIL_LISTEN_FD")]
    pub listen_fd: Option<u16>,
    /// Take the port over from a process that listens on it with this flag too: all new connections come here
    #[arg(long, env = "RINGTAIL_REUSE_PORT", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub reuse_port: Option<bool>,
    /// Load balancers say by the PROXY protocol, version 2, for whom they connect
    #[arg(long, env = "RINGTAIL_PROXY_PROTOCOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub proxy_protocol: Option<bool>,
    /// From which addresses that is believed, and wanted: 10.0.0.0/8; may be given several times
    #[arg(long, value_name = "CIDR", env = "RINGTAIL_PROXY_PROTOCOL_FROM", value_delimiter = ',')]
    pub proxy_protocol_from: Option<Vec<String>>,
    /// File of keys for TLS session tickets, shared by a fleet so that sessions go on at each of its processes
    #[arg(long, value_name = "FILE", env = "RINGTAIL_TLS_TICKET_KEYS")]
    pub tls_ticket_keys: Option<PathBuf>,
    /// Log requests that take longer than so many microseconds (SLOWLOG); -1 logs none [default: 10000]
    #[arg(long, value_name = "MICROSECONDS", env = "RINGTAIL_SLOWLOG_LOG_SLOWER_THAN", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..))]
    pub slowlog_log_slower_than: Option<i64>,
    /// Most entries of the slow log [default: 128]
    #[arg(long, value_name = "N", env = "RINGTAIL_SLOWLOG_MAX_LEN")]
    pub slowlog_max_len: Option<u32>,
    /// Requests from so many milliseconds on are noted for LATENCY LATEST; 0 notes none [default: 0]
    #[arg(long, value_name = "MILLISECONDS", env = "RINGTAIL_LATENCY_MONITOR_THRESHOLD")]
    pub latency_monitor_threshold: Option<u32>,
    /// Count and time requests by command, member, user and key [default: true]
    #[arg(long, env = "RINGTAIL_STATS", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub stats: Option<bool>,
    /// Address for metrics and health over HTTP: /metrics, /healthz, /readyz; beyond this machine with TLS and --client-ca
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_ADMIN")]
    pub admin: Option<String>,
    /// URL of a collector that takes OTLP over HTTP: traces of some requests go there; see docs/monitoring.md [default: none]
    #[cfg(feature = "otel")]
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp: Option<String>,
    /// Share of the requests that is traced, from 0 to 1 [default: 0.001]
    #[cfg(feature = "otel")]
    #[arg(long, value_name = "SHARE", env = "RINGTAIL_OTLP_SAMPLE")]
    pub otlp_sample: Option<f64>,
    /// Allow plaintext, or no password, beyond this machine: only on a network that is trusted
    #[arg(long, env = "RINGTAIL_INSECURE", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub insecure: Option<bool>,
    /// How much is logged [default: info]
    #[arg(long, value_name = "LEVEL", env = "RINGTAIL_LOG_LEVEL")]
    pub log_level: Option<LogLevel>,
    /// How a line of the log is written: text, json, or auto, which is text on a terminal and JSON elsewhere [default: auto]
    #[arg(long, value_name = "FORMAT", env = "RINGTAIL_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

impl Options {
    /// What they say about the program's life.
    pub fn life(&self) -> LifeFlags {
        LifeFlags {
            admin: self.admin.clone(),
            drain_timeout: self.drain_timeout.map_or(DRAIN, |time| time.0),
            listen_fd: self.listen_fd,
            reuse_port: self.reuse_port.unwrap_or(false),
            proxy_protocol: self.proxy_protocol.unwrap_or(false),
            proxy_protocol_from: self.proxy_protocol_from.clone().unwrap_or_default(),
            tls_ticket_keys: self.tls_ticket_keys.clone(),
        }
    }
}
