//! Finds complete requests in a read buffer, in place: arguments are spans of the buffer, nothing is copied.
//!
//! One [`Parser`] per connection remembers where an incomplete request stopped, so that a request of many reads is
//! looked at once. One [`Batch`] per thread takes the spans of all the complete requests of a read.

mod error;
mod inline;
mod owned;
mod passage;

use crate::limits::{MAX_BATCH, MAX_LINE, MAX_REQUEST, RequestLimits};
use crate::reply::write_request;
pub use error::ProtocolError;
use inline::inline;
use memchr::memchr;
pub use owned::OwnedRequest;
pub use passage::Passage;

/// One argument: `len` bytes of the buffer from `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset in the buffer that was parsed.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// The bytes of this span of `buf`.
    #[inline]
    pub fn of<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        &buf[self.start as usize..self.start as usize + self.len as usize]
    }
}

/// One complete request of a [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Index of its first argument (the command's name) in [`Batch::spans`].
    first: u32,
    /// How many arguments it has, at least one.
    count: u32,
    /// Where its bytes start in the buffer.
    pub start: u32,
    /// Where they end.
    pub end: u32,
    /// It came as an inline line: its bytes can't be passed on as an array.
    pub inline: bool,
}

/// The complete requests of one read.
#[derive(Default, Debug)]
pub struct Batch {
    spans: Vec<Span>,
    requests: Vec<Request>,
}

impl Batch {
    /// Forgets the requests and keeps the memory, unless one large request made it grow.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.spans.clear();
        self.spans.shrink_to(MAX_BATCH * 32);
    }

    /// The requests, in the order in which they came.
    #[inline]
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The arguments of one request, the command's name first.
    #[inline]
    pub fn spans(&self, request: &Request) -> &[Span] {
        &self.spans[request.first as usize..(request.first + request.count) as usize]
    }

    /// Where the requests before `count` end: what follows is yet to be dealt with.
    pub fn end_of(&self, count: usize) -> usize {
        self.requests[..count].last().map_or(0, |request| request.end as usize)
    }

    /// Makes the requests from `first` on fit to be parsed again from `buf`, where they were parsed from offset `at` on: an inline
    /// line was unquoted in place, so it goes back as an array.
    pub fn put_back(&self, first: usize, buf: &mut Vec<u8>, at: usize) {
        let rest = &self.requests[first..];
        let Some(last) = rest.iter().rposition(|request| request.inline) else { return };
        let mut bytes = Vec::new();
        for request in &rest[..=last] {
            match request.inline {
                true => write_request(&mut bytes, self.args(request, &buf[at..]).iter()),
                false => bytes.extend_from_slice(&buf[at..][request.start as usize..request.end as usize]),
            }
        }
        buf.splice(at + self.end_of(first)..at + self.end_of(first + last + 1), bytes);
    }

    /// The arguments of one request as the command sees them.
    #[inline]
    pub fn args<'b>(&'b self, request: &Request, buf: &'b [u8]) -> Args<'b> {
        Args { buf, spans: self.spans(request) }
    }
}

/// The arguments of one request: `args[0]` is the command's name.
#[derive(Clone, Copy)]
pub struct Args<'b> {
    buf: &'b [u8],
    spans: &'b [Span],
}

impl<'b> Args<'b> {
    /// Arguments in `spans` of `buf`.
    pub fn new(buf: &'b [u8], spans: &'b [Span]) -> Self {
        Self { buf, spans }
    }

    /// How many there are, the name included.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a request has at least its name")]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Argument `i`, if there is one.
    #[inline]
    pub fn get(&self, i: usize) -> Option<&'b [u8]> {
        self.spans.get(i).map(|s| s.of(self.buf))
    }

    /// Arguments from `i` on.
    #[inline]
    pub fn from(&self, i: usize) -> Self {
        Self { buf: self.buf, spans: &self.spans[i.min(self.spans.len())..] }
    }

    /// The arguments in their order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'b [u8]> + Clone + use<'b> {
        let buf = self.buf;
        self.spans.iter().map(move |s| s.of(buf))
    }
}

impl std::ops::Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, i: usize) -> &[u8] {
        self.spans[i].of(self.buf)
    }
}

/// What one call of [`Parser::parse`] found.
#[derive(Debug)]
pub struct Parsed {
    /// Bytes at the buffer's start that are dealt with, once the batch has run.
    pub consumed: usize,
    /// The protocol was broken after the batch's requests.
    pub error: Option<ProtocolError>,
}

/// Where one connection's incomplete request stopped.
#[derive(Default, Debug)]
pub struct Parser {
    /// Offset of the next byte to look at, from the incomplete request's start.
    at: usize,
    /// Arguments that are still to come; 0 = the request's header is still to come.
    missing: usize,
    /// The arguments that are already there, from the request's start.
    partial: Vec<Span>,
}

/// A request of which not all is there.
pub struct Begun<'a> {
    /// The arguments that are; there may be none.
    pub args: Args<'a>,
    /// How many it will have.
    pub count: usize,
    /// How many bytes it has at least.
    pub least: usize,
    /// Where the first argument that is not all there starts, from the request's start.
    pub at: usize,
}

impl Begun<'_> {
    /// To follow the rest of the request, from `at` on.
    pub fn rest(&self) -> Passage {
        Passage::new(self.count - self.args.len())
    }
}

/// A header line was read in full, or not yet.
enum Line {
    Number(i64, usize),
    Bad,
    Incomplete,
}

impl Parser {
    /// Appends the complete requests at the start of `buf`, at most [`MAX_BATCH`], to `batch`.
    ///
    /// `buf` starts with the first byte that is not consumed yet; quoted inline arguments are unquoted inside it. The same
    /// bytes, and more, are to be given again after the consumed ones are dropped.
    #[inline]
    pub fn parse(&mut self, buf: &mut [u8], limits: RequestLimits, batch: &mut Batch) -> Parsed {
        let mut consumed = 0;
        while consumed < buf.len() && batch.requests.len() < MAX_BATCH {
            match self.next(buf, consumed, limits, batch) {
                Ok(Some(end)) => consumed = end,
                Ok(None) => break,
                Err(error) => return Parsed { consumed: buf.len(), error: Some(error) },
            }
        }
        Parsed { consumed, error: None }
    }

    /// What is known of the request that has been begun at the start of `buf` and not ended, once its number of arguments is.
    pub fn begun<'a>(&'a self, buf: &'a [u8]) -> Option<Begun<'a>> {
        let announced = || match number_line(buf, self.at + 1) {
            Line::Number(length, after) if buf.get(self.at) == Some(&b'$') => {
                after.saturating_add(usize::try_from(length).unwrap_or(0))
            }
            _ => self.at,
        };
        (self.missing > 0).then(|| Begun {
            args: Args::new(buf, &self.partial),
            count: self.partial.len() + self.missing,
            least: announced().max(buf.len()),
            at: self.at,
        })
    }

    /// Whether a request has been begun and not ended.
    pub fn is_mid_request(&self) -> bool {
        self.missing > 0 || self.at > 0
    }

    /// Reads one request (or one empty line) from `start`; its end, or `None` when it isn't all there.
    #[inline]
    fn next(
        &mut self,
        buf: &mut [u8],
        start: usize,
        limits: RequestLimits,
        batch: &mut Batch,
    ) -> Result<Option<usize>, ProtocolError> {
        if self.missing == 0 {
            if buf[start] != b'*' {
                return inline(buf, start, batch);
            }
            let (count, after) = match number_line(buf, start + 1) {
                Line::Number(n, after) => (array_length(n, limits)?, after),
                Line::Bad => return Err(ProtocolError::ArrayLength),
                Line::Incomplete if buf.len() - start > MAX_LINE => {
                    return Err(ProtocolError::ArrayHeaderTooLong);
                }
                Line::Incomplete => return Ok(None),
            };
            if count == 0 {
                return Ok(Some(after));
            }
            self.missing = count;
            self.at = after - start;
        }
        self.arguments(buf, start, limits, batch)
    }

    #[inline]
    fn arguments(
        &mut self,
        buf: &[u8],
        start: usize,
        limits: RequestLimits,
        batch: &mut Batch,
    ) -> Result<Option<usize>, ProtocolError> {
        if !self.partial.is_empty() {
            return self.resume(buf, start, limits, batch);
        }
        let first = batch.spans.len();
        let mut at = start + self.at;
        while self.missing > 0 {
            match argument(buf, at, limits)? {
                Some(span) => {
                    batch.spans.push(span);
                    at = (span.start + span.len) as usize + 2;
                    self.missing -= 1;
                }
                None => {
                    self.suspend(start, at, first, batch);
                    return incomplete(buf, start);
                }
            }
        }
        Ok(Some(self.complete(start, at, first, batch)))
    }

    /// Goes on with a request of which some arguments are there. They stay in `partial` until it is complete, so that a
    /// request of many reads is not copied once for each of them.
    #[cold]
    fn resume(
        &mut self,
        buf: &[u8],
        start: usize,
        limits: RequestLimits,
        batch: &mut Batch,
    ) -> Result<Option<usize>, ProtocolError> {
        let base = start as u32;
        while self.missing > 0 {
            let Some(span) = argument(buf, start + self.at, limits)? else { return incomplete(buf, start) };
            self.partial.push(Span { start: span.start - base, len: span.len });
            self.at = (span.start - base + span.len) as usize + 2;
            self.missing -= 1;
        }
        let first = batch.spans.len();
        let partial = std::mem::take(&mut self.partial);
        batch.spans.extend(partial.iter().map(|s| Span { start: s.start + base, len: s.len }));
        Ok(Some(self.complete(start, start + self.at, first, batch)))
    }

    /// Adds the request whose arguments are the batch's last spans; where it ends.
    #[inline]
    fn complete(&mut self, start: usize, at: usize, first: usize, batch: &mut Batch) -> usize {
        self.at = 0;
        let count = (batch.spans.len() - first) as u32;
        batch.requests.push(Request {
            first: first as u32,
            count,
            start: start as u32,
            end: at as u32,
            inline: false,
        });
        at
    }

    /// Keeps what is known of the incomplete request that starts at `start`, until more bytes come.
    #[cold]
    fn suspend(&mut self, start: usize, at: usize, first: usize, batch: &mut Batch) {
        self.at = at - start;
        let base = start as u32;
        self.partial.extend(batch.spans.drain(first..).map(|s| Span { start: s.start - base, len: s.len }));
    }
}

/// A request that is not all there, unless it is longer than any may be.
#[cold]
fn incomplete(buf: &[u8], start: usize) -> Result<Option<usize>, ProtocolError> {
    if buf.len() - start > MAX_REQUEST { Err(ProtocolError::RequestTooLong) } else { Ok(None) }
}

/// `*0` and `*-1` are empty requests, which Redis skips.
#[inline]
fn array_length(n: i64, limits: RequestLimits) -> Result<usize, ProtocolError> {
    match usize::try_from(n) {
        Ok(count) if count <= limits.args => Ok(count),
        Ok(count) if count <= RequestLimits::FULL.args => Err(ProtocolError::ArrayLengthUnauthenticated),
        Err(_) if n == -1 => Ok(0),
        _ => Err(ProtocolError::ArrayLength),
    }
}

/// One `$len CRLF bytes CRLF` at `at`, or `None` when it isn't all there.
#[inline]
fn argument(buf: &[u8], at: usize, limits: RequestLimits) -> Result<Option<Span>, ProtocolError> {
    let Some(&kind) = buf.get(at) else { return Ok(None) };
    if kind != b'$' {
        return Err(ProtocolError::ExpectedBulk(kind));
    }
    let (len, start) = match number_line(buf, at + 1) {
        Line::Number(n, after) => (bulk_length(n, limits)?, after),
        Line::Bad => return Err(ProtocolError::BulkLength),
        Line::Incomplete if buf.len() - at > MAX_LINE => return Err(ProtocolError::BulkHeaderTooLong),
        Line::Incomplete => return Ok(None),
    };
    match buf.get(start + len..start + len + 2) {
        Some(b"\r\n") => Ok(Some(Span { start: start as u32, len: len as u32 })),
        Some(_) => Err(ProtocolError::BulkEnd),
        None => Ok(None),
    }
}

#[inline]
fn bulk_length(n: i64, limits: RequestLimits) -> Result<usize, ProtocolError> {
    match usize::try_from(n) {
        Ok(len) if len <= limits.bulk => Ok(len),
        Ok(len) if len <= RequestLimits::FULL.bulk => Err(ProtocolError::BulkLengthUnauthenticated),
        _ => Err(ProtocolError::BulkLength),
    }
}

/// The number from `at` to CR LF, by Redis's strict rules, and where the next line starts.
#[inline]
fn number_line(buf: &[u8], at: usize) -> Line {
    let mut i = at;
    let mut n: i64 = 0;
    // The common case: a few digits. What is longer, signed or odd goes the slow way.
    while let Some(&b) = buf.get(i) {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        n = n.wrapping_mul(10) + i64::from(digit);
        i += 1;
        if i - at > 12 {
            return slow_number_line(buf, at);
        }
    }
    if i > at && buf.get(i..i + 2) == Some(b"\r\n") && (buf[at] != b'0' || i == at + 1) {
        return Line::Number(n, i + 2);
    }
    slow_number_line(buf, at)
}

#[cold]
fn slow_number_line(buf: &[u8], at: usize) -> Line {
    let rest = &buf[at.min(buf.len())..];
    let window = &rest[..rest.len().min(MAX_LINE)];
    let Some(cr) = memchr(b'\r', window) else { return Line::Incomplete };
    match (crate::number::parse_i64(&rest[..cr]), rest.get(cr + 1)) {
        (Some(n), Some(b'\n')) => Line::Number(n, at + cr + 2),
        (Some(_), None) => Line::Incomplete,
        _ => Line::Bad,
    }
}

/// Whether this command's name is the start of an HTTP request's line: somebody's browser was made to talk to this port, and
/// what follows must not be run as commands. Redis closes such connections too.
pub fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:")
}

/// Parses `data` in pieces of `piece` bytes and checks what must hold of any input; the fuzz target's body.
pub fn exercise(data: &[u8], piece: usize) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let (mut parser, mut buf, mut found) = (Parser::default(), Vec::new(), Vec::new());
    for chunk in data.chunks(piece.max(1)) {
        buf.extend_from_slice(chunk);
        loop {
            let mut batch = Batch::default();
            let parsed = parser.parse(&mut buf, RequestLimits::FULL, &mut batch);
            assert!(parsed.consumed <= buf.len());
            for request in batch.requests() {
                assert!(request.start < request.end && request.end as usize <= buf.len());
                found.push(batch.args(request, &buf).iter().map(<[u8]>::to_vec).collect());
            }
            buf.drain(..parsed.consumed);
            if parsed.error.is_some() {
                return (found, parsed.error);
            }
            if parsed.consumed == 0 {
                break;
            }
        }
    }
    (found, None)
}

#[cfg(test)]
mod tests;
