//! Opening a lane: within one deadline, and not beyond the day its member leaves.

use ringtail_net::Stream;
use tokio::time::timeout;

use super::Lane;
use crate::link::Link;
use crate::worker::Worker;

/// A stream that is ready for requests on database 0, or why there is none.
pub(super) async fn open(lane: &Lane, worker: &Worker) -> Result<Stream, String> {
    let member = &lane.member;
    let opened = timeout(worker.timeout(), Link::open(&member.addr, &worker.shared, lane.resp)).await;
    let link = match opened {
        Ok(opened) => opened.map_err(|error| member.without_addr(&error))?,
        Err(_) => return Err("it does not answer".to_owned()),
    };
    member.only_db_0.set(link.only_db_0);
    Ok(link.into_stream())
}
