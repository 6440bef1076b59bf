//! What the tests share: members that are functions, a worker in front of them, and clients, all on one thread.

mod broker;
mod pair;

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringtail_cluster::{Servers, Topologies, Topology};
use ringtail_net::Stream;
use ringtail_protocol::acl::{Access, Users};
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::write_request;
use ringtail_protocol::request::{Batch, Parser};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle, JoinSet, spawn_local, yield_now};
use tokio::time::timeout;

use crate::replicas::ReadFrom;
use crate::see::Wishes;
use crate::session;
use crate::settings::{Live, Settings};
use crate::shared::Shared;
use crate::worker::Worker;

pub(crate) use broker::Broker;
pub(crate) use pair::Pair;

/// No test takes this long.
const WITHIN: Duration = Duration::from_secs(20);

/// Bytes that a member writes at once, at most.
const PIECE: usize = 1 << 20;

/// Runs a test on a runtime like a worker's.
pub(crate) fn on_a_worker(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async { timeout(WITHIN, test).await.expect("the test takes too long") });
}

/// What a member answers to a request; `None` is nothing, ever.
pub(crate) type Answering = Rc<dyn Fn(&[Vec<u8>]) -> Option<Vec<u8>>>;

/// A member: a listener, and connections that answer by a function, in pieces and after random waits.
pub(crate) struct Fake {
    pub(crate) addr: String,
    pub(crate) connections: Rc<Cell<usize>>,
    ice: Rc<Ice>,
    tasks: Rc<RefCell<Vec<AbortHandle>>>,
}

/// Holds up everything that a member does, as SIGSTOP would: the system still takes connections and bytes for it.
#[derive(Default)]
struct Ice {
    frozen: Cell<bool>,
    thawed: Notify,
}

impl Ice {
    async fn wait(&self) {
        while self.frozen.get() {
            self.thawed.notified().await;
        }
    }
}

impl Fake {
    pub(crate) fn freeze(&self) {
        self.ice.frozen.set(true);
    }

    pub(crate) fn thaw(&self) {
        self.ice.frozen.set(false);
        self.ice.thawed.notify_waiters();
    }

    pub(crate) async fn start(answering: Answering) -> Self {
        Self::start_at("127.0.0.1:0", answering).await
    }

    pub(crate) async fn start_at(addr: &str, answering: Answering) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let (connections, tasks) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
        let ice = Rc::<Ice>::default();
        let (count, all, frost) = (Rc::clone(&connections), Rc::clone(&tasks), Rc::clone(&ice));
        let accept = spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.set(count.get() + 1);
                let task = spawn_local(answer_all(
                    socket,
                    Rc::clone(&answering),
                    Rc::clone(&frost),
                    count.get() as u64,
                ));
                all.borrow_mut().push(task.abort_handle());
            }
        });
        tasks.borrow_mut().push(accept.abort_handle());
        Self { addr, connections, ice, tasks }
    }

    /// A member that lets lanes be opened, and then reads nothing more.
    pub(crate) async fn deaf() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let task = spawn_local(async move {
            let mut kept = Vec::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut greeting = [0; 256];
                let _ = socket.read(&mut greeting).await;
                let _ = socket.write_all(b"+OK\r\n*0\r\n+OK\r\n-ERR\r\n").await;
                kept.push(socket);
            }
        });
        let tasks = Rc::new(RefCell::new(vec![task.abort_handle()]));
        Self { addr, connections: Rc::default(), ice: Rc::default(), tasks }
    }

    /// Closes its listener and its connections.
    pub(crate) async fn stop(&self) {
        self.tasks.borrow_mut().drain(..).for_each(|task| task.abort());
        // What is aborted is dropped when the runtime comes to it.
        for _ in 0..4 {
            yield_now().await;
        }
    }
}

async fn answer_all(mut socket: TcpStream, answering: Answering, ice: Rc<Ice>, seed: u64) {
    let (mut parser, mut buf, mut rng) = (Parser::default(), Vec::new(), fastrand::Rng::with_seed(seed));
    while socket.read_buf(&mut buf).await.is_ok_and(|read| read > 0) {
        ice.wait().await;
        let mut batch = Batch::default();
        let consumed = parser.parse(&mut buf, RequestLimits::FULL, &mut batch).consumed;
        let mut out = Vec::new();
        for request in batch.requests() {
            let words: Vec<Vec<u8>> = batch.args(request, &buf).iter().map(<[u8]>::to_vec).collect();
            let answer = answering(&words);
            match &words[0][..] {
                b"SELECT" => out.extend_from_slice(b"+OK\r\n"),
                b"CONFIG" => out.extend_from_slice(b"*0\r\n"),
                b"RINGTAIL" if words[1] == b"PRIMARY" => out.extend_from_slice(b"-ERR unknown command\r\n"),
                _ => out.extend(answer.into_iter().flatten()),
            }
        }
        buf.drain(..consumed);
        while !out.is_empty() {
            for _ in 0..rng.usize(0..4) {
                yield_now().await;
            }
            ice.wait().await;
            let piece: Vec<u8> = out.drain(..rng.usize(1..=out.len().min(PIECE))).collect();
            if socket.write_all(&piece).await.is_err() {
                return;
            }
        }
    }
}

/// A worker in front of members.
pub(crate) struct Proxy {
    pub(crate) worker: Rc<Worker>,
    _tasks: JoinSet<()>,
    listener: TcpListener,
}

impl Proxy {
    pub(crate) async fn start(members: &[&Fake], timeout: Duration) -> Self {
        Self::with(settings(timeout), Access::default(), members).await
    }

    /// One whose ACL LOAD and SAVE are about this file.
    pub(crate) async fn with_acl_file(members: &[&Fake], timeout: Duration, file: &Path) -> Self {
        let access = Access::new(Users::default(), Some(file.to_owned()));
        Self::with(settings(timeout), access, members).await
    }

    /// One with these settings.
    pub(crate) async fn with(settings: Settings, access: Access, members: &[&Fake]) -> Self {
        Self::of(settings, access, topology(members, 1)).await
    }

    /// One in front of the members of a `servers.json`.
    pub(crate) async fn start_from(json: &str, settings: Settings) -> Self {
        Self::of(settings, Access::default(), parse(json, 1)).await
    }

    /// One with these settings, and whom it lets in by default.
    pub(crate) async fn start_with(members: &[&Fake], settings: Settings) -> Self {
        Self::with(settings, Access::default(), members).await
    }

    async fn of(settings: Settings, access: Access, topology: Topology) -> Self {
        let (worker, tasks) = worker_before(settings, access, topology);
        // Its tasks begin.
        yield_now().await;
        Self { worker, _tasks: tasks, listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) async fn client(&self) -> Client {
        let addr = self.listener.local_addr().unwrap().to_string();
        let stream = Stream::connect(&addr, None, WITHIN).await.unwrap();
        let (socket, peer) = self.listener.accept().await.unwrap();
        let task = spawn_local(session::serve(Rc::clone(&self.worker), stream, peer));
        Client { socket, unread: Vec::new(), task }
    }

    /// Replaces the topology, as the watcher would.
    pub(crate) fn adopt(&self, members: &[&Fake]) {
        self.worker.adopt(Arc::new(topology(members, 2)));
    }

    /// The same with the members of a `servers.json`.
    pub(crate) fn adopt_json(&self, json: &str) {
        self.worker.adopt(Arc::new(parse(json, 2)));
    }
}

/// A worker and its tasks.
pub(crate) fn worker_before(
    settings: Settings,
    access: Access,
    topology: Topology,
) -> (Rc<Worker>, JoinSet<()>) {
    Worker::start(Shared::new(settings, access, Topologies::new(topology), None), 0)
}

pub(crate) fn settings(timeout: Duration) -> Settings {
    let live = Live::default();
    live.set_timeout(timeout);
    Settings {
        addr: ([127, 0, 0, 1], 9443).into(),
        timeout,
        conns: 2,
        dedicated: 4,
        // Nothing, so that what is tested about lanes and buffers is seen there.
        large: usize::MAX,
        retry_reads: 0,
        read_from: ReadFrom::Primary,
        threads: 1,
        tls: false,
        output_limits: (32 << 20, 8 << 20, 60),
        live,
        flags: vec![("servers".to_owned(), "servers.json".to_owned())],
        handshakes: 2,
        pass_through: false,
        server_tls: None,
        server_password: None,
        see: Wishes::default(),
        traces: Default::default(),
        insecure: false,
        life: Default::default(),
    }
}

/// Members are called a, b, c.
fn topology(members: &[&Fake], epoch: u64) -> Topology {
    let entry = |(i, fake): (usize, &&Fake)| format!(r#"{{"name":"{}","addr":"{}"}}"#, name(i), fake.addr);
    let entries: Vec<String> = members.iter().enumerate().map(entry).collect();
    parse(&format!("[{}]", entries.join(",")), epoch)
}

fn parse(json: &str, epoch: u64) -> Topology {
    Topology::new(Servers::parse(json.as_bytes(), Path::new("servers.json")).unwrap(), epoch)
}

fn name(index: usize) -> char {
    char::from(b'a' + index as u8)
}

/// A client of the proxy.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    unread: Vec<u8>,
    pub(crate) task: JoinHandle<()>,
}

/// The reading half of a client.
pub(crate) struct Answers {
    socket: OwnedReadHalf,
    unread: Vec<u8>,
}

impl Answers {
    pub(crate) async fn answer(&mut self) -> String {
        next_answer(&mut self.socket, &mut self.unread).await
    }
}

/// Sends one request, its words between spaces.
pub(crate) async fn write_line(socket: &mut (impl AsyncWrite + Unpin), line: &str) {
    let mut out = Vec::new();
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    write_request(&mut out, words.into_iter());
    socket.write_all(&out).await.unwrap();
}

async fn next_answer(socket: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> String {
    let mut scanner = Scanner::default();
    loop {
        if let Some(len) = scanner.scan(unread).unwrap() {
            let rest = unread.split_off(len);
            return String::from_utf8(std::mem::replace(unread, rest)).unwrap();
        }
        assert!(socket.read_buf(unread).await.unwrap() > 0, "the proxy closed the connection");
    }
}

impl Client {
    /// To write and to read at the same time.
    pub(crate) fn split(self) -> (Answers, OwnedWriteHalf) {
        let (reader, writer) = self.socket.into_split();
        (Answers { socket: reader, unread: self.unread }, writer)
    }

    /// Sends requests, one a line, its words between spaces.
    pub(crate) async fn send(&mut self, lines: &[&str]) {
        let mut out = Vec::new();
        for line in lines {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            write_request(&mut out, words.into_iter());
        }
        self.socket.write_all(&out).await.unwrap();
    }

    /// Sends one request of these words.
    pub(crate) async fn send_words(&mut self, words: &[&str]) {
        let mut out = Vec::new();
        write_request(&mut out, words.iter().map(|word| word.as_bytes()));
        self.socket.write_all(&out).await.unwrap();
    }

    /// The next answer, as it came.
    pub(crate) async fn answer(&mut self) -> String {
        next_answer(&mut self.socket, &mut self.unread).await
    }

    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.send(&[line]).await;
        self.answer().await
    }
}

/// A member that answers `GET key` with the key, and counts what is counted.
pub(crate) fn echoing() -> Answering {
    Rc::new(|words| {
        let keys = &words[1..];
        Some(match &words[0].to_ascii_uppercase()[..] {
            b"MGET" => {
                [format!("*{}\r\n", keys.len()).into_bytes(), keys.iter().flat_map(|key| bulk(key)).collect()]
                    .concat()
            }
            b"DEL" => format!(":{}\r\n", keys.len()).into_bytes(),
            b"MSET" | b"SET" | b"FLUSHALL" => b"+OK\r\n".to_vec(),
            b"DBSIZE" => b":7\r\n".to_vec(),
            _ => keys.first().map_or(b"+PONG\r\n".to_vec(), |key| bulk(key)),
        })
    })
}

pub(crate) fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Keys that the proxy's topology gives to each of the members, in their order.
pub(crate) fn keys_of(proxy: &Proxy, members: usize) -> Vec<String> {
    let topology = proxy.worker.topology();
    let owned =
        |at: usize| (0..).map(|n| format!("key{n}")).find(|key| topology.owner_of(key.as_bytes()) == at);
    (0..members).map(|at| owned(at).unwrap()).collect()
}
