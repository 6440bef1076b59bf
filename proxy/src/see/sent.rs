//! What a lane has written and has no answers to yet: the buffers themselves, so that a request can be looked at again if it turns out to
//! be slow or its answer large. Nothing is copied for that.

use std::collections::VecDeque;
use std::mem::take;

use ringtail_protocol::frame::Scanner;
use ringtail_protocol::value::Value;
use tokio::time::Instant;

use crate::limits;
use crate::worker::Worker;

/// What one write has brought to its end.
struct Written {
    /// Empty if it was too much to keep, or is not whole.
    bytes: Vec<u8>,
    /// The number behind its last request.
    upto: u64,
    /// When, in microseconds of the proxy.
    at: u32,
    /// Where in `bytes` the request of number `next` begins: most are asked for in order. `first` is the first one's number.
    cursor: usize,
    next: u64,
    first: u64,
}

/// The writes that are not answered yet.
pub(crate) struct Sent {
    started: Instant,
    on: bool,
    writes: VecDeque<Written>,
    /// Bytes in `writes`.
    bytes: usize,
    /// The number behind the last request that was written.
    upto: u64,
    /// The beginning of the buffer that is being written is gone.
    torn: bool,
    /// An empty buffer with memory.
    spare: Vec<u8>,
}

impl Sent {
    pub(super) fn new(started: Instant, on: bool) -> Self {
        let writes = VecDeque::new();
        Self { started, on, writes, bytes: 0, upto: 0, torn: false, spare: Vec::new() }
    }

    /// Takes the buffer of what was written and leaves an empty one. `upto` is the number behind its last request.
    pub(super) fn keep(&mut self, out: &mut Vec<u8>, upto: u64) {
        if !self.on || out.is_empty() {
            out.clear();
            return out.shrink_to(limits::KEEP_BUFFER);
        }
        let whole = !take(&mut self.torn) && self.bytes + out.len() <= limits::SENT_KEPT;
        let bytes = if whole { std::mem::replace(out, take(&mut self.spare)) } else { Vec::new() };
        if !whole {
            out.clear();
            out.shrink_to(limits::KEEP_BUFFER);
        }
        self.bytes += bytes.len();
        // One clock reading for each write, which takes a hundred times as long.
        let at = self.started.elapsed().as_micros() as u32;
        self.writes.push_back(Written { bytes, upto, at, cursor: 0, next: self.upto, first: self.upto });
        self.upto = upto;
    }

    /// The beginning of what is being written was taken away.
    pub(crate) fn tear(&mut self) {
        self.torn = true;
    }

    /// Requests below this number are answered.
    pub(super) fn forget(&mut self, answered: u64, worker: &Worker) {
        while let Some(mut written) = self.writes.pop_front_if(|written| written.upto <= answered) {
            self.bytes -= written.bytes.len();
            written.bytes.clear();
            if written.bytes.capacity() > self.spare.capacity() {
                self.spare = written.bytes;
            }
        }
        if self.writes.is_empty() {
            // An idle lane holds nothing.
            worker.keep_buffer(take(&mut self.spare));
        }
    }

    /// The connection is gone: the next request that is written has the number `upto`.
    pub(super) fn clear(&mut self, upto: u64) {
        self.writes.clear();
        (self.bytes, self.upto, self.torn, self.spare) = (0, upto, false, Vec::new());
    }

    /// When the request of this number was written, if that is known.
    pub(super) fn written(&self, number: u64) -> Option<u32> {
        self.writes.iter().find(|written| number < written.upto).map(|written| written.at)
    }

    /// The request of this number, if it is still there, and when its last byte was written.
    pub(super) fn request(&mut self, number: u64) -> (Option<Request>, Option<u32>) {
        let Some(written) = self.writes.iter_mut().find(|written| number < written.upto) else {
            return (None, None);
        };
        (written.request(number), Some(written.at))
    }
}

/// A request as it was sent.
pub(crate) struct Request {
    pub(crate) words: Vec<Vec<u8>>,
    /// Its bytes in all.
    pub(crate) size: usize,
}

impl Written {
    fn request(&mut self, number: u64) -> Option<Request> {
        if number < self.next {
            (self.cursor, self.next) = (0, self.first);
        }
        while self.next < number {
            self.cursor += self.length()?;
            self.next += 1;
        }
        let size = self.length()?;
        // A request is an array of strings, as a reply may be.
        let (value, _) = Value::decode(&self.bytes[self.cursor..]).ok()??;
        let word = |value: &Value| value.as_bytes().map(<[u8]>::to_vec);
        let words = value.as_array()?.iter().map(word).collect::<Option<Vec<_>>>()?;
        (self.next == number).then_some(Request { words, size })
    }

    /// Of the request at the cursor.
    fn length(&self) -> Option<usize> {
        Scanner::default().scan(self.bytes.get(self.cursor..)?).ok()?
    }
}
