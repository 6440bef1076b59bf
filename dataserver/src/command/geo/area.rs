//! Areas that places are searched in, and the cells that cover one.

use super::cells::{Cell, EARTH_RADIUS, Position, degrees, distance, latitude_distance, radians, steps_for};
use crate::value::zset::SortedSet;

/// The form of an area; its sizes are in its unit.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// An area around a position.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) center: Position,
    pub(super) form: Form,
    /// Meters of its unit.
    pub(super) unit: f64,
}

/// A place that was found.
pub(super) struct Place {
    pub(super) member: Vec<u8>,
    pub(super) score: f64,
    pub(super) position: Position,
    /// In meters.
    pub(super) distance: f64,
}

/// The longitudes and latitudes around an area.
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Area {
    /// The distance in meters of a position from the center, if it is within the area.
    fn reaches(&self, to: Position) -> Option<f64> {
        if let Form::Box { width, height } = self.form {
            let (width, height) = (width * self.unit, height * self.unit);
            if latitude_distance(to.1, self.center.1) > height / 2.0
                || distance(to, (self.center.0, to.1)) > width / 2.0
            {
                return None;
            }
            return Some(distance(self.center, to));
        }
        let away = distance(self.center, to);
        let Form::Circle { radius } = self.form else { return None };
        (away <= radius * self.unit).then_some(away)
    }

    fn bounds(&self) -> Bounds {
        let (longitude, latitude) = self.center;
        let (width, height) = match self.form {
            Form::Circle { radius } => (radius, radius),
            Form::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let (width, height) = (self.unit * width, self.unit * height);
        let up = degrees(height / EARTH_RADIUS);
        let aside = |latitude: f64| degrees(width / EARTH_RADIUS / radians(latitude).cos());
        // Parallels are shorter towards the pole that is nearer.
        let aside = if latitude < 0.0 { aside(latitude - up) } else { aside(latitude + up) };
        Bounds {
            west: longitude - aside,
            south: latitude - up,
            east: longitude + aside,
            north: latitude + up,
        }
    }

    /// The cells that cover the area, in Redis's order: the one with the center, then its neighbours.
    fn cells(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let reach = match self.form {
            Form::Circle { radius } => radius,
            Form::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        let mut steps = steps_for(reach * self.unit, self.center.1);
        let mut cell = Cell::of(self.center, steps);
        if steps > 1 && !covers(cell, &bounds) {
            steps -= 1;
            cell = Cell::of(self.center, steps);
        }
        let around = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let own = cell.edges();
        let is_useful = |&(east, north): &(i64, i64)| {
            steps < 2
                || !((north < 0 && own.latitude.0 < bounds.south)
                    || (north > 0 && own.latitude.1 > bounds.north)
                    || (east < 0 && own.longitude.0 < bounds.west)
                    || (east > 0 && own.longitude.1 > bounds.east))
        };
        around.into_iter().filter(is_useful).map(|(east, north)| cell.moved(east, north)).collect()
    }

    /// The places of a sorted set that are within the area, in the order of cells; no more than `most`, if that is not 0.
    pub(super) fn places(&self, set: &SortedSet, most: usize) -> Vec<Place> {
        let mut places = Vec::new();
        let is_full = |places: &Vec<Place>| most > 0 && places.len() >= most;
        let mut last = None;
        for cell in self.cells() {
            // With a huge area neighbours can be the same cell.
            if last == Some(cell) {
                continue;
            }
            if is_full(&places) {
                break;
            }
            last = Some(cell);
            let (from, to) = cell.scores();
            let ranks = set.below_score(from, false)..set.below_score(to, false);
            set.each_while(ranks, |(score, member)| {
                let position = Cell::of_score(score).position();
                if let Some(distance) = self.reaches(position) {
                    places.push(Place { member: member.to_vec(), score, position, distance });
                }
                !is_full(&places)
            });
        }
        places
    }
}

/// Whether a cell's neighbours reach to the bounds.
fn covers(cell: Cell, bounds: &Bounds) -> bool {
    let is_short = cell.moved(0, 1).edges().latitude.1 < bounds.north
        || cell.moved(0, -1).edges().latitude.0 > bounds.south
        || cell.moved(1, 0).edges().longitude.1 < bounds.east
        || cell.moved(-1, 0).edges().longitude.0 > bounds.west;
    !is_short
}
