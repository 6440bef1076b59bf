//! Programs under test, and the real ones beside them: started on free ports,
//! awaited until they answer, ended by their process id when dropped.

mod certs;
mod link;
mod mesh;
mod parts;
mod pool;
mod process;
mod ringtail;
mod stock;
mod wait;

pub use certs::{Certs, scratch};
pub use link::{Link, Way, Wire};
pub use mesh::Mesh;
pub use parts::{missing, ours, real_part, repo_file, say, target_dir};
pub use pool::{Members, Pool, start_proxy, write_members, write_servers};
pub use process::{Process, Signal};
pub use ringtail::{Options, Server};
pub use stock::Redis;
pub use wait::{free_port, pause, wait_for};
