//! Reading the file again: what is new is taken or refused, and said once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rapidhash::v3::rapidhash_v3;

use super::WatchStatus;
use crate::plan::Plan;
use crate::refusal::Refusal;
use crate::servers::{self, Servers};
use crate::topologies::Topologies;
use crate::topology::Topology;

#[cfg(test)]
mod tests;

/// Refused contents that are remembered as said. A file that keeps being written wrong in new ways is said
/// again.
const MAX_REMEMBERED: usize = 64;

/// A file's bytes, or why there are none.
type Content = Result<Vec<u8>, Refusal>;

/// The file as it was last read.
pub(super) struct Reloader {
    file: PathBuf,
    topologies: Topologies,
    last: Content,
    /// Hashes of the contents that were refused since the last good one.
    said: HashSet<u64>,
    status: WatchStatus,
}

impl Reloader {
    /// The first topology, from a file that must be good.
    pub(super) fn start(file: PathBuf) -> Result<(Self, Topologies), Refusal> {
        let bytes = servers::contents(&file)?;
        let topologies = Topologies::new(Topology::new(Servers::parse(&bytes, &file)?, 1));
        let last = Ok(bytes);
        let status = WatchStatus::default();
        let reloader = Self { file, topologies: topologies.clone(), last, said: HashSet::new(), status };
        Ok((reloader, topologies))
    }

    /// Reads the file, and acts if its content is another than before or if someone asked.
    pub(super) fn reload(&mut self, asked: bool) -> WatchStatus {
        let content = servers::contents(&self.file);
        if asked || content != self.last {
            let parsed = parse(&content, &self.file);
            self.last = content;
            match parsed {
                Ok(servers) => self.take(servers, asked),
                Err(refusal) => self.refuse(refusal, asked),
            }
        }
        self.status.clone()
    }

    fn take(&mut self, servers: Servers, asked: bool) {
        let old = self.topologies.current();
        let new = Topology::new(servers, old.epoch() + 1);
        let plan = Plan::between(&old, &new);
        let was_refused = self.status.refusal.take().is_some();
        self.status.reloads += 1;
        self.said.clear();
        if !plan.is_empty() {
            tracing::info!("{}: topology {}: {plan}", self.file.display(), new.epoch());
            self.topologies.publish(new);
        } else if asked || was_refused {
            tracing::info!("{}: good, topology {} unchanged", self.file.display(), old.epoch());
        }
    }

    fn refuse(&mut self, refusal: Refusal, asked: bool) {
        self.status.refused += 1;
        if self.is_news() || asked {
            let epoch = self.topologies.current().epoch();
            tracing::error!("{refusal} (refused; topology {epoch} stays)");
        }
        self.status.refusal = Some(refusal);
    }

    fn is_news(&mut self) -> bool {
        if self.said.len() == MAX_REMEMBERED {
            self.said.clear();
        }
        self.said.insert(fingerprint(&self.last))
    }
}

fn parse(content: &Content, file: &Path) -> Result<Servers, Refusal> {
    match content {
        Ok(bytes) => Servers::parse(bytes, file),
        Err(refusal) => Err(refusal.clone()),
    }
}

fn fingerprint(content: &Content) -> u64 {
    match content {
        Ok(bytes) => rapidhash_v3(bytes),
        Err(refusal) => rapidhash_v3(refusal.reason.as_bytes()),
    }
}
