//! Where the current topology is to be had: one atomic pointer, and a notice when it changes.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use tokio::sync::watch;

use crate::topology::Topology;

/// The current topology. Clones share it.
#[derive(Debug, Clone)]
pub struct Topologies {
    current: Arc<ArcSwap<Topology>>,
    epoch: Arc<watch::Sender<u64>>,
}

/// A reader's own view of the current topology: while it stays the same, a load is one comparison.
pub type TopologyCache = Cache<Arc<ArcSwap<Topology>>, Arc<Topology>>;

impl Topologies {
    /// Begins with `first`, which stays unless a [`Watcher`](crate::Watcher) publishes another.
    #[must_use]
    pub fn new(first: Topology) -> Self {
        let epoch = Arc::new(watch::Sender::new(first.epoch()));
        Self { current: Arc::new(ArcSwap::from_pointee(first)), epoch }
    }

    /// The current topology. Whoever begins a request with it ends the request with it.
    #[must_use]
    pub fn current(&self) -> Arc<Topology> {
        self.current.load_full()
    }

    /// For a worker that looks at the topology once a batch.
    #[must_use]
    pub fn cached(&self) -> TopologyCache {
        Cache::new(Arc::clone(&self.current))
    }

    /// Carries the epoch of each new topology, after it became the current one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    pub(crate) fn publish(&self, topology: Topology) {
        let epoch = topology.epoch();
        self.current.store(Arc::new(topology));
        self.epoch.send_replace(epoch);
    }
}
