//! What a `servers.json` may make us hold, at most.

/// The longest file, in bytes: [`MAX_MEMBERS`] of the longest entries would not fit, ordinary ones do many
/// times over.
pub const MAX_FILE: usize = 1 << 20;

/// The most members.
pub const MAX_MEMBERS: usize = 1024;

/// The most replicas of a member.
pub const MAX_REPLICAS: usize = 16;

/// The longest name of a member, in bytes: a default name, which is an address, always fits.
pub const MAX_NAME: usize = 264;

/// The greatest weight of a member.
pub const MAX_WEIGHT: u32 = 100_000;

/// The weight of a member that names none.
pub const DEFAULT_WEIGHT: u32 = 100;

// A member is a u16 in the slot table; the ring multiplies a weight by 2^35.
const _: () = assert!(MAX_MEMBERS <= u16::MAX as usize);
const _: () = assert!((MAX_WEIGHT as u64) < 1 << (64 - 35));
