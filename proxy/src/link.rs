//! A connection to a member that one task has for itself: asks, and waits for the answer. Lanes begin as one; those of
//! the dedicated pool stay one.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use ringtail_cluster::Colocation;
use ringtail_net::listener::is_loopback;
use ringtail_net::{Password, Stream};
use ringtail_protocol::acl::DEFAULT_USER;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Resp, write_request};
use ringtail_protocol::value::Value;

use crate::leader::{self, Leader, Refusal};
use crate::limits;
use crate::pass_through::Login;
use crate::shared::Shared;

/// A connection and what has been read of its next answer.
#[derive(Debug)]
pub(crate) struct Link {
    stream: Stream,
    leader: Arc<Leader>,
    addr: Arc<str>,
    /// The server runs what comes only while it leads, and gives the rest back.
    is_bound: bool,
    /// Bytes that were written since it said so.
    written: u64,
    unread: Vec<u8>,
    /// The database that is selected.
    db: u8,
    /// Not every database that a session may select is there.
    pub(crate) only_db_0: bool,
    /// A request was begun and its answer has not been read to its end: whoever came next would get that answer.
    in_flight: bool,
    /// The server keeps something for whoever has this connection: keys that are watched, slots that are held.
    pub(crate) in_use: bool,
    /// What the server calls this connection, once asked: for CLIENT UNBLOCK.
    id: Option<i64>,
}

impl Link {
    /// Connects, authenticates, sets the protocol's version, finds out about databases and whether the server leads. The caller
    /// bounds the time.
    pub(crate) async fn open(
        leader: &Arc<Leader>,
        addr: &Arc<str>,
        shared: &Shared,
        login: Option<&Login>,
        resp: Resp,
    ) -> io::Result<Self> {
        let settings = &shared.settings;
        let stream = Stream::connect(addr, settings.server_tls.as_ref(), settings.timeout).await?;
        if !stream.is_tls() && !settings.insecure && !is_loopback(stream.peer_addr()?.ip()) {
            return Err(io::Error::other(
                "it would be spoken to in plaintext: give --server-ca, or --insecure",
            ));
        }
        let mut link = Self {
            stream,
            leader: Arc::clone(leader),
            addr: Arc::clone(addr),
            is_bound: false,
            written: 0,
            unread: Vec::new(),
            db: 0,
            only_db_0: false,
            in_flight: false,
            in_use: false,
            id: None,
        };
        let password = settings.server_password.as_ref().map(Password::current);
        let own = password.as_ref().map(|secret| (DEFAULT_USER, secret.expose()));
        link.greet(login.map(|login| (&*login.user, login.password.expose())).or(own), resp).await?;
        link.look_around().await?;
        link.written = 0;
        Ok(link)
    }

    async fn greet(&mut self, login: Option<(&[u8], &[u8])>, resp: Resp) -> io::Result<()> {
        let answer = match (resp, login) {
            (Resp::V2, None) => return Ok(()),
            // Servers before version 6 know no names.
            (Resp::V2, Some((DEFAULT_USER, password))) => self.ask(&[b"AUTH", password]).await?,
            (Resp::V2, Some((user, password))) => self.ask(&[b"AUTH", user, password]).await?,
            (Resp::V3, None) => self.ask(&[b"HELLO", b"3"]).await?,
            (Resp::V3, Some((user, password))) => {
                self.ask(&[b"HELLO", b"3", b"AUTH", user, password]).await?
            }
        };
        accepted(&answer, "it refuses to talk to us")
    }

    /// The last database there can be is there, or only the first is used; keys hash there as they do here. Also shows that
    /// the server answers.
    async fn look_around(&mut self) -> io::Result<()> {
        let last = (limits::DATABASES - 1).to_string();
        let (mut requests, asks) = (Vec::new(), 3 + usize::from(!self.leader.is_replica()));
        let all: [&[&[u8]]; 4] = [
            &[b"SELECT", last.as_bytes()],
            &[b"CONFIG", b"GET", b"colocate"],
            &[b"SELECT", b"0"],
            // The last: what is written from then on is counted.
            &[b"RINGTAIL", b"PRIMARY"],
        ];
        all[..asks].iter().for_each(|words| write_request(&mut requests, words.iter().copied()));
        let answers = self.exchange(&requests, asks).await?;
        let answer = |at: usize| answers.get(at).map(Vec::as_slice).unwrap_or_default();
        if answer(0).starts_with(b"-NOAUTH") {
            return Err(io::Error::other("it wants a password: give --server-password-file"));
        }
        self.only_db_0 = answer(0).first() != Some(&b'+');
        agrees(answer(1))?;
        accepted(answer(2), "it refuses SELECT 0")?;
        if let Some(leads) = leader::named(answer(3)) {
            self.leader.heard(&self.addr, leads);
            return Err(io::Error::other(NotPrimary {
                addr: Arc::clone(&self.addr),
                leads: leads.to_owned(),
            }));
        }
        self.is_bound = answer(3) == b"+OK\r\n";
        Ok(())
    }

    /// Another one to the same server.
    pub(crate) async fn open_beside(
        &self,
        shared: &Shared,
        login: Option<&Login>,
        resp: Resp,
    ) -> io::Result<Self> {
        Self::open(&self.leader, &self.addr, shared, login, resp).await
    }

    /// Whether the server has said that it leads, and gives back what it does not run when it leads no more.
    pub(crate) fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// Bytes that were written since it said so.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The server that it is connected to.
    pub(crate) fn addr(&self) -> &Arc<str> {
        &self.addr
    }

    /// Asks on database `db`, and waits for the answer, as it comes.
    pub(crate) async fn ask_in(&mut self, db: u8, request: &[&[u8]]) -> io::Result<Vec<u8>> {
        self.select(db).await?;
        self.ask(request).await
    }

    /// Makes `db` the database of what follows.
    pub(crate) async fn select(&mut self, db: u8) -> io::Result<()> {
        if self.db != db {
            let answer = self.ask(&[b"SELECT", db.to_string().as_bytes()]).await?;
            accepted(&answer, "it refuses a SELECT")?;
            self.db = db;
        }
        Ok(())
    }

    /// Has what follows in `out` run in `db`; whether that takes a request of its own.
    pub(crate) fn select_within(&self, out: &mut Vec<u8>, db: u8) -> bool {
        let needed = self.db != db;
        if needed {
            write_request(out, [&b"SELECT"[..], db.to_string().as_bytes()].into_iter());
        }
        needed
    }

    /// What was sent has selected this database.
    pub(crate) fn selected(&mut self, db: u8) {
        self.db = db;
    }

    /// What was sent may have selected another database.
    pub(crate) fn forget_db(&mut self) {
        self.db = u8::MAX;
    }

    /// What the server calls this connection. `None` if it does not say.
    pub(crate) async fn id(&mut self) -> io::Result<Option<i64>> {
        if self.id.is_none() {
            let answer = self.ask(&[b"CLIENT", b"ID"]).await?;
            self.id = answer.strip_prefix(b":").and_then(|rest| parse_i64(rest.strip_suffix(b"\r\n")?));
        }
        Ok(self.id)
    }

    /// Asks for what must not be refused; `refusal` begins the error. The answer.
    pub(crate) async fn demand(&mut self, request: &[&[u8]], refusal: &str) -> io::Result<Vec<u8>> {
        let answer = self.ask(request).await?;
        accepted(&answer, refusal)?;
        Ok(answer)
    }

    /// From here on the caller sends a request and reads its answer in pieces, until [`Self::end`].
    pub(crate) fn begin(&mut self) {
        self.in_flight = true;
    }

    /// All of the answer was read.
    pub(crate) fn end(&mut self) {
        self.in_flight = false;
    }

    /// Sends a piece of a request.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.stream.write_all(bytes).await
    }

    /// What was read and not dropped.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// The first `length` bytes of that are dealt with.
    pub(crate) fn drop_unread(&mut self, length: usize) {
        self.unread.drain(..length);
        if self.unread.is_empty() {
            self.unread.shrink_to(limits::KEEP_BUFFER);
        }
    }

    async fn ask(&mut self, request: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        write_request(&mut out, request.iter().copied());
        let mut answers = self.exchange(&out, 1).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Sends `requests`, so many of them, and waits for all answers. Who gives up in between leaves the connection
    /// unclean.
    ///
    /// # Errors
    /// That of the connection; [`Turned`] if the server leads no more, and has run none of them, or only what ends with the connection.
    pub(crate) async fn exchange(&mut self, requests: &[u8], count: usize) -> io::Result<Vec<Vec<u8>>> {
        // Of a transaction that was begun before, all is given back.
        let (mut answers, begun) = (Vec::with_capacity(count), if self.in_use { 0 } else { self.written });
        self.in_flight = true;
        self.write(requests).await?;
        while answers.len() < count {
            let answer = self.read_answer().await?;
            if self.is_bound
                && let Some(leads) = leader::refused(&answer, begun)
            {
                return Err(self.turned(leads));
            }
            answers.push(answer);
        }
        self.in_flight = false;
        Ok(answers)
    }

    /// Whether the answer that has begun to come says that the server leads no more, and has not run what was sent since
    /// [`Self::begin`]. Its line is there.
    pub(crate) fn is_refused(&self) -> bool {
        self.refusal().is_some()
    }

    fn refusal(&self) -> Option<(Refusal<'_>, usize)> {
        let line = self.unread.iter().position(|byte| *byte == b'\n').filter(|_| self.is_bound)? + 1;
        Some((Refusal::parse(&self.unread[..line])?, line))
    }

    /// Drops that line: how many bytes follow, as they were sent.
    pub(crate) fn take_refusal(&mut self) -> Option<u64> {
        let (refusal, line) = self.refusal()?;
        let due = self.written.checked_sub(refusal.taken)?;
        self.leader.heard(&self.addr, refusal.leads);
        self.drop_unread(line);
        Some(due)
    }

    /// The server leads no more: what follows on this connection is what it has given back.
    #[cold]
    fn turned(&self, leads: &str) -> io::Error {
        self.leader.heard(&self.addr, leads);
        io::Error::other(Turned)
    }

    async fn read_answer(&mut self) -> io::Result<Vec<u8>> {
        let mut scanner = Scanner::default();
        loop {
            let garbage = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            if let Some(len) = scanner.scan(&self.unread).map_err(garbage)? {
                let rest = self.unread.split_off(len);
                return Ok(std::mem::replace(&mut self.unread, rest));
            }
            self.read().await?;
        }
    }

    /// One read, once there is something.
    pub(crate) async fn read(&mut self) -> io::Result<()> {
        loop {
            self.stream.readable().await?;
            self.unread.reserve(limits::READ);
            match self.stream.try_read(&mut self.unread, limits::READ) {
                Ok(0) => return Err(closed()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether it can be given to the next one who asks: nothing is owed, nothing came unasked, the server has not left.
    fn is_clean(&mut self) -> bool {
        let idle = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        self.owes_nothing()
            && self.unread.is_empty()
            && self.stream.try_read(&mut self.unread, limits::READ).is_err_and(idle)
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_answered(&self) -> bool {
        !self.in_flight
    }

    /// Whether nothing is on its way, and the server keeps nothing for it.
    pub(crate) fn owes_nothing(&self) -> bool {
        !self.in_flight && !self.in_use
    }

    /// The stream, and what was read of it behind the last answer.
    pub(crate) fn into_parts(self) -> (Stream, Vec<u8>) {
        (self.stream, self.unread)
    }

    /// Whether it is one to where connections go now.
    fn is_current(&self) -> bool {
        self.leader.is_at(&self.addr)
    }

    /// How long the network takes to the server and back.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.stream.round_trip()
    }
}

/// Stock servers have no such rules, and don't ask which slot a key has.
fn agrees(answer: &[u8]) -> io::Result<()> {
    let told = Value::decode(answer).ok().flatten().map(|(value, _)| value);
    let pairs = told.as_ref().and_then(Value::as_pairs).unwrap_or_default();
    let ours = Colocation::in_force().to_string();
    match pairs.first().and_then(|(_, rules)| rules.as_str()) {
        Some(rules) if rules != ours => Err(io::Error::other(format!(
            "its colocation rules are '{rules}', the proxy's '{ours}': start both with the same --colocate"
        ))),
        _ => Ok(()),
    }
}

fn accepted(answer: &[u8], refusal: &str) -> io::Result<()> {
    match answer.strip_prefix(b"-") {
        None => Ok(()),
        Some(error) => {
            Err(io::Error::other(format!("{refusal}: {}", String::from_utf8_lossy(error).trim_end())))
        }
    }
}

/// The server closed the connection.
pub(crate) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")
}

/// The server leads no more: it has run nothing of what it was asked, and never will.
#[derive(Debug)]
pub(crate) struct Turned;

impl std::error::Error for Turned {}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it leads no more")
    }
}

/// The server does not lead.
#[derive(Debug)]
pub(crate) struct NotPrimary {
    addr: Arc<str>,
    /// Who does, as it says.
    pub(crate) leads: String,
}

impl std::error::Error for NotPrimary {}

impl fmt::Display for NotPrimary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not lead, and says that {} does", self.addr, self.leads)
    }
}

/// Makes the dedicated connections to one member.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) leader: Arc<Leader>,
    pub(crate) resp: Resp,
    pub(crate) shared: Arc<Shared>,
    /// Whose connections they are; the proxy's own without one.
    pub(crate) login: Option<Login>,
}

impl Manager for Dialer {
    type Type = Link;
    type Error = io::Error;

    async fn create(&self) -> io::Result<Link> {
        self.leader.open(&self.shared, self.login.as_ref(), self.resp).await
    }

    async fn recycle(&self, link: &mut Link, _: &Metrics) -> RecycleResult<io::Error> {
        if link.is_current() && link.is_clean() { Ok(()) } else { Err(RecycleError::message("used up")) }
    }
}
