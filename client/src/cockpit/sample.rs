//! What a server, or a pool, has done so far, and what it did between two looks.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use ringtail::{Client, ConnectOptions, Error};

use super::info::Info;
use super::latency::Latencies;
use super::members::{Member, Pool};

/// The longest wait for what one member says of itself.
const WAIT: Duration = Duration::from_millis(800);

/// Asks again and again.
pub(super) struct Watcher {
    client: Client,
    options: ConnectOptions,
    with_latencies: bool,
    /// By address.
    members: HashMap<String, Client>,
}

/// Counts since the server's start, and what is so at the moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) own: Counts,
    /// Calls and microseconds by command.
    pub(super) commands: HashMap<String, Calls>,
    /// How long they took, if that is asked for and known.
    pub(super) latencies: Option<Latencies>,
    pub(super) uptime: u64,
    /// The pool, if it is a proxy.
    pub(super) pool: Option<Pool>,
    /// What members say of themselves, by name; those that can't be asked are missing.
    pub(super) members: HashMap<String, Counts>,
    /// Why they are missing, by name.
    pub(super) silent: BTreeMap<String, String>,
}

/// How much of a sum over members is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    All,
    /// Without the members that are silent.
    Part,
    Nothing,
}

impl Known {
    /// A sum as it is shown.
    pub(super) fn mark(self, sum: String) -> String {
        match self {
            Self::All => sum,
            Self::Part => format!("≥{sum}"),
            Self::Nothing => "?".into(),
        }
    }
}

/// What INFO counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) commands: u64,
    pub(super) errors: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) evicted: u64,
    pub(super) expired: u64,
    pub(super) clients: u64,
    pub(super) blocked: u64,
    pub(super) keys: u64,
    pub(super) memory: u64,
    pub(super) maxmemory: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calls {
    pub(super) calls: u64,
    pub(super) usec: u64,
    pub(super) failed: u64,
    /// In microseconds, since the start.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Watcher {
    /// `options` is how members are spoken to.
    pub(super) fn new(client: Client, options: ConnectOptions) -> Self {
        let options = options.timeout(Some(WAIT)).reconnect_attempts(1);
        Self { client, options, with_latencies: false, members: HashMap::new() }
    }

    /// Asks for LATENCY HISTOGRAM too.
    pub(super) fn with_latencies(mut self) -> Self {
        self.with_latencies = true;
        self
    }

    /// Looks once.
    ///
    /// # Errors
    /// The server does not answer. That members don't is no error.
    pub(super) async fn look(&mut self) -> Result<Sample, Error> {
        let sections = ["server", "stats", "clients", "memory", "keyspace", "commandstats", "latencystats"];
        let info = Info::ask(&self.client, &sections).await?;
        // Before members that are slow: what was counted is of this moment.
        let at = Instant::now();
        let latencies = if self.with_latencies { Latencies::ask(&self.client).await } else { None };
        let pool = Pool::ask(&self.client).await?;
        let (members, silent) = match &pool {
            Some(pool) => self.ask_members(&pool.members).await,
            None => Default::default(),
        };
        let commands = commands(&info);
        let mut own = Counts::of(&info);
        own.errors = commands.values().map(|calls| calls.failed).sum();
        let uptime = info.number("uptime_in_seconds").unwrap_or(0);
        Ok(Sample { at, own, commands, latencies, uptime, pool, members, silent })
    }

    /// What they say, and why others say nothing.
    async fn ask_members(
        &mut self,
        members: &[Member],
    ) -> (HashMap<String, Counts>, BTreeMap<String, String>) {
        let mut silent = BTreeMap::new();
        let mut tasks = Vec::new();
        let mut known = std::mem::take(&mut self.members);
        for member in members {
            let client = match known.remove(&member.addr) {
                Some(client) => client,
                None => match Client::disconnected(self.options.clone().at(&member.addr)) {
                    Ok(client) => client,
                    Err(error) => {
                        silent.insert(member.name.clone(), why(&error));
                        continue;
                    }
                },
            };
            self.members.insert(member.addr.clone(), client.clone());
            tasks.push((member.name.clone(), tokio::spawn(ask_member(client))));
        }
        let mut counts = HashMap::new();
        for (name, task) in tasks {
            match task.await {
                Ok(Ok(found)) => drop(counts.insert(name, found)),
                Ok(Err(error)) => drop(silent.insert(name, why(&error))),
                Err(panic) => drop(silent.insert(name, panic.to_string())),
            }
        }
        (counts, silent)
    }
}

async fn ask_member(client: Client) -> Result<Counts, Error> {
    Ok(Counts::of(&Info::ask(&client, &["stats", "clients", "memory", "keyspace"]).await?))
}

/// Whether to ask again is no question here.
fn why(error: &Error) -> String {
    match error {
        Error::Timeout { .. } => format!("no answer within {} ms", WAIT.as_millis()),
        Error::Lost { why, .. } => format!("connection lost: {why}"),
        other => other.to_string(),
    }
}

impl Counts {
    /// What was counted since; what is so at the moment stays.
    pub(super) fn grown(&self, now: &Self) -> Self {
        Self {
            commands: more(self.commands, now.commands),
            errors: more(self.errors, now.errors),
            hits: more(self.hits, now.hits),
            misses: more(self.misses, now.misses),
            received: more(self.received, now.received),
            sent: more(self.sent, now.sent),
            evicted: more(self.evicted, now.evicted),
            expired: more(self.expired, now.expired),
            ..*now
        }
    }

    fn of(info: &Info) -> Self {
        let number = |name| info.number(name).unwrap_or(0);
        Self {
            commands: number("total_commands_processed"),
            errors: number("total_error_replies"),
            hits: number("keyspace_hits"),
            misses: number("keyspace_misses"),
            received: number("total_net_input_bytes"),
            sent: number("total_net_output_bytes"),
            evicted: number("evicted_keys"),
            expired: number("expired_keys"),
            clients: number("connected_clients"),
            blocked: number("blocked_clients"),
            keys: info.keys(),
            memory: number("used_memory"),
            maxmemory: number("maxmemory"),
        }
    }
}

fn commands(info: &Info) -> HashMap<String, Calls> {
    let mut commands = HashMap::new();
    for (name, record) in info.records("cmdstat_") {
        let number = |field| record.number(field).unwrap_or(0);
        let failed = number("failed_calls") + number("rejected_calls");
        let calls = Calls { calls: number("calls"), usec: number("usec"), failed, p50: None, p99: None };
        commands.insert(name.to_owned(), calls);
    }
    for (name, record) in info.records("latency_percentiles_usec_") {
        if let Some(calls) = commands.get_mut(name) {
            (calls.p50, calls.p99) = (record.decimal("p50"), record.decimal("p99"));
        }
    }
    commands
}

impl Sample {
    /// The whole pool's counts: what the proxy knows itself, and the sums of its members for what they alone know; a single server's own.
    pub(super) fn whole(&self) -> Counts {
        if self.pool.is_none() {
            return self.own;
        }
        let sum = |pick: fn(&Counts) -> u64| self.members.values().map(pick).sum::<u64>();
        let limits = self.members.values().all(|counts| counts.maxmemory > 0);
        Counts {
            hits: sum(|counts| counts.hits),
            misses: sum(|counts| counts.misses),
            evicted: sum(|counts| counts.evicted),
            expired: sum(|counts| counts.expired),
            memory: sum(|counts| counts.memory),
            maxmemory: if limits { sum(|counts| counts.maxmemory) } else { 0 },
            ..self.own
        }
    }

    /// How much is known of what members say themselves.
    pub(super) fn known(&self) -> Known {
        match (self.silent.is_empty(), self.members.is_empty()) {
            (true, _) => Known::All,
            (false, false) => Known::Part,
            (false, true) => Known::Nothing,
        }
    }

    /// How much is known of their keys, which the proxy asks them for.
    pub(super) fn known_keys(&self) -> Known {
        let all = self.pool.iter().flat_map(|pool| &pool.members).all(Member::is_up);
        if all { Known::All } else { Known::Part }
    }
}

/// What the whole pool counted by two looks: of what its members alone know, of those that both looks have. Whose counts fell, by a
/// restart or CONFIG RESETSTAT, began anew; whoever is missing in one of both has no rate, rather than all that it ever counted.
pub(super) fn grown(before: &Sample, now: &Sample) -> Counts {
    let mut sum = before.own.grown(&now.own);
    if now.pool.is_some() {
        let both = now.members.iter().filter_map(|(name, is)| Some(before.members.get(name)?.grown(is)));
        let members: Vec<Counts> = both.collect();
        let of = |pick: fn(&Counts) -> u64| members.iter().map(pick).sum();
        (sum.hits, sum.misses) = (of(|counts| counts.hits), of(|counts| counts.misses));
        (sum.evicted, sum.expired) = (of(|counts| counts.evicted), of(|counts| counts.expired));
    }
    sum
}

/// The share of hits in percent, if anything was looked up.
pub(super) fn hit_percent(grown: &Counts) -> Option<f64> {
    let (hits, all) = (grown.hits, grown.hits + grown.misses);
    (all > 0).then(|| hits as f64 * 100.0 / all as f64)
}

/// How much a count grew in a second. One that fell began anew, by a restart or CONFIG RESETSTAT.
pub(super) fn rate(before: u64, now: u64, seconds: f64) -> f64 {
    more(before, now) as f64 / seconds.max(0.001)
}

fn more(before: u64, now: u64) -> u64 {
    if now >= before { now - before } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_a_second_and_never_negative() {
        assert_eq!(rate(100, 300, 2.0), 100.0);
        assert_eq!(rate(300, 100, 1.0), 100.0);
        let (before, now) =
            (Counts { hits: 10, ..Counts::default() }, Counts { hits: 40, misses: 10, ..Counts::default() });
        assert_eq!(hit_percent(&before.grown(&now)), Some(75.0));
        assert_eq!(hit_percent(&now.grown(&now)), None);
    }

    #[test]
    fn who_comes_or_goes_has_no_rate() {
        let counts = |hits| Counts { hits, ..Counts::default() };
        let sample = |members: &[(&str, u64)]| Sample {
            at: Instant::now(),
            own: Counts::default(),
            commands: HashMap::new(),
            latencies: None,
            uptime: 0,
            pool: Some(Pool::default()),
            members: members.iter().map(|&(name, hits)| (name.to_owned(), counts(hits))).collect(),
            silent: BTreeMap::new(),
        };
        let both = sample(&[("a", 1000), ("b", 1000)]);
        let (gone, back) = (sample(&[("a", 1007)]), sample(&[("a", 1010), ("b", 1000)]));
        assert_eq!(grown(&both, &gone).hits, 7);
        assert_eq!(grown(&gone, &back).hits, 3);
        // A restart counts from 0 again, and only for itself.
        assert_eq!(grown(&back, &sample(&[("a", 2), ("b", 1005)])).hits, 7);
    }

    #[test]
    fn a_sum_says_what_it_lacks() {
        let marks = [Known::All, Known::Part, Known::Nothing].map(|known| known.mark("7".into()));
        assert_eq!(marks, ["7", "≥7", "?"]);
    }

    #[test]
    fn commands_have_their_percentiles() {
        let info = Info::parse(
            "cmdstat_get:calls=5,usec=7,usec_per_call=1.40,rejected_calls=1,failed_calls=2\r\nlatency_percentiles_usec_get:p50=1.0,p99=3.5\r\n",
        );
        let get = commands(&info)["get"];
        assert_eq!((get.calls, get.failed, get.p50, get.p99), (5, 3, Some(1.0), Some(3.5)));
    }
}
