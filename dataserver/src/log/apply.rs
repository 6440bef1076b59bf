//! Does again what a log says.

use super::effects::EXPIRE_FIELDS;
use super::record::Group;
use crate::command::{self, Call};
use crate::server::Server;
use crate::session::Session;
use crate::store::Key;
use crate::store::view::View;
use ringtail_protocol::command::{Command, Found, find, keys};
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
}

/// An effect that was looked up.
struct Known {
    db: u8,
    request: OwnedRequest,
    command: Option<&'static Command>,
}

impl Known {
    fn of(db: u8, args: &[&[u8]]) -> Result<Self, Refused> {
        let request = OwnedRequest::new(args.iter().copied());
        let command = match find(&request.args()) {
            Found::Command(command) if command.arity_ok(args.len()) => Some(command),
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
        Self { server, session, worker, reply: Vec::new() }
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
        effects.iter().try_for_each(|effect| self.run(&server, &mut view, effect))
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
    use crate::command::testing::Harness;
    use crate::log::merge::Merge;
    use crate::log::record::next_group;

    /// A server whose changes are logged, and one that does what the log says.
    struct Pair {
        first: Harness,
        second: Harness,
        merge: Merge,
        applier: Applier,
    }

    impl Pair {
        fn new() -> Self {
            let (first, second) = (Harness::new(), Harness::new());
            first.server.store.set_logged(true);
            let applier = Applier::new(Arc::clone(&second.server), 0);
            Self { first, second, merge: Merge::default(), applier }
        }

        /// Runs a line at the first, applies what is logged of it at the second, and returns the effects.
        fn run(&mut self, line: &str) -> String {
            let reply = self.first.run(line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
            let (mut stream, mut at, mut told) = (Vec::new(), 0, Vec::new());
            self.merge.collect(&self.first.server.store.intake, &mut stream);
            while at < stream.len() {
                let (group, length) = next_group(&stream[at..]).unwrap().unwrap();
                for effect in group.effects() {
                    let words: Vec<_> = effect.args().map(|arg| arg.escape_ascii().to_string()).collect();
                    told.push(words.join(" "));
                }
                self.applier.apply(&group).unwrap();
                at += length;
            }
            told.join("; ")
        }
    }

    #[test]
    fn what_is_logged_is_what_changed() {
        let mut pair = Pair::new();
        assert_eq!(pair.run("SET k v"), "SET k v");
        assert_eq!(pair.run("GET k"), "");
        assert_eq!(pair.run("SET k v PX 1000 NX"), "");
        assert_eq!(pair.run("SET k v PX 1000"), "SET k v PXAT 1700000001000");
        assert_eq!(pair.run("HSET h a 1 b 2"), "HSET h a 1 b 2");
        assert_eq!(pair.run("DEL k h nothing"), "DEL k; DEL h");
        assert_eq!(pair.run("MSET a 1 b 2"), "SET a 1; SET b 2");
        assert_eq!(pair.run("INCR a"), "SET a 2");
        pair.run("SET gone 1 PX 10");
        pair.first.advance(20);
        assert_eq!(pair.run("APPEND gone x"), "DEL gone; APPEND gone x");
        assert_eq!(pair.second.run("GET gone"), "'x'");
    }
}
