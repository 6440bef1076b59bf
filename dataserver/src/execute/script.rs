//! Going on with scripts that run long, a slice at a time.

use super::Executor;
use crate::command::Call;
use crate::command::scripting::long;
use crate::session::{Session, Wait};
use crate::store::Key;
use crate::store::view::View;
use ringtail_protocol::command::keys;
use ringtail_protocol::reply::Reply;
use std::sync::Arc;
use std::time::Instant;

impl Executor {
    /// Goes on with the session's script for a slice. Whether it has ended, and has replied.
    pub fn go_on(&mut self, session: &mut Session, out: &mut Vec<u8>) -> bool {
        let Wait::Script(script) = std::mem::take(&mut session.wait) else { return true };
        let (server, request) = (Arc::clone(&self.server), Arc::clone(&script.request));
        let (start, muted, now) = (out.len(), script.muted, script.now);
        let (args, command) = (request.args(), script.command);
        let keys: Vec<Key<'_>> =
            keys(command, &args).filter_map(|i| args.get(i)).map(|bytes| server.store.key(bytes)).collect();
        let counters = &server.counters[self.worker];
        let mut view = View::lock(&server.store, counters, now, session.db, !session.no_touch, &[]);
        view.lock_groups(&script.groups(&keys));
        let reply = Reply::new(out, session.resp);
        let mut call = Call::new(&mut view, &keys, args, reply, session, &server, command);
        let ended = long::go_on(&mut call, script);
        let left = view.take_after();
        drop(view);
        if let Some(left) = left {
            self.finish(*left, now);
        }
        let Some((done, after)) = ended else { return false };
        if let Err(error) = done {
            out.truncate(start);
            server.counters[self.worker].errors.add(1);
            Reply::new(out, session.resp).error(&error);
        }
        if muted {
            out.truncate(start);
        }
        session.end_skip();
        self.finish(after, now);
        true
    }

    /// Keeps a script whose client has left: it runs on, since what it did so far would else be half of it.
    pub(super) fn adopt(&mut self, session: &mut Session) {
        if matches!(session.wait, Wait::Script(_)) {
            let nobody = Session::new(Arc::clone(&session.client), &self.server.access);
            let mut orphan = std::mem::replace(session, nobody);
            orphan.unsubscribe_all();
            self.orphans.push(orphan);
        }
    }

    /// Goes on with scripts whose clients have left, for a slice each. Whether there are any.
    pub fn run_orphans(&mut self) -> bool {
        let now = Instant::now();
        let is_due = |session: &Session| match &session.wait {
            Wait::Script(script) => script.next.is_none_or(|next| next <= now),
            _ => true,
        };
        for mut session in std::mem::take(&mut self.orphans) {
            if !is_due(&session) || !self.go_on(&mut session, &mut Vec::new()) {
                self.orphans.push(session);
            }
        }
        !self.orphans.is_empty()
    }
}
