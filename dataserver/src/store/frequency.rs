//! How often a key was used lately, in the 24 bits that Redis keeps: the minute in which it was last used (16 bits) and
//! a counter (8 bits), which grows the slower the larger it is, and shrinks with the minutes that pass.

/// The counter of a key that is new: above that of keys which nobody uses, so that it has time to be used.
pub const NEW: u8 = 5;

/// How the counter grows and shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lfu {
    /// `lfu-log-factor`: how slowly it grows; with 10, a million uses fill it.
    pub log_factor: u32,
    /// `lfu-decay-time`: minutes without use that take one away; 0 = none do.
    pub decay_minutes: u32,
}

impl Default for Lfu {
    fn default() -> Self {
        Self { log_factor: 10, decay_minutes: 1 }
    }
}

/// The minute of `now`, which is in milliseconds; minutes wrap after 45 days.
fn minute(now: u64) -> u16 {
    (now / 60_000) as u16
}

/// The state of a key that is used at `now`, in milliseconds since 1970, with this counter.
pub fn packed(now: u64, counter: u8) -> u32 {
    u32::from(minute(now)) << 8 | u32::from(counter)
}

/// Minutes since a key of this state was used.
pub fn idle_minutes(state: u32, now: u64) -> u16 {
    minute(now).wrapping_sub((state >> 8) as u16)
}

/// The state of a key that is new at `now`.
pub fn fresh(now: u64) -> u32 {
    packed(now, NEW)
}

impl Lfu {
    /// The counter of a key of this state, less what time has taken away.
    pub fn counter(self, state: u32, now: u64) -> u8 {
        let periods = u32::from(idle_minutes(state, now)).checked_div(self.decay_minutes).unwrap_or(0);
        (state as u8).saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX))
    }

    /// The state of a key after it is used.
    #[cold]
    pub fn used(self, state: u32, now: u64) -> u32 {
        let counter = self.counter(state, now);
        packed(now, counter.saturating_add(u8::from(self.grows(counter, fastrand::f64()))))
    }

    /// Whether a use counts, for a `random` number from 0 to 1.
    fn grows(self, counter: u8, random: f64) -> bool {
        let above = f64::from(counter.saturating_sub(NEW));
        random < 1.0 / (above * f64::from(self.log_factor) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const START: u64 = 1_700_000_000_000;

    fn after(lfu: Lfu, uses: usize) -> u8 {
        lfu.counter((0..uses).fold(fresh(START), |state, _| lfu.used(state, START)), START)
    }

    #[test]
    fn counters_grow_as_redis_documents_it() {
        // The table in redis.conf, whose figures are of one run each.
        for (log_factor, uses, want) in [
            (0, 100, 104),
            (0, 1000, 255),
            (1, 100, 18),
            (1, 1000, 49),
            (10, 100, 10),
            (10, 1000, 18),
            (10, 100_000, 142),
            (10, 1_000_000, 255),
            (100, 1000, 11),
            (100, 100_000, 49),
        ] {
            let runs = if uses > 10_000 { 2 } else { 20 };
            let lfu = Lfu { log_factor, ..Lfu::default() };
            let mean = (0..runs).map(|_| f64::from(after(lfu, uses))).sum::<f64>() / f64::from(runs);
            assert!((mean / f64::from(want) - 1.0).abs() < 0.25, "{log_factor}, {uses}: {mean} for {want}");
        }
    }

    #[test]
    fn counters_shrink_with_time() {
        let state = packed(START, 100);
        for (decay_minutes, minutes, want) in
            [(1, 0, 100), (1, 1, 99), (1, 40, 60), (1, 100, 0), (1, 5000, 0), (10, 25, 98), (0, 5000, 100)]
        {
            let lfu = Lfu { decay_minutes, ..Lfu::default() };
            assert_eq!(lfu.counter(state, START + minutes * MINUTE), want, "{decay_minutes}, {minutes}");
        }
        // Over the end of the 16 bits.
        let late = (u64::from(u16::MAX) << 20 | 0xffff) * MINUTE;
        let lfu = Lfu::default();
        assert_eq!(lfu.counter(packed(late, 9), late + 3 * MINUTE), 6);
    }
}
