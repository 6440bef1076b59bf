//! A replica takes over from a primary that can't be reached, because servers.json says so.
//!
//! The other replicas are asked to leave that primary first (RINGTAIL VOTE), so that it gets no more acknowledgements from them. One of so many
//! that nothing acknowledged can be missing among them has the longest log; what this server lacks of that it gets before it leads.

use super::peer::Peer;
use super::status::Link;
use super::{follow, leads};
use crate::log::history::epoch_of;
use crate::server::Server;
use ringtail_protocol::errors::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long another server may take to vote: it ends what it follows first.
const VOTE: Duration = Duration::from_secs(2);
/// How long what is missing may take.
const CATCH_UP: Duration = Duration::from_secs(60);
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(5);

/// Leads from now on.
///
/// # Errors
/// Why that would not be safe, or can't be.
pub async fn take_over(server: &Arc<Server>, others: Vec<String>) -> Result<(), String> {
    if server.replication.is_partial() {
        return Err("it has only a part of the keys".to_owned());
    }
    let own = server.log.position();
    let epoch = epoch_of(&own.0).max(server.replication.seen_epoch()).saturating_add(1);
    let (servers, copies) = (others.len() + 1, usize::from(server.log.copies()));
    let votes = ask_for_votes(server, others, epoch).await;
    let needed = if copies > 1 { (servers + 1).saturating_sub(copies) } else { 1 };
    if votes.len() + 1 < needed {
        let there = votes.len() + 1;
        return Err(format!(
            "only {there} of its member's {servers} servers can be reached, {needed} are needed"
        ));
    }
    let furthest = votes.iter().filter(|(_, peer)| peer.history == own.0).max_by_key(|(_, peer)| peer.offset);
    if let Some((address, peer)) = furthest.filter(|(_, peer)| peer.offset > own.1) {
        catch_up(server, address, peer.offset).await?;
    }
    tracing::warn!(epoch, voters = votes.len(), "the primary can't be reached: this server takes over");
    follow::become_primary(server);
    Ok(())
}

async fn ask_for_votes(server: &Arc<Server>, others: Vec<String>, epoch: u32) -> Vec<(String, Peer)> {
    let mut asked = JoinSet::new();
    for address in others {
        let server = Arc::clone(server);
        asked.spawn(async move {
            let vote = timeout(VOTE, ask_for_vote(&server, &address, epoch)).await;
            (vote.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())), address)
        });
    }
    let mut votes = Vec::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((Ok(peer), address)) => votes.push((address, peer)),
            Ok((Err(error), address)) => tracing::warn!(address, "no vote: {error}"),
            Err(_) => {}
        }
    }
    votes
}

async fn ask_for_vote(server: &Server, address: &str, epoch: u32) -> io::Result<Peer> {
    let mut unread = Vec::new();
    let mut stream = follow::connect(server, address, VOTE, &mut unread).await?;
    let (epoch, own) = (epoch.to_string(), server.announced());
    let words: [&[u8]; 4] = [b"RINGTAIL", b"VOTE", epoch.as_bytes(), own.as_bytes()];
    Peer::read_from(&follow::ask(&mut stream, &words, &mut unread).await?)
}

/// Gets what another replica has more.
async fn catch_up(server: &Arc<Server>, address: &str, offset: u64) -> Result<(), String> {
    tracing::info!(from = address, offset, "another replica has more of the log");
    follow::follow(server, address).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    loop {
        let up = server.replication.followed().as_ref().is_some_and(|it| it.state.link() == Link::Up);
        if up && server.log.position().1 >= offset && !server.replication.is_partial() {
            return Ok(());
        }
        if begun.elapsed() > CATCH_UP {
            return Err(format!("{address} has more of the log, and does not send it"));
        }
        sleep(LOOK).await;
    }
}

/// RINGTAIL VOTE: leaves the primary for a server that is to take over, unless this one leads, or knows of a later epoch.
///
/// # Errors
/// It does not.
pub fn vote(server: &Arc<Server>, epoch: u32, address: &str) -> Result<(), Error> {
    if leads(server) {
        return Err(Error::fixed("NOVOTE this server leads"));
    }
    if server.replication.is_to_follow.load(Relaxed) {
        return Err(Error::fixed("NOVOTE this server is loading what it has on disk"));
    }
    if server.replication.seen.fetch_max(epoch, Relaxed) >= epoch {
        return Err(Error::fixed("NOVOTE this server knows of a later epoch"));
    }
    *server.replication.voted_for() = Some(address.to_owned());
    follow::follow(server, address).map_err(|error| Error::new(format!("ERR {error}")))?;
    tracing::warn!(address, epoch, "this server leaves its primary for one that takes over");
    Ok(())
}
