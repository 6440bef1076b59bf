//! One connection's closed loop: write a batch, wait for all of its replies, write the next.

use super::pace::Turns;
use super::reply::{Kind, Reply, scan};
use super::stats::Stats;
use super::workload::{Sent, Verdict, Workload};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection reads into at first.
const INPUT_BYTES: usize = 64 * 1024;
/// A reply longer than this ends the run.
const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;
/// How much of an unwanted reply is quoted.
const QUOTED_BYTES: usize = 120;

/// A connection and its buffers, which are made once.
pub struct Client<S> {
    stream: S,
    workload: Rc<Workload>,
    stats: Rc<Stats>,
    output: Vec<u8>,
    written: usize,
    sent: Vec<Sent>,
    input: Vec<u8>,
    filled: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A client on a connected stream.
    pub fn new(stream: S, workload: Rc<Workload>, stats: Rc<Stats>) -> Self {
        let (output, sent, input) = (Vec::new(), Vec::new(), vec![0; INPUT_BYTES]);
        Self { stream, workload, stats, output, written: 0, sent, input, filled: 0 }
    }

    /// Sends batches of `pipeline` random requests until the run is over, each as soon as the last is answered, or in its turn.
    pub async fn run(
        &mut self,
        pipeline: usize,
        mut random: fastrand::Rng,
        turns: Option<Turns>,
    ) -> io::Result<()> {
        let mut now = Instant::now();
        while !self.stats.is_stopped() {
            if let Some(turns) = &turns {
                now = turns.next().await?;
            }
            self.clear();
            for _ in 0..pipeline {
                self.sent.push(self.workload.write_random(&mut self.output, &mut random));
            }
            now = self.exchange(now).await?;
        }
        Ok(())
    }

    /// Sends one request of the mix's first command for each key.
    pub async fn preload(&mut self, batch: usize) -> io::Result<()> {
        let keys: Vec<u32> = (0..self.workload.keys()).collect();
        for keys in keys.chunks(batch) {
            self.clear();
            for &key in keys {
                self.sent.push(self.workload.write_first(&mut self.output, key));
            }
            self.exchange(Instant::now()).await?;
        }
        Ok(())
    }

    /// Sends one command, given as words, which must be answered with OK.
    pub async fn command(&mut self, words: &[&str]) -> io::Result<()> {
        self.clear();
        self.output.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.output.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        loop {
            self.transfer().await?;
            if let Some(reply) = next_reply(&self.input[..self.filled])? {
                let (kind, text) = (reply.kind, quote(&self.input[reply.body]));
                self.filled = 0;
                return if kind == Kind::Simple {
                    Ok(())
                } else {
                    Err(io::Error::other(format!("{words:?}: {text}")))
                };
            }
        }
    }

    fn clear(&mut self) {
        self.output.clear();
        self.sent.clear();
        self.written = 0;
    }

    /// Writes the batch and reads until each of its requests is answered; when that was.
    async fn exchange(&mut self, start: Instant) -> io::Result<Instant> {
        let mut answered = 0;
        loop {
            self.transfer().await?;
            let now = Instant::now();
            let (replies, misses) = self.take_replies(answered)?;
            answered += replies;
            if replies > 0 {
                self.stats.record(now - start, replies as u64, misses);
            }
            if answered == self.sent.len() {
                return if self.filled == 0 {
                    Ok(now)
                } else {
                    Err(io::Error::other("a reply to no request"))
                };
            }
        }
    }

    /// Checks the complete replies in the input, the first of which answers request `answered`.
    fn take_replies(&mut self, answered: usize) -> io::Result<(usize, u64)> {
        let (mut at, mut misses) = (0, 0);
        let mut replies = 0;
        for &sent in &self.sent[answered..] {
            let input = &self.input[at..self.filled];
            let Some(reply) = next_reply(input)? else { break };
            at += reply.len;
            replies += 1;
            match self.workload.judge(sent, &reply, input) {
                Verdict::Right => {}
                Verdict::Miss => misses += 1,
                Verdict::Wrong => {
                    self.stats.error(format!("{:?}: {}", reply.kind, quote(&input[reply.body])))
                }
            }
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok((replies, misses))
    }

    /// Writes what is left of the batch and waits for input; both at once, since a server may stop reading while
    /// its own replies are not read.
    async fn transfer(&mut self) -> io::Result<()> {
        if self.filled == self.input.len() {
            self.grow()?;
        }
        match poll_fn(|cx| self.poll_transfer(cx)).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            n => {
                self.filled += n;
                Ok(())
            }
        }
    }

    fn poll_transfer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while self.written < self.output.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.output[self.written..])? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(n) => self.written += n,
                Poll::Pending => break,
            }
        }
        // TLS may hold written bytes back until it is flushed; for a plain socket this does nothing.
        let _flushed = Pin::new(&mut self.stream).poll_flush(cx)?;
        let mut input = ReadBuf::new(&mut self.input[self.filled..]);
        // Unlike `try_read`, this clears the readiness after a short read and so saves the read that would find nothing.
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut input))?;
        Poll::Ready(Ok(input.filled().len()))
    }

    fn grow(&mut self) -> io::Result<()> {
        if self.input.len() >= MAX_REPLY_BYTES {
            return Err(io::Error::other("a reply is too long"));
        }
        self.input.resize(self.input.len() * 2, 0);
        Ok(())
    }
}

fn next_reply(input: &[u8]) -> io::Result<Option<Reply>> {
    scan(input).map_err(|_| io::Error::other(format!("not a reply: {}", quote(input))))
}

fn quote(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(QUOTED_BYTES)].escape_ascii().to_string()
}
