//! A run from start to report: connect, preload, warm up, measure, finish.

use super::client::Client;
use super::cpu::CpuTime;
use super::options::Options;
use super::pace::{Pace, Turns};
use super::stats::{Counted, Stats};
use super::transport::{Stream, Transport};
use super::workload::Workload;
use ringtail::measure::Histogram;
use serde_json::{Value, json};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Requests in a batch of the preload.
const PRELOAD_BATCH: usize = 128;
/// How long a connection may take for the replies that are due when the run ends.
const LAST_REPLIES: Duration = Duration::from_secs(5);

/// What a run found.
pub struct Outcome {
    /// The report, as printed.
    pub report: Value,
    /// Whether every reply was right.
    pub clean: bool,
}

/// Runs the load that the options describe; fails if it could not start. Must be called within a `LocalRuntime`.
pub async fn run(options: &Options) -> Result<Outcome, String> {
    options.sizes().check()?;
    let run = Run::new(options)?;
    let preload = if options.no_preload { None } else { Some(run.preload().await?) };
    let mut outcome = if options.preload_only { run.only_preloaded() } else { run.measure().await? };
    outcome.report["preload_seconds"] = json!(preload.map(|time| time.as_secs_f64()));
    Ok(outcome)
}

struct Run<'a> {
    options: &'a Options,
    transport: Transport,
    stats: Rc<Stats>,
    workload: Rc<Workload>,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options) -> Result<Self, String> {
        let transport = Transport::new(options).map_err(|error| error.to_string())?;
        let workload = Rc::new(Workload::new(&options.mix()?, options.sizes())?);
        Ok(Self { options, transport, stats: Rc::default(), workload })
    }

    /// Writes each type of key that the mix reads once.
    async fn preload(&self) -> Result<Duration, String> {
        let start = Instant::now();
        for mix in self.workload.preloads() {
            let workload = Rc::new(Workload::new(mix, self.options.sizes())?);
            let mut client = self.client(workload).await?;
            client.preload(PRELOAD_BATCH).await.map_err(|error| format!("preload: {error}"))?;
        }
        Ok(start.elapsed())
    }

    async fn client(&self, workload: Rc<Workload>) -> Result<Client<Box<dyn Stream>>, String> {
        let explain = |error| format!("{}: {error}", self.options.addr);
        let stream = self.transport.connect().await.map_err(explain)?;
        let mut client = Client::new(stream, workload, Rc::clone(&self.stats));
        if let Some(db) = self.options.db {
            client.command(&["SELECT", &db.to_string()]).await.map_err(explain)?;
        }
        Ok(client)
    }

    async fn measure(&self) -> Result<Outcome, String> {
        let mut clients = Vec::new();
        for _ in 0..self.options.connections {
            clients.push(self.client(Rc::clone(&self.workload)).await?);
        }
        let turns = self.turns().map_err(|error| format!("a timer: {error}"))?;
        let starting = clients.into_iter().zip(turns).zip(0..);
        let running: Vec<_> =
            starting.map(|((client, turns), index)| self.start(client, turns, index)).collect();
        let _ended_early = timeout(self.options.warmup, self.stats.stopped()).await;
        self.stats.start(self.options.requests);
        let before = Snapshot::take(&self.options.watch);
        let _ended_early = timeout(self.options.seconds, self.stats.stopped()).await;
        let (after, counted) = (Snapshot::take(&self.options.watch), self.stats.counted());
        self.finish(running).await;
        Ok(self.outcome(&counted, &after.since(&before)))
    }

    /// What keeps each connection to the rate.
    fn turns(&self) -> io::Result<Vec<Option<Turns>>> {
        let every = self
            .options
            .rate
            .map(|rate| Duration::from_secs_f64(f64::from(self.options.pipeline) / f64::from(rate.get())));
        let pace = every.map(|every| Rc::new(Pace::new(every)));
        (0..self.options.connections).map(|_| pace.clone().map(Turns::new).transpose()).collect()
    }

    /// Starts a client's loop; if it breaks the whole run is over, since its load is no longer what was asked for.
    fn start(&self, mut client: Client<Box<dyn Stream>>, turns: Option<Turns>, index: u64) -> JoinHandle<()> {
        let (stats, pipeline) = (Rc::clone(&self.stats), usize::from(self.options.pipeline));
        let random = fastrand::Rng::with_seed(self.options.seed.wrapping_add(index));
        tokio::task::spawn_local(async move {
            if let Err(error) = client.run(pipeline, random, turns).await {
                stats.error(error.to_string());
                stats.stop();
            }
        })
    }

    /// Lets each connection read the replies that are still due.
    async fn finish(&self, running: Vec<JoinHandle<()>>) {
        self.stats.stop();
        for client in running {
            if timeout(LAST_REPLIES, client).await.is_err() {
                self.stats.error(format!("no reply within {LAST_REPLIES:?}"));
                return;
            }
        }
    }

    fn only_preloaded(&self) -> Outcome {
        self.outcome(&self.stats.counted(), &Snapshot::default())
    }

    fn outcome(&self, counted: &Counted, used: &Snapshot) -> Outcome {
        let (ops, seconds) = (counted.latency.count(), used.time.as_secs_f64());
        let report = json!({
            "addr": self.options.addr.to_string(),
            "tls": self.options.tls,
            "connections": self.options.connections,
            "pipeline": self.options.pipeline,
            "keys": self.options.keys,
            "key_size": self.options.key_size,
            "value_size": self.options.value_size,
            "ops": ops,
            "seconds": seconds,
            "ops_per_second": if seconds > 0.0 { ops as f64 / seconds } else { 0.0 },
            "latency_us": latencies(&counted.latency),
            "errors": self.stats.errors(),
            "error_texts": self.stats.quoted(),
            "misses": counted.misses,
            "generator": used.own.map(|cpu| cpu_report(None, cpu, ops, seconds)),
            "watched": self.options.watch.iter().zip(&used.watched)
                .map(|(&pid, cpu)| cpu.map(|cpu| cpu_report(Some(pid), cpu, ops, seconds))).collect::<Vec<_>>(),
        });
        Outcome { report, clean: self.stats.errors() == 0 }
    }
}

fn latencies(latency: &Histogram) -> Value {
    let micros = |nanos: u64| nanos as f64 / 1000.0;
    json!({
        "p50": micros(latency.quantile(0.5)),
        "p99": micros(latency.quantile(0.99)),
        "p99_9": micros(latency.quantile(0.999)),
        "max": micros(latency.max()),
    })
}

fn cpu_report(pid: Option<u32>, cpu: CpuTime, ops: u64, seconds: f64) -> Value {
    let micros_per_op = |nanos: u64| nanos as f64 / 1000.0 / ops.max(1) as f64;
    json!({
        "pid": pid,
        "cpu_us_per_op": micros_per_op(cpu.total),
        "user_us_per_op": micros_per_op(cpu.user),
        "system_us_per_op": micros_per_op(cpu.system),
        "busy": if seconds > 0.0 { cpu.total as f64 / 1e9 / seconds } else { 0.0 },
    })
}

/// CPU times at a moment, or between two.
#[derive(Default)]
struct Snapshot {
    at: Option<Instant>,
    time: Duration,
    own: Option<CpuTime>,
    watched: Vec<Option<CpuTime>>,
}

impl Snapshot {
    fn take(watch: &[u32]) -> Self {
        Self {
            at: Some(Instant::now()),
            time: Duration::ZERO,
            own: CpuTime::of(std::process::id()),
            watched: watch.iter().map(|&pid| CpuTime::of(pid)).collect(),
        }
    }

    fn since(&self, earlier: &Self) -> Self {
        let between = |(a, b): (&Option<CpuTime>, &Option<CpuTime>)| Some((*a)?.since((*b)?));
        Self {
            at: None,
            time: self.at.zip(earlier.at).map(|(a, b)| a - b).unwrap_or_default(),
            own: between((&self.own, &earlier.own)),
            watched: self.watched.iter().zip(&earlier.watched).map(between).collect(),
        }
    }
}
