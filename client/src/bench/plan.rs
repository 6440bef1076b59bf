//! What the flags come to, checked before anything is sent.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ringtail_net::Problem;
use serde_json::{Value, json};

use super::flags::{Flags, When};
use super::keys::{Keys, Spread};
use super::mix::Mix;
use super::sizes::Sizes;
use super::target::Target;
use super::template::{KeyLook, Template};
use super::trace::{self, Checked, Rules, Speed};
use crate::args::Args;
use crate::format::Format;

/// Widest --keys-from gauss, as a multiple of the keys.
const MOST_SIGMAS: f64 = 100.0;
/// The longest time without any reply, without --timeout.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a round is if nothing says when it ends.
const DURATION: Duration = Duration::from_secs(10);

/// What the requests are.
pub(super) enum Work {
    Mix { mix: Arc<Mix>, keys: Keys },
    Replay { path: PathBuf, rules: Rules, checked: Checked },
}

/// What is written first.
pub(super) struct Preload {
    pub(super) templates: Vec<Template>,
    pub(super) keys: u64,
}

/// How results are shown.
#[derive(Clone, Copy)]
pub(super) struct Show {
    pub(super) json: bool,
    pub(super) chart: bool,
    pub(super) colour: bool,
}

/// All of a bench.
pub(super) struct Plan {
    pub(super) targets: Vec<Target>,
    pub(super) work: Work,
    pub(super) sizes: Sizes,
    pub(super) preload: Option<Preload>,
    pub(super) clients: u32,
    pub(super) threads: u32,
    pub(super) pipeline: usize,
    pub(super) warmup: Duration,
    pub(super) duration: Option<Duration>,
    /// The longest time without any reply, where no duration ends a round.
    pub(super) patience: Duration,
    pub(super) requests: Option<u64>,
    pub(super) rate: Option<u64>,
    pub(super) rounds: u32,
    pub(super) seed: u64,
    pub(super) show: Show,
    /// The settings, for the reports.
    pub(super) report: Value,
}

impl Plan {
    pub(super) fn new(flags: &Flags, args: &Args) -> Result<Self, Problem> {
        let settings = args.settings()?;
        let targets = match &*flags.targets {
            [] => vec![Target::of_flags(&settings)],
            all => all.iter().map(|text| Target::new(text, &settings, args)).collect::<Result<_, _>>()?,
        };
        if flags.threads > flags.clients {
            let message = format!("{} clients are too few for {} threads", flags.clients, flags.threads);
            return Err(Problem::new(message, "give more --clients or fewer --threads"));
        }
        let (work, preload) = work(flags)?;
        let show = Show {
            json: flags.json || settings.style.format == Format::Json,
            chart: match flags.chart {
                When::Auto => stdout().is_terminal(),
                When::Always => true,
                When::Never => false,
            },
            colour: settings.style.colour,
        };
        let endless = flags.requests.is_none() && flags.replay.is_none();
        Ok(Self {
            report: report(flags, &work),
            targets,
            preload,
            sizes: flags.value_size.clone(),
            clients: flags.clients,
            threads: flags.threads,
            pipeline: flags.pipeline as usize,
            warmup: if flags.replay.is_some() { Duration::ZERO } else { flags.warmup.0 },
            duration: flags.duration.map(|time| time.0).or_else(|| endless.then_some(DURATION)),
            requests: flags.requests,
            patience: args.timeout.unwrap_or(PATIENCE),
            rate: flags.rate,
            rounds: flags.rounds,
            seed: flags.seed,
            show,
            work,
        })
    }
}

impl Plan {
    /// Whether requests are due at times.
    pub(super) fn is_paced(&self) -> bool {
        let by_trace = matches!(&self.work, Work::Replay { rules, .. } if rules.speed != Speed::Max);
        by_trace || self.rate.is_some()
    }
}

fn work(flags: &Flags) -> Result<(Work, Option<Preload>), Problem> {
    if let Some(path) = &flags.replay {
        return Ok((replay(flags, path)?, None));
    }
    let look = KeyLook { prefix: flags.key_prefix.clone(), size: flags.key_size };
    look.check(flags.keys).map_err(|why| Problem::new(why, "make keys longer or fewer"))?;
    if let Spread::Gauss(Some(sigma)) = flags.keys_from
        && sigma > flags.keys as f64 * MOST_SIGMAS
    {
        // Nearly every draw would be of no key, and be drawn again.
        let message = format!("--keys-from gauss:{sigma} is far wider than {} keys", flags.keys);
        return Err(Problem::new(message, "give a smaller sigma, or uniform"));
    }
    // At least a millisecond: 0 is no time to live.
    let ttl_ms = flags.ttl.map(|ttl| (ttl.0.as_millis() as u64).max(1));
    let wrong = |why| Problem::new(format!("--mix: {why}"), "see `ringtail bench --help`");
    let mix = Mix::new(&flags.mix, &look, ttl_ms).map_err(wrong)?;
    let preload = match flags.preload {
        true => Some(Preload { templates: mix.writers(&look, ttl_ms).map_err(wrong)?, keys: flags.keys }),
        false => None,
    };
    Ok((Work::Mix { mix: Arc::new(mix), keys: Keys::new(flags.keys_from, flags.keys) }, preload))
}

fn replay(flags: &Flags, path: &Path) -> Result<Work, Problem> {
    let rules = Rules { speed: flags.speed, max_gap: flags.max_gap.0, skip_bad: flags.skip_bad };
    let checked = trace::check(path, rules).map_err(|why| {
        let hint = "a trace has the columns time,key,size,op,ttl; --skip-bad leaves out rows that are wrong";
        Problem::new(format!("{}: {why}", path.display()), hint)
    })?;
    Ok(Work::Replay { path: path.to_owned(), rules, checked })
}

fn report(flags: &Flags, work: &Work) -> Value {
    let mut report = json!({
        "clients": flags.clients,
        "threads": flags.threads,
        "pipeline": flags.pipeline,
        "value_size": flags.value_size.to_string(),
        "duration_seconds": flags.duration.map(|time| time.0.as_secs_f64()),
        "rounds": flags.rounds,
        "seed": flags.seed,
    });
    let of_work = match work {
        Work::Mix { .. } => json!({
            "mix": flags.mix,
            "keys": flags.keys,
            "keys_from": flags.keys_from.to_string(),
            "key_size": flags.key_size,
            "key_prefix": flags.key_prefix,
            "ttl_seconds": flags.ttl.map(|ttl| ttl.0.as_secs_f64()),
            "requests": flags.requests,
            "rate": flags.rate,
            "warmup_seconds": flags.warmup.0.as_secs_f64(),
            "preload": flags.preload,
        }),
        Work::Replay { path, rules, checked } => json!({
            "replay": path.display().to_string(),
            "rows": checked.rows,
            "rows_skipped": checked.skipped,
            "trace_seconds": checked.length.as_secs_f64(),
            "speed": match rules.speed {
                Speed::Times(times) => json!(times),
                Speed::Max => json!("max"),
            },
        }),
    };
    if let (Value::Object(all), Value::Object(more)) = (&mut report, of_work) {
        all.extend(more);
    }
    report
}
