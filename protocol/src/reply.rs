//! Writes replies straight into an output buffer. Types that RESP2 has not fall back to what Redis sends there.

use crate::errors::Error;
use crate::limits::MAX_REPLY;
use crate::number::write_f64;

/// Which version of the protocol a session speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Resp {
    /// RESP2, until HELLO 3.
    #[default]
    V2,
    /// RESP3.
    V3,
}

/// A place in the output where an aggregate's header is put once its length is known.
#[must_use = "close it, or the reply has no header"]
pub struct Open(usize);

/// The output of one session.
pub struct Reply<'o> {
    out: &'o mut Vec<u8>,
    resp: Resp,
    /// Strings that would make the output longer than this are left out, and `too_long` is set.
    most: usize,
    too_long: bool,
}

impl<'o> Reply<'o> {
    /// Appends to `out` for a session that speaks `resp`.
    #[inline]
    pub fn new(out: &'o mut Vec<u8>, resp: Resp) -> Self {
        let most = out.len() + MAX_REPLY;
        Self { out, resp, most, too_long: false }
    }

    /// The same reply, for somebody who writes a part of it.
    pub fn reborrow(&mut self) -> Reply<'_> {
        Reply { out: self.out, ..*self }
    }

    /// The version that the session speaks.
    pub fn resp(&self) -> Resp {
        self.resp
    }

    /// Changes the version from the next reply on (HELLO).
    pub fn set_resp(&mut self, resp: Resp) {
        self.resp = resp;
    }

    /// Whether the reply grew beyond [`MAX_REPLY`]: it is not whole, and an error is to be sent in its place.
    #[inline]
    pub fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Bytes in the output buffer, those of earlier replies included.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether the output buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes back what was written after the buffer had `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; `text` has no CR or LF.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error. Line breaks in it become spaces.
    #[cold]
    pub fn error(&mut self, error: &Error) {
        self.out.push(b'-');
        self.out.extend(error.text().bytes().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, n: i64) {
        self.header(b':', n);
    }

    /// A length or count as an integer.
    #[inline]
    pub fn count(&mut self, n: usize) {
        self.int(n as i64);
    }

    /// 1 or 0, as Redis's commands answer yes and no in both versions.
    #[inline]
    pub fn flag(&mut self, yes: bool) {
        self.out.extend_from_slice(if yes { b":1\r\n" } else { b":0\r\n" });
    }

    /// A string of bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if self.out.len() + bytes.len() > self.most {
            self.too_long = true;
            return;
        }
        self.out.reserve(bytes.len() + 24);
        self.header(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A string of bytes in two parts.
    pub fn bulk_parts(&mut self, a: &[u8], b: &[u8]) {
        self.header(b'$', (a.len() + b.len()) as i64);
        self.out.extend_from_slice(a);
        self.out.extend_from_slice(b);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string.
    pub fn bulk_int(&mut self, n: i64) {
        self.bulk(itoa::Buffer::new().format(n).as_bytes());
    }

    /// A value, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, value: Option<&[u8]>) {
        match value {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// No value: `$-1`, or `_` in RESP3.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.resp == Resp::V3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// No array: `*-1`, or `_` in RESP3.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.resp == Resp::V3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The header of an array; `n` replies follow.
    #[inline]
    pub fn array(&mut self, n: usize) {
        self.header(b'*', n as i64);
    }

    /// The header of a map; `n` pairs of replies follow. RESP2: a flat array.
    pub fn map(&mut self, n: usize) {
        match self.resp {
            Resp::V3 => self.header(b'%', n as i64),
            Resp::V2 => self.header(b'*', 2 * n as i64),
        }
    }

    /// The header of a set; `n` replies follow. RESP2: an array.
    pub fn set(&mut self, n: usize) {
        self.header(if self.resp == Resp::V3 { b'~' } else { b'*' }, n as i64);
    }

    /// The header of an out-of-band push; `n` replies follow. RESP2: an array.
    pub fn push(&mut self, n: usize) {
        self.header(if self.resp == Resp::V3 { b'>' } else { b'*' }, n as i64);
    }

    /// Starts an array whose length is not known yet.
    pub fn open(&mut self) -> Open {
        Open(self.out.len())
    }

    /// Puts the header of an array of `n` before what was written since [`open`](Self::open).
    pub fn close_array(&mut self, open: Open, n: usize) {
        self.close(open, |reply| reply.array(n));
    }

    /// Puts the header of a set of `n` before what was written since [`open`](Self::open).
    pub fn close_set(&mut self, open: Open, n: usize) {
        self.close(open, |reply| reply.set(n));
    }

    fn close(&mut self, open: Open, write: impl FnOnce(&mut Reply<'_>)) {
        let mut header = Vec::with_capacity(24);
        write(&mut Reply::new(&mut header, self.resp));
        self.out.splice(open.0..open.0, header);
    }

    /// Puts the header of a map of `n` pairs before what was written since [`open`](Self::open). RESP2: of an array of `n`
    /// elements, each an array of a pair.
    pub fn close_map_of_pairs(&mut self, open: Open, n: usize) {
        let mut header = Vec::with_capacity(24);
        Reply::new(&mut header, self.resp).header(if self.resp == Resp::V3 { b'%' } else { b'*' }, n as i64);
        self.out.splice(open.0..open.0, header);
    }

    /// A double. RESP2: a bulk string.
    pub fn double(&mut self, n: f64) {
        let mut text = Vec::with_capacity(24);
        write_f64(&mut text, n);
        match self.resp {
            Resp::V3 => self.line(b',', &text),
            Resp::V2 => self.bulk(&text),
        }
    }

    /// A boolean. RESP2: 1 or 0.
    pub fn boolean(&mut self, yes: bool) {
        match self.resp {
            Resp::V3 => self.out.extend_from_slice(if yes { b"#t\r\n" } else { b"#f\r\n" }),
            Resp::V2 => self.flag(yes),
        }
    }

    /// Text to be shown as it is, as INFO's. RESP2: a bulk string.
    pub fn verbatim(&mut self, text: &str) {
        match self.resp {
            Resp::V3 => {
                self.header(b'=', text.len() as i64 + 4);
                self.out.extend_from_slice(b"txt:");
                self.out.extend_from_slice(text.as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
            Resp::V2 => self.bulk(text.as_bytes()),
        }
    }

    /// Bytes that are already replies of this session's version.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn header(&mut self, kind: u8, n: i64) {
        if let 0..10 = n {
            self.out.extend_from_slice(&[kind, b'0' + n as u8, b'\r', b'\n']);
        } else {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(n).as_bytes();
            self.out.reserve(digits.len() + 3);
            self.out.push(kind);
            self.out.extend_from_slice(digits);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Appends a request as an array of bulk strings.
pub fn write_request<'a>(out: &mut Vec<u8>, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    let mut reply = Reply::new(out, Resp::V2);
    reply.array(args.len());
    for arg in args {
        reply.bulk(arg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resp: Resp, write: impl Fn(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, resp));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_type_in_both_versions() {
        type Case = (fn(&mut Reply<'_>), &'static str, &'static str);
        let cases: [Case; 11] = [
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(10), "*10\r\n", "~10\r\n"),
            (|r| r.push(3), "*3\r\n", ">3\r\n"),
            (|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|r| r.boolean(true), ":1\r\n", "#t\r\n"),
            (|r| r.verbatim("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
            (|r| r.int(-12), ":-12\r\n", ":-12\r\n"),
            (|r| r.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (|r| r.error(&Error::fixed("ERR a\r\nb")), "-ERR a  b\r\n", "-ERR a  b\r\n"),
        ];
        for (write, v2, v3) in cases {
            assert_eq!(written(Resp::V2, write), v2);
            assert_eq!(written(Resp::V3, write), v3);
        }
    }

    #[test]
    fn a_reply_is_bounded() {
        let (mut out, value) = (Vec::new(), vec![b'x'; MAX_REPLY / 2]);
        let mut reply = Reply::new(&mut out, Resp::V2);
        reply.bulk(&value);
        assert!(!reply.is_too_long());
        reply.bulk(&value);
        assert!(reply.is_too_long() && reply.len() < MAX_REPLY);
    }

    #[test]
    fn an_array_can_be_closed_late() {
        let text = written(Resp::V2, |r| {
            r.ok();
            let open = r.open();
            r.int(1);
            r.int(2);
            r.close_array(open, 2);
        });
        assert_eq!(text, "+OK\r\n*2\r\n:1\r\n:2\r\n");
    }
}
