//! What the proxy exports of itself (`--admin`): the counters that workers keep anyway, added up when somebody asks.

mod members;
#[cfg(test)]
mod tests;
mod traffic;

use ringtail_admin::{Family, Metrics, Observed, family};

use crate::shared::Shared;
use crate::start::PROGRAM;
use crate::whole::servers::{Standing, standings};

/// Every family that a proxy exports.
pub fn families() -> Vec<&'static Family> {
    [ringtail_admin::process::FAMILIES, traffic::FAMILIES, members::FAMILIES].concat()
}

/// The part about this program of the page that lists all metrics.
pub fn reference() -> String {
    family::reference(PROGRAM, &families())
}

impl Observed for Shared {
    fn metrics(&self, out: &mut Metrics) {
        traffic::write(self, out);
        members::write(self, out);
    }

    /// With one member up some keys can be served, and it is not for others to say that this is not enough. Where members know the
    /// users, nobody asks them before a client comes.
    fn ready(&self) -> Result<(), String> {
        let standings = standings(self);
        let mut primaries = standings.values().filter(|member| !member.replica);
        let is_unknown = |member: &Standing| self.settings.pass_through && member.lanes == 0;
        let may_serve = primaries.any(|member| member.lanes_up > 0 || is_unknown(member));
        let members = self.topologies.current().members().len();
        if may_serve { Ok(()) } else { Err(format!("none of {members} members is up")) }
    }
}
