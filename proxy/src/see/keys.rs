//! Which keys are hot, and which are big, in a bounded memory: a sketch of counters that keys share by their hash tells how often a key
//! was asked for (never too little, seldom much too much), and only the keys with the highest counts are kept by name.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits;
use crate::shared::unix_time;

/// Rows of the sketch; a key has a counter in each.
const ROWS: usize = 4;
/// Counters in a row.
const WIDTH: usize = 1 << 10;
/// All counts are halved so often, in microseconds, so that they tell of the last seconds.
const HALVE: u32 = 10_000_000;

/// What one worker knows of keys.
#[derive(Debug)]
pub(super) struct WorkerKeys {
    keys: Mutex<Keys>,
    /// Sizes above it are worth to be kept.
    floor: AtomicUsize,
}

impl Default for WorkerKeys {
    fn default() -> Self {
        Self { keys: Mutex::default(), floor: AtomicUsize::new(limits::BIG_FROM) }
    }
}

#[derive(Debug, Default)]
struct Keys {
    sketch: Sketch,
    hot: Vec<HotKey>,
    /// The lowest count of `hot`, once it is full.
    least: u32,
    /// When counts were last halved, and how many seconds they stood for then.
    halved: Option<(u32, f64)>,
    big: Vec<BigKey>,
}

#[derive(Debug)]
struct HotKey {
    hash: u64,
    key: Box<[u8]>,
    count: u32,
    /// How many of them were writes, since the key is kept by name.
    reads: u32,
    writes: u32,
}

#[derive(Debug)]
struct BigKey {
    hash: u64,
    key: Box<[u8]>,
    size: usize,
    is_write: bool,
    /// In seconds since 1970.
    at: u64,
}

/// A key that is asked for often.
#[derive(Debug)]
pub(crate) struct Hot {
    pub(crate) key: Box<[u8]>,
    /// Requests a second, of late.
    pub(crate) rate: f64,
    /// How many of 100 are writes.
    pub(crate) writes: u32,
}

/// A key with a large value.
#[derive(Debug)]
pub(crate) struct Big {
    pub(crate) key: Box<[u8]>,
    /// Bytes of the largest value sent, or of the largest answer.
    pub(crate) size: usize,
    pub(crate) is_write: bool,
    /// When, in seconds since 1970.
    pub(crate) at: u64,
}

/// Counters that keys share.
#[derive(Debug)]
struct Sketch {
    hasher: RandomState,
    counts: Box<[u32]>,
    /// Of all keys, in as many seconds as the counts.
    total: u32,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { hasher: RandomState::new(), counts: vec![0; ROWS * WIDTH].into(), total: 0 }
    }
}

impl Sketch {
    /// Counts a key: its hash, and how often it was counted at most.
    fn add(&mut self, key: &[u8]) -> (u64, u32) {
        let hash = self.hasher.hash_one(key);
        let place = |row: usize| row * WIDTH + (hash >> (16 * row)) as usize % WIDTH;
        self.total = self.total.saturating_add(1);
        let count = (0..ROWS).map(|row| self.counts[place(row)]).min().unwrap_or(0).saturating_add(1);
        // The counters that are higher already are so because of others.
        for row in 0..ROWS {
            let counter = &mut self.counts[place(row)];
            *counter = (*counter).max(count);
        }
        (hash, count)
    }

    /// What a key is counted for that no request may have been for: its counters are those of others too.
    fn noise(&self) -> u32 {
        self.total / WIDTH as u32
    }
}

impl Keys {
    fn asked(&mut self, key: &[u8], is_write: bool, now: u32) {
        self.age(now);
        let (hash, count) = self.sketch.add(key);
        // Where no key is hot, every one would take the place of another, again and again.
        if count <= self.least || count < 2 * self.sketch.noise() {
            return;
        }
        let at = self.hot.iter().position(|hot| hot.hash == hash).unwrap_or_else(|| self.place(hash, key));
        let hot = &mut self.hot[at];
        hot.count = count;
        *(if is_write { &mut hot.writes } else { &mut hot.reads }) += 1;
        if self.hot.len() == limits::HOT_KEYS {
            self.least = self.hot.iter().map(|hot| hot.count).min().unwrap_or(0);
        }
    }

    /// A place for a key, that of the coldest if all are taken.
    fn place(&mut self, hash: u64, key: &[u8]) -> usize {
        let new = HotKey { hash, key: kept(key), count: 0, reads: 0, writes: 0 };
        if self.hot.len() < limits::HOT_KEYS {
            self.hot.push(new);
            return self.hot.len() - 1;
        }
        let coldest = (0..self.hot.len()).min_by_key(|at| self.hot[*at].count).unwrap_or(0);
        self.hot[coldest] = new;
        coldest
    }

    /// Halves the counts as often as it is due.
    fn age(&mut self, now: u32) {
        let (mut halved, mut seconds) = *self.halved.get_or_insert((now, 0.0));
        if now.wrapping_sub(halved) > u32::MAX / 2 {
            // Another thread's turn began a moment earlier.
            return;
        }
        while now.wrapping_sub(halved) >= HALVE {
            halved = halved.wrapping_add(HALVE);
            seconds = (seconds + f64::from(HALVE) / 1e6) / 2.0;
            self.halve();
        }
        self.halved = Some((halved, seconds));
    }

    fn halve(&mut self) {
        self.sketch.counts.iter_mut().for_each(|count| *count /= 2);
        self.sketch.total /= 2;
        for hot in &mut self.hot {
            (hot.count, hot.reads, hot.writes) = (hot.count / 2, hot.reads / 2, hot.writes / 2);
        }
        self.hot.retain(|hot| hot.count > 0);
        self.least = if self.hot.len() == limits::HOT_KEYS { self.least / 2 } else { 0 };
    }

    /// For how many seconds the counts stand.
    fn window(&self, now: u32) -> f64 {
        let (halved, seconds) = self.halved.unwrap_or((now, 0.0));
        seconds + f64::from(now.wrapping_sub(halved)) / 1e6
    }

    /// Keeps a large key; the size above which the next is worth to be kept.
    fn large(&mut self, key: &[u8], size: usize, is_write: bool) -> usize {
        let hash = self.sketch.hasher.hash_one(key);
        let at = unix_time().as_secs();
        match self.big.iter_mut().find(|big| big.hash == hash) {
            Some(big) if big.size > size => {}
            Some(big) => (big.size, big.is_write, big.at) = (size, is_write, at),
            None => {
                if self.big.len() == limits::BIG_KEYS {
                    let smallest = (0..self.big.len()).min_by_key(|at| self.big[*at].size).unwrap_or(0);
                    self.big.swap_remove(smallest);
                }
                self.big.push(BigKey { hash, key: kept(key), size, is_write, at });
            }
        }
        let least = self.big.iter().map(|big| big.size).min().unwrap_or(0);
        if self.big.len() == limits::BIG_KEYS { least } else { limits::BIG_FROM }
    }
}

/// What is kept of a key's name.
fn kept(key: &[u8]) -> Box<[u8]> {
    if key.len() <= limits::KEY_SHOWN {
        return key.into();
    }
    let rest = format!("... ({} more bytes)", key.len() - limits::KEY_SHOWN);
    [&key[..limits::KEY_SHOWN], rest.as_bytes()].concat().into()
}

impl WorkerKeys {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sampled request asked for the key, at `now` in microseconds of the proxy.
    pub(super) fn asked(&self, key: &[u8], is_write: bool, now: u32) {
        self.keys().asked(key, is_write, now);
    }

    /// A value, or an answer about the key, had so many bytes.
    pub(super) fn large(&self, key: &[u8], size: usize, is_write: bool) {
        let floor = self.keys().large(key, size, is_write);
        self.floor.store(floor, Relaxed);
    }

    /// Sizes above it are worth to be kept.
    pub(super) fn big_from(&self) -> usize {
        self.floor.load(Relaxed)
    }

    pub(super) fn reset(&self) {
        *self.keys() = Keys::default();
        self.floor.store(limits::BIG_FROM, Relaxed);
    }
}

/// What all workers know of hot keys, the hottest first.
pub(super) fn hottest(workers: &[WorkerKeys], count: usize, now: u32) -> Vec<Hot> {
    let mut sums: HashMap<Box<[u8]>, (f64, u64, u64)> = HashMap::new();
    for worker in workers {
        let mut keys = worker.keys();
        keys.age(now);
        let window = keys.window(now).max(1.0);
        for hot in &keys.hot {
            let sum = sums.entry(hot.key.clone()).or_default();
            sum.0 += f64::from(hot.count) * f64::from(limits::SAMPLE_ONE_OF) / window;
            sum.1 += u64::from(hot.reads);
            sum.2 += u64::from(hot.writes);
        }
    }
    let hot = |(key, (rate, reads, writes)): (Box<[u8]>, (f64, u64, u64))| {
        let writes = (100 * writes).checked_div(reads + writes).unwrap_or(0) as u32;
        Hot { key, rate, writes }
    };
    let mut all: Vec<Hot> = sums.into_iter().map(hot).collect();
    all.sort_by(|a, b| b.rate.total_cmp(&a.rate).then_with(|| a.key.cmp(&b.key)));
    all.truncate(count);
    all
}

/// Which share of the requests of late was for the hottest key, from 0 to 1; 0 where no key is hot.
pub(super) fn hottest_share(workers: &[WorkerKeys], now: u32) -> f64 {
    let (mut counts, mut total): (HashMap<Box<[u8]>, u64>, u64) = Default::default();
    for worker in workers {
        let mut keys = worker.keys();
        keys.age(now);
        total += u64::from(keys.sketch.total);
        keys.hot.iter().for_each(|hot| *counts.entry(hot.key.clone()).or_default() += u64::from(hot.count));
    }
    counts.into_values().max().unwrap_or(0) as f64 / total.max(1) as f64
}

/// What all workers know of big keys, the biggest first.
pub(super) fn biggest(workers: &[WorkerKeys], count: usize) -> Vec<Big> {
    let mut found: HashMap<Box<[u8]>, Big> = HashMap::new();
    for worker in workers {
        for BigKey { key, size, is_write, at, .. } in &worker.keys().big {
            let known = found.get(key).map_or(0, |big| big.size);
            if *size > known {
                let big = Big { key: key.clone(), size: *size, is_write: *is_write, at: *at };
                found.insert(key.clone(), big);
            }
        }
    }
    let mut all: Vec<Big> = found.into_values().collect();
    all.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.key.cmp(&b.key)));
    all.truncate(count);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_never_too_low_and_the_hottest_are_kept() {
        let (workers, mut rng) = ([WorkerKeys::default()], fastrand::Rng::with_seed(7));
        let mut real: HashMap<u32, u32> = HashMap::new();
        for _ in 0..20_000 {
            // Key n is asked for twice as often as key 2 n, among a thousand.
            let key = (1000_f64.powf(rng.f64())) as u32;
            *real.entry(key).or_default() += 1;
            workers[0].asked(key.to_string().as_bytes(), key % 2 == 1, 0);
        }
        let hot = hottest(&workers, 10, 0);
        let keys: Vec<u32> =
            hot.iter().map(|hot| String::from_utf8_lossy(&hot.key).parse().unwrap_or(0)).collect();
        let mut right: Vec<u32> = real.keys().copied().collect();
        right.sort_by_key(|key| std::cmp::Reverse(real[key]));
        assert_eq!(keys[..5], right[..5]);
        for (key, hot) in keys.iter().zip(&hot) {
            let count = (hot.rate / f64::from(limits::SAMPLE_ONE_OF)) as u32;
            assert!(count >= real[key] && count <= real[key] * 11 / 10, "{key}: {count} for {}", real[key]);
            assert_eq!(hot.writes, if key % 2 == 1 { 100 } else { 0 });
        }
    }

    #[test]
    fn a_key_is_hot_only_among_others_that_are_not() {
        let (workers, mut rng) = ([WorkerKeys::default()], fastrand::Rng::with_seed(7));
        for n in 0..200_000 {
            let key = if n % 50 == 0 { 0 } else { rng.u32(1..1_000_000) };
            workers[0].asked(key.to_string().as_bytes(), false, 0);
        }
        let hot = hottest(&workers, 100, 0);
        assert_eq!(&hot[0].key[..], b"0");
        let share = hottest_share(&workers, 0);
        assert!((0.02..0.022).contains(&share), "{share}");
        assert_eq!(hottest_share(&[], 0), 0.0);
        let times = (hot[0].rate / f64::from(limits::SAMPLE_ONE_OF)) as u32;
        assert!((4000..4400).contains(&times), "{times}");
        // The others were kept when little was known yet.
        assert!(hot[1..].iter().all(|other| other.rate < hot[0].rate / 10.0), "{:?}", &hot[..2]);
        workers[0].asked(b"1000000", false, 0);
        assert!(hottest(&workers, 100, 0).iter().all(|hot| &hot.key[..] != b"1000000"));
    }

    #[test]
    fn what_is_asked_for_no_more_is_forgotten_and_rates_stay_true() {
        let workers = [WorkerKeys::default()];
        for second in 0..60 {
            for _ in 0..10 {
                workers[0].asked(b"now", false, second * 1_000_000);
            }
            if second == 0 {
                workers[0].asked(b"once", false, 0);
            }
        }
        let hot = hottest(&workers, 10, 60_000_000);
        assert_eq!(hot.len(), 1, "{hot:?}");
        let real = 10.0 * f64::from(limits::SAMPLE_ONE_OF);
        assert!((hot[0].rate / real - 1.0).abs() < 0.1, "{hot:?}");
        assert!(hottest(&workers, 10, 600_000_000).is_empty());
    }

    #[test]
    fn the_largest_stay_and_names_are_bounded() {
        let worker = WorkerKeys::default();
        let sizes = (0..100).map(|n| limits::BIG_FROM + 1 + n);
        for size in sizes {
            if size > worker.big_from() {
                worker.large(format!("key{size}").as_bytes(), size, true);
            }
        }
        worker.large(&[b'k'; 10_000], 1 << 20, false);
        let big = biggest(&[worker], 100);
        assert_eq!(big.len(), limits::BIG_KEYS);
        assert!(big[0].size == 1 << 20 && big[0].key.len() < limits::KEY_SHOWN + 32);
        assert!(big[31].size > limits::BIG_FROM + 100 - limits::BIG_KEYS);
    }
}
