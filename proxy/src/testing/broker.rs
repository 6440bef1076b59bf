//! A member that publishes: as much of Redis's publish and subscribe as the tests need.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ringtail_protocol::glob;
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::{Batch, Parser};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{spawn_local, yield_now};

use super::Fake;

/// What connections are sent.
type Sender = UnboundedSender<Vec<u8>>;

/// By kind (`message`, …) and name: connections.
type Subscribers = BTreeMap<(&'static str, Vec<u8>), BTreeMap<u64, Sender>>;

/// The subscriptions at one member.
#[derive(Default)]
pub(crate) struct Broker {
    subscribers: RefCell<Subscribers>,
    /// Channels that may not be subscribed to.
    pub(crate) refused: RefCell<BTreeSet<Vec<u8>>>,
    /// It reads, and answers nothing.
    pub(crate) frozen: Cell<bool>,
    /// What it answers who asks whether it leads; by default that it does not know what that is.
    pub(crate) primary: RefCell<Vec<u8>>,
    next: Cell<u64>,
}

impl Fake {
    /// A member that publishes.
    pub(crate) async fn broker(addr: &str) -> (Self, Rc<Broker>) {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let (connections, tasks) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
        let broker = Rc::new(Broker::default());
        let (count, all, serving) = (Rc::clone(&connections), Rc::clone(&tasks), Rc::clone(&broker));
        let accept = spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.set(count.get() + 1);
                all.borrow_mut().push(spawn_local(serve(socket, Rc::clone(&serving))).abort_handle());
            }
        });
        tasks.borrow_mut().push(accept.abort_handle());
        (Self { addr, connections, ice: Rc::default(), tasks }, broker)
    }
}

async fn serve(socket: TcpStream, broker: Rc<Broker>) {
    let (mut reader, writer) = socket.into_split();
    let (sender, receiver) = unbounded_channel();
    let id = broker.next.replace(broker.next.get() + 1);
    // Dropped with this task, so that the connection ends with it.
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn_local(write_pieces(writer, receiver, id));
    let (mut parser, mut buf) = (Parser::default(), Vec::new());
    while reader.read_buf(&mut buf).await.is_ok_and(|read| read > 0) {
        let mut batch = Batch::default();
        let consumed = parser.parse(&mut buf, RequestLimits::FULL, &mut batch).consumed;
        for request in batch.requests() {
            let words: Vec<Vec<u8>> = batch.args(request, &buf).iter().map(<[u8]>::to_vec).collect();
            if !broker.frozen.get() {
                broker.answer(id, &sender, &words);
            }
        }
        buf.drain(..consumed);
    }
    broker.subscribers.borrow_mut().values_mut().for_each(|topic| drop(topic.remove(&id)));
}

async fn write_pieces(
    mut writer: tokio::net::tcp::OwnedWriteHalf,
    mut receiver: UnboundedReceiver<Vec<u8>>,
    seed: u64,
) {
    let mut rng = fastrand::Rng::with_seed(seed);
    while let Some(mut out) = receiver.recv().await {
        while !out.is_empty() {
            let piece: Vec<u8> = out.drain(..rng.usize(1..=out.len())).collect();
            if writer.write_all(&piece).await.is_err() {
                return;
            }
            if rng.bool() {
                yield_now().await;
            }
        }
    }
}

fn written(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, Resp::V2);
    reply.array(parts.len());
    parts.iter().for_each(|part| reply.bulk(part));
    out
}

impl Broker {
    /// Sends a message to its subscribers; how many they are.
    pub(crate) fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        let mut count = 0;
        for ((kind, name), subscribers) in self.subscribers.borrow().iter() {
            let frame = match *kind {
                "message" if name == channel => written(&[b"message", channel, message]),
                "pmessage" if glob::matches(name, channel) => written(&[b"pmessage", name, channel, message]),
                _ => continue,
            };
            count += subscribers.values().filter(|sender| sender.send(frame.clone()).is_ok()).count();
        }
        count
    }

    /// How many connections are subscribed.
    pub(crate) fn links(&self, kind: &'static str, name: &str) -> usize {
        let subscribers = self.subscribers.borrow();
        subscribers
            .get(&(kind, name.as_bytes().to_vec()))
            .map_or(0, |topic| topic.values().filter(|sender| !sender.is_closed()).count())
    }

    fn answer(&self, id: u64, sender: &Sender, words: &[Vec<u8>]) {
        let command = String::from_utf8(words[0].to_ascii_lowercase()).unwrap();
        let kind = match command.trim_start_matches("un") {
            "subscribe" => "message",
            "psubscribe" | "punsubscribe" => "pmessage",
            "ssubscribe" | "sunsubscribe" => "smessage",
            _ => return drop(sender.send(self.other(&command, words))),
        };
        for name in &words[1..] {
            let mut out = Vec::new();
            if self.refused.borrow().contains(name) {
                out.extend_from_slice(b"-NOPERM no such channel for you\r\n");
            } else {
                let mut subscribers = self.subscribers.borrow_mut();
                let topic = subscribers.entry((kind, name.clone())).or_default();
                match command.contains("unsubscribe") {
                    true => drop(topic.remove(&id)),
                    false => drop(topic.insert(id, sender.clone())),
                }
                let mut reply = Reply::new(&mut out, Resp::V2);
                reply.array(3);
                reply.bulk(command.as_bytes());
                reply.bulk(name);
                reply.int(1);
            }
            drop(sender.send(out));
        }
    }

    fn other(&self, command: &str, words: &[Vec<u8>]) -> Vec<u8> {
        match command {
            "publish" => format!(":{}\r\n", self.publish(&words[1], &words[2])).into_bytes(),
            "select" | "set" => b"+OK\r\n".to_vec(),
            "pubsub" => {
                let mut out = format!("*{}\r\n", 2 * (words.len() - 2)).into_bytes();
                for name in &words[2..] {
                    out.extend(super::bulk(name));
                    let links = self.links("message", std::str::from_utf8(name).unwrap());
                    out.extend(format!(":{links}\r\n").into_bytes());
                }
                out
            }
            "ringtail" => match self.primary.borrow().clone() {
                unset if unset.is_empty() => b"-ERR unknown command\r\n".to_vec(),
                answer => answer,
            },
            "ping" => written(&[b"pong", b""]),
            _ => super::bulk(&words[1]),
        }
    }
}
