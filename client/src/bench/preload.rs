//! Writes the keys that a load reads.

use std::io;

use fastrand::Rng;
use ringtail::Error;
use ringtail_net::Problem;
use tokio::sync::watch;
use tokio::time::timeout;

use super::keys::{Keys, Spread};
use super::lane::Lane;
use super::plan::{Plan, Preload};
use super::progress::Progress;
use super::run::Fault;
use super::sizes::Stock;
use super::tally::Tally;
use super::target::Target;
use super::template::Fill;

/// Requests that are sent at once.
const BATCH: u64 = 256;

/// Writes all keys of a target, each once; ends early when it is to stop.
pub(super) async fn run(
    plan: &Plan,
    preload: &Preload,
    target: &Target,
    stop: &watch::Receiver<bool>,
    progress: &Progress,
) -> Result<(), Fault> {
    let mut lane = Lane::new(target.options().open().await?);
    let fill =
        Fill { keys: Keys::new(Spread::Uniform, 1), sizes: plan.sizes.clone(), stock: Stock::new(plan.seed) };
    let (mut random, mut tally) = (Rng::with_seed(plan.seed), Tally::default());
    for template in &preload.templates {
        for first in (0..preload.keys).step_by(BATCH as usize) {
            if *stop.borrow() {
                return Ok(());
            }
            let batch = BATCH.min(preload.keys - first);
            for key in first..first + batch {
                template.write_with(&mut lane.output, &fill, &mut random, |_| key);
            }
            let count = |_, reply: &[u8], _| tally.reply(reply, false, std::time::Duration::ZERO);
            let mut stopped = stop.clone();
            let written = tokio::select! {
                written = timeout(plan.patience, lane.exchange(batch as usize, count)) => written,
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            };
            let silent = |_| Error::Timeout { safe_to_retry: true };
            written.map_err(silent)?.map_err(|error| lost(&error))?;
            progress.say(|| format!("{}: {} of {} keys written", target.name(), first + batch, preload.keys));
            if let Some(errors) = tally.errors.values().next() {
                return Err(refused(target, &errors.text));
            }
        }
    }
    Ok(())
}

fn refused(target: &Target, text: &str) -> Fault {
    let message = format!("{} does not take the keys: {text}", target.name());
    Fault::Other(Problem::new(
        message,
        "give it more memory, or write fewer --keys or a smaller --value-size",
    ))
}

fn lost(error: &io::Error) -> Error {
    Error::Lost { safe_to_retry: true, why: error.to_string() }
}
