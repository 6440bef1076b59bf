//! Places: members of sorted sets whose scores are geohashes.

mod area;
mod cells;
mod searching;

use super::arguments::{double, float, is};
use super::zset::{Rules, add_all};
use super::{Call, Done};
use crate::value::zset::SortedSet;
use cells::{Cell, FINEST, LATITUDES, LONGITUDES, Position, score};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::{Reply, Resp};

pub(super) use searching::{around_member, around_position, search};

/// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
pub(super) fn add(c: &mut Call<'_, '_>) -> Done {
    let (mut rules, mut first) = (Rules::default(), 2);
    while let Some(option) = c.args.get(first) {
        match () {
            () if is(option, "NX") => rules.nx = true,
            () if is(option, "XX") => rules.xx = true,
            () if is(option, "CH") => rules.changed = true,
            () => break,
        }
        first += 1;
    }
    let places = c.args.from(first);
    if places.len() == 0 || !places.len().is_multiple_of(3) || (rules.nx && rules.xx) {
        return Err(errors::SYNTAX);
    }
    let mut scores = Vec::with_capacity(places.len() / 3);
    for i in (0..places.len()).step_by(3) {
        scores.push(score(position(&places[i], &places[i + 1])?));
    }
    add_all(c, rules, scores.len(), |i| (scores[i], places.get(3 * i + 2).unwrap_or_default()))
}

/// A position from two arguments.
fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, Error> {
    let (longitude, latitude) = (float(longitude)?, float(latitude)?);
    let within = |at: f64, (low, high): (f64, f64)| (low..=high).contains(&at);
    if within(longitude, LONGITUDES) && within(latitude, LATITUDES) {
        return Ok((longitude, latitude));
    }
    Err(Error::new(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}")))
}

/// Meters of a unit.
fn unit(word: &[u8]) -> Result<f64, Error> {
    let units = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    let found = units.into_iter().find(|(name, _)| is(word, name));
    found
        .map(|(_, meters)| meters)
        .ok_or(Error::fixed("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// A length that is not negative, in a unit, and the meters of the unit.
fn radius(number: &[u8], unit_name: &[u8]) -> Result<(f64, f64), Error> {
    let radius = double(number, Error::fixed("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(Error::fixed("ERR radius cannot be negative"));
    }
    Ok((radius, unit(unit_name)?))
}

/// Writes a distance with four digits behind the point, rounded after it was multiplied, as Redis does.
fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    let parts = (distance * 10_000.0).round_ties_even() as u64;
    reply.bulk(format!("{}.{:04}", parts / 10_000, parts % 10_000).as_bytes());
}

/// Writes a coordinate with up to 17 digits behind the point.
fn write_coordinate(reply: &mut Reply<'_>, degrees: f64) {
    let text = format!("{degrees:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    match reply.resp() {
        Resp::V2 => reply.bulk(text.as_bytes()),
        Resp::V3 => reply.raw(format!(",{text}\r\n").as_bytes()),
    }
}

fn write_position(reply: &mut Reply<'_>, (longitude, latitude): Position) {
    reply.array(2);
    write_coordinate(reply, longitude);
    write_coordinate(reply, latitude);
}

/// GEOPOS key [member ...]
pub(super) fn positions(c: &mut Call<'_, '_>) -> Done {
    let (hasher, members) = (c.view.hasher(), c.args.from(2));
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    c.reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(member, hasher)) {
            Some(score) => write_position(&mut c.reply, Cell::of_score(score).position()),
            None => c.reply.null_array(),
        }
    }
    Ok(())
}

/// GEOHASH key [member ...]
pub(super) fn hashes(c: &mut Call<'_, '_>) -> Done {
    let (hasher, members) = (c.view.hasher(), c.args.from(2));
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    c.reply.array(members.len());
    for member in members.iter() {
        let score = set.and_then(|set| set.score(member, hasher));
        c.reply
            .bulk_or_null(score.map(|score| text(Cell::of_score(score).position())).as_ref().map(|t| &t[..]));
    }
    Ok(())
}

/// The geohash that others use: of a map up to the poles, five bits a letter. Of the last letter there are no bits.
fn text(position: Position) -> [u8; 11] {
    const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Cell::on_map(position, (-90.0, 90.0), FINEST).bits;
    std::array::from_fn(|i| if i == 10 { b'0' } else { LETTERS[(bits >> (47 - 5 * i)) as usize % 32] })
}

/// GEODIST key member1 member2 [unit]
pub(super) fn distance(c: &mut Call<'_, '_>) -> Done {
    let unit = match c.args.get(4) {
        _ if c.args.len() > 5 => return Err(errors::SYNTAX),
        Some(name) => unit(name)?,
        None => 1.0,
    };
    let hasher = c.view.hasher();
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    let place = |member| set?.score(member, hasher).map(|score| Cell::of_score(score).position());
    match (place(&c.args[2]), place(&c.args[3])) {
        (Some(from), Some(to)) => write_distance(&mut c.reply, cells::distance(from, to) / unit),
        _ => c.reply.null(),
    }
    Ok(())
}
