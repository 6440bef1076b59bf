//! The settings of what is seen: those that Redis has, under its names, all of them live.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_protocol::stats::percentiles;

use super::Seen;

/// What the operator wants to see, as given at start; `None` is the default.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// `--stats`: requests are counted and timed at all.
    pub(crate) on: bool,
    /// `--slowlog-log-slower-than` in microseconds; negative: nothing is.
    pub(crate) slower_than: Option<i64>,
    /// `--slowlog-max-len`
    pub(crate) max_len: Option<u32>,
    /// `--latency-monitor-threshold` in milliseconds; 0: nothing is.
    pub(crate) monitor_from: Option<u32>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { on: true, slower_than: None, max_len: None, monitor_from: None }
    }
}

impl Seen {
    pub(super) fn apply(&self, wishes: &Wishes) {
        if let Some(micros) = wishes.slower_than {
            self.slowlog.set_slower_than(micros);
        }
        if let Some(length) = wishes.max_len {
            self.slowlog.set_max_len(length as usize);
        }
        if let Some(millis) = wishes.monitor_from {
            self.latency.set_threshold(u64::from(millis));
        }
        self.watch_for_slow();
    }

    /// From so many microseconds on a request is looked at more closely; `u32::MAX` = never.
    pub(super) fn attention(&self) -> u32 {
        self.attention.load(Relaxed)
    }

    fn watch_for_slow(&self) {
        let thresholds = [self.slowlog.threshold(), self.latency.threshold_micros()];
        let least = thresholds.into_iter().flatten().min();
        let micros = least.map_or(u32::MAX, |micros| u32::try_from(micros).unwrap_or(u32::MAX));
        self.attention.store(if self.on { micros } else { u32::MAX }, Relaxed);
    }

    /// What INFO latencystats tells of each command.
    pub(crate) fn percentiles(&self) -> Vec<f64> {
        self.percentiles.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as `latency-tracking-info-percentiles`.
    pub(crate) fn percentiles_text(&self) -> String {
        self.percentiles().iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn set_percentiles(&self, value: &str) -> Result<(), String> {
        *self.percentiles.write().unwrap_or_else(PoisonError::into_inner) = percentiles(value)?;
        Ok(())
    }

    pub(crate) fn tracking(&self) -> String {
        if self.stats.tracking.load(Relaxed) { "yes" } else { "no" }.to_owned()
    }

    pub(crate) fn set_tracking(&self, value: &str) -> Result<(), String> {
        self.stats.tracking.store(flag(value)?, Relaxed);
        Ok(())
    }

    pub(crate) fn set_slower_than(&self, value: &str) -> Result<(), String> {
        self.slowlog.set_slower_than(number(value, -1, i64::MAX)?);
        self.watch_for_slow();
        Ok(())
    }

    pub(crate) fn set_max_len(&self, value: &str) -> Result<(), String> {
        self.slowlog.set_max_len(number(value, 0, i64::from(u32::MAX))? as usize);
        Ok(())
    }

    pub(crate) fn set_monitor_from(&self, value: &str) -> Result<(), String> {
        self.latency.set_threshold(number(value, 0, i64::from(u32::MAX))?.unsigned_abs());
        self.watch_for_slow();
        Ok(())
    }
}

fn number(value: &str, least: i64, most: i64) -> Result<i64, String> {
    let number = value.parse().map_err(|_| "argument couldn't be parsed into an integer".to_owned())?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!("argument must be between {least} and {most} inclusive"))
}

fn flag(value: &str) -> Result<bool, String> {
    match &*value.to_ascii_lowercase() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}
