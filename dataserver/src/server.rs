//! What all workers share.

use crate::backup::files::Backups;
use crate::backup::progress::Loading;
use crate::counters::{Counter, Counters};
use crate::hub::Hub;
use crate::log::compact::Compaction;
use crate::log::service::Log;
use crate::monitor::Monitors;
use crate::pause::Pause;
use crate::rates::Rates;
use crate::replication::{Replication, follow};
use crate::script::Scripts;
use crate::session::{Client, Clients, Listeners};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::view::View;
use crate::{secrets, ticks};
use ringtail_net::{LifeFlags, ReloadStatus, Shutdown};
use ringtail_protocol::acl::Access;
use ringtail_protocol::command::{Command, Flags};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::request::Args;
use ringtail_protocol::stats::{self, Latency, Slowlog, Stats};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of Redis whose commands, replies and texts these are.
pub const REDIS_VERSION: &str = "7.2.0";

/// Milliseconds since 1970.
#[inline]
pub fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// Microseconds since 1970.
pub fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// One data server.
pub struct Server {
    /// All keys.
    pub store: Arc<Store>,
    /// What changes there are.
    pub log: Arc<Log>,
    /// Who follows it, and whom it follows.
    pub replication: Replication,
    /// When the log is made shorter.
    pub compaction: Compaction,
    /// Backup files.
    pub backups: Backups,
    /// How far the loading at the start has come.
    pub loading: Loading,
    /// What CONFIG SET changes.
    pub settings: Settings,
    /// Who may do what.
    pub access: Access,
    /// One for each worker.
    pub counters: Box<[Counters]>,
    /// What commands cost.
    pub stats: Stats,
    /// Commands that took long.
    pub slowlog: Slowlog,
    /// What else took long.
    pub latency: Latency,
    /// How much happens a second.
    pub rates: Rates,
    /// Who is shown what runs.
    pub monitors: Arc<Monitors>,
    /// Commands that are kept back.
    pub pause: Pause,
    /// Bytes in use before there were any clients or keys.
    pub startup_memory: u64,
    /// What became of the files that are read again.
    pub reloads: Arc<ReloadStatus>,
    me: OnceLock<Weak<Self>>,
    primary: OnceLock<follow::Access>,
    announced: OnceLock<String>,
    life: OnceLock<LifeFlags>,
    config_file: OnceLock<PathBuf>,
    defaults: OnceLock<HashMap<&'static str, String>>,
    /// All connected clients.
    pub clients: Clients,
    /// Who is subscribed to what.
    pub hub: Arc<Hub>,
    /// Who has copies of keys.
    pub listeners: Arc<Listeners>,
    /// Scripts and functions.
    pub scripts: Scripts,
    /// Where it listens.
    pub address: SocketAddr,
    /// When it was started, in milliseconds since 1970.
    pub started: u64,
    /// Forty hexadecimal digits that no other run has.
    pub run_id: String,
    /// Clients that wait for a key.
    pub blocked: AtomicUsize,
    /// Whether expired keys are looked for (DEBUG SET-ACTIVE-EXPIRE).
    pub expires: AtomicBool,
    /// Ends the server.
    pub shutdown: Shutdown,
}

impl Server {
    /// A server with an empty store and `workers` workers.
    pub fn new(address: SocketAddr, workers: usize, shutdown: Shutdown) -> Arc<Self> {
        let store = Arc::new(Store::new());
        store.lazy.count_in(&store);
        store.memory.publish_all();
        let startup_memory = store.memory.used();
        let mut random = fastrand::Rng::new();
        let server = Arc::new(Self {
            log: Log::new(Arc::clone(&store)),
            replication: Replication::default(),
            primary: OnceLock::new(),
            announced: OnceLock::new(),
            compaction: Compaction::default(),
            backups: Backups::default(),
            loading: Loading::default(),
            me: OnceLock::new(),
            store,
            settings: Settings::default(),
            access: Access::default(),
            counters: (0..workers).map(Counters::of).collect(),
            stats: Stats::new(workers, ticks::scale()),
            slowlog: Slowlog::default(),
            latency: Latency::default(),
            rates: Rates::default(),
            monitors: Arc::default(),
            pause: Pause::default(),
            startup_memory,
            reloads: Arc::default(),
            life: OnceLock::new(),
            config_file: OnceLock::new(),
            defaults: OnceLock::new(),
            clients: Clients::default(),
            scripts: Scripts::default(),
            hub: Arc::default(),
            listeners: Arc::default(),
            address,
            started: unix_millis(),
            run_id: (0..40).map(|_| char::from_digit(random.u32(..16), 16).unwrap_or('0')).collect(),
            blocked: AtomicUsize::new(0),
            expires: AtomicBool::new(true),
            shutdown,
        });
        server.watch_for_slow();
        let _ = server.me.set(Arc::downgrade(&server));
        server
    }

    /// Itself, for a thread that outlives the caller.
    ///
    /// # Errors
    /// It is on its way out.
    pub fn itself(&self) -> Result<Arc<Self>, Error> {
        self.me.get().and_then(Weak::upgrade).ok_or(errors::INTERNAL)
    }

    /// How a primary is spoken to.
    pub fn primary_access(&self) -> follow::Access {
        self.primary.get().cloned().unwrap_or_default()
    }

    /// Says so; once, at start.
    pub fn set_primary_access(&self, access: follow::Access) {
        let _ = self.primary.set(access);
    }

    /// Where others reach this server.
    pub fn announced(&self) -> String {
        self.announced.get().cloned().unwrap_or_else(|| self.address.to_string())
    }

    /// Says so; once, at start.
    pub fn announce(&self, address: String) {
        let _ = self.announced.set(address);
    }

    /// A replica came, went, or has said how far it is.
    pub fn replicas_changed(&self) {
        let era = self.log.era();
        let acked = self.replication.replicas.acked(era);
        self.log.stance.set_replicas(acked.applied.len());
        self.log.replicas_acked(era, &acked);
    }

    /// Drops all keys and libraries, without a word to the log: others come in their place.
    pub fn empty(&self) {
        let mut view = View::lock(&self.store, &self.counters[0], unix_millis(), 0, false, &[]);
        view.lock_all();
        self.store.walks.void();
        let (mut dropped, hasher) = (Vec::new(), self.store.hasher());
        view.each_group(|_, slots| {
            slots.all_change(None, hasher);
            dropped.extend(slots.clear(None, hasher));
        });
        drop(view);
        self.scripts.libraries.flush();
        self.listeners.invalidate_all();
        self.store.lazy.slots(dropped, &self.store.memory);
    }

    /// How the program begins and ends.
    pub fn life(&self) -> LifeFlags {
        self.life.get().cloned().unwrap_or_default()
    }

    /// Says so; once, at start.
    pub fn set_life(&self, flags: LifeFlags) {
        let _ = self.life.set(flags);
    }

    /// The file that the settings came from, if there is one.
    pub fn config_file(&self) -> Option<&Path> {
        self.config_file.get().map(PathBuf::as_path)
    }

    /// Says where the settings came from; once, at start.
    pub fn set_config_file(&self, path: PathBuf) {
        let _ = self.config_file.set(path);
    }

    /// What a parameter of CONFIG was before anything was set.
    pub fn default_of(&self, parameter: &str) -> Option<&str> {
        self.defaults.get()?.get(parameter).map(String::as_str)
    }

    /// Says what all parameters are before anything is set; once, at start.
    pub fn set_defaults(&self, defaults: HashMap<&'static str, String>) {
        let _ = self.defaults.set(defaults);
    }

    /// Looks closely at commands from the shortest time on that the slow log or the latency monitor wants to know of. To be called when either changed.
    pub fn watch_for_slow(&self) {
        let thresholds = [self.slowlog.threshold(), self.latency.threshold_micros()];
        self.stats.set_attention(thresholds.into_iter().flatten().min());
    }

    /// Tells the slow log and the latency monitor of a command that ended at `now`.
    #[cold]
    pub fn report_slow(&self, client: &Client, command: &Command, args: Args<'_>, ticks: u64, now: u64) {
        let micros = ticks::micros(ticks);
        let event = if command.flags.contains(Flags::FAST) { stats::FAST_COMMAND } else { stats::COMMAND };
        self.latency.note(event, now, micros);
        let is_slow = self.slowlog.threshold().is_some_and(|least| micros >= least);
        if is_slow && !command.flags.contains(Flags::SKIP_SLOWLOG) {
            let who = (client.peer.to_string(), client.names().name.clone());
            self.slowlog.add(now, micros, secrets::shown(command, args), who, None);
        }
    }

    /// A counter's sum over all workers.
    pub fn total(&self, counter: impl Fn(&Counters) -> &Counter) -> u64 {
        self.counters.iter().map(|c| counter(c).get()).sum()
    }
}
