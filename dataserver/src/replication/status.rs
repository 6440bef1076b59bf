//! What a server knows of those that follow it, and of the one that it follows.

use crate::log::waiting::stamp;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// One that follows.
#[derive(Debug)]
pub struct Replica {
    /// Where it listens, as it says; else where it came from.
    pub address: String,
    /// Of which of this server's logs its offsets are.
    pub era: u64,
    /// It has had all keys, and follows the log, to this day.
    pub online: AtomicBool,
    /// It has applied the log up to this offset.
    pub acked: AtomicU64,
    /// It has it on disk up to this one.
    pub on_disk: AtomicU64,
    /// When it said so last: a [`stamp`], as no clock that is set may make it silent, or silence unheard.
    pub heard: AtomicU64,
    /// The stamp of the last heartbeat that it has heard.
    pub told: AtomicU64,
    /// Whether it is to be told to lead.
    pub order: Order,
    /// What it has counts as a copy.
    counts: AtomicBool,
    /// It follows on another connection by now.
    gone: AtomicBool,
}

impl Replica {
    /// Whether it follows on another connection by now: on this one nothing more is to be sent to it.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }
}

/// The order to lead: given by who hands over, and told by who sends to the replica, unless it was withdrawn before.
#[derive(Debug, Default)]
pub struct Order {
    state: AtomicU8,
    given: tokio::sync::Notify,
}

impl Order {
    const NONE: u8 = 0;
    const GIVEN: u8 = 1;
    const TOLD: u8 = 2;

    /// It is to be told.
    pub fn give(&self) {
        self.state.store(Self::GIVEN, Relaxed);
        self.given.notify_one();
    }

    /// Comes when it was given; it may have been withdrawn since.
    pub async fn given(&self) {
        self.given.notified().await;
    }

    /// It is being told, from now on; whether it still is to be.
    pub fn tell(&self) -> bool {
        self.state.compare_exchange(Self::GIVEN, Self::TOLD, Relaxed, Relaxed).is_ok()
    }

    /// It is not to be told any more; whether nobody has begun to.
    pub fn withdraw(&self) -> bool {
        self.state.compare_exchange(Self::GIVEN, Self::NONE, Relaxed, Relaxed).is_ok()
    }
}

/// Where a replica is that says that it listens at `address`: one that listens everywhere does so where it comes from, and one that says nothing is
/// known by its connection.
fn reached_at(address: &str, peer: SocketAddr) -> String {
    match address.parse::<SocketAddr>() {
        Ok(listens) if listens.ip().is_unspecified() => {
            SocketAddr::new(peer.ip(), listens.port()).to_string()
        }
        _ if address.is_empty() => peer.to_string(),
        _ => address.to_owned(),
    }
}

/// All that follow, by their connections' numbers.
#[derive(Debug, Default)]
pub struct Replicas {
    all: Mutex<BTreeMap<u64, Arc<Replica>>>,
    /// Whose copies count: the member's other servers, as its file has them.
    counted: Mutex<Option<Vec<String>>>,
    /// How often one was sent all keys, ...
    pub full: AtomicU64,
    /// ... went on where it had been, ...
    pub resumed: AtomicU64,
    /// ... or could not, because that is not in memory any more.
    pub too_old: AtomicU64,
}

impl Replicas {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Replica>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more follows. If it is here on an older connection, as one that was lost unnoticed is, it follows on that no more: it has one copy.
    pub fn add(&self, client: u64, address: &str, peer: SocketAddr, era: u64) -> Arc<Replica> {
        let (is_known, address) = (!address.is_empty(), &*reached_at(address, peer));
        let replica = Arc::new(Replica {
            address: address.to_owned(),
            era,
            online: AtomicBool::new(false),
            acked: AtomicU64::new(0),
            on_disk: AtomicU64::new(0),
            heard: AtomicU64::new(stamp()),
            told: AtomicU64::new(0),
            order: Order::default(),
            counts: AtomicBool::new(true),
            gone: AtomicBool::new(false),
        });
        let (mut all, counted) = (self.all(), self.counted());
        replica.counts.store(counted.as_ref().is_none_or(|it| it.contains(&replica.address)), Relaxed);
        all.retain(|_, old| {
            let stays = !is_known || old.address != address;
            if !stays {
                old.gone.store(true, Relaxed);
                old.online.store(false, Relaxed);
            }
            stays
        });
        all.insert(client, Arc::clone(&replica));
        drop((all, counted));
        replica
    }

    fn counted(&self) -> MutexGuard<'_, Option<Vec<String>>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on what these have counts, and what others have that follow does not: who takes over does not ask them.
    pub fn count_only(&self, addresses: Vec<String>) {
        let all = self.all();
        all.values().for_each(|it| it.counts.store(addresses.contains(&it.address), Relaxed));
        *self.counted() = Some(addresses);
    }

    /// Whether it is one of the member's other servers, as the file has them.
    pub fn is_of_member(&self, address: &str) -> bool {
        self.counted().as_ref().is_some_and(|counted| counted.iter().any(|it| it == address))
    }

    /// It follows no more.
    pub fn remove(&self, client: u64) {
        if let Some(replica) = self.all().remove(&client) {
            replica.online.store(false, Relaxed);
        }
    }

    /// Those that there are.
    pub fn list(&self) -> Vec<Arc<Replica>> {
        self.all().values().cloned().collect()
    }

    /// How far those are that follow the log of this era, and count.
    pub fn acked(&self, era: u64) -> Acked {
        let all = self.all();
        let sorted = |of: fn(&Replica) -> &AtomicU64| {
            let online = all.values().filter(|replica| replica.online.load(Relaxed) && replica.era == era);
            let online = online.filter(|replica| replica.counts.load(Relaxed));
            let mut values: Vec<u64> = online.map(|replica| of(replica).load(Relaxed)).collect();
            values.sort_unstable_by(|a, b| b.cmp(a));
            values
        };
        Acked {
            applied: sorted(|it| &it.acked),
            on_disk: sorted(|it| &it.on_disk),
            heard: sorted(|it| &it.told),
        }
    }
}

/// How far those that follow are, the furthest first.
#[derive(Debug, Default)]
pub struct Acked {
    /// Up to which offsets they have applied the log.
    pub applied: Vec<u64>,
    /// Up to which they have it on disk.
    pub on_disk: Vec<u64>,
    /// When they were told that this server leads, as far as they have said that they heard it.
    pub heard: Vec<u64>,
}

/// How far following has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// There is no connection.
    #[default]
    Down,
    /// All keys are coming.
    Syncing,
    /// The log is followed.
    Up,
}

/// The one that is followed.
#[derive(Debug)]
pub struct Followed {
    /// `host:port`
    pub address: String,
    /// What the thread that follows tells.
    pub state: Arc<Following>,
    /// That thread.
    pub thread: JoinHandle<()>,
}

/// Told by the thread that follows.
#[derive(Debug, Default)]
pub struct Following {
    link: Mutex<Link>,
    /// When something came last, by the same clock.
    pub heard: AtomicU64,
    /// The end of the primary's log, as it said last.
    pub primary_end: AtomicU64,
    /// The stamp of its last heartbeat.
    pub stamp: AtomicU64,
    /// When a primary spoke last whose log this is, however many servers lie between, by this server's own clock.
    word: AtomicU64,
    /// It is to end.
    pub over: AtomicBool,
    /// Woken when it is.
    pub changed: tokio::sync::Notify,
}

impl Following {
    /// So long before `now` a primary spoke.
    pub fn hear_word(&self, now: u64, age: u64) {
        self.word.fetch_max(now.saturating_sub(age), Relaxed);
    }

    /// How long ago that was. What comes back to its sender by way of others is no news: of servers that follow each other in a ring it
    /// only gets older.
    pub fn age_of_word(&self, now: u64) -> u64 {
        now.saturating_sub(self.word.load(Relaxed))
    }

    /// How far it has come.
    pub fn link(&self) -> Link {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has come so far.
    pub fn set_link(&self, link: Link) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }

    /// Ends it.
    pub fn end(&self) {
        self.over.store(true, Relaxed);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_ring_the_last_word_gets_older() {
        let ring = [(); 3].map(|()| Following::default());
        ring[0].hear_word(1_000_000, 0);
        for round in 1..100 {
            let now = 1_000_000 + 400 * round;
            for at in 0..3 {
                ring[(at + 1) % 3].hear_word(now, ring[at].age_of_word(now));
            }
            assert!(ring.iter().all(|it| it.age_of_word(now) == 400 * round), "{round}");
        }
        ring[1].hear_word(1_040_000, 0);
        assert_eq!(ring[1].age_of_word(1_040_000), 0);
    }

    #[test]
    fn an_order_is_told_or_withdrawn() {
        let order = Order::default();
        assert!(!order.tell() && !order.withdraw());
        order.give();
        assert!(order.tell() && !order.tell() && !order.withdraw());
        order.give();
        assert!(order.withdraw() && !order.tell());
    }

    /// Its old connection may be lost, and nobody has noticed yet.
    #[test]
    fn one_server_is_one_copy() {
        let (replicas, peer) = (Replicas::default(), SocketAddr::from(([127, 0, 0, 1], 1)));
        let followed = |client, address| {
            let replica = replicas.add(client, address, peer, 1);
            replica.acked.store(100 * client, Relaxed);
            replica.online.store(true, Relaxed);
            replica
        };
        let (old, _) = (followed(1, "a:1"), followed(2, "b:1"));
        let new = followed(3, "a:1");
        assert_eq!(replicas.acked(1).applied, [300, 200]);
        assert!(replicas.list().len() == 2 && !old.online.load(Relaxed));
        // What the old one still says, or that it ends, is nothing to the new one.
        old.online.store(true, Relaxed);
        replicas.remove(1);
        assert_eq!(replicas.acked(1).applied, [300, 200]);
        assert!(new.online.load(Relaxed));
    }

    /// Two of them are two, and where they are reached is known.
    #[test]
    fn who_listens_everywhere_is_where_it_comes_from() {
        let replicas = Replicas::default();
        for (client, peer) in [(1, "10.0.0.1:50000"), (2, "10.0.0.2:50001"), (3, "[2001:db8::1]:50002")] {
            replicas.add(client, "0.0.0.0:3000", peer.parse().unwrap(), 0);
        }
        replicas.add(4, "", "10.0.0.4:50003".parse().unwrap(), 0);
        replicas.add(5, "0.0.0.0:3000", "10.0.0.1:60000".parse().unwrap(), 0);
        let mut all: Vec<String> = replicas.list().iter().map(|it| it.address.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, ["10.0.0.1:3000", "10.0.0.2:3000", "10.0.0.4:50003", "[2001:db8::1]:3000"]);
    }

    #[test]
    fn offsets_of_another_log_are_not_counted() {
        let (replicas, peer) = (Replicas::default(), SocketAddr::from(([127, 0, 0, 1], 1)));
        for (client, era, offset) in [(1, 0, 900), (2, 1, 100), (3, 1, 200)] {
            let replica = replicas.add(client, "", peer, era);
            assert!(replica.heard.load(Relaxed) <= stamp(), "by a clock that nobody sets");
            replica.acked.store(offset, Relaxed);
            replica.on_disk.store(offset / 2, Relaxed);
            replica.online.store(true, Relaxed);
        }
        let acked = |era| (replicas.acked(era).applied, replicas.acked(era).on_disk);
        assert_eq!(acked(1), (vec![200, 100], vec![100, 50]));
        assert_eq!(acked(0), (vec![900], vec![450]));
        assert_eq!(acked(2), (vec![], vec![]));
        // Those that are in no file, or in another one.
        replicas.count_only(vec!["a:1".to_owned(), peer.to_string()]);
        assert_eq!(acked(1).0, [200, 100]);
        replicas.count_only(vec!["a:1".to_owned()]);
        for (client, address) in [(4, "a:1"), (5, "b:1")] {
            replicas.add(client, address, peer, 1).online.store(true, Relaxed);
        }
        assert_eq!(acked(1).0, [0]);
    }
}
