//! Which role a server has, and how it comes to another one: it follows, it leads, or it waits to be told.

use super::follow::Follower;
use super::status::{Followed, Following};
use super::{bound, leads, promise};
use crate::log::compact;
use crate::log::history;
use crate::server::{Server, unix_millis};
use crate::store::view::View;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The number of the present role, and whether it is to lead.
pub(super) fn now(server: &Server) -> (u64, bool) {
    let number = server.replication.changing();
    (*number, leads(server))
}

/// Begins as one that leads, or waits to be told. Unless it was told by now: a server with nothing to load serves before this is called. Whether it
/// has begun so.
pub fn begin(server: &Server, leads: bool) -> bool {
    let number = server.replication.changing();
    let is_first = *number == 0;
    if is_first {
        server.replication.led.fetch_or(leads, Relaxed);
        server.log.stance.set_read_only(!leads);
    }
    is_first
}

/// Follows a server from now on, instead of whom it followed.
///
/// # Errors
/// The system has no more threads.
pub fn follow(server: &Arc<Server>, address: &str) -> io::Result<()> {
    let mut number = server.replication.changing();
    begin_to_follow(server, address, &mut number)
}

/// The same, if no role has begun here since that number, which is then the new one; whether it follows.
///
/// # Errors
/// As above.
pub(super) fn follow_from(server: &Arc<Server>, address: &str, number: &mut u64) -> io::Result<bool> {
    let mut now = server.replication.changing();
    if *now != *number {
        return Ok(false);
    }
    let begun = begin_to_follow(server, address, &mut now);
    *number = *now;
    begun.map(|()| true)
}

fn begin_to_follow(server: &Arc<Server>, address: &str, number: &mut u64) -> io::Result<()> {
    *number += 1;
    leave(server);
    end_writes(server);
    // Others may go on from here once this one leads.
    server.log.begin_backlog();
    let state = Arc::<Following>::default();
    let (own, following, target) = (Arc::clone(server), Arc::clone(&state), address.to_owned());
    let thread = std::thread::Builder::new().name("replica".to_owned()).spawn(move || {
        let counted = Arc::clone(&own);
        let _counted = counted.store.memory.counted();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(Follower::new(own, following, target).run()),
            Err(error) => tracing::error!("can't follow {target}: {error}"),
        }
    })?;
    *server.replication.followed() = Some(Followed { address: address.to_owned(), state, thread });
    server.replication.is_undecided.store(false, Relaxed);
    server.replication.hands_over.store(false, Relaxed);
    if !server.replication.switching.is_on() {
        bound::end_waiting(server);
    }
    Ok(())
}

/// No command's write is on its way then: those that were admitted are in the log, and others are refused. What a script that was begun does
/// from here on is known to be none of the log that is followed.
fn end_writes(server: &Server) {
    server.log.stance.set_read_only(true);
    let mut view = View::lock(&server.store, &server.counters[0], unix_millis(), 0, false, &[]);
    view.lock_all();
    server.log.cut();
    server.store.set_keeps(true);
    server.log.end_term();
}

/// Follows nobody any more; what is here stays. The log is another one from here on.
pub fn become_primary(server: &Arc<Server>) {
    let mut number = server.replication.changing();
    begin_to_lead(server, &mut number);
}

/// The same, if no role has begun here since that number; whether it leads.
pub(super) fn become_primary_from(server: &Arc<Server>, number: u64) -> bool {
    let mut now = server.replication.changing();
    let is_same = *now == number;
    if is_same {
        begin_to_lead(server, &mut now);
    }
    is_same
}

/// The same at the word of the primary, if it is still followed in the same way: somebody may have said otherwise meanwhile.
pub(super) fn become_primary_after(server: &Arc<Server>, state: &Arc<Following>) {
    let mut number = server.replication.changing();
    let same = |followed: &Followed| Arc::ptr_eq(&followed.state, state);
    if !server.replication.followed().as_ref().is_some_and(same) {
        tracing::warn!("the primary hands over, but is not followed any more: this server stays what it is");
        return;
    }
    begin_to_lead(server, &mut number);
}

fn begin_to_lead(server: &Arc<Server>, number: &mut u64) {
    *number += 1;
    leave(server);
    if !server.log.stance.is_read_only() {
        return;
    }
    let seen = server.replication.seen_epoch();
    if server.replication.is_partial() {
        tracing::warn!("the sync had not brought all keys: this server begins empty");
        server.empty();
        let epoch = history::epoch_of(&server.log.position().0).max(seen);
        begin_log(server, &history::fresh(epoch.saturating_add(1)), 0);
    } else if server.store.take_stray() {
        tracing::warn!(
            "a script that began when this server led has ended since: whoever follows gets all keys"
        );
        let (own, offset) = server.log.position();
        let epoch = history::epoch_of(&own).max(seen);
        begin_log(server, &history::next(&own, epoch.saturating_add(1)), offset);
    } else {
        server.log.fork(seen);
    }
    server.store.set_keeps(false);
    set_led(server, true);
    server.replication.has_leftovers.store(false, Relaxed);
    promise::set(server, None);
    // Whoever replaced it led an earlier log than it does from here on.
    server.replication.replaced.store(false, Relaxed);
    server.log.reached.begin_term();
    server.log.stance.set_read_only(false);
    server.log.stance.set_loading(false);
}

/// Leads on: nobody was told to take over. Unless this server follows somebody, or was replaced, meanwhile; whether it leads.
pub(super) fn lead_on(server: &Server) -> bool {
    let _one = server.replication.changing();
    if server.replication.followed().is_some() {
        return false;
    }
    server.store.set_keeps(false);
    server.log.stance.set_read_only(false);
    // Asked afterwards: who hears that it was replaced says so first, and has writes refused then.
    let replaced = server.replication.replaced.load(Relaxed);
    if replaced {
        server.log.stance.set_read_only(true);
    }
    !replaced
}

/// Notes whether clients' writes are taken here, in the files too: what may be here alone is to be known after a restart.
pub(super) fn set_led(server: &Arc<Server>, led: bool) {
    server.replication.led.store(led, Relaxed);
    // Files that are another log are told when they begin again.
    if !server.log.on_disk.written.load(Relaxed) || server.log.wants_files() {
        return;
    }
    let own = Arc::clone(server);
    let noted = server.log.soon(move |log| {
        // As it is by then: it may have come to another role.
        let led = own.replication.led.load(Relaxed);
        let noted = log.files().as_mut().map_or(Ok(()), |files| files.set_led(led));
        noted.map_err(|failure| io::Error::other(failure.to_string()))
    });
    if let Err(error) = noted {
        tracing::error!("that this server leads, or does so no more, is not on disk: {error}");
    }
}

/// Follows nobody any more, and stays what it is: nothing is written here. Unless a role has begun here since that number, which is then the
/// new one; whether it was ended.
pub(super) fn end_from(server: &Server, number: &mut u64) -> bool {
    let mut now = server.replication.changing();
    let is_same = *now == *number;
    if is_same {
        *now += 1;
        *number = *now;
        leave(server);
    }
    is_same
}

/// Ends following, with all that it had begun.
fn leave(server: &Server) -> Option<String> {
    let followed = server.replication.followed().take()?;
    followed.state.end();
    if followed.thread.join().is_err() {
        tracing::error!("the thread that followed {} has panicked", followed.address);
    }
    Some(followed.address)
}

/// Has the log begin again with what is here now, and the files with it.
pub(super) fn begin_log(server: &Arc<Server>, history: &str, offset: u64) {
    // Who has walked through what was here before it was whole begins again.
    server.store.walks.void();
    server.log.restart(history, offset);
    server.replication.set_partial(false);
    compact::begin_again_behind(server);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;
    use crate::log::history::epoch_of;

    /// Else it would take writes, while it follows.
    #[test]
    fn who_is_told_to_follow_before_it_has_begun_does_so() {
        let server = Harness::new().server;
        follow(&server, "127.0.0.1:1").unwrap();
        assert!(!begin(&server, true) && server.log.stance.is_read_only());
        let other = Harness::new().server;
        assert!(begin(&other, false) && other.log.stance.is_read_only());
        assert!(begin(&other, true) && !other.log.stance.is_read_only());
        leave(&server);
    }

    /// What was begun while it led, and ends when it follows, is no part of the log that is followed.
    #[test]
    fn a_script_that_ends_when_its_server_follows_makes_its_log_another_one() {
        let mut harness = Harness::new();
        let server = Arc::clone(&harness.server);
        server.log.begin_backlog();
        assert_eq!(harness.run("SET k v"), "OK");
        let script =
            b"redis.call('SET', KEYS[1], 'v') for i = 1, 3000000 do end return redis.call('GET', KEYS[1])";
        harness.begin(&[b"EVAL", script, b"1", b"s"]);
        assert!(server.scripts.running.any_wrote());
        let (before, offset) = server.log.cut();
        follow(&server, "127.0.0.1:1").unwrap();
        let ended = std::iter::repeat_with(|| harness.go_on()).find_map(|ended| ended);
        assert_eq!(ended.as_deref(), Some("'v'"));
        assert_eq!(server.log.cut().1, offset, "it is not in the log that is followed");
        let is_kin = || history::is_kin(&server.log.position().0, &before);
        let begun = std::time::Instant::now();
        while is_kin() && begun.elapsed() < std::time::Duration::from_secs(10) {
            crate::rest::rest(std::time::Duration::from_millis(5));
        }
        assert!(!is_kin(), "whoever is followed would send what comes next of a log that this is not");
        assert!(server.replication.led.load(Relaxed), "it has what nobody else has");
        leave(&server);
    }

    /// Who begins to lead with it has what no replica has either.
    #[test]
    fn nobody_goes_on_from_a_log_that_is_not_what_is_here() {
        let mut harness = Harness::new();
        let server = Arc::clone(&harness.server);
        server.log.begin_backlog();
        follow(&server, "127.0.0.1:1").unwrap();
        end_from(&server, &mut now(&server).0);
        let (before, offset) = server.log.position();
        server.log.stance.set_read_only(false);
        assert_eq!(harness.run("SET s v"), "OK");
        server.log.stance.set_read_only(true);
        become_primary(&server);
        let (own, _) = server.log.position();
        assert!(history::is_later(&own, &before) && !server.log.knows(&before, offset));
    }

    /// An operator's REPLICAOF, or a vote, may come between a primary's last word and its being obeyed.
    #[test]
    fn only_who_is_still_followed_hands_over() {
        let server = Harness::new().server;
        let epoch = || epoch_of(&server.log.position().0);
        let before = epoch();
        follow(&server, "127.0.0.1:1").unwrap();
        become_primary_after(&server, &Arc::default());
        assert!(server.log.stance.is_read_only() && server.replication.followed().is_some());
        let state =
            server.replication.followed().as_ref().map(|followed| Arc::clone(&followed.state)).unwrap();
        become_primary_after(&server, &state);
        assert!(!server.log.stance.is_read_only() && server.replication.followed().is_none());
        assert_eq!(epoch(), before + 1);
        become_primary_after(&server, &state);
        assert_eq!(epoch(), before + 1);
    }

    /// Else a FAILOVER that comes to nothing would leave it leading nothing, long after.
    #[test]
    fn who_was_replaced_and_is_told_to_lead_leads_on() {
        let server = Harness::new().server;
        let own = server.log.position().0;
        crate::replication::hear_of(&server, &history::next(&own, 7));
        assert!(!leads(&server) && !lead_on(&server), "it was replaced");
        become_primary(&server);
        assert!(leads(&server) && epoch_of(&server.log.position().0) == 8);
        server.log.stance.set_read_only(true);
        assert!(lead_on(&server) && leads(&server));
    }

    /// Whoever decides by what another server answered: this one may have begun to lead, or to follow, meanwhile.
    #[test]
    fn what_was_decided_before_a_role_began_is_not_done() {
        let server = Harness::new().server;
        let now = || *server.replication.changing();
        let followed = || server.replication.followed().as_ref().map(|followed| followed.address.clone());
        let (mut early, mut number) = (now(), now());
        assert!(follow_from(&server, "127.0.0.1:1", &mut number).unwrap() && number == now());
        assert!(!follow_from(&server, "127.0.0.1:2", &mut early).unwrap() && !end_from(&server, &mut early));
        assert_eq!(followed().as_deref(), Some("127.0.0.1:1"));
        early = number;
        become_primary(&server);
        assert!(!follow_from(&server, "127.0.0.1:1", &mut early).unwrap() && !end_from(&server, &mut early));
        assert!(leads(&server) && followed().is_none());
        number = now();
        assert!(follow_from(&server, "127.0.0.1:1", &mut number).unwrap());
        assert!(end_from(&server, &mut number) && number == now() && followed().is_none() && !leads(&server));
        assert!(!become_primary_from(&server, early) && !leads(&server));
        assert!(become_primary_from(&server, number) && leads(&server));
    }
}
