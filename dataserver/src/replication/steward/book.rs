//! What servers.json says of this server.

use crate::log::waiting::Ack;
use ringtail_cluster::{Address, Topology, Watcher};
use ringtail_net::{Problem, WatchOptions};
use std::path::{Path, PathBuf};

/// What was told at start.
#[derive(Clone, Debug)]
pub struct Told {
    /// servers.json
    pub file: PathBuf,
    /// Where this server is in it.
    pub own: Address,
    /// How many copies of a write are wanted.
    pub ack: Ack,
}

/// What the file says that this server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A member's primary, whose replicas are there.
    Primary(Vec<String>),
    /// A replica of this primary; the member's other replicas are there.
    Replica(String, Vec<String>),
    /// It is not in the file.
    Nothing,
}

impl Part {
    /// Of the server at this address.
    pub fn of(topology: &Topology, own: &Address) -> Self {
        let Some(member) = topology.member_at(own).map(|at| &topology.members()[at]) else {
            return Self::Nothing;
        };
        let others: Vec<String> =
            member.replicas.iter().filter(|it| *it != own).map(ToString::to_string).collect();
        match member.addr == *own {
            true => Self::Primary(others),
            false => Self::Replica(member.addr.to_string(), others),
        }
    }

    /// The member's primary, if that is another one.
    pub(super) fn primary(&self) -> Option<&str> {
        match self {
            Self::Replica(primary, _) => Some(primary),
            _ => None,
        }
    }

    /// All other servers of the member.
    pub fn others(&self) -> Vec<String> {
        match self {
            Self::Primary(others) => others.clone(),
            Self::Replica(primary, others) => std::iter::once(primary).chain(others).cloned().collect(),
            Self::Nothing => Vec::new(),
        }
    }
}

/// The watched file.
pub struct Book {
    pub(super) told: Told,
    pub(super) watcher: Watcher,
}

impl Book {
    /// Reads the file.
    ///
    /// # Errors
    /// It is refused.
    pub fn open(told: Told) -> Result<Self, Problem> {
        let watcher = Watcher::start(&told.file, WatchOptions::default()).map_err(|refusal| {
            Problem::new(format!("--servers: {refusal}"), "mend the file, or start without --servers")
        })?;
        Ok(Self { told, watcher })
    }

    /// What it says now.
    pub fn part(&self) -> Part {
        Part::of(&self.watcher.topologies().current(), &self.told.own)
    }

    /// All servers of this server's member, if that is its part.
    pub(super) fn servers(&self, part: &Part) -> Vec<String> {
        let own = (*part != Part::Nothing).then(|| self.told.own.to_string());
        let mut all: Vec<String> = own.into_iter().chain(part.others()).collect();
        all.sort_unstable();
        all
    }

    /// Whether the file has the server in any member, ...
    pub(super) fn has(&self, address: &str) -> bool {
        Address::parse(address).is_ok_and(|it| self.watcher.topologies().current().member_at(&it).is_some())
    }

    /// ... and as a primary.
    pub(super) fn has_primary(&self, address: &str) -> bool {
        self.watcher.topologies().current().members().iter().any(|member| member.addr.to_string() == address)
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.told.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_cluster::Servers;

    #[test]
    fn the_file_says_what_a_server_is() {
        let json = br#"[{"addr": "h:1"}, {"name": "a", "addr": "h:2", "replicas": ["h:3", "h:4"]}]"#;
        let servers = Servers::parse(json, Path::new("servers.json")).unwrap();
        let topology = Topology::new(servers, 1);
        let part = |own: &str| Part::of(&topology, &Address::parse(own).unwrap());
        let all = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(part("h:1"), Part::Primary(vec![]));
        assert_eq!(part("h:2"), Part::Primary(all(&["h:3", "h:4"])));
        assert_eq!(part("h:4"), Part::Replica("h:2".to_owned(), all(&["h:3"])));
        assert_eq!(part("h:5"), Part::Nothing);
        assert_eq!((part("h:4").others(), part("h:5").others()), (all(&["h:2", "h:3"]), vec![]));
    }
}
