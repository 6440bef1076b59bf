//! The hash of keys and fields: rapidhash, seeded at random for each process, so that nobody can choose
//! keys that collide.

use super::dict::Hash;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

static SECRETS: LazyLock<RapidSecrets> = LazyLock::new(|| RapidSecrets::seed(RandomState::new().hash_one(0)));

/// Hashes keys with this process's seed.
#[derive(Clone, Copy)]
pub struct Hasher(&'static RapidSecrets);

impl Default for Hasher {
    fn default() -> Self {
        Self(&SECRETS)
    }
}

impl Hasher {
    /// The hash of a key or a field.
    #[inline]
    pub fn hash(self, key: &[u8]) -> Hash {
        Hash(rapidhash_v3_seeded(key, self.0))
    }
}
