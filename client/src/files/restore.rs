//! A file's keys into a server.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::process::ExitCode;

use ringtail::{Client, Error, Value};
use ringtail_backup::rdb::{self, version};
use ringtail_net::Problem;
use ringtail_net::exit::RUNTIME;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::convert::{corrupt, now};
use super::source::{Entry, Item, Reading, Seen};
use super::{RestoreTask, text};
use crate::args::Settings;
use crate::explain;

/// Keys, and bytes, that are sent in one piece.
const BATCH_KEYS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;
/// Pieces that wait to be sent, and pieces on their way.
const BATCHES: usize = 4;
/// Errors that are shown; the others are counted.
const SHOWN: usize = 5;

/// Databases whose keys are collected at once.
const DATABASES: usize = 64;

/// One command, and the key that it is about; nothing for a library.
struct Step {
    words: Vec<Vec<u8>>,
    key: Option<Vec<u8>>,
}

/// Commands for one database. Each database has a connection of its own: a SELECT that fails among others would put keys where
/// they do not belong.
struct Batch {
    db: u32,
    steps: Vec<Step>,
    bytes: usize,
}

/// What the thread that reads the file says in the end.
struct Read {
    seen: Seen,
    expired: u64,
}

#[derive(Default)]
struct Summary {
    keys: u64,
    libraries: u64,
    failed: u64,
    shown: Vec<String>,
}

pub(super) async fn run(task: &RestoreTask, settings: &Settings) -> Result<ExitCode, Problem> {
    let failed = |error: Error| explain::problem(&error, settings);
    let client = Client::connect(settings.options.clone()).await.map_err(failed)?;
    let newest = newest_version(&client).await;
    let clients = Clients { settings, all: HashMap::from([(settings.database, client)]) };
    let (sender, batches) = mpsc::channel(BATCHES);
    let (path, recover) = (task.file.clone(), task.recover);
    let how = How { replace: task.replace, newest, library_db: settings.database };
    let reader = tokio::task::spawn_blocking(move || {
        let reading = Reading { path: &path, recover, what: "restoring" };
        read(&reading, &how, Queue { sender, open: BTreeMap::new() })
    });
    let mut summary = Summary::default();
    let sent = send_all(clients, batches, &mut summary).await;
    let read = reader.await.unwrap_or_else(|_| Err(Problem::new("the reader ended early", "report it")));
    sent.map_err(|error| {
        let mut problem = explain::problem(&error, settings);
        problem.message = format!("stopped after {}: {}", text::keys(summary.keys), problem.message);
        problem
    })?;
    Ok(summary.end(&read?))
}

/// How keys are sent.
struct How {
    replace: bool,
    /// The newest version of dumped values that the server takes.
    newest: u16,
    library_db: u32,
}

/// The newest version of dumped values that the server takes, by its own; any, if it does not say or is one of ours.
pub(crate) async fn newest_version(client: &Client) -> u16 {
    let info = client.cmd(["INFO", "server"]).await.ok();
    let text = info.as_ref().and_then(Value::as_str).unwrap_or_default();
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    match of("redis_version").map(number) {
        _ if of("ringtail_version").is_some() => u16::MAX,
        Some(version) if version < (7, 2) => version::COMMON,
        Some(version) if version < (7, 4) => version::ACTIVE_TIMES,
        _ => u16::MAX,
    }
}

/// Batches that are not full yet.
struct Queue {
    sender: mpsc::Sender<Batch>,
    open: BTreeMap<u32, Batch>,
}

impl Queue {
    fn push(&mut self, db: u32, step: Step) -> Result<(), Problem> {
        if self.open.len() >= DATABASES && !self.open.contains_key(&db) {
            self.flush()?;
        }
        let batch = self.open.entry(db).or_insert_with(|| Batch { db, steps: Vec::new(), bytes: 0 });
        batch.bytes += step.words.iter().map(Vec::len).sum::<usize>();
        batch.steps.push(step);
        if batch.steps.len() < BATCH_KEYS && batch.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.open.remove(&db).map_or(Ok(()), |batch| self.send(batch))
    }

    fn flush(&mut self) -> Result<(), Problem> {
        std::mem::take(&mut self.open).into_values().try_for_each(|batch| self.send(batch))
    }

    fn send(&self, batch: Batch) -> Result<(), Problem> {
        let gone = |_| Problem::new("the connection is lost", "look at the server's log");
        self.sender.blocking_send(batch).map_err(gone)
    }
}

/// Reads the file, and hands its keys over in batches.
fn read(reading: &Reading<'_>, how: &How, mut queue: Queue) -> Result<Read, Problem> {
    let (mut expired, now) = (0, now());
    let seen = reading.each(|item| match item {
        Item::Entry(entry) if entry.expiry.is_some_and(|at| at <= now) => {
            expired += 1;
            Ok(())
        }
        Item::Entry(entry) => queue.push(entry.db, key(&entry, how)?),
        Item::Library(code) => queue.push(how.library_db, library(code, how)),
    })?;
    queue.flush()?;
    Ok(Read { seen, expired })
}

fn key(entry: &Entry<'_>, how: &How) -> Result<Step, Problem> {
    // What the server's version can't have is sent all the same: the server says no, and the other keys go on.
    let payload = rdb::dump_up_to(how.newest, |saver| entry.tell(saver))
        .or_else(|_| rdb::dump(|saver| entry.tell(saver)))
        .map_err(|_| corrupt(entry))?;
    let at = entry.expiry.unwrap_or(0).to_string().into_bytes();
    let mut words = vec![b"RESTORE".to_vec(), entry.key.to_vec(), at, payload, b"ABSTTL".to_vec()];
    if how.replace {
        words.push(b"REPLACE".to_vec());
    }
    Ok(Step { words, key: Some(entry.key.to_vec()) })
}

fn library(code: &[u8], how: &How) -> Step {
    let payload = rdb::dump_libraries(std::iter::once(code));
    let policy: &[u8] = if how.replace { b"REPLACE" } else { b"APPEND" };
    let words = [&b"FUNCTION"[..], b"RESTORE", &payload, policy].map(<[u8]>::to_vec);
    Step { words: words.into(), key: None }
}

/// A batch that was sent, with the replies.
type Sent = Result<(Batch, Vec<Value>), Error>;

/// A connection for each database.
struct Clients<'s> {
    settings: &'s Settings,
    all: HashMap<u32, Client>,
}

impl Clients<'_> {
    async fn of(&mut self, db: u32) -> Result<Client, Error> {
        if let Some(client) = self.all.get(&db) {
            return Ok(client.clone());
        }
        let client = Client::connect(self.settings.options.clone().database(db)).await?;
        self.all.insert(db, client.clone());
        Ok(client)
    }
}

async fn send_all(
    mut clients: Clients<'_>,
    mut batches: mpsc::Receiver<Batch>,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut running: VecDeque<JoinHandle<Sent>> = VecDeque::new();
    let mut open = true;
    while open || !running.is_empty() {
        tokio::select! {
            batch = batches.recv(), if open && running.len() < BATCHES => match batch {
                Some(batch) => running.push_back(tokio::spawn(send(clients.of(batch.db).await?, batch))),
                None => open = false,
            },
            done = first(&mut running), if !running.is_empty() => {
                running.pop_front();
                if let Some((batch, replies)) = done? {
                    summary.count(&batch, &replies);
                }
            }
        }
    }
    Ok(())
}

/// The oldest batch with its replies.
async fn first(running: &mut VecDeque<JoinHandle<Sent>>) -> Result<Option<(Batch, Vec<Value>)>, Error> {
    match running.front_mut() {
        // A task that panicked has said so.
        Some(batch) => batch.await.map_or(Ok(None), |sent| sent.map(Some)),
        None => Ok(None),
    }
}

async fn send(client: Client, batch: Batch) -> Sent {
    let mut pipeline = client.pipeline();
    for step in &batch.steps {
        pipeline.try_cmd(&step.words)?;
    }
    let replies = pipeline.run().await?;
    Ok((batch, replies))
}

impl Summary {
    fn count(&mut self, batch: &Batch, replies: &[Value]) {
        for (step, reply) in batch.steps.iter().zip(replies) {
            match (reply.error(), &step.key) {
                (None, Some(_)) => self.keys += 1,
                (None, None) => self.libraries += 1,
                (Some(text), key) => self.count_failed(batch.db, key.as_deref(), text),
            }
        }
    }

    fn count_failed(&mut self, db: u32, key: Option<&[u8]>, text: &[u8]) {
        self.failed += 1;
        if self.shown.len() < SHOWN {
            let what = match key {
                Some(key) => format!("{} of database {db}", text::key(key)),
                None => "a library".into(),
            };
            self.shown.push(format!("{what}: {}", text::printable(&String::from_utf8_lossy(text))));
        }
    }

    fn end(&self, read: &Read) -> ExitCode {
        for lost in &read.seen.lost {
            eprintln!("ringtail: left out: {lost}");
        }
        self.shown.iter().for_each(|error| eprintln!("ringtail: not restored: {error}"));
        if self.failed > self.shown.len() as u64 {
            eprintln!("ringtail: and {} more", text::count(self.failed - self.shown.len() as u64));
        }
        if self.shown.iter().any(|error| error.contains("BUSYKEY")) {
            eprintln!("ringtail: keys that are there stay as they are; --replace replaces them");
        }
        let (keys, expired) = (text::keys(self.keys), text::count(read.expired));
        let failed = text::count(self.failed);
        eprintln!("{keys} restored, {} libraries; {expired} had expired, {failed} failed", self.libraries);
        ExitCode::from(if self.failed > 0 || !read.seen.lost.is_empty() { RUNTIME } else { 0 })
    }
}
