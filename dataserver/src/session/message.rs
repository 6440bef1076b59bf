//! A message to many clients, which share its bytes.

use ringtail_net::outbox::Frame;
use ringtail_protocol::reply::{Reply, Resp};

/// A message to many clients, encoded at most once for each version of the protocol.
pub struct Message<W> {
    write: W,
    v2: Option<Frame>,
    v3: Option<Frame>,
}

impl<W: Fn(&mut Reply<'_>)> Message<W> {
    /// What `write` writes.
    pub fn new(write: W) -> Self {
        Self { write, v2: None, v3: None }
    }

    pub(super) fn frame(&mut self, resp: Resp) -> &Frame {
        let frame = if resp == Resp::V3 { &mut self.v3 } else { &mut self.v2 };
        frame.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            (self.write)(&mut Reply::new(&mut bytes, resp));
            bytes.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_message_is_encoded_once_for_each_version() {
        let mut message = Message::new(|reply| reply.push(0));
        let first = Arc::clone(message.frame(Resp::V2));
        assert!(Arc::ptr_eq(&first, message.frame(Resp::V2)));
        assert_eq!((&*first, &**message.frame(Resp::V3)), (&b"*0\r\n"[..], &b">0\r\n"[..]));
    }
}
