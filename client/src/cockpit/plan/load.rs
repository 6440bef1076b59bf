//! What members hold, and how much they may.

use std::collections::HashMap;

use ringtail::{Client, ConnectOptions, Error};
use ringtail_cluster::{SLOTS, Topology};

use crate::cockpit::info::Info;

/// What a member holds; nothing where nobody knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Load {
    pub(super) keys: Option<f64>,
    /// Of keys and values.
    pub(super) bytes: Option<f64>,
    /// Memory that is used for anything else, which no edit changes.
    pub(super) rest: f64,
    /// 0 is no limit.
    pub(super) maxmemory: Option<u64>,
    /// Why it could not be asked.
    pub(super) fault: Option<String>,
}

/// What the members hold, by their names.
#[derive(Debug, Default)]
pub(super) struct Loads {
    by_name: HashMap<String, Load>,
    /// Of the servers that take another one's place.
    heirs: HashMap<String, Load>,
    maxmemory: Option<u64>,
    /// Whether anybody was asked, or told, how much memory there is.
    pub(super) about_memory: bool,
}

impl Loads {
    pub(super) fn new(by_name: HashMap<String, Load>) -> Self {
        Self { by_name, heirs: HashMap::new(), maxmemory: None, about_memory: true }
    }

    /// What the whole pool holds, given to the members by their slots.
    pub(super) fn spread(topology: &Topology, all: &Load) -> Self {
        let shares = topology.slot_counts().into_iter().map(|slots| slots as f64 / SLOTS as f64);
        let load = |share: f64| Load {
            keys: all.keys.map(|keys| keys * share),
            bytes: all.bytes.map(|bytes| bytes * share),
            ..Load::default()
        };
        let by_name =
            topology.members().iter().zip(shares).map(|(member, share)| (member.name.clone(), load(share)));
        Self { by_name: by_name.collect(), heirs: HashMap::new(), maxmemory: None, about_memory: false }
    }

    /// What those have who can't be asked.
    pub(super) fn assume_maxmemory(&mut self, bytes: u64) {
        (self.maxmemory, self.about_memory) = (Some(bytes), true);
    }

    /// What those have who take another one's place.
    pub(super) fn heirs(&mut self, heirs: Self) {
        self.heirs = heirs.by_name;
    }

    /// What is known of the server that takes a member's place.
    pub(super) fn of_heir(&self, name: &str) -> Load {
        let mut load = self.heirs.get(name).cloned().unwrap_or_default();
        load.maxmemory = load.maxmemory.or(self.maxmemory);
        load
    }

    /// What is known of a member.
    pub(super) fn of(&self, name: &str) -> Load {
        let mut load = self.by_name.get(name).cloned().unwrap_or_default();
        load.maxmemory = load.maxmemory.or(self.maxmemory);
        load
    }
}

/// Asks all members at once.
pub(super) async fn ask(options: &ConnectOptions, addresses: HashMap<String, String>) -> Loads {
    let tasks: Vec<_> = addresses
        .into_iter()
        .map(|(name, addr)| (name, tokio::spawn(ask_one(options.clone().at(addr)))))
        .collect();
    let mut loads = HashMap::new();
    for (name, task) in tasks {
        let asked = task.await.unwrap_or(Err(Error::Unsupported("it could not be asked")));
        let unknown = |error: Error| Load { fault: Some(error.to_string()), ..Load::default() };
        loads.insert(name, asked.unwrap_or_else(unknown));
    }
    Loads::new(loads)
}

async fn ask_one(options: ConnectOptions) -> Result<Load, Error> {
    let client = Client::connect(options).await?;
    let info = Info::ask(&client, &["memory", "keyspace"]).await?;
    Ok(of_info(&info))
}

fn of_info(info: &Info) -> Load {
    let used = info.number("used_memory").map(|used| used as f64);
    // Redis before 4.0 does not say how much of it is keys and values.
    // The tables of ours grow with the keys, and are no part of the dataset.
    let tables = info.number("used_memory_tables").unwrap_or(0);
    let bytes = info.number("used_memory_dataset").map(|bytes| (bytes + tables) as f64).or(used);
    let rest = used.zip(bytes).map_or(0.0, |(used, bytes)| (used - bytes).max(0.0));
    Load { keys: Some(info.keys() as f64), bytes, rest, maxmemory: info.number("maxmemory"), fault: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_info_says_is_what_a_member_holds() {
        let info = Info::parse(
            "used_memory:100\r\nused_memory_dataset:60\r\nmaxmemory:500\r\ndb0:keys=7,expires=0\r\n",
        );
        let want = Load { keys: Some(7.0), bytes: Some(60.0), rest: 40.0, maxmemory: Some(500), fault: None };
        assert_eq!(of_info(&info), want);
        let info = Info::parse("used_memory:100\r\nused_memory_dataset:60\r\nused_memory_tables:15\r\n");
        assert_eq!((of_info(&info).bytes, of_info(&info).rest), (Some(75.0), 25.0));
    }
}
