//! What the server exports of itself (`--admin`): the counters that workers keep anyway, added up when somebody asks.

mod keys;
mod log;
mod replication;
#[cfg(test)]
mod tests;
mod traffic;

use crate::replication::status::Link;
use crate::server::{Server, unix_millis};
use crate::start::PROGRAM;
use crate::store::view::View;
use ringtail_admin::{Family, Metrics, Observed, family};
use std::sync::atomic::Ordering::Relaxed;

/// Every family that a data server exports.
pub fn families() -> Vec<&'static Family> {
    [
        ringtail_admin::process::FAMILIES,
        traffic::FAMILIES,
        keys::FAMILIES,
        log::FAMILIES,
        replication::FAMILIES,
    ]
    .concat()
}

/// The part about this program of the page that lists all metrics.
pub fn reference() -> String {
    family::reference(PROGRAM, &families())
}

impl Observed for Server {
    fn metrics(&self, out: &mut Metrics) {
        traffic::write(self, out);
        let mut view = View::lock(&self.store, &self.counters[0], unix_millis(), 0, false, &[]);
        keys::write(self, &mut view, out);
        drop(view);
        log::write(self, out);
        replication::write(self, out);
    }

    fn ready(&self) -> Result<(), String> {
        if self.log.stance.is_loading() && !self.is_syncing() {
            let (read, total) = self.loading.bytes();
            if read == total && self.replication.is_undecided.load(Relaxed) {
                return Err("it is not known yet who leads".to_owned());
            }
            return Err(format!("loading: {} %", 100 * read / total.max(1)));
        }
        if let Some(why) = self.log.failing() {
            return Err(format!("writes are refused, the log can't be written: {why}"));
        }
        self.in_step()
    }
}

impl Server {
    fn is_syncing(&self) -> bool {
        self.replication.followed().as_ref().is_some_and(|followed| followed.state.link() == Link::Syncing)
    }

    /// A replica that has lost its primary has old values, and one that is being sent all keys has only a part of them.
    fn in_step(&self) -> Result<(), String> {
        let followed = self.replication.followed();
        let Some(followed) = &*followed else { return Ok(()) };
        match followed.state.link() {
            Link::Up => Ok(()),
            Link::Syncing => Err(format!("first sync: all keys are coming from {}", followed.address)),
            Link::Down => Err(format!("no connection to the primary {}", followed.address)),
        }
    }
}
