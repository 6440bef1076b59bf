//! What the server can be told at start, by flag, environment or file.

use crate::backup::files::Place;
use crate::durable::Durability;
use crate::log::keeper::Policy;
use crate::log::waiting::Ack;
use crate::store::memory::Policy as Eviction;
use ringtail_net::LifeFlags;
use ringtail_net::limits::DRAIN;
use ringtail_net::logging::{LogFormat, LogLevel};
use ringtail_net::units::{ByteSize, Time};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the server listens unless told otherwise.
pub const DEFAULT_ADDR: &str = "127.0.0.1:3000";

/// Text of `--help` below the flags.
const EXAMPLES: &str = "Examples:
  ringtail-server                                      plaintext on 127.0.0.1:3000, for this machine alone
  ringtail-server --maxmemory 2gb --threads 4
  ringtail-server --addr 0.0.0.0:3000 --cert server.crt --key server.key --requirepass-file password
  ringtail-server --addr 10.0.0.1:3000 --servers servers.json --dir data --ack quorum --insecure
  ringtail-server --config server.toml --check-config";

/// The server's settings, all optional; defaults are applied where they are used.
#[derive(Debug, Default, clap::Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Address to listen on [default: 127.0.0.1:3000]
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_ADDR")]
    pub addr: Option<String>,
    /// Certificate chain, PEM; with --key the listener speaks TLS alone
    #[arg(long, value_name = "FILE", env = "RINGTAIL_CERT")]
    pub cert: Option<PathBuf>,
    /// Private key of --cert, PEM
    #[arg(long, value_name = "FILE", env = "RINGTAIL_KEY")]
    pub key: Option<PathBuf>,
    /// Clients must show a certificate that this CA signed
    #[arg(long, value_name = "FILE", env = "RINGTAIL_CLIENT_CA")]
    pub client_ca: Option<PathBuf>,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", env = "RINGTAIL_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Most memory to use: 100mb, 2gb; 0 = no limit [default: 0]
    #[arg(long, value_name = "SIZE", env = "RINGTAIL_MAXMEMORY")]
    pub maxmemory: Option<ByteSize>,
    /// What goes when the memory is full [default: allkeys-lru]
    #[arg(long, value_name = "POLICY", env = "RINGTAIL_MAXMEMORY_POLICY")]
    pub maxmemory_policy: Option<Eviction>,
    /// Lifetime of keys that are set without one: 1800, 30m; 0 = for ever [default: 0]
    #[arg(long, value_name = "TIME", env = "RINGTAIL_DEFAULT_TTL")]
    pub default_ttl: Option<Time>,
    /// Keys that match hash by the fixed part before the *, as if it were a {tag}: 'bull:*', for programs whose scripts touch many keys. May be
    /// given several times; all servers and proxies of a pool must have the same
    #[arg(long, value_name = "PATTERN", env = "RINGTAIL_COLOCATE", value_delimiter = ' ')]
    pub colocate: Option<Vec<String>>,
    /// Most clients at once [default: 10000]
    #[arg(long, value_name = "N", env = "RINGTAIL_MAXCLIENTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub maxclients: Option<u32>,
    /// Directory of the log: what clients write is there again after a restart
    #[arg(long, value_name = "DIR", env = "RINGTAIL_DIR")]
    pub dir: Option<PathBuf>,
    /// When writes reach the disk: always (before they are acknowledged), everysec, no (when the system likes), off (no log) [default:
    /// everysec with --dir]
    #[arg(long, value_name = "WHEN", env = "RINGTAIL_LOG", alias = "appendfsync")]
    #[serde(alias = "appendfsync")]
    pub log: Option<Policy>,
    /// The log is made shorter when it has grown by so many percent of the state, and by 256 MiB; 0 = never [default: 100]
    #[arg(long, value_name = "PERCENT", env = "RINGTAIL_LOG_GROWTH")]
    pub log_growth: Option<u32>,
    /// At the start leave out what is damaged of the log or the backup, instead of refusing to start
    #[arg(long, env = "RINGTAIL_RECOVER", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub recover: Option<bool>,
    /// Backup file: loaded at the start, written at the end, by SAVE and BGSAVE; without it these write DIR/backup.rtb with --dir
    #[arg(long, value_name = "FILE", env = "RINGTAIL_BACKUP")]
    pub backup: Option<PathBuf>,
    /// How often the backup file is written: 15m, 1h; 0 = only at the end [default: 0]
    #[arg(long, value_name = "TIME", env = "RINGTAIL_BACKUP_INTERVAL")]
    pub backup_interval: Option<Time>,
    /// Older backups that are kept, as FILE.1, FILE.2 and so on [default: 0]
    #[arg(long, value_name = "N", env = "RINGTAIL_BACKUP_KEEP")]
    pub backup_keep: Option<u16>,
    /// Follow the server at this address, as REPLICAOF does
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_REPLICAOF")]
    pub replicaof: Option<String>,
    /// File of the pool's members: this server is the primary or a replica, as the file says, also after it was edited
    #[arg(long, value_name = "FILE", env = "RINGTAIL_SERVERS", conflicts_with = "replicaof")]
    pub servers: Option<PathBuf>,
    /// Where others reach this server, and --servers has it [default: that of --addr]
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_ANNOUNCE")]
    pub announce: Option<String>,
    /// Speak TLS to the primary; this CA must have signed its certificate
    #[arg(long, value_name = "FILE", env = "RINGTAIL_PRIMARY_CA")]
    pub primary_ca: Option<PathBuf>,
    /// Certificate to show to the primary, PEM
    #[arg(long, value_name = "FILE", env = "RINGTAIL_PRIMARY_CERT", requires = "primary_key")]
    pub primary_cert: Option<PathBuf>,
    /// Private key of --primary-cert, PEM
    #[arg(long, value_name = "FILE", env = "RINGTAIL_PRIMARY_KEY", requires = "primary_cert")]
    pub primary_key: Option<PathBuf>,
    /// User that this server is at its primary [default: default]
    #[arg(long, value_name = "NAME", env = "RINGTAIL_PRIMARY_USER")]
    pub primary_user: Option<String>,
    /// File with the password that the primary wants
    #[arg(long, value_name = "FILE", env = "RINGTAIL_PRIMARY_PASSWORD_FILE")]
    pub primary_password_file: Option<PathBuf>,
    /// How many servers must have a write before it is acknowledged: local (this one), replica (one more), quorum (more than half
    /// of --copies) [default: local]
    #[arg(long, value_name = "WHO", env = "RINGTAIL_ACK")]
    pub ack: Option<Ack>,
    /// How many servers have the same keys, this one among them: 1 to 7 [default: as many as --servers says, else 3]
    #[arg(long, value_name = "N", env = "RINGTAIL_COPIES", value_parser = clap::value_parser!(u16).range(1..=7))]
    pub copies: Option<u16>,
    /// Bytes of the log that are kept in memory for replicas that were away [default: 64mb]
    #[arg(long, value_name = "SIZE", env = "RINGTAIL_REPL_BACKLOG")]
    pub repl_backlog: Option<ByteSize>,
    /// File with the password that clients must show by AUTH
    #[arg(long, value_name = "FILE", env = "RINGTAIL_REQUIREPASS_FILE")]
    pub requirepass_file: Option<PathBuf>,
    /// File of users and what they may do, in Redis's format; ACL LOAD reads it again, ACL SAVE writes it
    #[arg(long, value_name = "FILE", env = "RINGTAIL_ACL_FILE")]
    pub acl_file: Option<PathBuf>,
    /// Users for those who want no file of their own for them, one `user NAME RULE …` each. Only in the configuration file: what is
    /// on a command line can be read by everybody.
    #[arg(skip)]
    pub users: Option<Vec<String>>,
    /// A parameter of CONFIG SET as the server starts, such as slowlog-max-len=1000; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Option<Vec<String>>,
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
    /// Address for metrics and health over HTTP: /metrics, /healthz, /readyz; beyond this machine with TLS and --client-ca
    #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_ADMIN")]
    pub admin: Option<String>,
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

    /// What they say about what is on disk.
    pub fn durability(&self) -> Durability {
        let usual = if self.dir.is_some() { Policy::EverySecond } else { Policy::Off };
        Durability {
            dir: self.dir.clone(),
            policy: self.log.unwrap_or(usual),
            recover: self.recover.unwrap_or(false),
            place: Place {
                file: self.backup.clone(),
                dir: self.dir.clone(),
                keep: self.backup_keep.map_or(0, usize::from),
                interval: self.backup_interval.map(|time| time.0).filter(|time| !time.is_zero()),
            },
            primary: self.replicaof.clone(),
        }
    }
}
