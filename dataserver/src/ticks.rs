//! The clock that commands are timed by: read once per command, so it has to be cheap, and without a unit until someone asks.
//!
//! On x86-64 it is the processor's time stamp counter, where that runs at one rate through every state of power (the
//! *invariant* counter; Linux keeps its own time by it then, and the counters of all cores agree). Elsewhere it is [`Instant`].

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long the counter is watched to learn its rate; the error of a reading at both ends is some ten nanoseconds.
const CALIBRATION: Duration = Duration::from_millis(2);

/// Now. Only differences mean something, and only on a clock that one thread reads.
#[inline(always)]
pub(crate) fn now() -> u64 {
    counter::read().unwrap_or_else(nanos)
}

/// Nanoseconds since the process first asked.
#[cold]
fn nanos() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Nanoseconds of one tick.
pub(crate) fn scale() -> f64 {
    static SCALE: OnceLock<f64> = OnceLock::new();
    *SCALE.get_or_init(|| if counter::read().is_some() { calibrated() } else { 1.0 })
}

/// What kind of clock it is, in the words of Redis's INFO.
pub(crate) fn name() -> String {
    match counter::read() {
        Some(_) => format!("X86 TSC @ {:.0} ticks/us", 1000.0 / scale()),
        None => "POSIX clock_gettime".to_owned(),
    }
}

fn calibrated() -> f64 {
    let (from, since) = both();
    while since.elapsed() < CALIBRATION {
        std::hint::spin_loop();
    }
    let (to, until) = both();
    (until - since).as_nanos() as f64 / to.saturating_sub(from).max(1) as f64
}

/// Both clocks at one moment: the closest of a few tries, since the thread may be interrupted between the two.
fn both() -> (u64, Instant) {
    let one = |_| {
        let (before, instant) = (now(), Instant::now());
        let after = now();
        (after.saturating_sub(before), before / 2 + after / 2, instant)
    };
    let (_, ticks, instant) =
        (0..8).map(one).min_by_key(|(gap, ..)| *gap).unwrap_or((0, now(), Instant::now()));
    (ticks, instant)
}

/// Microseconds in so many ticks.
pub(crate) fn micros(ticks: u64) -> u64 {
    (ticks as f64 * scale() / 1000.0) as u64
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod counter {
    #![expect(unsafe_code, reason = "reading the time stamp counter")]

    use std::arch::x86_64::{__cpuid, _rdtsc};
    use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

    const UNKNOWN: u8 = 0;
    const GOOD: u8 = 1;
    const BAD: u8 = 2;

    static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// The counter, where it may serve as a clock.
    #[inline(always)]
    pub(super) fn read() -> Option<u64> {
        match STATE.load(Relaxed) {
            // SAFETY: RDTSC reads a register and touches no memory. The kernel may forbid it to a process
            // (PR_SET_TSC), which ends that process rather than breaking a rule of the language.
            GOOD => Some(unsafe { _rdtsc() }),
            BAD => None,
            _ => first(),
        }
    }

    #[cold]
    fn first() -> Option<u64> {
        STATE.store(if is_invariant() { GOOD } else { BAD }, Relaxed);
        read()
    }

    fn is_invariant() -> bool {
        const POWER: u32 = 0x8000_0007;
        __cpuid(0x8000_0000).eax >= POWER && __cpuid(POWER).edx & (1 << 8) != 0
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod counter {
    pub(super) fn read() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_the_time_that_passes() {
        let (from, since) = both();
        std::thread::park_timeout(Duration::from_millis(20));
        let (to, until) = both();
        let (told, real) = (micros(to - from) as f64, (until - since).as_micros() as f64);
        assert!((told / real - 1.0).abs() < 0.02, "{told} us by ticks, {real} us by the clock");
    }
}
