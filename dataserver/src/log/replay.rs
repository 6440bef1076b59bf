//! The log done again at a start, by several threads. Each goes through all groups and does those effects whose keys are its own: so what
//! was done to one key is done in its order, and there is nothing to hand out. An effect that is about more, as FLUSHALL's is, is done by the
//! first thread while the others wait.

use super::apply::{Applier, Looked, Refused};
use super::files::Chunk;
use crate::server::Server;
use crate::store::Key;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Barrier, Mutex, PoisonError};

/// Chunks that wait for a thread.
const AHEAD: usize = 4;
/// Effects whose keys are brought near together.
const AT_ONCE: usize = 32;

/// What a log came to.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Groups that were gone through.
    pub groups: u64,
    /// Effects that can't be done, with the offsets of the chunks that they are in, in order.
    pub refused: Vec<(u64, Refused)>,
}

/// What the threads share.
struct Shared {
    server: Arc<Server>,
    threads: usize,
    meeting: Barrier,
    refused: Mutex<Vec<(u64, Refused)>>,
    has_refused: AtomicBool,
}

/// Does again what `next` brings, until it brings nothing more or, unless it is to `recover`, an effect can't be done. Nobody else may look
/// at the keys meanwhile: of a group that changes several keys, some are changed before the others.
///
/// # Errors
/// Those of `next`.
pub fn replay<E>(
    server: &Arc<Server>,
    recover: bool,
    mut next: impl FnMut() -> Result<Option<Chunk>, E>,
) -> Result<Replayed, E> {
    let threads = server.counters.len();
    let (meeting, refused, has_refused) = (Barrier::new(threads), Mutex::default(), AtomicBool::new(false));
    let all = Shared { server: Arc::clone(server), threads, meeting, refused, has_refused };
    let (shared, mut groups) = (&all, 0);
    std::thread::scope(|scope| {
        let begin = |index| {
            let (sender, chunks) = sync_channel::<Arc<Chunk>>(AHEAD);
            scope.spawn(move || Thread::new(shared, index).run(&chunks));
            sender
        };
        let senders: Vec<SyncSender<_>> = (0..threads).map(begin).collect();
        while recover || !shared.has_refused.load(Relaxed) {
            let Some(chunk) = next()?.map(Arc::new) else { break };
            groups += chunk.groups as u64;
            // One that has panicked is told of at the end of the scope.
            senders.iter().for_each(|sender| _ = sender.send(Arc::clone(&chunk)));
        }
        Ok(())
    })?;
    let mut refused = all.refused.into_inner().unwrap_or_else(PoisonError::into_inner);
    refused.sort_by_key(|(offset, _)| *offset);
    Ok(Replayed { groups, refused })
}

/// One of the threads.
struct Thread<'r> {
    shared: &'r Shared,
    index: usize,
    applier: Applier,
}

/// Who does an effect.
enum Whose {
    Own,
    Others,
    /// The first one, while the others wait.
    All,
}

impl<'r> Thread<'r> {
    fn new(shared: &'r Shared, index: usize) -> Self {
        Self { shared, index, applier: Applier::new(Arc::clone(&shared.server), index) }
    }

    fn run(mut self, chunks: &Receiver<Arc<Chunk>>) {
        let shared = self.shared;
        let _counted = shared.server.store.memory.counted();
        for chunk in chunks {
            self.chunk(&chunk);
            self.shared.server.store.memory.publish();
        }
    }

    fn chunk(&mut self, chunk: &Chunk) {
        let shared = self.shared;
        let mut looked = Looked::default();
        for group in chunk.groups() {
            for effect in group.effects() {
                let whose = match looked.add(&shared.server.store, &group, &effect) {
                    Ok(keys) => self.whose(keys),
                    // All see it, one says it.
                    Err(refused) if self.index == 0 => {
                        shared.refuse(chunk.offset, refused);
                        continue;
                    }
                    Err(_) => continue,
                };
                match whose {
                    Whose::Own if looked.len() < AT_ONCE => {}
                    Whose::Own => self.apply(chunk, &mut looked),
                    Whose::Others => looked.pop(),
                    Whose::All => {
                        looked.pop();
                        self.apply(chunk, &mut looked);
                        shared.meeting.wait();
                        if self.index == 0 && looked.add(&shared.server.store, &group, &effect).is_ok() {
                            self.apply(chunk, &mut looked);
                        }
                        shared.meeting.wait();
                    }
                }
            }
        }
        self.apply(chunk, &mut looked);
    }

    fn whose(&self, keys: &[Key<'_>]) -> Whose {
        let thread = |key: &Key<'_>| key.group() % self.shared.threads;
        match keys.first().map(thread) {
            Some(first) if keys.iter().all(|key| thread(key) == first) => {
                if first == self.index {
                    Whose::Own
                } else {
                    Whose::Others
                }
            }
            _ => Whose::All,
        }
    }

    fn apply(&mut self, chunk: &Chunk, looked: &mut Looked<'_>) {
        let shared = self.shared;
        self.applier.apply_each(looked, |refused| shared.refuse(chunk.offset, refused));
        looked.clear();
    }
}

impl Shared {
    fn refuse(&self, offset: u64, refused: Refused) {
        self.has_refused.store(true, Relaxed);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push((offset, refused));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;
    use crate::log::record;
    use std::convert::Infallible;
    use std::net::{Ipv4Addr, SocketAddr};

    fn group(effects: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        record::begin(&mut bytes, 1);
        for effect in effects {
            let words: Vec<&[u8]> = effect.split(' ').map(str::as_bytes).collect();
            record::add(&mut bytes, 0, words.into_iter());
        }
        record::finish(&mut bytes, 0).unwrap();
        bytes
    }

    /// A server of three threads that does these groups again, each a chunk of its own; what is refused, and how many groups were read.
    fn replayed(groups: &[&[&str]], recover: bool) -> (Harness, Replayed) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::new(address, 3, ringtail_net::Shutdown::new());
        let mut chunks = groups.iter().zip(0..).map(|(effects, offset)| Chunk {
            offset,
            bytes: group(effects),
            groups: 1,
        });
        let Ok(done) = replay(&server, recover, || Ok::<_, Infallible>(chunks.next()));
        (Harness::of(server), done)
    }

    #[test]
    fn what_is_about_all_keys_is_done_between_what_was_before_and_behind() {
        let keys: Vec<String> = (0..50).map(|n| format!("SET k{n} {n}")).collect();
        let mut all: Vec<&str> = keys.iter().map(String::as_str).collect();
        all.push("FLUSHALL");
        all.extend(keys[..20].iter().map(String::as_str));
        all.push("SWAPDB 0 1");
        all.extend(keys[..5].iter().map(String::as_str));
        for apart in [false, true] {
            let groups: Vec<&[&str]> = if apart { all.chunks(1).collect() } else { vec![&all[..]] };
            let (mut client, done) = replayed(&groups, false);
            assert_eq!((done.groups, done.refused), (groups.len() as u64, Vec::new()));
            assert_eq!(client.run("DBSIZE"), "5");
            client.run("SELECT 1");
            assert_eq!((client.run("DBSIZE"), client.run("GET k19")), ("20".to_owned(), "'19'".to_owned()));
        }
    }

    #[test]
    fn what_can_not_be_done_is_told_and_ends_it_unless_the_rest_is_to_be_saved() {
        let groups: [&[&str]; 5] =
            [&["SET a 1"], &["SET b 1", "NONSENSE b"], &["LPUSH a x"], &["HSET"], &["SET c 1"]];
        let (mut client, done) = replayed(&groups, true);
        let offsets: Vec<u64> = done.refused.iter().map(|(offset, _)| *offset).collect();
        assert_eq!((done.groups, offsets), (5, vec![1, 2, 3]));
        assert_eq!(client.run("MGET a b c"), "['1', '1', '1']");
        let many: Vec<&[&str]> = std::iter::repeat_n(groups[1], 1000).collect();
        let (_, done) = replayed(&many, false);
        assert!(!done.refused.is_empty() && done.groups < 1000, "{}", done.groups);
    }
}
