//! The primary's end: what a replica misses, as fast as it takes it. Nothing is kept for one that is slow but the log's backlog, which is
//! bounded for all of them together.

use super::status::Replica;
use super::wire::{self, Kind};
use super::{age_of_word, bound};
use crate::backup::save::{Failed, Progress, Saved, save};
use crate::log::waiting::stamp;
use crate::rest::step_back;
use crate::server::Server;
use crate::session::Client;
use ringtail_net::Stream;
use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::yield_now;
use tokio::time::{Instant, Interval, interval_at, sleep, timeout};

/// Bytes of the log in one frame.
const PIECE: usize = 256 << 10;
/// Bytes of a snapshot in one frame, and how many of these wait for the connection.
const CHUNK: usize = 512 << 10;
const CHUNKS: usize = 4;
/// Bytes that are written before the worker's other clients have their turn: what they wait for beside a first sync.
const TURN: usize = 64 << 10;
/// From one heartbeat to the next.
const HEARTBEAT: Duration = Duration::from_millis(400);
/// While the server ends, how long a replica may take for what it misses.
const FAREWELL: Duration = Duration::from_secs(1);
/// A replica that takes nothing, or says nothing, for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client has asked its connection to become.
#[derive(Debug)]
pub enum Handover {
    /// A backup is sent over it.
    Snapshot,
    /// A replica follows on it.
    Sync {
        /// The log that the replica has followed so far.
        history: String,
        /// Up to where.
        offset: u64,
        /// Where the replica listens.
        address: String,
    },
    /// What is not run here is sent back.
    GiveBack,
}

/// Serves what was asked for until the connection ends. What goes back is what was not run.
pub async fn serve(
    handover: Handover,
    stream: &mut Stream,
    server: &Arc<Server>,
    client: &Arc<Client>,
    not_run: Vec<u8>,
) {
    let peer = client.peer;
    match handover {
        Handover::GiveBack => {
            let given = tokio::select! {
                given = bound::give_back(stream, not_run) => given,
                error = given_up(client) => Err(error),
            };
            if let Err(error) = given {
                tracing::debug!(%peer, "a bound connection ended: {error}");
            }
        }
        Handover::Snapshot => {
            if let Err(error) = snapshot(stream, server, client).await {
                tracing::warn!(%peer, "a snapshot was not sent whole: {error}");
            }
        }
        Handover::Sync { history, offset, address } => {
            let era = server.log.era();
            let replica = server.replication.replicas.add(client.id, &address, peer, era);
            tracing::info!(replica = replica.address, "a replica follows");
            let ended = Feed { server, client, stream, replica: &replica, era, position: 0 }
                .run(&history, offset)
                .await;
            server.replication.replicas.remove(client.id);
            server.replicas_changed();
            if let Err(error) = ended {
                tracing::warn!(replica = replica.address, "a replica follows no more: {error}");
            }
        }
    }
}

/// RINGTAIL SNAPSHOT: strings, the last one empty.
async fn snapshot(stream: &mut Stream, server: &Arc<Server>, client: &Client) -> io::Result<()> {
    let mut chunks = begin(server)?;
    while let Some(chunk) = chunks.recv().await {
        match chunk {
            Chunk::Bytes(bytes) => {
                written(stream, format!("${}\r\n", bytes.len()).as_bytes(), client).await?;
                written(stream, &bytes, client).await?;
                written(stream, b"\r\n", client).await?;
            }
            Chunk::End(Ok(_)) => return written(stream, b"$0\r\n\r\n", client).await,
            Chunk::End(Err(failed)) => {
                let _ = written(stream, format!("-ERR no snapshot: {failed}\r\n").as_bytes(), client).await;
                return Err(io::Error::other(failed.to_string()));
            }
        }
    }
    Err(io::Error::other("the thread that wrote it ended"))
}

async fn written(stream: &mut Stream, bytes: &[u8], client: &Client) -> io::Result<()> {
    let all = async {
        for piece in bytes.chunks(TURN) {
            stream.write_all(piece).await?;
            if bytes.len() >= TURN {
                yield_now().await;
            }
        }
        Ok(())
    };
    tokio::select! {
        written = timeout(PATIENCE, all) => written.unwrap_or_else(|_| Err(silent())),
        error = given_up(client) => Err(error),
    }
}

/// Comes when the connection is killed, or some time after the server has begun to end: nobody waits longer for a replica that takes nothing.
async fn given_up(client: &Client) -> io::Error {
    called_off(client).await;
    if !client.is_killed() {
        sleep(FAREWELL).await;
    }
    ended()
}

/// Comes when the connection is killed or the server begins to end.
async fn called_off(client: &Client) {
    poll_fn(|cx| {
        client.set_task(cx.waker());
        if client.is_killed() || client.is_leaving() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn ended() -> io::Error {
    io::Error::other("this server ends, or the connection was killed")
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it takes nothing")
}

enum Chunk {
    Bytes(Vec<u8>),
    End(Result<Saved, Failed>),
}

/// Begins to write all keys on a thread of its own, which waits for who takes them.
fn begin(server: &Arc<Server>) -> io::Result<Receiver<Chunk>> {
    let (sender, chunks) = channel(CHUNKS);
    let own = Arc::clone(server);
    std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
        step_back();
        let _counted = own.store.memory.counted();
        let out = Chunks { sender: sender.clone(), bytes: Vec::with_capacity(CHUNK) };
        let ended = save(&own, out, &Progress::default()).and_then(|(mut out, saved)| {
            out.flush()?;
            Ok(saved)
        });
        let _ = sender.blocking_send(Chunk::End(ended));
    })?;
    Ok(chunks)
}

struct Chunks {
    sender: Sender<Chunk>,
    bytes: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Large blocks come whole; a frame has a bound.
        while !self.bytes.is_empty() {
            let rest = self.bytes.split_off(self.bytes.len().min(wire::MOST / 2));
            let piece = std::mem::replace(&mut self.bytes, rest);
            let sent = self.sender.blocking_send(Chunk::Bytes(piece));
            sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes it any more"))?;
        }
        Ok(())
    }
}

fn beats() -> Interval {
    interval_at(Instant::now(), HEARTBEAT)
}

/// One replica that is fed.
struct Feed<'f> {
    server: &'f Arc<Server>,
    client: &'f Arc<Client>,
    stream: &'f mut Stream,
    replica: &'f Replica,
    /// Which log it follows: when this server has another one, what both have in common has to be asked again.
    era: u64,
    /// What comes next of the log.
    position: u64,
}

impl Feed<'_> {
    async fn run(&mut self, history: &str, offset: u64) -> io::Result<()> {
        let log = &self.server.log;
        log.begin_backlog();
        let (own, _) = log.position();
        let goes_on = log.knows(history, offset) && log.read(self.era, offset, 0, &mut Vec::new()).is_ok();
        self.count(goes_on, offset > 0);
        if goes_on {
            self.send(format!("+CONTINUE {own} {offset}\r\n").as_bytes()).await?;
            self.position = offset;
        } else {
            let common = log.common(history, offset).map_or_else(|| "-".to_owned(), |end| end.to_string());
            self.send(format!("+FULL {own} {common}\r\n").as_bytes()).await?;
            self.position = self.full().await?;
        }
        self.replica.heard.store(stamp(), Relaxed);
        self.replica.online.store(true, Relaxed);
        self.server.replicas_changed();
        self.follow().await
    }

    /// Counts what a replica gets, which had something or nothing.
    fn count(&self, goes_on: bool, had_some: bool) {
        let replicas = &self.server.replication.replicas;
        let counts = [
            (&replicas.resumed, goes_on),
            (&replicas.full, !goes_on),
            (&replicas.too_old, !goes_on && had_some),
        ];
        for (count, counts) in counts {
            count.fetch_add(counts.into(), Relaxed);
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        written(self.stream, bytes, self.client).await
    }

    /// Sends all keys; the offset that they are as of.
    async fn full(&mut self) -> io::Result<u64> {
        let mut chunks = begin(self.server)?;
        let mut heartbeat = beats();
        loop {
            let chunk = tokio::select! {
                chunk = chunks.recv() => chunk,
                // What is sent may take long to be written: a script may run, or a few keys be very large.
                _ = heartbeat.tick() => {
                    self.beat().await?;
                    continue;
                }
            };
            let mut out = Vec::new();
            match chunk {
                Some(Chunk::Bytes(bytes)) => {
                    wire::head(&mut out, Kind::Snapshot, bytes.len());
                    self.send(&out).await?;
                    self.send(&bytes).await?;
                }
                Some(Chunk::End(Ok(saved))) => {
                    wire::push(&mut out, Kind::Snapshot, b"");
                    self.send(&out).await?;
                    return Ok(saved.offset);
                }
                Some(Chunk::End(Err(failed))) => return Err(io::Error::other(failed.to_string())),
                None => return Err(io::Error::other("the thread that wrote all keys ended")),
            }
        }
    }

    /// Sends the log as it grows, and hears how far the replica is.
    async fn follow(&mut self) -> io::Result<()> {
        let mut grown = self.server.log.watch();
        let (mut heartbeat, mut beaten) = (beats(), Instant::now());
        let (mut out, mut unread, mut asked) = (Vec::new(), Vec::new(), self.server.log.asked());
        loop {
            self.hear(&mut unread)?;
            out.clear();
            grown.borrow_and_update();
            let now_asked = self.server.log.asked();
            let grew = self.push_log(&mut out)?;
            if now_asked != asked || grew && (self.server.log.is_awaited() || beaten.elapsed() > HEARTBEAT) {
                (asked, beaten) = (now_asked, Instant::now());
                self.push_beat(&mut out);
            }
            if !out.is_empty() {
                self.send(&out).await?;
                continue;
            }
            tokio::select! {
                changed = grown.changed() => changed.map_err(|_| io::Error::other("the log has ended"))?,
                readable = self.stream.readable() => readable?,
                () = self.replica.order.given() => {
                    if self.replica.order.tell() {
                        return self.let_it_lead().await;
                    }
                }
                _ = heartbeat.tick() => self.check().and(self.beat().await)?,
                // It has all that there is.
                () = called_off(self.client) => return Err(ended()),
            }
        }
    }

    /// A frame of what comes next of the log, if there is more of it.
    fn push_log(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let start = wire::begin(out, Kind::Log);
        let there = self.server.log.read(self.era, self.position, PIECE, out);
        there.map_err(|_| self.lost())?;
        let length = wire::end(out, start);
        self.position += length as u64;
        Ok(length > 0)
    }

    /// It has all of the log, and nothing comes any more.
    async fn let_it_lead(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        wire::push(&mut out, Kind::Lead, b"");
        let told = written(self.stream, &out, self.client).await;
        self.replica.online.store(false, Relaxed);
        told
    }

    /// Why there is nothing more for it.
    fn lost(&self) -> io::Error {
        io::Error::other(match self.server.log.era() == self.era {
            true => "it is further behind than --repl-backlog keeps",
            false => "the log is another one now: the replica has to ask again where it goes on",
        })
    }

    /// # Errors
    /// The replica says nothing, or follows on another connection by now.
    fn check(&self) -> io::Result<()> {
        if self.replica.is_gone() {
            return Err(io::Error::other("it follows on another connection"));
        }
        let silent_for = stamp().saturating_sub(self.replica.heard.load(Relaxed));
        if silent_for > PATIENCE.as_millis() as u64 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it says nothing"));
        }
        Ok(())
    }

    async fn beat(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        self.push_beat(&mut out);
        self.send(&out).await
    }

    /// What a replica answers at once.
    fn push_beat(&self, out: &mut Vec<u8>) {
        let numbers = [self.server.log.end(), stamp(), age_of_word(self.server)];
        wire::push(out, Kind::Heartbeat, &numbers.map(u64::to_le_bytes).concat());
    }

    /// Reads what the replica has said.
    fn hear(&mut self, unread: &mut Vec<u8>) -> io::Result<()> {
        match self.stream.try_read(unread, 4096) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        while let Some([applied, on_disk, told]) = wire::take_ack(unread, self.position, stamp())? {
            self.replica.acked.store(applied, Relaxed);
            self.replica.on_disk.store(on_disk, Relaxed);
            self.replica.told.store(told, Relaxed);
            self.replica.heard.store(stamp(), Relaxed);
            self.server.replicas_changed();
        }
        Ok(())
    }
}
