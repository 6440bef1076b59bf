//! Commands on their way to the session, as bytes.

use ringtail_protocol::reply::write_request;

/// One or more commands that are sent as one piece.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: usize,
}

impl Requests {
    /// One command.
    pub(crate) fn one(args: &[&[u8]]) -> Self {
        Self::default().and(args)
    }

    /// And another one.
    pub(crate) fn and(mut self, args: &[&[u8]]) -> Self {
        self.push(args);
        self
    }

    /// Adds a command.
    pub(crate) fn push(&mut self, args: &[&[u8]]) {
        write_request(&mut self.bytes, args.iter().copied());
        self.count += 1;
    }
}
