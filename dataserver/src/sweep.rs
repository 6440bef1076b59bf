//! Gives back the memory of keys whose time is over, though nobody asks for them any more.

use crate::event;
use crate::server::Server;
use crate::store::GROUPS;
use crate::store::after::After;
use crate::store::view::View;

/// Entries that are removed under one lock at a time.
const AT_ONCE: usize = 64;

/// One worker's way through its share of the groups.
pub struct Sweep {
    worker: usize,
    workers: usize,
    /// The group to go on with.
    group: usize,
    /// Groups of this round that are still to come.
    left: usize,
}

impl Sweep {
    /// Each worker sweeps every `workers`-th group.
    pub fn new(worker: usize, workers: usize) -> Self {
        let mut sweep = Self { worker, workers, group: worker, left: 0 };
        sweep.left = sweep.share();
        sweep
    }

    fn share(&self) -> usize {
        (self.worker..GROUPS).step_by(self.workers).len()
    }

    /// Removes what has expired at `now`, until the round is over or `go_on` says no, which it is asked after each few.
    /// Whether the round is over; if not, the next call goes on with it.
    pub fn run(&mut self, server: &Server, now: u64, go_on: impl Fn() -> bool) -> bool {
        let (store, mut garbage) = (&server.store, Vec::new());
        if store.keeps() {
            return true;
        }
        while self.left > 0 {
            let (mut slots, mut after) = (store.lock(self.group), After::default());
            let more = slots.expire(now, AT_ONCE, |entry| garbage.push(entry));
            for entry in &garbage {
                store.tell_gone(&mut slots, self.group, entry, (event::EXPIRED, now), &mut after);
            }
            let due = slots.due_hash(now);
            drop(slots);
            server.tell(&after);
            server.counters[self.worker].expired.add(garbage.len() as u64);
            let removed = !garbage.is_empty();
            garbage.drain(..).for_each(|entry| store.lazy.entry(entry, &store.memory));
            if let Some((db, name)) = &due {
                self.expire_fields(server, now, *db, name);
            }
            if !more && due.is_none() {
                self.next();
            }
            if (removed || due.is_some()) && !go_on() {
                return false;
            }
        }
        self.left = self.share();
        true
    }

    /// Removes some fields of a hash whose time is over.
    fn expire_fields(&self, server: &Server, now: u64, db: u8, name: &[u8]) {
        let key = server.store.key(name);
        let mut view = View::lock(&server.store, &server.counters[self.worker], now, db, false, &[key]);
        view.sweep_fields(&key);
        if let Some(after) = view.take_after() {
            drop(view);
            server.tell(&after);
        }
    }

    fn next(&mut self) {
        self.left -= 1;
        self.group += self.workers;
        if self.group >= GROUPS {
            self.group = self.worker;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;

    /// A server whose `keys` keys all expire 10 ms after the clock's start, and what it used before.
    fn filled(keys: usize) -> (Harness, u64) {
        let mut t = Harness::new();
        t.server.store.memory.publish();
        let before = t.server.store.memory.used();
        for i in 0..keys {
            t.run(&format!("SET key:{i} {} PX 10", "x".repeat(100)));
        }
        t.server.store.memory.publish();
        (t, before)
    }

    #[test]
    fn what_expires_at_once_goes_in_one_round() {
        let (mut t, before) = filled(20_000);
        let full = t.server.store.memory.used();
        t.advance(9);
        assert!(Sweep::new(0, 1).run(&t.server, t.now, || true));
        assert_eq!(t.run("DBSIZE"), "20000");
        t.advance(1);
        assert!(Sweep::new(0, 1).run(&t.server, t.now, || true));
        t.server.store.memory.publish();
        let after = t.server.store.memory.used();
        assert_eq!(t.run("DBSIZE"), "0");
        // Slots keep their smallest tables.
        let tables = 32 * ringtail_cluster::SLOTS as u64;
        assert!(
            after - before < tables + (full - before) / 50,
            "{before} B, {full} B when full, {after} B after"
        );
    }

    #[test]
    fn the_workers_share_the_groups() {
        let mut groups = Vec::new();
        for worker in 0..3 {
            let mut sweep = Sweep::new(worker, 3);
            while sweep.left > 0 {
                groups.push(sweep.group);
                sweep.next();
            }
            assert_eq!(sweep.group, worker);
        }
        groups.sort_unstable();
        assert!(groups.into_iter().eq(0..GROUPS));
    }

    #[test]
    fn a_round_that_is_stopped_goes_on_where_it_was() {
        let (mut t, _) = filled(5000);
        t.advance(10);
        let (mut sweep, mut calls) = (Sweep::new(0, 1), 1);
        while !sweep.run(&t.server, t.now, || false) {
            calls += 1;
        }
        assert!(calls > 500, "{calls} calls");
        assert_eq!((t.run("DBSIZE").as_str(), t.server.counters[0].expired.get()), ("0", 5000));
    }

    #[test]
    fn a_lifetime_that_was_changed_has_no_effect_any_more() {
        let mut t = Harness::new();
        let lines = [
            "MSET overwritten 1 prolonged 1 persisted 1 renamed 1 moved 1 deleted 1 copied 1",
            "PEXPIRE overwritten 10",
            "SET overwritten 2",
            "PEXPIRE prolonged 10",
            "PEXPIRE prolonged 1000",
            "PEXPIRE persisted 10",
            "PERSIST persisted",
            "PEXPIRE renamed 10",
            "RENAME renamed new",
            "SET renamed again",
            "PEXPIRE moved 10",
            "MOVE moved 1",
            "SET moved again",
            "PEXPIRE deleted 10",
            "DEL deleted",
            "SET deleted again",
            "PEXPIRE copied 10",
            "COPY copied copied DB 1",
            "PERSIST copied",
        ];
        for line in lines {
            assert!(!t.run(line).starts_with('-'), "{line}");
        }
        t.advance(10);
        assert!(Sweep::new(0, 1).run(&t.server, t.now, || true));
        assert_eq!(t.run("EXISTS overwritten prolonged persisted renamed moved deleted copied"), "7");
        assert_eq!(t.server.counters[0].expired.get(), 3);
        assert_eq!(t.run("EXISTS new"), "0");
        assert_eq!(t.run("SELECT 1"), "OK");
        assert_eq!(t.run("EXISTS moved copied"), "0");
    }
}
