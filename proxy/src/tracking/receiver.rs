//! A receiver: the connection that a member tells of changes in place of a lane in RESP2, which has no room for pushes.

use std::io;
use std::rc::Rc;

use ringtail_net::Stream;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::reply::Resp;
use tokio::task::yield_now;

use super::Tracked;
use crate::lane::Lane;
use crate::limits;
use crate::link::{Link, closed};
use crate::worker::Worker;

/// A connection in RESP3 of which nothing is asked.
pub(super) struct Receiver {
    stream: Stream,
    /// Its number at the member.
    pub(super) id: Vec<u8>,
}

impl Receiver {
    /// One to the server of `lane`.
    pub(super) async fn open(lane: &Link, worker: &Worker) -> io::Result<Self> {
        let mut link = lane.open_beside(&worker.shared, worker.login.as_ref(), Resp::V3).await?;
        let id = link.id().await?.ok_or_else(|| io::Error::other("it tells no CLIENT ID"))?;
        Ok(Self { stream: link.into_parts().0, id: id.to_string().into_bytes() })
    }

    /// Passes on what comes; the lane does not outlive it.
    pub(super) async fn serve(mut self, lane: Rc<Lane>, tracked: Rc<Tracked>, worker: Rc<Worker>) {
        let (mut unread, mut scanner) = (Vec::new(), Scanner::default());
        loop {
            match self.receive(&tracked, &worker, &mut unread, &mut scanner).await {
                // Others first.
                Ok(()) => yield_now().await,
                Err(error) => return lane.fail(error),
            }
        }
    }

    async fn receive(
        &mut self,
        tracked: &Tracked,
        worker: &Worker,
        unread: &mut Vec<u8>,
        scanner: &mut Scanner,
    ) -> io::Result<()> {
        self.stream.readable().await?;
        unread.reserve(limits::READ);
        match self.stream.try_read(unread, limits::READ) {
            Ok(0) => return Err(closed()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        let mut at = 0;
        let garbage = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        while at < unread.len() {
            let Some(len) = scanner.scan(&unread[at..]).map_err(garbage)? else { break };
            tracked.pushed(worker, &unread[at..at + len]);
            at += len;
        }
        unread.drain(..at);
        Ok(())
    }
}
