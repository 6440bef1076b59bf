//! The consistent-hash ring of the members, by weight.
//!
//! The ring is 2^64 positions long. Each slot begins a stretch of 2^50 of them, and every member has at most
//! one point in each stretch: the heavier the member, the nearer to its beginning. A slot belongs to the
//! first point from its beginning on; when that member is full, to the next point's, and so on around the
//! ring (module [`table`](crate::table)).
//!
//! # Why not a number of points for each member by its weight
//!
//! On a ring of random points a member's *number* of points carries its weight. Then points must be added and
//! taken away for all members whenever the sum of the weights changes (else weights of 1, 1 and 2 would be a
//! ring of four points), and a hundredth more or fewer points for everyone moves a hundredth of all slots
//! between members whose weight nobody touched. Here the *distance* of a point carries the weight: a draw
//! that depends on member and slot alone, divided by the weight. Weights are compared with each other within
//! a stretch, never with anything fixed, so 1:1:2 and 500:500:1000 are the same ring, and a member that
//! comes, goes or changes its weight changes the order of no two others. The first point of a stretch is each
//! member's with a chance of exactly its share of the weights.
//!
//! # The format, for those who must compute the same ring elsewhere
//!
//! All integers little-endian, all divisions rounded down, `hash(bytes)` is rapidhash V3 with the seed
//! `0x52696E677461696C` and the default secrets.
//!
//! 1. `identity = hash(name)`, the member's name in UTF-8.
//! 2. `draw = hash(identity as 8 bytes, slot as 8 bytes)`: the same for ever for this name and slot.
//! 3. `cost = 64 - log2(draw)` in fixed point with 32 fractional bits: let `z` be the leading zero bits of
//!    `draw | 1`, `f` the 64 bits that follow its first one bit (zeros shifted in), `i` the upper 8 of them
//!    and `r` the next 32; then `cost = ((z + 1) << 32) - (L[i] + ((L[i + 1] - L[i]) * r >> 32))`, where
//!    `L[i] = log2(1 + i / 256)` in the same fixed point, computed as [`log2_of_one_and`] does.
//! 4. `distance = cost * total / weight`, `total` being the sum of all weights. If it is 2^35 or more (8.0),
//!    the member has no point in this stretch; otherwise its point is at `slot << 50 | distance << 15`.
//! 5. Of points at equal positions only that of the first name, byte by byte, is kept.
//!
//! There are about 90,850 points (16384 × 8 ln 2), whatever the number of members.

use std::hash::{BuildHasher, Hash, Hasher};

use hashring::HashRing;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline, rapidhash_v3_seeded};

use crate::slot::SLOTS;

#[cfg(test)]
mod tests;

/// "Ringtail" in ASCII. Changing it moves nearly every key of every pool.
const SECRETS: RapidSecrets = RapidSecrets::seed_cpp(0x5269_6E67_7461_696C);

/// log2 of the number of positions in a slot's stretch.
const STRETCH: u32 = 64 - SLOTS.ilog2();

/// Fractional bits of a cost and of a distance.
const FRACTION: u32 = 32;

/// log2 of a stretch's length as a distance: 2^3. One stretch in 2^8 then has no point, and its slot goes to
/// the first point of the next. With 2^2 it would be one in 16; with 2^4 one in 65,536, for twice the points.
const REACH: u32 = FRACTION + 3;

/// A member as the ring sees it: an identity and a weight, above 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    identity: u64,
    weight: u64,
}

impl Ticket {
    pub(crate) fn new(name: &str, weight: u32) -> Self {
        Self { identity: rapidhash_v3_seeded(name.as_bytes(), &SECRETS), weight: u64::from(weight) }
    }
}

/// A point of the ring and the member that it belongs to, as an index into the list that the ring was made
/// of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    position: u64,
    member: u16,
}

impl Hash for Point {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.position);
    }
}

/// The points of all members.
pub(crate) struct Ring {
    points: HashRing<Point, PositionItself>,
}

impl Ring {
    /// The ring of members given in the order of their names.
    pub(crate) fn new(tickets: &[Ticket]) -> Self {
        let total = tickets.iter().map(|ticket| ticket.weight).sum();
        let racers: Vec<Racer> = tickets.iter().map(|ticket| Racer::new(*ticket, total)).collect();
        let mut points = Vec::with_capacity(SLOTS * 6);
        for slot in 0..SLOTS as u16 {
            add_stretch(&mut points, &racers, slot);
        }
        points.dedup_by_key(|point| point.position);
        let mut ring = HashRing::with_hasher(PositionItself);
        ring.batch_add(points);
        Self { points: ring }
    }

    /// The members that the points belong to, from the beginning of `slot` once around the ring.
    pub(crate) fn onward(&self, slot: u16) -> impl Iterator<Item = usize> + '_ {
        let mut from = u64::from(slot) << STRETCH;
        (0..self.points.len()).map_while(move |_| {
            let point = self.points.get(&from)?;
            from = point.position.wrapping_add(1);
            Some(usize::from(point.member))
        })
    }
}

/// Adds the points of one stretch, in order: by position, equal positions by name.
fn add_stretch(points: &mut Vec<Point>, racers: &[Racer], slot: u16) {
    let begin = points.len();
    for (member, racer) in racers.iter().enumerate() {
        let position = racer.position(slot);
        points.extend(position.map(|position| Point { position, member: member as u16 }));
    }
    points[begin..].sort_unstable();
}

/// A ticket among the others of its ring.
struct Racer {
    ticket: Ticket,
    total: u64,
    /// The least draw that has a point in the stretch. Most have none, and comparing draws costs them no
    /// logarithm.
    least: u64,
}

impl Racer {
    fn new(ticket: Ticket, total: u64) -> Self {
        let beyond = (ticket.weight << REACH).div_ceil(total);
        Self { ticket, total, least: least_draw_below(beyond) }
    }

    /// The position of the member's point in a slot's stretch. (The product fits: it is less than the weight
    /// times the reach, and a weight has 17 bits.)
    #[inline]
    fn position(&self, slot: u16) -> Option<u64> {
        let draw = draw(self.ticket.identity, slot);
        if draw < self.least {
            return None;
        }
        let distance = cost(draw) * self.total / self.ticket.weight;
        Some(u64::from(slot) << STRETCH | distance << (STRETCH - REACH))
    }
}

/// The least draw of a cost below `beyond`, which is above 0: costs fall as draws rise, and the highest
/// draw's is the least of all, 1.
fn least_draw_below(beyond: u64) -> u64 {
    let (mut least, mut step) = (0, 1 << 63);
    while step > 0 {
        if cost(least + (step - 1)) >= beyond {
            least += step;
        }
        step >>= 1;
    }
    least
}

/// (Eight bytes for a slot, because two numbers of eight are hashed without going through memory.)
#[inline]
fn draw(identity: u64, slot: u16) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&identity.to_le_bytes());
    bytes[8..].copy_from_slice(&u64::from(slot).to_le_bytes());
    rapidhash_v3_inline::<true, false, false>(&bytes, &SECRETS)
}

/// -log2 of a draw taken as a fraction of 2^64.
#[inline]
fn cost(draw: u64) -> u64 {
    let odd = draw | 1;
    let zeros = odd.leading_zeros();
    let fraction = odd << zeros << 1;
    let (index, rest) = ((fraction >> 56) as usize, fraction << 8 >> 32);
    let (low, high) = (LOG2[index], LOG2[index + 1]);
    (u64::from(zeros + 1) << FRACTION) - (low + (((high - low) * rest) >> 32))
}

/// `log2(1 + i / 256)`.
static LOG2: [u64; 257] = {
    let mut table = [1 << FRACTION; 257];
    let mut index = 0;
    while index < 256 {
        table[index] = log2_of_one_and(index as u128);
        index += 1;
    }
    table
};

/// `log2(1 + index / 256)` with 32 fractional bits: with `x` in fixed point with 62 fractional bits, each bit
/// is whether `x * x` reaches 2, and `x` becomes that square, halved if so. In integers because `ln` differs
/// between platforms.
const fn log2_of_one_and(index: u128) -> u64 {
    let mut x = (256 + index) << 54;
    let mut log = 0;
    let mut bits = 0;
    while bits < FRACTION {
        x = (x * x) >> 62;
        let reached = x >> 63;
        x >>= reached;
        log = log << 1 | reached as u64;
        bits += 1;
    }
    log
}

/// A point's hash is its position.
struct PositionItself;

impl BuildHasher for PositionItself {
    type Hasher = Position;

    fn build_hasher(&self) -> Position {
        Position(0)
    }
}

struct Position(u64);

impl Hasher for Position {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, position: u64) {
        self.0 = position;
    }

    /// Points are hashed by [`Hasher::write_u64`] alone; anything else would be a position made of bytes.
    fn write(&mut self, bytes: &[u8]) {
        self.0 = rapidhash_v3_seeded(bytes, &SECRETS);
    }
}
