//! Geohashes: a place as the interleaved bits of its latitude and longitude, 26 bits each, so that the places of a cell are
//! a range of scores; and distances on a sphere. All of it computes with the same operations in the same order as
//! Redis, whose results it has to have to the last bit.

use std::f64::consts::PI;

/// Longitude and latitude, in degrees.
pub(super) type Position = (f64, f64);

pub(super) const LONGITUDES: (f64, f64) = (-180.0, 180.0);
/// Beyond these, squares of the map projection would be no squares any more (EPSG:900913).
pub(super) const LATITUDES: (f64, f64) = (-85.051_128_78, 85.051_128_78);
/// Bits for each coordinate of a place.
pub(super) const FINEST: u32 = 26;

/// In meters.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Half the equator of the map, in meters.
const MERCATOR_MOST: f64 = 20_037_726.37;
const DEGREE: f64 = PI / 180.0;

const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;

pub(super) fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

pub(super) fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}

/// A cell of the map: `steps` bits of each coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) bits: u64,
    pub(super) steps: u32,
}

/// The edges of a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edges {
    pub(super) longitude: (f64, f64),
    pub(super) latitude: (f64, f64),
}

/// Puts a zero between any two bits.
fn spread(n: u32) -> u64 {
    let mut n = u64::from(n);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        n = (n | n << shift) & mask;
    }
    n
}

/// Takes every other bit, the lowest first.
fn gather(n: u64) -> u32 {
    let mut n = n & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        n = (n | n >> shift) & mask;
    }
    n as u32
}

impl Cell {
    /// The cell of a position on a map with these edges.
    pub(super) fn on_map((longitude, latitude): Position, latitudes: (f64, f64), steps: u32) -> Self {
        let part = |at: f64, (low, high): (f64, f64)| {
            let part = (at - low) / (high - low) * (1u64 << steps) as f64;
            spread(part as u32)
        };
        Self { bits: part(latitude, latitudes) | part(longitude, LONGITUDES) << 1, steps }
    }

    /// The cell of a position.
    pub(super) fn of(position: Position, steps: u32) -> Self {
        Self::on_map(position, LATITUDES, steps)
    }

    /// The smallest cell, that a score means.
    pub(super) fn of_score(score: f64) -> Self {
        Self { bits: score as u64, steps: FINEST }
    }

    pub(super) fn edges(self) -> Edges {
        let all = (1u64 << self.steps) as f64;
        let edges = |n: u32, (low, high): (f64, f64)| {
            let edge = |n: f64| low + (n / all) * (high - low);
            (edge(f64::from(n)), edge(f64::from(n) + 1.0))
        };
        Edges {
            longitude: edges(gather(self.bits >> 1), LONGITUDES),
            latitude: edges(gather(self.bits), LATITUDES),
        }
    }

    /// The middle of the cell.
    pub(super) fn position(self) -> Position {
        let middle =
            |(low, high): (f64, f64), (least, most): (f64, f64)| ((low + high) / 2.0).clamp(least, most);
        let edges = self.edges();
        (middle(edges.longitude, LONGITUDES), middle(edges.latitude, LATITUDES))
    }

    /// The scores of the places in it, the end not among them.
    pub(super) fn scores(self) -> (f64, f64) {
        let scaled = |bits: u64| (bits << (2 * (FINEST - self.steps))) as f64;
        (scaled(self.bits), scaled(self.bits.wrapping_add(1)))
    }

    /// The cell so many cells to the east and to the north, around the edges of the map.
    pub(super) fn moved(self, east: i64, north: i64) -> Self {
        let unused = 64 - 2 * self.steps;
        let moved = |own: u64, other: u64, by: i64| {
            let (bits, gaps) = (self.bits & own, other >> unused);
            let bits = match by {
                0 => bits,
                1.. => bits.wrapping_add(gaps + 1),
                _ => (bits | gaps).wrapping_sub(gaps + 1),
            };
            if by == 0 { bits } else { bits & (own >> unused) }
        };
        let longitude = moved(LONGITUDE_BITS, LATITUDE_BITS, east);
        Self { bits: longitude | moved(LATITUDE_BITS, LONGITUDE_BITS, north), steps: self.steps }
    }
}

/// The score of a place.
pub(super) fn score(position: Position) -> f64 {
    Cell::of(position, FINEST).bits as f64
}

/// Meters between two latitudes.
pub(super) fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS * (radians(b) - radians(a)).abs()
}

/// Meters between two positions, by the haversine formula.
pub(super) fn distance(a: Position, b: Position) -> f64 {
    let v = ((radians(b.0) - radians(a.0)) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance(a.1, b.1);
    }
    let (from, to) = (radians(a.1), radians(b.1));
    let u = ((to - from) / 2.0).sin();
    let part = u * u + from.cos() * to.cos() * v * v;
    2.0 * EARTH_RADIUS * part.sqrt().asin()
}

/// How fine cells may be for nine of them to cover this many meters around a position of this latitude.
pub(super) fn steps_for(meters: f64, latitude: f64) -> u32 {
    if meters == 0.0 {
        return FINEST;
    }
    let (mut meters, mut steps) = (meters, 1i32);
    while meters < MERCATOR_MOST {
        meters *= 2.0;
        steps += 1;
    }
    // Cells are smaller towards the poles.
    steps -= 2 + i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, FINEST as i32) as u32
}
