//! Does again what a log says.

use super::effects::EXPIRE_FIELDS;
use super::record::Group;
use crate::command::{self, Call};
use crate::execute::Executor;
use crate::server::Server;
use crate::session::Session;
use crate::store::view::View;
use crate::store::{DATABASES, Key};
use ringtail_protocol::command::{Command, Flags, Found, find, keys};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::OwnedRequest;
use std::fmt;
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

/// An effect that was looked up.
struct Known {
    db: u8,
    request: OwnedRequest,
    command: Option<&'static Command>,
}

impl Known {
    fn of(db: u8, args: &[&[u8]]) -> Result<Self, Refused> {
        if db >= DATABASES {
            return Err(Refused::Effect(format!("database {db}: {}", shown(args))));
        }
        let request = OwnedRequest::new(args.iter().copied());
        let command = match find(&request.args()) {
            // Whoever writes a log must not end this server, or change whom it trusts.
            Found::Command(command)
                if command.arity_ok(args.len()) && command.flags.contains(Flags::WRITE) =>
            {
                Some(command)
            }
            _ if args.len() == 3 && args[0] == EXPIRE_FIELDS => None,
            _ => return Err(Refused::Effect(shown(args))),
        };
        Ok(Self { db, request, command })
    }
}

fn shown(args: &[&[u8]]) -> String {
    const MOST: usize = 40;
    let word = |arg: &&[u8]| arg[..arg.len().min(MOST)].escape_ascii().to_string();
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
        let mut effects = Vec::new();
        for effect in group.effects() {
            let args: Vec<&[u8]> = effect.args().collect();
            effects.push(Known::of(effect.db, &args)?);
        }
        let server = Arc::clone(&self.server);
        let names: Vec<Vec<u8>> = effects.iter().flat_map(Self::names).collect();
        let all: Vec<Key<'_>> = names.iter().map(|name| server.store.key(name)).collect();
        let counters = &server.counters[self.worker];
        let mut view = View::lock(&server.store, counters, group.time, 0, false, &all);
        view.replays = true;
        // What is about no key is about all of them.
        if effects.iter().any(|effect| Self::names(effect).is_empty()) {
            view.lock_all();
        }
        let done = effects.iter().try_for_each(|effect| self.run(&server, &mut view, effect));
        let after = view.take_after();
        drop(view);
        if let Some(after) = after {
            self.executor.finish(*after, group.time);
        }
        done
    }

    fn names(effect: &Known) -> Vec<Vec<u8>> {
        let args = effect.request.args();
        match effect.command {
            Some(command) => keys(command, &args).filter_map(|i| args.get(i)).map(<[u8]>::to_vec).collect(),
            None => args.get(1).map(<[u8]>::to_vec).into_iter().collect(),
        }
    }

    fn run<'s>(&mut self, server: &'s Server, view: &mut View<'s>, effect: &Known) -> Result<(), Refused> {
        let args = effect.request.args();
        view.db = effect.db;
        let Some(command) = effect.command else {
            let time = parse_i64(&args[2]).and_then(|time| u64::try_from(time).ok());
            let time = time.ok_or_else(|| Refused::Effect(shown(&args.iter().collect::<Vec<_>>())))?;
            let key = view.key(&args[1]);
            view.expire_fields_until(&key, time);
            return Ok(());
        };
        let keys: Vec<Key<'_>> =
            keys(command, &args).filter_map(|i| args.get(i)).map(|name| server.store.key(name)).collect();
        self.reply.clear();
        self.session.db = effect.db;
        let reply = Reply::new(&mut self.reply, Resp::V2);
        let mut call = Call::new(view, &keys, args, reply, &mut self.session, server, command);
        call.mode = command::Mode::Nested;
        match command::run(&mut call) {
            Ok(()) => Ok(()),
            Err(error) => {
                let words: Vec<&[u8]> = args.iter().collect();
                Err(Refused::Effect(format!("{}: {}", shown(&words), error.text())))
            }
        }
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
