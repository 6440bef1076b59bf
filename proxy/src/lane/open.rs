//! Opening a connection that a worker's sessions share: within one deadline.

use ringtail_protocol::reply::Resp;
use tokio::time::timeout;

use crate::link::Link;
use crate::member::Member;
use crate::worker::Worker;

/// A connection that is ready for requests on database 0, or why there is none.
pub(crate) async fn open(member: &Member, worker: &Worker, resp: Resp) -> Result<Link, String> {
    let opened = member.leader.open(&worker.shared, worker.login.as_ref(), resp);
    let opened = timeout(worker.timeout(), opened).await;
    let link = match opened {
        Ok(opened) => opened.map_err(|error| member.without_addr(&error))?,
        Err(_) => return Err("it does not answer".to_owned()),
    };
    member.only_db_0.set(link.only_db_0);
    Ok(link)
}
