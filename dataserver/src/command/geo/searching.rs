//! Searching for places: GEORADIUS, GEORADIUSBYMEMBER, GEOSEARCH, and what stores their results.

use super::super::arguments::{double, int, is};
use super::super::{Call, Done};
use super::area::{Area, Form, Place};
use super::cells::{Cell, Position};
use super::{position, radius, unit, write_distance, write_position};
use crate::event;
use crate::store::Key;
use crate::value::zset::SortedSet;
use ringtail_protocol::command::Flags;
use ringtail_protocol::errors::{self, Error};
use std::cmp::Ordering;

const NO_MEMBER: Error = Error::fixed("ERR could not decode requested zset member");

/// Which command asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// GEORADIUS and GEORADIUSBYMEMBER, whose area is at fixed places.
    Radius,
    /// GEOSEARCH.
    Search,
    /// GEOSEARCHSTORE.
    SearchStore,
}

/// What a search was asked.
#[derive(Default)]
struct Wanted<'a> {
    center: Option<Position>,
    /// The center is a member; of a missing key it has no position.
    from_member: bool,
    form: Option<(Form, f64)>,
    with_distance: bool,
    with_hash: bool,
    with_position: bool,
    any: bool,
    /// 0: all.
    count: usize,
    order: Option<Order>,
    store: Option<&'a [u8]>,
    store_distance: bool,
}

/// The order of results by their distance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Nearest,
    Farthest,
}

/// GEORADIUS key longitude latitude radius unit …
pub(in super::super) fn around_position(c: &mut Call<'_, '_>) -> Done {
    c.view.read_as::<SortedSet>(&c.keys[0])?;
    let center = Some(position(&c.args[2], &c.args[3])?);
    let (radius, unit) = radius(&c.args[4], &c.args[5])?;
    let form = Some((Form::Circle { radius }, unit));
    run(c, Family::Radius, 0, 6, Wanted { center, form, ..Wanted::default() })
}

/// GEORADIUSBYMEMBER key member radius unit …
pub(in super::super) fn around_member(c: &mut Call<'_, '_>) -> Done {
    let center = member_position(c, 0, 2)?;
    let mut wanted = Wanted { center, from_member: true, ..Wanted::default() };
    if center.is_some() {
        let (radius, unit) = radius(&c.args[3], &c.args[4])?;
        wanted.form = Some((Form::Circle { radius }, unit));
    }
    run(c, Family::Radius, 0, 5, wanted)
}

/// GEOSEARCH key … and GEOSEARCHSTORE destination key …
pub(in super::super) fn search(c: &mut Call<'_, '_>, store: bool) -> Done {
    let (family, source) = if store { (Family::SearchStore, 1) } else { (Family::Search, 0) };
    c.view.read_as::<SortedSet>(&c.keys[source])?;
    let store = if store { c.args.get(1) } else { None };
    run(c, family, source, source + 2, Wanted { store, ..Wanted::default() })
}

/// The position of the member that an argument names; none when there is no such key.
fn member_position(c: &mut Call<'_, '_>, source: usize, at: usize) -> Result<Option<Position>, Error> {
    let hasher = c.view.hasher();
    let Some(set) = c.view.read_as::<SortedSet>(&c.keys[source])? else { return Ok(None) };
    let score = set.score(&c.args[at], hasher).ok_or(NO_MEMBER)?;
    Ok(Some(Cell::of_score(score).position()))
}

impl<'a> Wanted<'a> {
    /// Reads the options from argument `at` on.
    fn read(&mut self, c: &mut Call<'a, '_>, family: Family, source: usize, at: usize) -> Done {
        let mut i = at;
        while let Some(option) = c.args.get(i) {
            let left = c.args.len() - i - 1;
            match () {
                () if is(option, "WITHDIST") => self.with_distance = true,
                () if is(option, "WITHHASH") => self.with_hash = true,
                () if is(option, "WITHCOORD") => self.with_position = true,
                () if is(option, "ANY") => self.any = true,
                () if is(option, "ASC") => self.order = Some(Order::Nearest),
                () if is(option, "DESC") => self.order = Some(Order::Farthest),
                () if is(option, "COUNT") && left > 0 => {
                    self.count = usize::try_from(int(&c.args[i + 1])?).unwrap_or(0);
                    if self.count == 0 {
                        return Err(Error::fixed("ERR COUNT must be > 0"));
                    }
                    i += 1;
                }
                () => i += self.read_more(c, family, source, i, left)?,
            }
            i += 1;
        }
        Ok(())
    }

    /// The options that not all of the commands have. Returns how many arguments are behind this one.
    fn read_more(
        &mut self,
        c: &mut Call<'a, '_>,
        family: Family,
        source: usize,
        i: usize,
        left: usize,
    ) -> Result<usize, Error> {
        let (option, searches) = (&c.args[i], family != Family::Radius);
        let stores = family == Family::Radius && c.command.flags.contains(Flags::WRITE) && left > 0;
        match () {
            () if stores && (is(option, "STORE") || is(option, "STOREDIST")) => {
                self.store_distance = is(option, "STOREDIST");
                self.store = c.args.get(i + 1);
                Ok(1)
            }
            () if family == Family::SearchStore && is(option, "STOREDIST") => {
                self.store_distance = true;
                Ok(0)
            }
            () if searches
                && left > 0
                && is(option, "FROMMEMBER")
                && (self.from_member || self.center.is_none()) =>
            {
                self.center = member_position(c, source, i + 1)?;
                self.from_member = true;
                Ok(1)
            }
            () if searches && left > 1 && is(option, "FROMLONLAT") && !self.from_member => {
                self.center = Some(position(&c.args[i + 1], &c.args[i + 2])?);
                Ok(2)
            }
            () if searches && left > 1 && is(option, "BYRADIUS") && !self.is_box() => {
                let (radius, unit) = radius(&c.args[i + 1], &c.args[i + 2])?;
                self.form = Some((Form::Circle { radius }, unit));
                Ok(2)
            }
            () if searches && left > 2 && is(option, "BYBOX") && (self.form.is_none() || self.is_box()) => {
                self.form = Some(sides(&c.args[i + 1], &c.args[i + 2], &c.args[i + 3])?);
                Ok(3)
            }
            () => Err(errors::SYNTAX),
        }
    }

    fn is_box(&self) -> bool {
        matches!(self.form, Some((Form::Box { .. }, _)))
    }

    /// Whether what was asked fits together.
    fn check(&self, c: &Call<'_, '_>, family: Family) -> Done {
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_position) {
            let what =
                if family == Family::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = format!("ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
            return Err(Error::new(text));
        }
        let one_of = |what: &str| {
            let name = errors::printable(&c.args[0], 32);
            Err(Error::new(format!("ERR exactly one of {what} for {name}")))
        };
        if family != Family::Radius && self.center.is_none() && !self.from_member {
            return one_of("FROMMEMBER or FROMLONLAT can be specified");
        }
        if family != Family::Radius && self.form.is_none() {
            return one_of("BYRADIUS and BYBOX can be specified");
        }
        if self.any && self.count == 0 {
            return Err(Error::fixed("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// Places in the order that was asked for, no more than were.
    fn arrange(&self, places: &mut Vec<Place>) {
        // The nearest ones are meant where only some are wanted, unless any will do.
        let order = self.order.or((self.count > 0 && !self.any).then_some(Order::Nearest));
        if let Some(order) = order {
            places.sort_by(|a, b| {
                let by_distance = a.distance.partial_cmp(&b.distance).unwrap_or(Ordering::Equal);
                if order == Order::Nearest { by_distance } else { by_distance.reverse() }
            });
        }
        if self.count > 0 {
            places.truncate(self.count);
        }
    }
}

/// The sides of a box and the meters of their unit.
fn sides(width: &[u8], height: &[u8], unit_name: &[u8]) -> Result<(Form, f64), Error> {
    let width = double(width, Error::fixed("ERR need numeric width"))?;
    let height = double(height, Error::fixed("ERR need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(Error::fixed("ERR height or width cannot be negative"));
    }
    Ok((Form::Box { width, height }, unit(unit_name)?))
}

fn run<'a>(c: &mut Call<'a, '_>, family: Family, source: usize, at: usize, mut wanted: Wanted<'a>) -> Done {
    wanted.read(c, family, source, at)?;
    wanted.check(c, family)?;
    let store = wanted.store.map(|name| destination(c.keys, source, name)).transpose()?;
    let set = c.view.read_as::<SortedSet>(&c.keys[source])?;
    let (mut places, mut unit) = (Vec::new(), 1.0);
    if let (Some(set), Some(center), Some((form, meters))) = (set, wanted.center, wanted.form) {
        unit = meters;
        let most = if wanted.any { wanted.count } else { 0 };
        places = Area { center, form, unit }.places(set, most);
        wanted.arrange(&mut places);
    }
    match store {
        Some(key) => keep(c, &key, family, &wanted, &places, unit),
        None => answer(c, &wanted, &places, unit),
    }
    Ok(())
}

/// The key among the command's that a STORE names, and not as the source, which the user may only be allowed to read. Given
/// twice, the option has a key that nobody looked for.
fn destination<'a>(keys: &[Key<'a>], source: usize, name: &[u8]) -> Result<Key<'a>, Error> {
    let mut named = keys.iter().enumerate().filter(|(at, key)| *at != source && key.bytes == name);
    named.next().map(|(_, key)| *key).ok_or(errors::SYNTAX)
}

fn answer(c: &mut Call<'_, '_>, wanted: &Wanted<'_>, places: &[Place], unit: f64) {
    let extras = [wanted.with_distance, wanted.with_hash, wanted.with_position];
    let extras = extras.iter().filter(|&&with| with).count();
    c.reply.array(places.len());
    for place in places {
        if extras > 0 {
            c.reply.array(extras + 1);
        }
        c.reply.bulk(&place.member);
        if wanted.with_distance {
            write_distance(&mut c.reply, place.distance / unit);
        }
        if wanted.with_hash {
            c.reply.int(place.score as i64);
        }
        if wanted.with_position {
            write_position(&mut c.reply, place.position);
        }
    }
}

/// Stores places with their scores, or their distances.
fn keep(
    c: &mut Call<'_, '_>,
    key: &Key<'_>,
    family: Family,
    wanted: &Wanted<'_>,
    places: &[Place],
    unit: f64,
) {
    let score = |place: &Place| if wanted.store_distance { place.distance / unit } else { place.score };
    let keys = places.iter().map(|place| (score(place), &place.member[..]));
    let set = SortedSet::of(keys, c.view.hasher(), super::super::zset::limit(c));
    let event = if family == Family::Radius { event::GEORADIUSSTORE } else { event::GEOSEARCHSTORE };
    c.store_sorted_set(key, set, event);
}
