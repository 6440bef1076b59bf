//! Does again what a log says.

use super::effects::EXPIRE_FIELDS;
use super::record::{Effect, Group};
use crate::command::{self, Call};
use crate::execute::Executor;
use crate::server::Server;
use crate::session::Session;
use crate::store::view::View;
use crate::store::{DATABASES, Key, Store};
use ringtail_protocol::command::{Command, Flags, Found, find, keys};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::{Args, Span};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Why a group can't be applied.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// An effect is no command of this version, or was not done; what it is.
    Effect(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Effect(what) => write!(f, "an effect can't be done: {what}"),
        }
    }
}

/// One thread's means to apply groups.
pub struct Applier {
    server: Arc<Server>,
    session: Session,
    worker: usize,
    reply: Vec<u8>,
    /// Tells and serves clients who wait for what comes.
    executor: Executor,
}

/// An effect that was looked up; what belongs to it stands among the [`Looked`].
struct Known<'b> {
    time: u64,
    db: u8,
    /// None: fields of a hash expire.
    command: Option<&'static Command>,
    /// What the spans are of.
    bytes: &'b [u8],
    spans: Range<usize>,
    keys: Range<usize>,
}

/// Effects that were looked up, with their arguments and keys.
#[derive(Default)]
pub(super) struct Looked<'b> {
    effects: Vec<Known<'b>>,
    spans: Vec<Span>,
    keys: Vec<Key<'b>>,
}

impl<'b> Looked<'b> {
    /// Adds an effect of a group; its keys.
    ///
    /// # Errors
    /// It is no effect of this version.
    pub(super) fn add(
        &mut self,
        store: &Store,
        group: &Group<'b>,
        effect: &Effect<'b>,
    ) -> Result<&[Key<'b>], Refused> {
        let (spans, keys_from) = (self.spans.len(), self.keys.len());
        self.spans.extend(effect.args().map(|arg| group.span(arg)));
        let args = Args::new(group.bytes(), &self.spans[spans..]);
        let command = match find(&args) {
            // Whoever writes a log must not end this server, or change whom it trusts.
            Found::Command(command)
                if command.arity_ok(args.len()) && command.flags.contains(Flags::WRITE) =>
            {
                Some(Some(command))
            }
            _ if args.len() == 3 && args[0] == *EXPIRE_FIELDS => Some(None),
            _ => None,
        };
        let Some(command) = command.filter(|_| effect.db < DATABASES) else {
            let refused = Refused::Effect(format!("database {}: {}", effect.db, shown(&args)));
            self.spans.truncate(spans);
            return Err(refused);
        };
        match command {
            Some(command) => {
                let names = keys(command, &args).filter_map(|at| self.spans[spans..].get(at));
                self.keys.extend(names.map(|name| store.key(name.of(group.bytes()))));
            }
            None => self.keys.push(store.key(self.spans[spans + 1].of(group.bytes()))),
        }
        self.effects.push(Known {
            time: group.time,
            db: effect.db,
            command,
            bytes: group.bytes(),
            spans: spans..self.spans.len(),
            keys: keys_from..self.keys.len(),
        });
        Ok(&self.keys[keys_from..])
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.effects.len()
    }

    /// Forgets the one that was added last.
    pub(super) fn pop(&mut self) {
        if let Some(last) = self.effects.pop() {
            self.spans.truncate(last.spans.start);
            self.keys.truncate(last.keys.start);
        }
    }

    pub(super) fn clear(&mut self) {
        self.effects.clear();
        self.spans.clear();
        self.keys.clear();
    }

    fn args(&self, effect: &Known<'b>) -> Args<'_> {
        Args::new(effect.bytes, &self.spans[effect.spans.clone()])
    }

    fn keys(&self, effect: &Known<'_>) -> &[Key<'b>] {
        &self.keys[effect.keys.clone()]
    }
}

fn shown(args: &Args<'_>) -> String {
    const MOST: usize = 40;
    let word = |arg: &[u8]| arg[..arg.len().min(MOST)].escape_ascii().to_string();
    args.iter().take(4).map(word).collect::<Vec<_>>().join(" ")
}

impl Applier {
    /// Applies with the counters of this worker.
    pub fn new(server: Arc<Server>, worker: usize) -> Self {
        let session = Session::new(server.clients.nobody(server.address), &server.access);
        let executor = Executor::new(Arc::clone(&server), worker);
        Self { server, session, worker, reply: Vec::new(), executor }
    }

    /// Applies a group as one piece: nobody sees a part of it.
    ///
    /// # Errors
    /// It is none, or not of this version. What stands before the effect that is refused has been done.
    pub fn apply(&mut self, group: &Group<'_>) -> Result<(), Refused> {
        let (server, mut looked) = (Arc::clone(&self.server), Looked::default());
        for effect in group.effects() {
            looked.add(&server.store, group, &effect)?;
        }
        self.under_locks(&server, &looked, &looked.effects, &looked.keys)
    }

    /// Applies effects each by itself, where nobody looks meanwhile.
    pub(super) fn apply_each(&mut self, looked: &Looked<'_>, mut refuse: impl FnMut(Refused)) {
        let server = Arc::clone(&self.server);
        // The keys of a log's effects are seldom near: the processor brings them while others are worked on.
        looked.keys.iter().for_each(|key| server.store.prefetch_group(key));
        looked.keys.iter().for_each(|key| server.store.prefetch_words(key));
        looked.keys.iter().for_each(|key| server.store.prefetch_entry(key));
        for effect in &looked.effects {
            let (one, keys) = (std::slice::from_ref(effect), looked.keys(effect));
            self.under_locks(&server, looked, one, keys).unwrap_or_else(&mut refuse);
        }
    }

    /// Applies effects of one time under the locks of all their keys.
    fn under_locks(
        &mut self,
        server: &Server,
        looked: &Looked<'_>,
        effects: &[Known<'_>],
        keys: &[Key<'_>],
    ) -> Result<(), Refused> {
        let Some(time) = effects.first().map(|effect| effect.time) else { return Ok(()) };
        let mut view = View::lock(&server.store, &server.counters[self.worker], time, 0, false, keys);
        view.replays = true;
        // What is about no key is about all of them.
        if effects.iter().any(|effect| effect.keys.is_empty()) {
            view.lock_all();
        }
        let done = effects.iter().try_for_each(|effect| self.run(server, &mut view, looked, effect));
        let after = view.take_after();
        drop(view);
        if let Some(after) = after {
            self.executor.finish(*after, time);
        }
        done
    }

    fn run<'s>(
        &mut self,
        server: &'s Server,
        view: &mut View<'s>,
        looked: &Looked<'_>,
        effect: &Known<'_>,
    ) -> Result<(), Refused> {
        let (args, keys) = (looked.args(effect), looked.keys(effect));
        view.db = effect.db;
        let Some(command) = effect.command else {
            let time = parse_i64(&args[2]).and_then(|time| u64::try_from(time).ok());
            let time = time.ok_or_else(|| Refused::Effect(shown(&args)))?;
            view.expire_fields_until(&keys[0], time);
            return Ok(());
        };
        self.reply.clear();
        self.session.db = effect.db;
        let reply = Reply::new(&mut self.reply, Resp::V2);
        let mut call = Call::new(view, keys, args, reply, &mut self.session, server, command);
        call.mode = command::Mode::Nested;
        command::run(&mut call)
            .map_err(|error| Refused::Effect(format!("{}: {}", shown(&args), error.text())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::{Harness, START};
    use crate::log::record::{add, begin, finish, next_group};

    fn apply(server: &Arc<Server>, words: &str) -> Result<(), Refused> {
        apply_in(server, 0, words)
    }

    fn apply_in(server: &Arc<Server>, db: u8, words: &str) -> Result<(), Refused> {
        let (mut log, words) = (Vec::new(), words.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        begin(&mut log, START);
        add(&mut log, db, words.into_iter());
        finish(&mut log, 0).unwrap();
        let (group, _) = next_group(&log).unwrap().unwrap();
        Applier::new(Arc::clone(server), 0).apply(&group)
    }

    #[test]
    fn what_writes_no_key_is_no_effect() {
        let mut harness = Harness::new();
        let server = Arc::clone(&harness.server);
        assert_eq!(apply(&server, "SET k v"), Ok(()));
        for words in [
            "SHUTDOWN NOSAVE",
            "CONFIG SET maxmemory 1",
            "ACL SETUSER default off",
            "REPLICAOF 127.0.0.1 1",
            "EVAL return{} 0",
            "SUBSCRIBE c",
            "PUBLISH c m",
            "MULTI",
            "SELECT 1",
            "GET k",
            "NOTHING k",
            "SET k",
            "EXPIREFIELDS k now",
        ] {
            assert!(apply(&server, words).is_err(), "{words}");
        }
        assert!(!server.shutdown.is_triggered());
        assert_eq!(harness.run("GET k") + &harness.run("CONFIG GET maxmemory"), "'v'['maxmemory', '0']");
    }

    #[test]
    fn there_is_no_database_beyond_the_last() {
        let server = Harness::new().server;
        assert_eq!(apply_in(&server, DATABASES - 1, "SET k v"), Ok(()));
        for db in [DATABASES, u8::MAX] {
            assert!(apply_in(&server, db, "SET k v").is_err() && apply_in(&server, db, "FLUSHDB").is_err());
        }
    }
}
