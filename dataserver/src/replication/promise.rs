//! A vote binds: who has given one follows nobody who leads an earlier log, until the one that it was given to leads, or has given up.
//! Else the primary that it has left could have its acknowledgements back before the new one leads, or beside it.

use super::peer;
use super::steward::PATIENCE;
use crate::log::history::{epoch_of, is_kin};
use crate::log::waiting::stamp;
use crate::server::Server;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// What a vote promises. It is in the files, too, where there are any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The epoch that is to begin.
    pub epoch: u32,
    /// Who is to lead then.
    pub to: String,
    /// The log of who has promised: epochs of others say nothing.
    pub history: String,
}

impl Promise {
    /// Whether it keeps a server from following the one at `address`, whose log is called so.
    pub fn forbids(&self, address: &str, history: &str) -> bool {
        address != self.to && is_kin(history, &self.history) && epoch_of(history) <= self.epoch
    }

    /// Whether who follows the one at `address` has kept it.
    fn is_kept_by(&self, address: &str, history: &str) -> bool {
        let is_there = epoch_of(history) >= self.epoch || !is_kin(history, &self.history);
        is_there && !self.forbids(address, history)
    }
}

/// What keeps this server from following the one at `address`, whose log is called so. While it tries to lead itself it may get what it lacks from
/// whoever has voted for it.
pub fn against(server: &Server, address: &str, history: &str) -> Option<Promise> {
    let stands = server.replication.stands.load(SeqCst) > 0;
    of(server).filter(|promise| !stands && promise.forbids(address, history))
}

/// What is promised, if anything is.
pub fn of(server: &Server) -> Option<Promise> {
    server.replication.promise().clone()
}

/// Promises something else, or nothing. Unless this is `false` it is known after a restart, too.
pub fn set(server: &Arc<Server>, promise: Option<Promise>) -> bool {
    if *server.replication.promise() == promise {
        return true;
    }
    if server.replication.promise_noted.load(Relaxed) {
        // The last one is not there yet: the disk hangs.
        return false;
    }
    *server.replication.promise() = promise;
    server.replication.promise_heard.store(stamp(), Relaxed);
    // Files that begin again are written by the next one: a disk that fails keeps nobody from being elected.
    if !server.log.on_disk.written.load(Relaxed) || server.log.wants_files() {
        return true;
    }
    let on_its_way = OnItsWay::begin(server);
    let noted = server.log.soon(move |log| {
        // As it is by then.
        let promise = of(&on_its_way.0);
        let noted = log.files().as_mut().map_or(Ok(()), |files| files.set_promise(promise));
        drop(on_its_way);
        noted.map_err(|failure| io::Error::other(failure.to_string()))
    });
    if let Err(error) = &noted {
        tracing::error!("for whom this server has voted is not on disk: {error}");
    }
    noted.is_ok()
}

/// While a promise is on its way to the disk, also if nobody waits for it any more.
struct OnItsWay(Arc<Server>);

impl OnItsWay {
    fn begin(server: &Arc<Server>) -> Self {
        server.replication.promise_noted.store(true, Relaxed);
        Self(Arc::clone(server))
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.replication.promise_noted.store(false, Relaxed);
    }
}

/// Takes a vote back that has come to nothing, unless something else is promised by now. In memory: another one is noted soon.
pub fn undo(server: &Server, vote: &Promise, before: Option<Promise>) {
    let mut promise = server.replication.promise();
    if promise.as_ref() == Some(vote) {
        *promise = before;
    }
}

/// The epoch of what is promised, if the one that it was promised to has been away for so long that another one may ask for it; 0 = nothing such.
pub fn open_epoch(server: &Server) -> u32 {
    let silent = stamp().saturating_sub(server.replication.promise_heard.load(Relaxed));
    let own = server.log.position().0;
    let is_open = |promise: &Promise| silent > PATIENCE.as_millis() as u64 && is_kin(&promise.history, &own);
    of(server).filter(is_open).map_or(0, |promise| promise.epoch)
}

/// It follows the one at `address`, whose log is called so.
pub fn note_followed(server: &Arc<Server>, address: &str, history: &str) {
    if of(server).is_some_and(|promise| promise.is_kept_by(address, history)) {
        set(server, None);
    }
}

/// Asks the one that it was given to: whether that leads, so that it is to be followed. One that does not, and does not try to any more, never will
/// by this vote.
pub async fn look_after(server: &Arc<Server>, promise: Promise) -> bool {
    let Ok(peer) = peer::ask(server, &promise.to).await else { return false };
    let leads = peer.leads && promise.is_kept_by(&promise.to, &peer.history);
    if leads || peer.stands == promise.epoch {
        server.replication.promise_heard.store(stamp(), Relaxed);
    }
    if !leads && peer.stands != promise.epoch && of(server).as_ref() == Some(&promise) {
        tracing::info!(
            to = promise.to,
            epoch = promise.epoch,
            "the server that this one has voted for has given up"
        );
        set(server, None);
    }
    leads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::history::{fresh, next};

    #[test]
    fn only_a_later_log_or_the_one_that_was_voted_for_is_followed() {
        let history = fresh(4);
        let promise = Promise { epoch: 6, to: "b:1".to_owned(), history: history.clone() };
        for (address, epoch, forbidden, kept) in [
            ("a:1", 4, true, false),
            ("a:1", 6, true, false),
            ("a:1", 7, false, true),
            ("b:1", 4, false, false),
            ("b:1", 6, false, true),
        ] {
            let log = next(&history, epoch);
            assert_eq!(promise.forbids(address, &log), forbidden, "{address} {epoch}");
            assert_eq!(promise.is_kept_by(address, &log), kept, "{address} {epoch}");
        }
        assert!(
            !promise.forbids("a:1", &fresh(1)) && promise.is_kept_by("a:1", &fresh(1)),
            "of another line"
        );
    }
}
