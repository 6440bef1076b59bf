//! How many commands a second each user may run: `--rate USER=N/s`, `*` for every user without a rule of its own.
//!
//! A bucket holds one second's tokens. It is one number: the time at which it would be full again (the generic cell rate algorithm),
//! so that all workers share it by one compare-and-swap, which only users with a rate pay.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringtail_protocol::errors::Error;
use serde::{Deserialize, Serialize};

use crate::limits;

const SECOND: u64 = 1_000_000_000;

/// One `USER=N/s`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    user: String,
    /// Commands a second, at least one.
    most: u32,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.rsplit_once('=').and_then(|(user, rate)| {
            let most = rate.strip_suffix("/s").unwrap_or(rate).parse().ok()?;
            (!user.is_empty() && most > 0).then(|| Self { user: user.to_owned(), most })
        });
        parsed
            .ok_or_else(|| format!("'{text}' is no rate: write USER=100/s, or *=100/s for every other user"))
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}/s", self.user, self.most)
    }
}

/// One user's tokens.
#[derive(Debug)]
pub(crate) struct Bucket {
    most: u32,
    /// When it would be full again, in nanoseconds since the start.
    full_at: AtomicU64,
}

impl Bucket {
    fn new(most: u32) -> Self {
        Self { most, full_at: AtomicU64::new(0) }
    }

    /// Takes a token at `now`, in nanoseconds since the start.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub(crate) fn take(&self, now: u64) -> Result<(), Duration> {
        let one = SECOND / u64::from(self.most).min(SECOND);
        let mut full_at = self.full_at.load(Relaxed);
        loop {
            let from = full_at.max(now);
            let wait = (from - now + one).saturating_sub(SECOND);
            if wait > 0 {
                return Err(Duration::from_nanos(wait));
            }
            match self.full_at.compare_exchange_weak(full_at, from + one, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }

    /// What a command without a token is answered.
    pub(crate) fn refusal(&self, user: &[u8], wait: Duration) -> Error {
        let (user, most) = (String::from_utf8_lossy(user), self.most);
        let millis = wait.as_nanos().div_ceil(1_000_000);
        Error::new(format!(
            "RATELIMIT user {user} may run {most} commands a second: nothing was run, retry in {millis} ms"
        ))
    }
}

/// All rules, and the buckets of the users that are connected.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<Rate>,
    buckets: HashMap<Box<[u8]>, Arc<Bucket>>,
}

impl Rates {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces all rules. Sessions have to ask for their [bucket](Self::bucket) again.
    pub(crate) fn set(&self, rules: Vec<Rate>) {
        self.inner().rules = rules;
    }

    /// The rules as they are written, with spaces between them.
    pub(crate) fn text(&self) -> String {
        self.inner().rules.iter().map(Rate::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The tokens of a user that has a rate.
    pub(crate) fn bucket(&self, user: &[u8]) -> Option<Arc<Bucket>> {
        let mut inner = self.inner();
        let most = inner.rate_of(user)?;
        if let Some(bucket) = inner.buckets.get(user).filter(|bucket| bucket.most == most) {
            return Some(Arc::clone(bucket));
        }
        if inner.buckets.len() >= limits::RATE_BUCKETS {
            inner.buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1);
        }
        let bucket = Arc::new(Bucket::new(most));
        inner.buckets.insert(user.into(), Arc::clone(&bucket));
        Some(bucket)
    }
}

impl Inner {
    fn rate_of(&self, user: &[u8]) -> Option<u32> {
        let rule = |name: &[u8]| self.rules.iter().rev().find(|rule| rule.user.as_bytes() == name);
        rule(user).or_else(|| rule(b"*")).map(|rule| rule.most)
    }
}

/// `USER=N/s` with spaces between them; none at all is right, too.
pub(crate) fn parse(text: &str) -> Result<Vec<Rate>, String> {
    text.split_ascii_whitespace().map(str::parse).collect()
}
