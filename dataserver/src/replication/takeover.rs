//! A server begins to lead because servers.json says so, and no primary hands over to it: that can't be reached, or this is where all begins.
//!
//! The other replicas are asked to leave that primary first (RINGTAIL VOTE), so that it gets no more acknowledgements from them. One of so many
//! that nothing acknowledged can be missing among them has the longest log; what this server lacks of that it gets before it leads.

use super::peer::Peer;
use super::status::Link;
use super::{follow, role};
use crate::log::history::epoch_of;
use crate::log::waiting::LEASE;
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
/// Clocks of two machines differ by less than this in the time of a lease.
const MARGIN: Duration = Duration::from_millis(250);
/// The refusal of one that leads.
const LEADS: &str = "NOVOTE this server leads";
/// The refusal of one that has voted for, or heard of, this epoch.
const LATER: &str = "NOVOTE this server knows of epoch ";
/// Somebody else has decided.
const MEANWHILE: &str = "it was told to lead, or to follow, meanwhile";
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(5);

/// Leads from now on. If that would not be safe, it goes on as what it was.
///
/// It was decided at that number of changes of the role, and needs so many votes `least`, this server's own too.
///
/// # Errors
/// Why it would not, or can't be.
pub async fn take_over(
    server: &Arc<Server>,
    others: Vec<String>,
    least: usize,
    mut number: u64,
) -> Result<(), String> {
    if server.replication.is_partial() {
        return Err("it has only a part of the keys".to_owned());
    }
    let epoch = position(&Peer::of(server)).0.max(server.replication.seen_epoch()).saturating_add(1);
    // This server's own vote: the old primary hears nothing of it any more.
    let old = server.replication.followed().as_ref().map(|followed| followed.address.clone());
    if !role::end_from(server, &mut number) {
        return Err(MEANWHILE.to_owned());
    }
    match (prepare(server, others, least, epoch, &mut number).await, old) {
        (Ok(voters), _) => {
            if !role::become_primary_from(server, number) {
                return Err(MEANWHILE.to_owned());
            }
            tracing::warn!(epoch, voters, "no other server of its member leads: this one does from here on");
            Ok(())
        }
        (Err(why), old) => {
            let follow = |old: String| role::follow_from(server, &old, &mut number);
            old.map(follow).transpose().map_err(|error| error.to_string())?;
            Err(why)
        }
    }
}

/// How late a server's log is, and how far: of servers of one member, the greatest has all that was acknowledged by enough of them.
fn position(peer: &Peer) -> (u32, u64) {
    (epoch_of(&peer.history), peer.offset)
}

/// Whether another server has what this one lacks. A log of the same epoch and another name went another way.
fn has_more(other: &Peer, own: &Peer) -> bool {
    let ((epoch, offset), (own_epoch, own_offset)) = (position(other), position(own));
    epoch > own_epoch || (offset > own_offset && (other.history == own.history || own_offset == 0))
}

/// Gets enough votes, and all that those who gave them have; how many others gave theirs.
async fn prepare(
    server: &Arc<Server>,
    others: Vec<String>,
    least: usize,
    epoch: u32,
    number: &mut u64,
) -> Result<usize, String> {
    let (servers, copies) = (others.len() + 1, usize::from(server.log.copies()));
    let (mut votes, refusals) = ask_for_votes(server, others, epoch).await?;
    let voted = Instant::now();
    // One that has only a part of the keys may have had, and acknowledged, what it has no more.
    votes.retain(|(_, peer)| epoch_of(&peer.history) > 0);
    let needed = least.max(if copies > 1 { (servers + 1).saturating_sub(copies) } else { 1 });
    let there = votes.len() + 1;
    if there < needed {
        return Err(format!(
            "only {there} of its member's {servers} servers can be asked, {needed} are needed: {}",
            refusals.join("; ")
        ));
    }
    refusals.iter().for_each(|refusal| tracing::warn!("no vote of {refusal}"));
    let own = Peer::of(server);
    let furthest =
        votes.iter().filter(|(_, peer)| has_more(peer, &own)).max_by_key(|(_, peer)| position(peer));
    if let Some((address, peer)) = furthest {
        catch_up(server, address, position(peer), number).await?;
    }
    if copies > 1 {
        // Until now the old primary may think that it leads, and answer what it reads.
        sleep((LEASE + MARGIN).saturating_sub(voted.elapsed())).await;
    }
    Ok(votes.len())
}

/// The votes, and why others gave none: once for each try it would be too much to be told.
///
/// # Errors
/// One of them leads: it is there, and hands over by itself when the file tells it so, or is followed.
async fn ask_for_votes(
    server: &Arc<Server>,
    others: Vec<String>,
    epoch: u32,
) -> Result<(Vec<(String, Peer)>, Vec<String>), String> {
    let mut asked = JoinSet::new();
    for address in others {
        let server = Arc::clone(server);
        asked.spawn(async move {
            let vote = timeout(VOTE, ask_for_vote(&server, &address, epoch)).await;
            (vote.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())), address)
        });
    }
    server.replication.seen.fetch_max(epoch, Relaxed);
    let (mut votes, mut refusals) = (Vec::new(), Vec::new());
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((Ok(peer), address)) => votes.push((address, peer)),
            Ok((Err(error), address)) => {
                let text = error.to_string();
                if text.contains(LEADS) {
                    return Err(format!("{address} leads"));
                }
                refusals.push(format!("{address}: {text}"));
                // The next try is to be later than that.
                let later = text.split_once(LATER).and_then(|(_, epoch)| epoch.parse().ok());
                server.replication.seen.fetch_max(later.unwrap_or(0), Relaxed);
            }
            Err(_) => {}
        }
    }
    refusals.sort_unstable();
    Ok((votes, refusals))
}

async fn ask_for_vote(server: &Server, address: &str, epoch: u32) -> io::Result<Peer> {
    let mut unread = Vec::new();
    let mut stream = follow::connect(server, address, VOTE, &mut unread).await?;
    let (epoch, own) = (epoch.to_string(), server.announced());
    let words: [&[u8]; 4] = [b"RINGTAIL", b"VOTE", epoch.as_bytes(), own.as_bytes()];
    Peer::read_from(&follow::ask(&mut stream, &words, &mut unread).await?)
}

/// Gets what another replica has more.
async fn catch_up(
    server: &Arc<Server>,
    address: &str,
    to: (u32, u64),
    number: &mut u64,
) -> Result<(), String> {
    tracing::info!(from = address, offset = to.1, "another replica has more of the log");
    let follows = role::follow_from(server, address, number).map_err(|error| error.to_string())?;
    if !follows {
        return Err(MEANWHILE.to_owned());
    }
    let begun = Instant::now();
    loop {
        let up = server.replication.followed().as_ref().is_some_and(|it| it.state.link() == Link::Up);
        if up && position(&Peer::of(server)) >= to {
            return role::end_from(server, number).then_some(()).ok_or_else(|| MEANWHILE.to_owned());
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
    let (mut number, leads) = role::now(server);
    if leads {
        return Err(Error::fixed(LEADS));
    }
    if server.replication.is_undecided.load(Relaxed) {
        return Err(Error::fixed("NOVOTE this server is loading what it has on disk"));
    }
    let seen = server.replication.seen.fetch_max(epoch, Relaxed);
    if seen >= epoch {
        return Err(Error::new(format!("{LATER}{seen}")));
    }
    *server.replication.voted_for() = Some(address.to_owned());
    let follows = role::follow_from(server, address, &mut number);
    if !follows.map_err(|error| Error::new(format!("ERR {error}")))? {
        *server.replication.voted_for() = None;
        return Err(Error::new(format!("NOVOTE {MEANWHILE}")));
    }
    tracing::warn!(address, epoch, "this server leaves its primary for one that takes over");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::history::fresh;

    fn peer(history: &str, offset: u64) -> Peer {
        Peer { leads: false, history: history.to_owned(), offset, follows: None, is_up: false }
    }

    #[test]
    fn who_has_more_is_who_was_told_later_or_more() {
        let (early, other, late) = (fresh(3), fresh(3), fresh(4));
        let own = peer(&early, 100);
        for (history, offset, more) in [
            (&early, 101, true),
            (&early, 100, false),
            (&early, 99, false),
            (&late, 5, true),
            (&other, 500, false),
            (&fresh(2), 500, false),
        ] {
            assert_eq!(has_more(&peer(history, offset), &own), more, "{history} {offset}");
        }
        // One that has nothing takes what there is, whatever it is called.
        assert!(
            has_more(&peer(&other, 1), &peer(&early, 0)) && !has_more(&peer(&other, 0), &peer(&early, 0))
        );
        assert!(!has_more(&peer("?", 0), &peer(&early, 0)));
    }
}
