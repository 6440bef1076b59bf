//! Servers of one member, of which one leads: they have the same keys, run what is about keys only while they lead, and give the rest
//! back on connections that are bound (`RINGTAIL PRIMARY`).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::request::{Batch, Parser};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local, yield_now};

use super::bulk;

/// What all of them know.
#[derive(Default)]
pub(crate) struct Pair {
    pub(crate) addrs: RefCell<Vec<String>>,
    pub(crate) leads: Cell<usize>,
    /// Whom those that do not lead name; who leads, if none.
    pub(crate) named: RefCell<Option<String>>,
    store: RefCell<HashMap<(u8, Vec<u8>), i64>>,
    /// What was run, as `server db WORD …`.
    pub(crate) ran: RefCell<Vec<String>>,
    /// Connections that gave something back, and that close in the middle of it.
    pub(crate) turned: Cell<usize>,
    pub(crate) breaks_off: Cell<bool>,
    /// They keep requests, and answer later.
    pub(crate) holds: Cell<bool>,
    /// At the next TRYLOCK the slots are another's, and another server leads right after it.
    pub(crate) switches_when_locked: Cell<bool>,
    /// Connections that wait for something to be there.
    pub(crate) waiting: Cell<usize>,
    /// How many were made, by server.
    pub(crate) connections: RefCell<Vec<usize>>,
    tasks: RefCell<Vec<Vec<JoinHandle<()>>>>,
}

/// What a connection has said.
#[derive(Default)]
struct Session {
    bound: bool,
    /// Bytes of requests that were answered since then.
    taken: u64,
    db: u8,
    queue: Option<Vec<Vec<Vec<u8>>>>,
    /// Where the transaction begins that is queued, in `taken`, and its bytes.
    unfinished: Vec<u8>,
    watched: Option<(Vec<u8>, Option<i64>)>,
}

/// One that waits.
struct Waits<'a>(&'a Cell<usize>);

impl<'a> Waits<'a> {
    fn begin(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Pair {
    /// So many servers, of which the first leads.
    pub(crate) async fn start(count: usize) -> Rc<Self> {
        let pair = Rc::<Self>::default();
        for index in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            pair.addrs.borrow_mut().push(listener.local_addr().unwrap().to_string());
            let task = spawn_local(Rc::clone(&pair).accept(index, listener));
            pair.tasks.borrow_mut().push(vec![task]);
            pair.connections.borrow_mut().push(0);
        }
        pair
    }

    /// A `servers.json` in which that server is the `addr`.
    pub(crate) fn json(&self, first: usize) -> String {
        format!("[{}]", self.entry("a", first))
    }

    /// The member's entry of one.
    pub(crate) fn entry(&self, name: &str, first: usize) -> String {
        let addrs = self.addrs.borrow();
        let others: Vec<String> =
            addrs.iter().filter(|addr| **addr != addrs[first]).map(|addr| format!("{addr:?}")).collect();
        format!(r#"{{"name":"{name}","addr":"{}","replicas":[{}]}}"#, addrs[first], others.join(","))
    }

    pub(crate) fn value(&self, db: u8, key: &str) -> i64 {
        self.store.borrow().get(&(db, key.as_bytes().to_vec())).copied().unwrap_or(0)
    }

    /// One dies, with its connections.
    pub(crate) async fn kill(&self, index: usize) {
        self.tasks.borrow_mut()[index].drain(..).for_each(|task| task.abort());
        for _ in 0..4 {
            yield_now().await;
        }
    }

    async fn accept(self: Rc<Self>, index: usize, listener: TcpListener) {
        while let Ok((socket, _)) = listener.accept().await {
            self.connections.borrow_mut()[index] += 1;
            let task = spawn_local(Rc::clone(&self).serve(index, socket));
            self.tasks.borrow_mut()[index].push(task);
        }
    }

    async fn serve(self: Rc<Self>, index: usize, mut socket: TcpStream) {
        let (mut buf, mut session) = (Vec::new(), Session::default());
        while socket.read_buf(&mut buf).await.is_ok_and(|read| read > 0) {
            while let Some((words, bytes)) = next_request(&mut buf) {
                if fastrand::u8(..4) == 0 {
                    yield_now().await;
                }
                while self.holds.get() && !runs_anywhere(&words) {
                    yield_now().await;
                }
                if is_blocking(&words) {
                    let _waits = Waits::begin(&self.waiting);
                    while self.leads.get() == index && self.value(session.db, "given") == 0 {
                        yield_now().await;
                    }
                    if self.leads.get() != index {
                        socket.write_all(&self.not_primary()).await.unwrap_or_default();
                        continue;
                    }
                }
                if session.bound && self.leads.get() != index && !runs_anywhere(&words) {
                    let rest = [bytes, buf].concat();
                    return self.give_back(socket, session, &rest).await;
                }
                let answer = self.answer(index, &mut session, &words);
                session.note(&words, &bytes);
                let at = fastrand::usize(..=answer.len());
                socket.write_all(&answer[..at]).await.unwrap_or_default();
                socket.write_all(&answer[at..]).await.unwrap_or_default();
            }
        }
    }

    async fn give_back(&self, mut socket: TcpStream, session: Session, rest: &[u8]) {
        self.turned.set(self.turned.get() + 1);
        let run = session.taken - session.unfinished.len() as u64;
        let mut out = format!("-NOTPRIMARY {} {run}\r\n", self.leader()).into_bytes();
        out.extend_from_slice(&session.unfinished);
        out.extend_from_slice(rest);
        if self.breaks_off.get() {
            out.pop();
            return socket.write_all(&out).await.unwrap_or_default();
        }
        loop {
            for piece in out.chunks(fastrand::usize(1..2000)) {
                if socket.write_all(piece).await.is_err() {
                    return;
                }
                yield_now().await;
            }
            out.clear();
            if !socket.read_buf(&mut out).await.is_ok_and(|read| read > 0) {
                return;
            }
        }
    }

    fn not_primary(&self) -> Vec<u8> {
        format!("-NOTPRIMARY {} leads; nothing was done\r\n", self.leader()).into_bytes()
    }

    fn leader(&self) -> String {
        self.named.borrow().clone().unwrap_or_else(|| self.addrs.borrow()[self.leads.get()].clone())
    }

    fn answer(&self, index: usize, session: &mut Session, words: &[Vec<u8>]) -> Vec<u8> {
        let name = words[0].to_ascii_uppercase();
        match &name[..] {
            b"RINGTAIL" if words[1] == b"PRIMARY" => {
                session.bound = self.leads.get() == index;
                match session.bound {
                    true => b"+OK\r\n".to_vec(),
                    false => self.not_primary(),
                }
            }
            b"SELECT" => {
                session.db = String::from_utf8_lossy(&words[1]).parse().unwrap();
                b"+OK\r\n".to_vec()
            }
            b"CONFIG" => b"*0\r\n".to_vec(),
            b"CLIENT" if words[1] == b"ID" => b":7\r\n".to_vec(),
            b"CLIENT" => {
                self.note(index, session.db, words);
                b"+OK\r\n".to_vec()
            }
            b"ROLE" if self.leads.get() == index => b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n".to_vec(),
            b"ROLE" => b"*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$9\r\nconnected\r\n:14\r\n".to_vec(),
            b"PING" | b"HELLO" => b"+PONG\r\n".to_vec(),
            b"MULTI" => {
                session.queue = Some(Vec::new());
                b"+OK\r\n".to_vec()
            }
            b"EXEC" => self.exec(index, session),
            b"RINGTAIL" => match &words[1][..] {
                b"TRYLOCK" if self.switches_when_locked.take() => {
                    self.leads.set(1 - index);
                    b"-LOCKED by another\r\n".to_vec()
                }
                b"TRYLOCK" | b"LOCK" => b":1\r\n".to_vec(),
                b"EXEC" => self.exec(index, session),
                b"RELEASE" => {
                    (session.queue, session.watched) = (None, None);
                    b"+OK\r\n".to_vec()
                }
                _ => b"+OK\r\n".to_vec(),
            },
            b"WATCH" => {
                let now = self.store.borrow().get(&(session.db, words[1].clone())).copied();
                session.watched = Some((words[1].clone(), now));
                b"+OK\r\n".to_vec()
            }
            _ => match &mut session.queue {
                Some(queue) => {
                    queue.push(words.to_vec());
                    b"+QUEUED\r\n".to_vec()
                }
                None => self.run(index, session.db, words),
            },
        }
    }

    fn exec(&self, index: usize, session: &mut Session) -> Vec<u8> {
        let queue = session.queue.take().unwrap_or_default();
        let dirty = session
            .watched
            .take()
            .is_some_and(|(key, before)| self.store.borrow().get(&(session.db, key)).copied() != before);
        if dirty {
            return b"*-1\r\n".to_vec();
        }
        let answers = queue.iter().flat_map(|words| self.run(index, session.db, words));
        let head = format!("*{}\r\n", queue.len()).into_bytes();
        head.into_iter().chain(answers).collect()
    }

    fn note(&self, index: usize, db: u8, words: &[Vec<u8>]) {
        let text: Vec<String> =
            words.iter().map(|word| String::from_utf8_lossy(&word[..word.len().min(20)]).into()).collect();
        self.ran.borrow_mut().push(format!("{index} {db} {}", text.join(" ")));
    }

    fn run(&self, index: usize, db: u8, words: &[Vec<u8>]) -> Vec<u8> {
        if self.leads.get() != index {
            return b"-READONLY You can't write against a read only replica.\r\n".to_vec();
        }
        self.note(index, db, words);
        let mut store = self.store.borrow_mut();
        if words[0] == b"DBSIZE" {
            return format!(":{}\r\n", store.len()).into_bytes();
        }
        let key = if words[0] == b"EVAL" { &words[3] } else { &words[1] };
        let value = store.entry((db, key.clone())).or_default();
        match &words[0].to_ascii_uppercase()[..] {
            b"INCR" | b"EVAL" => {
                *value += 1;
                format!(":{value}\r\n").into_bytes()
            }
            b"SET" => {
                *value = words[2].len() as i64;
                b"+OK\r\n".to_vec()
            }
            b"BLPOP" => {
                store.remove(&(db, b"given".to_vec()));
                [b"*2\r\n".to_vec(), bulk(&words[1]), bulk(b"element")].concat()
            }
            _ => bulk(value.to_string().as_bytes()),
        }
    }
}

impl Session {
    /// The request was answered.
    fn note(&mut self, words: &[Vec<u8>], bytes: &[u8]) {
        if words[0] == b"RINGTAIL" && words[1] == b"PRIMARY" {
            self.taken = 0;
            return;
        }
        self.taken += bytes.len() as u64;
        match self.queue {
            Some(_) => self.unfinished.extend_from_slice(bytes),
            None => self.unfinished.clear(),
        }
    }
}

/// The first request of `buf` and its bytes, taken out of it.
fn next_request(buf: &mut Vec<u8>) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let mut batch = Batch::default();
    Parser::default().parse(buf, RequestLimits::FULL, &mut batch);
    let request = batch.requests().first()?;
    let words = batch.args(request, buf).iter().map(<[u8]>::to_vec).collect();
    let rest = buf.split_off(request.end as usize);
    Some((words, std::mem::replace(buf, rest)))
}

fn is_blocking(words: &[Vec<u8>]) -> bool {
    words[0].eq_ignore_ascii_case(b"BLPOP")
}

/// What is about the connection or the server.
fn runs_anywhere(words: &[Vec<u8>]) -> bool {
    let name = words[0].to_ascii_uppercase();
    let about_it: [&[u8]; 6] = [b"SELECT", b"CONFIG", b"CLIENT", b"PING", b"ROLE", b"HELLO"];
    about_it.contains(&&name[..]) || (name == b"RINGTAIL" && words[1] == b"PRIMARY")
}
