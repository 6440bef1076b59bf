//! One connection: bytes out, replies in, and the requests that wait for them in order.

use std::collections::VecDeque;
use std::io;

use ringtail_net::Stream;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::value::Value;
use tokio::time::Instant;

use crate::driver::Work;
use crate::error::Error;
use crate::limits;
use crate::requests::Effect;

/// A connected stream with what is on its way in both directions.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    input: Vec<u8>,
    /// Bytes of `input` that were delivered already.
    consumed: usize,
    scanner: Scanner,
    longest_reply: usize,
    output: Vec<u8>,
    /// Bytes of `output` that were written already.
    written: usize,
    /// Bytes that were written before those of `output`.
    written_before: u64,
    in_flight: VecDeque<InFlight>,
    /// Replies that are still to come.
    missing: usize,
}

struct InFlight {
    work: Work,
    values: Vec<Value>,
    answered: usize,
    /// Where its bytes start, counted from the connection's first byte.
    start: u64,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            consumed: 0,
            scanner: Scanner::default(),
            longest_reply: limits::MAX_HANDSHAKE_REPLY,
            output: Vec::new(),
            written: 0,
            written_before: 0,
            in_flight: VecDeque::new(),
            missing: 0,
        }
    }

    /// From now on replies may be as long as replies to commands are.
    pub(crate) fn end_handshake(&mut self) {
        self.longest_reply = limits::MAX_REPLY;
    }

    /// Queues the bytes of `work`, unless nobody waits for it any more.
    pub(crate) fn begin(&mut self, work: Work) {
        if !work.take() {
            return;
        }
        let start = self.written_before + self.output.len() as u64;
        self.output.extend_from_slice(&work.requests.bytes);
        self.missing += work.requests.count;
        self.in_flight.push_back(InFlight { work, values: Vec::new(), answered: 0, start });
    }

    /// Whether more requests may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.missing < limits::MAX_IN_FLIGHT && self.output.len() - self.written < limits::MAX_UNSENT
    }

    /// Whether there is something to write.
    pub(crate) fn has_unsent(&self) -> bool {
        self.written < self.output.len() || self.stream.has_pending()
    }

    /// Whether every request has been answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// When the oldest request is overdue.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.in_flight.front().and_then(|first| first.work.deadline)
    }

    /// Writes what the socket takes.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.try_write(&self.output[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) => {
                    self.forget_written();
                    return unless_blocked(error);
                }
            }
        }
        self.forget_written();
        self.stream.try_flush().or_else(unless_blocked)
    }

    /// Gives back the room of what was written: at once when that is all, else when it is worth moving the rest.
    fn forget_written(&mut self) {
        if self.written < self.output.len() && self.written < limits::MAX_UNSENT {
            return;
        }
        self.output.drain(..self.written);
        self.output.shrink_to(limits::MAX_UNSENT);
        self.written_before += self.written as u64;
        self.written = 0;
    }

    /// Reads what has come.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        self.input.reserve(limits::READ);
        match self.stream.try_read(&mut self.input, limits::READ) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it")),
            Ok(_) => Ok(()),
            Err(error) => unless_blocked(error),
        }
    }

    /// Gives complete replies to those who wait for them, and says whether there were any.
    pub(crate) fn deliver(&mut self, mut apply: impl FnMut(&Effect)) -> io::Result<bool> {
        let mut any = false;
        while let Some(reply) = self.next_reply()? {
            any |= self.answer(reply, &mut apply)?;
        }
        self.forget_consumed();
        Ok(any)
    }

    /// Where the next complete reply is in the input.
    fn next_reply(&mut self) -> io::Result<Option<std::ops::Range<usize>>> {
        let bytes = &self.input[self.consumed..];
        let found = self.scanner.scan(bytes).map_err(|_| no_reply(bytes))?;
        let Some(len) = found else {
            return if bytes.len() > self.longest_reply { Err(too_long()) } else { Ok(None) };
        };
        let start = self.consumed;
        self.consumed += len;
        Ok(Some(start..start + len))
    }

    fn answer(&mut self, reply: std::ops::Range<usize>, apply: &mut impl FnMut(&Effect)) -> io::Result<bool> {
        let bytes = &self.input[reply];
        // A push answers nothing, and may come at any time.
        if bytes.first() == Some(&b'>') {
            return Ok(false);
        }
        let Some(first) = self.in_flight.front_mut() else { return Err(unasked(bytes)) };
        first.take_reply(bytes, apply)?;
        self.missing -= 1;
        if first.answered == first.work.requests.count
            && let Some(done) = self.in_flight.pop_front()
        {
            done.work.finish(Ok(done.values));
        }
        Ok(true)
    }

    fn forget_consumed(&mut self) {
        if self.consumed == self.input.len() {
            self.input.clear();
            self.input.shrink_to(limits::READ);
            self.consumed = 0;
        } else if self.consumed > self.input.len() / 2 {
            self.input.drain(..self.consumed);
            self.consumed = 0;
        }
    }

    /// One request of the handshake and its reply, while nothing else is on its way.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Value> {
        self.send(request).await?;
        self.reply().await
    }

    /// Sends one request, past what shares the connection.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// The next reply to such a request.
    pub(crate) async fn reply(&mut self) -> io::Result<Value> {
        self.forget_consumed();
        loop {
            while let Some(reply) = self.next_reply()? {
                let bytes = &self.input[reply];
                if bytes.first() != Some(&b'>') {
                    return decoded(bytes);
                }
            }
            self.stream.readable().await?;
            self.read()?;
        }
    }

    /// Tells everyone who waits that the connection is lost.
    pub(crate) fn fail(self, why: &str) {
        let sent = self.written_before + self.written as u64;
        for waiting in self.in_flight {
            let safe_to_retry = waiting.start >= sent || waiting.work.requests.only_read();
            let overdue = waiting.work.deadline.is_some_and(|deadline| deadline <= Instant::now());
            waiting.work.finish(Err(match overdue {
                true => Error::Timeout { safe_to_retry },
                false => Error::Lost { safe_to_retry, why: why.to_owned() },
            }));
        }
    }
}

impl InFlight {
    fn take_reply(&mut self, bytes: &[u8], apply: &mut impl FnMut(&Effect)) -> io::Result<()> {
        // A reply that nobody waits for any more still has its place, but need not be decoded.
        if self.work.is_wanted() || self.work.requests.has_effects() {
            let value = decoded(bytes)?;
            if let Some(effect) = self.work.requests.effect(self.answered, &value) {
                apply(effect);
            }
            self.values.push(value);
        }
        self.answered += 1;
        Ok(())
    }
}

fn decoded(bytes: &[u8]) -> io::Result<Value> {
    match Value::decode(bytes) {
        Ok(Some((value, _))) => Ok(value),
        _ => Err(no_reply(bytes)),
    }
}

fn unless_blocked(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) }
}

/// First byte of a TLS alert, which a TLS server answers to plaintext.
const TLS_ALERT: u8 = 0x15;

fn no_reply(bytes: &[u8]) -> io::Error {
    let text = match bytes.first() {
        Some(&TLS_ALERT) => "the server speaks TLS",
        _ => "the server sent something that is no reply",
    };
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server sent a reply longer than any")
}

fn unasked(bytes: &[u8]) -> io::Error {
    let line = bytes.split(|&b| b == b'\r').next().unwrap_or_default();
    let shown = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent `{shown}` without being asked"))
}
