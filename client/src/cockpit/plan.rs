//! `ringtail plan FILE`: what an edited servers.json would change, before it does.

mod forecast;
mod load;
mod report;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ringtail_cluster::{Servers, Topology};
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, USAGE, fail};
use ringtail_net::units::ByteSize;
use serde_json::json;

use super::members::{MemberFlags, Pool};
use super::{Context, print};
use crate::PROGRAM;
use forecast::{Forecast, Verdict};
use load::{Load, Loads};

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail plan new.json                       the edited file beside the pool that runs
  ringtail plan new.json --json                the same for programs
  ringtail plan new.json --from servers.json   two files, without a pool
  ringtail plan new.json --from servers.json --keys 40000000 --bytes 24gb --maxmemory 8gb

Slots are exact. Keys and bytes are estimates: what each member has now, spread evenly over its slots. A slot that moves \
takes no keys with it: they are misses at their new member until they are set again, and what they leave behind goes by expiry \
or eviction.

Exit codes: 0 it fits, or nothing is wrong; 1 it does not fit, or nobody can tell; 2 the file is bad, or wrong usage.";

#[derive(Debug, Args)]
pub(crate) struct PlanTool {
    /// The edited servers.json
    file: PathBuf,
    /// Compare with this file instead of the pool that runs
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// What --maxmemory is of members that can't be asked, such as new ones: 8gb
    #[arg(long, value_name = "SIZE")]
    maxmemory: Option<ByteSize>,
    /// With --from: keys in the whole pool
    #[arg(long, value_name = "N", requires = "from")]
    keys: Option<u64>,
    /// With --from: bytes of keys and values in the whole pool: 24gb
    #[arg(long, value_name = "SIZE", requires = "from")]
    bytes: Option<ByteSize>,
    #[command(flatten)]
    members: MemberFlags,
}

pub(super) async fn run(tool: &PlanTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let read = |file: &Path| {
        Servers::read(file).map_err(|refusal| {
            let place =
                refusal.place.map_or(String::new(), |place| format!(":{}:{}", place.line, place.column));
            Problem::new(format!("{}{place} is refused", refusal.file.display()), refusal.reason)
        })
    };
    let new = match read(&tool.file) {
        Ok(servers) => Topology::new(servers, 0),
        Err(problem) => return Ok(fail(PROGRAM, USAGE, &problem)),
    };
    let (old, loads) = match tool.from.as_deref().map(read) {
        Some(Ok(servers)) => {
            let old = Topology::new(servers, 0);
            let loads = tool.given(&old);
            (old, loads)
        }
        Some(Err(problem)) => return Ok(fail(PROGRAM, USAGE, &problem)),
        None => running(tool, context, &new).await?,
    };
    let forecast = Forecast::of(&old, &new, &loads);
    let text = match context.wants_json(tool.json) {
        true => format!("{}\n", report::json(&forecast)),
        false => report::text(&forecast),
    };
    print(text)?;
    Ok(ExitCode::from(if forecast.verdict == Verdict::Good { 0 } else { RUNTIME }))
}

/// The topology that is in force, and what its members and the new ones hold.
async fn running(
    tool: &PlanTool,
    context: &Context<'_>,
    new: &Topology,
) -> Result<(Topology, Loads), Problem> {
    let client = context.client().await?;
    let pool = Pool::ask(&client).await.map_err(|error| context.problem(&error))?;
    let pool = pool.ok_or_else(|| {
        let message = format!("{} is no proxy, so it has no members", context.addr());
        Problem::new(message, "name a proxy with --addr, or compare two files with --from")
    })?;
    let old = topology(&pool)?;
    let options = tool.members.options(context)?;
    let mut loads = load::ask(&options, addresses(&old, new)).await;
    // Whoever gets another server is asked at both: what the old one has stays there.
    let replaced = forecast::replaced(&old, new).into_iter();
    let there = replaced.map(|(was, is)| (was.name.clone(), is.addr.to_string())).collect();
    loads.heirs(load::ask(&options, there).await);
    if let Some(maxmemory) = tool.maxmemory {
        loads.assume_maxmemory(maxmemory.0);
    }
    Ok((old, loads))
}

/// The proxy's topology, made again from its members: the ring is the same wherever it is made.
fn topology(pool: &Pool) -> Result<Topology, Problem> {
    let members = pool.members.iter().map(|member| {
        let mut entry = json!({ "name": member.name, "addr": member.addr, "weight": member.weight });
        if !member.replicas.is_empty() {
            entry["replicas"] = json!(member.replicas);
        }
        entry
    });
    let members = members.collect();
    let differs = || {
        Problem::new(
            "the proxy's ring is not the one that this program makes of its members",
            "use the version of the proxy",
        )
    };
    let contents = serde_json::Value::Array(members).to_string();
    let servers =
        Servers::parse(contents.as_bytes(), Path::new("the proxy's members")).map_err(|_| differs())?;
    let topology = Topology::new(servers, pool.epoch);
    let counts = topology.slot_counts();
    let same = pool.members.iter().all(|member| {
        topology.member_named(&member.name).is_some_and(|index| counts[index] as u64 == member.slots)
    });
    if same { Ok(topology) } else { Err(differs()) }
}

/// Every member of either topology once: its name and where it is now, or will be.
fn addresses(old: &Topology, new: &Topology) -> HashMap<String, String> {
    let members = new.members().iter().chain(old.members());
    members.map(|member| (member.name.clone(), member.addr.to_string())).collect()
}

impl PlanTool {
    /// What was said of the pool on the command line.
    fn given(&self, old: &Topology) -> Loads {
        let all = Load {
            keys: self.keys.map(|keys| keys as f64),
            bytes: self.bytes.map(|bytes| bytes.0 as f64),
            ..Load::default()
        };
        let mut loads = Loads::spread(old, &all);
        if let Some(maxmemory) = self.maxmemory {
            loads.assume_maxmemory(maxmemory.0);
        }
        loads
    }
}
