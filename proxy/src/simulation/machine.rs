//! A member of the simulated world: keys, values, and what can be wrong with it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use ringtail_net::Stream;
use ringtail_net::simulation::{Incoming, Network};
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::request::{Batch, Parser};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use crate::testing::bulk;

/// What a mad member may answer.
const NONSENSE: [&[u8]; 5] =
    [b"\0\0\0", b"?what\r\n", b"$-7\r\n", b"$3\r\nabcdef\r\n", b"*2\r\n:1\r\nHTTP/1.1 200 OK\r\n"];

/// One member, which goes on at its address through several lives.
pub(super) struct Machine {
    pub(super) name: char,
    pub(super) addr: String,
    core: Rc<Core>,
    tasks: Rc<RefCell<Vec<AbortHandle>>>,
}

struct Core {
    store: RefCell<HashMap<Vec<u8>, Vec<u8>>>,
    rng: RefCell<Rng>,
    frozen: Cell<bool>,
    thawed: Notify,
    mad: Cell<bool>,
    /// How long it may take now and then.
    slowest: Cell<Duration>,
}

impl Machine {
    pub(super) fn start(network: &Network, index: usize, seed: u64) -> Self {
        let core = Core {
            store: RefCell::default(),
            rng: RefCell::new(Rng::with_seed(seed)),
            frozen: Cell::default(),
            thawed: Notify::new(),
            mad: Cell::default(),
            slowest: Cell::default(),
        };
        let machine = Self {
            name: char::from(b'a' + index as u8),
            addr: format!("127.0.0.1:{}", 7000 + index),
            core: Rc::new(core),
            tasks: Rc::default(),
        };
        machine.restart(network);
        machine
    }

    /// Takes connections anew; does nothing to one that runs but break its connections.
    pub(super) fn restart(&self, network: &Network) {
        self.kill(network);
        let (incoming, core, tasks) =
            (network.listen(&self.addr), Rc::clone(&self.core), Rc::clone(&self.tasks));
        let task = spawn_local(accept_all(incoming, core, tasks));
        self.tasks.borrow_mut().push(task.abort_handle());
    }

    /// Its connections break, its keys are gone, and nobody listens at its address.
    pub(super) fn kill(&self, network: &Network) {
        self.tasks.borrow_mut().drain(..).for_each(|task| task.abort());
        self.core.store.borrow_mut().clear();
        network.reset(&self.addr);
        network.deafen(&self.addr);
    }

    pub(super) fn freeze(&self, frozen: bool) {
        self.core.frozen.set(frozen);
        self.core.thawed.notify_waiters();
    }

    pub(super) fn madden(&self, mad: bool) {
        self.core.mad.set(mad);
    }

    pub(super) fn slow(&self, slowest: Duration) {
        self.core.slowest.set(slowest);
    }
}

async fn accept_all(incoming: Incoming, core: Rc<Core>, tasks: Rc<RefCell<Vec<AbortHandle>>>) {
    loop {
        let stream = incoming.accept().await;
        let task = spawn_local(Rc::clone(&core).serve(stream));
        tasks.borrow_mut().push(task.abort_handle());
    }
}

/// What a connection has begun.
#[derive(Default)]
struct Begun {
    queue: Option<Vec<Vec<Vec<u8>>>>,
    /// It has answered nonsense, and does nothing more: commands after a MULTI that was not taken would be run at once.
    lost: bool,
}

impl Core {
    async fn serve(self: Rc<Self>, mut stream: Stream) {
        // However it ends, the other side sees it.
        let _ = self.serve_all(&mut stream).await;
    }

    async fn serve_all(&self, stream: &mut Stream) -> io::Result<()> {
        let (mut parser, mut buf, mut begun) = (Parser::default(), Vec::new(), Begun::default());
        loop {
            let piece = stream.receive().await?;
            if piece.is_empty() {
                return Ok(());
            }
            buf.extend(piece);
            self.dawdle().await;
            let mut batch = Batch::default();
            let consumed = parser.parse(&mut buf, RequestLimits::FULL, &mut batch).consumed;
            let mut out = Vec::new();
            for request in batch.requests() {
                let words: Vec<Vec<u8>> = batch.args(request, &buf).iter().map(<[u8]>::to_vec).collect();
                out.extend(self.answer(&mut begun, words));
            }
            buf.drain(..consumed);
            stream.write_all(&out).await?;
        }
    }

    /// Takes its time.
    async fn dawdle(&self) {
        let (pause, slow) = {
            let rng = &mut *self.rng.borrow_mut();
            (rng.u64(0..3000), rng.u8(..4) == 0)
        };
        let slowest = if slow { self.slowest.get() } else { Duration::ZERO };
        sleep(Duration::from_micros(pause) + slowest).await;
        while self.frozen.get() {
            self.thawed.notified().await;
        }
    }

    fn answer(&self, begun: &mut Begun, words: Vec<Vec<u8>>) -> Vec<u8> {
        let name = words[0].to_ascii_uppercase();
        if begun.lost {
            return Vec::new();
        }
        if self.mad.get() && name != b"SELECT" {
            begun.lost = true;
            let rng = &mut *self.rng.borrow_mut();
            return NONSENSE[rng.usize(..NONSENSE.len())].to_vec();
        }
        let second = words.get(1).map(|word| word.to_ascii_uppercase()).unwrap_or_default();
        match (&name[..], &second[..]) {
            (b"MULTI", _) => {
                begun.queue = Some(Vec::new());
                b"+OK\r\n".to_vec()
            }
            (b"EXEC", _) | (b"RINGTAIL", b"EXEC") => {
                let queue = begun.queue.take().unwrap_or_default();
                let mut out = format!("*{}\r\n", queue.len()).into_bytes();
                queue.iter().for_each(|words| out.extend(self.execute(words)));
                out
            }
            // Nobody else's keys are ours, so nobody is kept out.
            (b"RINGTAIL", b"LOCK") => b":1\r\n".to_vec(),
            // Now and then as if one were.
            (b"RINGTAIL", b"TRYLOCK") => match self.rng.borrow_mut().u8(..5) {
                0 => b"-LOCKED by another\r\n".to_vec(),
                _ => b":1\r\n".to_vec(),
            },
            (b"RINGTAIL", b"UNLOCK") => b"+OK\r\n".to_vec(),
            (b"RINGTAIL", _) => {
                begun.queue = None;
                b"+OK\r\n".to_vec()
            }
            _ => match &mut begun.queue {
                Some(queue) => {
                    queue.push(words);
                    b"+QUEUED\r\n".to_vec()
                }
                None => self.execute(&words),
            },
        }
    }

    fn execute(&self, words: &[Vec<u8>]) -> Vec<u8> {
        let store = &mut *self.store.borrow_mut();
        let value = |store: &HashMap<Vec<u8>, Vec<u8>>, key: &Vec<u8>| {
            store.get(key).map_or(b"$-1\r\n".to_vec(), |value| bulk(value))
        };
        match &words[0].to_ascii_uppercase()[..] {
            b"GET" => value(store, &words[1]),
            b"MGET" => {
                let values = words[1..].iter().flat_map(|key| value(store, key));
                [format!("*{}\r\n", words.len() - 1).into_bytes(), values.collect()].concat()
            }
            b"SET" => {
                store.insert(words[1].clone(), words[2].clone());
                b"+OK\r\n".to_vec()
            }
            b"INCR" => {
                let number = store.entry(words[1].clone()).or_insert_with(|| b"0".to_vec());
                let next = std::str::from_utf8(number).unwrap().parse::<u64>().unwrap() + 1;
                *number = next.to_string().into_bytes();
                format!(":{next}\r\n").into_bytes()
            }
            b"SELECT" => b"+OK\r\n".to_vec(),
            other => [b"-ERR unknown command '", other, b"'\r\n"].concat(),
        }
    }
}
