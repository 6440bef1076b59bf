//! Who owns which key: slots, `servers.json`, the ring, the slot table, the topology and its watcher.
//!
//! The way of a key: [`slot_of`] its bytes, then [`Topology::owner_index`]; one CRC16 and one array read.
//!
//! The way of an edit: the watcher ([`Watcher`]) sees that the file changed, [`Servers::read`] takes it or
//! refuses it whole, [`Topology::new`] walks the ring into a [`SlotTable`], and one pointer swap makes it the
//! topology of all workers ([`Topologies`]); [`Plan::between`] says for the log what that changed.
//!
//! Nothing here knows a protocol or opens a connection.

mod address;
mod colocation;
mod limits;
mod plan;
mod refusal;
mod ring;
mod servers;
mod slot;
mod table;
mod topologies;
mod topology;
mod watch;

pub use address::Address;
pub use colocation::Colocation;
pub use limits::{DEFAULT_WEIGHT, MAX_FILE, MAX_MEMBERS, MAX_NAME, MAX_REPLICAS, MAX_WEIGHT};
pub use plan::{Move, Plan};
pub use refusal::{Place, Refusal};
pub use ringtail_watch::WatchOptions;
pub use servers::{Member, Servers};
pub use slot::{SLOTS, crc16, hashed_part, slot_of, slot_of_all};
pub use table::{LEAST_PERCENT, MOST_PERCENT, SlotTable};
pub use topologies::{Topologies, TopologyCache};
pub use topology::Topology;
pub use watch::{WatchStatus, Watcher};
