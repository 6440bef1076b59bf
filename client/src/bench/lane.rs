//! One connection of a load: a batch out, its replies in, into buffers that are made once.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use ringtail::limits;
use ringtail_net::Stream;
use ringtail_protocol::frame::Scanner;

/// A connection with what is on its way in both directions.
pub(super) struct Lane {
    stream: Stream,
    /// The batch: who sends fills it.
    pub(super) output: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    /// Bytes of `input` that were looked at.
    taken: usize,
    scanner: Scanner,
}

impl Lane {
    pub(super) fn new(stream: Stream) -> Self {
        let input = Vec::with_capacity(limits::READ);
        Self { stream, output: Vec::new(), written: 0, input, taken: 0, scanner: Scanner::default() }
    }

    /// Sends what is in `output` and waits for so many replies, giving each to `each` with its number and when it came.
    pub(super) async fn exchange(
        &mut self,
        replies: usize,
        mut each: impl FnMut(usize, &[u8], Instant),
    ) -> io::Result<()> {
        self.written = 0;
        let mut answered = 0;
        while answered < replies {
            self.transfer().await?;
            let now = Instant::now();
            while answered < replies
                && let Some((start, end)) = self.next_reply()?
            {
                each(answered, &self.input[start..end], now);
                answered += 1;
            }
            self.forget_taken();
        }
        self.output.clear();
        Ok(())
    }

    /// Where the next complete reply is. A push answers nothing.
    #[inline]
    fn next_reply(&mut self) -> io::Result<Option<(usize, usize)>> {
        loop {
            let bytes = &self.input[self.taken..];
            let found = self.scanner.scan(bytes);
            let found = found.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let Some(len) = found else { return Ok(None) };
            let start = self.taken;
            self.taken += len;
            if self.input[start] != b'>' {
                return Ok(Some((start, self.taken)));
            }
        }
    }

    fn forget_taken(&mut self) {
        if self.taken == self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..self.taken);
        }
        self.taken = 0;
    }

    /// Writes what is left of the batch and waits for input; both at once, since a server may stop reading while
    /// its own replies are not read.
    async fn transfer(&mut self) -> io::Result<()> {
        loop {
            self.write()?;
            poll_fn(|cx| self.poll_ready(cx)).await?;
            if self.input.len() > limits::MAX_REPLY {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a reply is longer than any"));
            }
            match self.stream.try_read(&mut self.input, limits::READ) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it")),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.try_write(&self.output[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.stream.has_pending().then(|| self.stream.try_flush()) {
            Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Ready when there is something to read, or room for what is not yet written.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let unsent = self.written < self.output.len() || self.stream.has_pending();
        if unsent && let Poll::Ready(ready) = self.stream.poll_write_ready(cx) {
            return Poll::Ready(ready);
        }
        self.stream.poll_read_ready(cx)
    }
}
