//! A server begins to lead because servers.json says so, and no primary hands over to it: that can't be reached, or this is where all begins.
//!
//! The other replicas are asked to leave that primary first (RINGTAIL VOTE), so that it gets no more acknowledgements from them. One of so many
//! that nothing acknowledged can be missing among them has the longest log; what this server lacks of that it gets before it leads. A vote binds
//! (`promise`), and is asked for once more at the end.

use super::peer::{self, List, Peer};
use super::promise::{self, Promise};
use super::status::Link;
use super::{dial, role};
use crate::log::history::{epoch_of, is_kin, is_later};
use crate::log::waiting::{Ack, LEASE};
use crate::server::Server;
use ringtail_protocol::errors::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long another server may take to vote: it ends what it follows first.
const VOTE: Duration = Duration::from_secs(2);
/// For how long nothing of what is missing may come.
const CATCH_UP: Duration = Duration::from_secs(20);
/// Clocks of two machines differ by less than this in the time of a lease.
const MARGIN: Duration = Duration::from_millis(250);
/// The refusal of one that leads.
const LEADS: &str = "NOVOTE this server leads";
/// What each refusal begins with.
const REFUSES: &str = "NOVOTE ";
/// The refusal of one that has voted for, or heard of, this epoch.
const LATER: &str = "NOVOTE this server knows of epoch ";
/// Somebody else has decided.
const MEANWHILE: &str = "it was told to lead, or to follow, meanwhile";
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(5);

/// Who has to be asked.
pub struct Electorate {
    /// The member's other servers.
    pub others: Vec<String>,
    /// Those that it had before the file changed, if what was acknowledged by these may be missing here.
    pub before: Option<Vec<String>>,
    /// All servers of the member now.
    pub list: List,
    /// How many copies an acknowledged write has.
    pub ack: Ack,
    /// So many votes are needed at least, this server's own too.
    pub least: usize,
}

/// Leads from now on. If that would not be safe, it goes on as what it was. It was decided at that number of changes of the role.
///
/// # Errors
/// Why it would not, or can't be.
pub async fn take_over(server: &Arc<Server>, electorate: &Electorate, mut number: u64) -> Result<(), String> {
    let own = epoch_of(&server.log.position().0);
    let epoch = own.max(server.replication.seen_epoch()).saturating_add(1);
    let _stands = Stands::begin(server, epoch);
    // This server's own vote: the old primary hears nothing of it any more.
    let old = server.replication.followed().as_ref().map(|followed| followed.address.clone());
    if !role::end_from(server, &mut number) {
        return Err(MEANWHILE.to_owned());
    }
    match (prepare(server, electorate, epoch, &mut number).await, old) {
        (Ok(voters), _) => {
            if !role::become_primary_from(server, number) {
                return Err(MEANWHILE.to_owned());
            }
            let epoch = epoch_of(&server.log.position().0);
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

/// It tries to take over, and others who ask are told so: until this ends, their votes bind them.
struct Stands<'a>(&'a Server);

impl<'a> Stands<'a> {
    fn begin(server: &'a Server, epoch: u32) -> Self {
        server.replication.stands.store(epoch, SeqCst);
        Self(server)
    }
}

impl Drop for Stands<'_> {
    fn drop(&mut self) {
        self.0.replication.stands.store(0, SeqCst);
    }
}

/// How late a server's log is, and how far: of those of one line, the greatest has all that was acknowledged by enough of them.
fn position(peer: &Peer) -> (u32, u64) {
    (epoch_of(&peer.history), peer.offset)
}

/// Whether another server has what this one lacks. A log of the same epoch and another name went another way; of one of another line this says nothing.
fn has_more(other: &Peer, own: &Peer) -> bool {
    let is_further = other.history == own.history && other.offset > own.offset;
    other.has_log() && (!own.has_log() || is_later(&other.history, &own.history) || is_further)
}

/// Gets enough votes, and all that those who gave them have; how many others gave theirs.
async fn prepare(
    server: &Arc<Server>,
    electorate: &Electorate,
    epoch: u32,
    number: &mut u64,
) -> Result<usize, String> {
    let (votes, refusals) = ask_for_votes(server, electorate, epoch).await?;
    let voted = Instant::now();
    let has_leftovers = server.replication.has_leftovers.load(Relaxed);
    let mut ballot = Ballot { own: Peer::of(server), has_leftovers, votes };
    ballot.check(electorate).map_err(|why| format!("{why}: {}", refusals.join("; ")))?;
    refusals.iter().for_each(|refusal| tracing::warn!("no vote of {refusal}"));
    match ballot.furthest() {
        Some((address, peer)) => catch_up(server, address, peer, number).await?,
        None if ballot.own.is_partial() => {
            return Err("it has only a part of the keys, and nobody who can be asked has all".to_owned());
        }
        None => {}
    }
    if server.log.copies() > 1 {
        // Until now the old primary may think that it leads, and answer what it reads.
        sleep((LEASE + MARGIN).saturating_sub(voted.elapsed())).await;
    }
    ballot.own = Peer::of(server);
    ballot.keep_faithful(server).await;
    ballot.check(electorate).map_err(|why| format!("{why} at the end"))?;
    Ok(ballot.votes.len())
}

/// The votes of an election.
struct Ballot {
    own: Peer,
    /// As in [`Replication`](super::Replication).
    has_leftovers: bool,
    votes: Vec<(String, Peer)>,
}

impl Ballot {
    /// Whether nothing can be missing among those who voted that was acknowledged by as many as the file has writes wait for.
    ///
    /// # Errors
    /// Who would have to be asked, too.
    fn check(&self, electorate: &Electorate) -> Result<(), String> {
        let Electorate { others, before, list, ack, least } = electorate;
        self.check_list(others, *ack, *least, "servers")?;
        if !ack.waits() {
            return Ok(());
        }
        let has_all = self.votes.iter().any(|(_, peer)| peer.list == *list);
        match before {
            // Who leads by the new list, or has heard of one who does, has what was acknowledged by the old one.
            _ if has_all => Ok(()),
            Some(before) => self.check_list(before, *ack, 1, "servers of before the last edit"),
            None if self.own.list == *list => Ok(()),
            None => self.votes.iter().find(|(_, peer)| peer.list == List::Earlier).map_or(
                Ok(()),
                |(address, _)| {
                    Err(format!(
                        "{address} knows servers of the member that the file has no more: it is to lead first"
                    ))
                },
            ),
        }
    }

    /// Of this server and these others, enough have to be asked that one of them has each write that was acknowledged by them. All of them always
    /// are enough; else those that have nothing, or other keys, say nothing of what is missing, unless nobody has anything.
    fn check_list(&self, others: &[String], ack: Ack, least: usize, what: &str) -> Result<(), String> {
        let of_list = |address: &String| others.contains(address);
        let whole =
            || self.votes.iter().filter(|(at, peer)| of_list(at) && !peer.is_partial()).map(|(_, peer)| peer);
        let servers = others.len() + 1;
        if whole().count() + 1 == servers {
            return Ok(());
        }
        let needed = match ack.waits() {
            true => least.max((servers + 1).saturating_sub(ack.copies(servers).into())),
            false => least,
        };
        let line = self.line().filter(|_| ack.waits());
        let counts = |peer: &Peer| line.is_none_or(|line| peer.has_log() && is_kin(&peer.history, line));
        let there = whole().chain([&self.own]).filter(|peer| counts(peer)).count();
        if there < needed {
            return Err(format!(
                "only {there} of its member's {servers} {what} can be asked, {needed} are needed"
            ));
        }
        Ok(())
    }

    /// A log of the member's line, if anybody has anything.
    fn line(&self) -> Option<&str> {
        let furthest = || {
            self.votes
                .iter()
                .map(|(_, peer)| peer)
                .filter(|peer| peer.has_log())
                .max_by_key(|peer| position(peer))
        };
        let whose = if self.own.has_log() { Some(&self.own) } else { furthest() };
        whose.map(|peer| &*peer.history)
    }

    /// Who has the most of what this server lacks.
    fn furthest(&self) -> Option<&(String, Peer)> {
        let line = self.other_line();
        let has_more = |peer: &Peer| match line {
            Some(line) => peer.has_log() && is_kin(&peer.history, line),
            None => has_more(peer, &self.own),
        };
        let have_more = self.votes.iter().filter(|(_, peer)| has_more(peer));
        have_more.max_by_key(|(_, peer)| position(peer))
    }

    /// Where this server began with what `--recover` has left: the line of the log that most of the others have, who have the member's keys.
    fn other_line(&self) -> Option<&str> {
        let logs = || self.votes.iter().map(|(_, peer)| peer).filter(|peer| peer.has_log());
        let have = |line: &str| logs().filter(|peer| is_kin(&peer.history, line)).count();
        let others = logs().filter(|peer| self.has_leftovers && !is_kin(&peer.history, &self.own.history));
        others.max_by_key(|peer| have(&peer.history)).map(|peer| &*peer.history)
    }

    /// Drops the votes of those that follow this server no more: one that was restarted may have forgotten its vote.
    async fn keep_faithful(&mut self, server: &Arc<Server>) {
        let voters = self.votes.iter().map(|(address, _)| address.clone()).collect();
        let (own, answers) = (server.announced(), peer::ask_all(server, voters).await);
        let is_faithful = |peer: &Peer| peer.follows.as_ref() == Some(&own);
        self.votes.retain(|(address, _)| answers.iter().any(|(at, peer)| at == address && is_faithful(peer)));
    }
}

/// The votes, and why others gave none: once for each try it would be too much to be told.
///
/// # Errors
/// One of them leads: it is there, and hands over by itself when the file tells it so, or is followed. Or one is there and gives no vote, and has
/// to be asked once more.
async fn ask_for_votes(
    server: &Arc<Server>,
    electorate: &Electorate,
    epoch: u32,
) -> Result<(Vec<(String, Peer)>, Vec<String>), String> {
    let mut asked = JoinSet::new();
    let before = electorate.before.iter().flatten().filter(|it| !electorate.others.contains(it));
    for address in electorate.others.iter().chain(before).cloned() {
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
                // The next try is to be later than that: what it has is to be known first.
                if let Some(later) = text.split_once(LATER).and_then(|(_, epoch)| epoch.parse().ok()) {
                    server.replication.hear_of_epoch(later, epoch);
                    return Err(format!("{address} knows of epoch {later}"));
                }
                // It is there, and may have all keys.
                if text.contains(REFUSES) && Peer::of(server).is_new {
                    return Err(format!("it has no keys, and {address} may have some: {text}"));
                }
                refusals.push(with_address(&address, &text));
            }
            Err(_) => {}
        }
    }
    refusals.sort_unstable();
    Ok((votes, refusals))
}

/// What a server says, with its address; errors of the connection begin with that.
fn with_address(address: &str, text: &str) -> String {
    let begin = format!("{address}: ");
    if text.starts_with(&begin) { text.to_owned() } else { begin + text }
}

async fn ask_for_vote(server: &Server, address: &str, epoch: u32) -> io::Result<Peer> {
    let mut unread = Vec::new();
    let mut stream = dial::connect(server, address, VOTE, &mut unread).await?;
    let (epoch, own, history) = (epoch.to_string(), server.announced(), server.log.position().0);
    let words: [&[u8]; 5] = [b"RINGTAIL", b"VOTE", epoch.as_bytes(), own.as_bytes(), history.as_bytes()];
    Peer::read_from(&dial::ask(&mut stream, &words, &mut unread).await?)
}

/// Gets what another replica has more.
async fn catch_up(server: &Arc<Server>, address: &str, to: &Peer, number: &mut u64) -> Result<(), String> {
    tracing::info!(from = address, offset = to.offset, "another replica has more of the log");
    let follows = role::follow_from(server, address, number).map_err(|error| error.to_string())?;
    if !follows {
        return Err(MEANWHILE.to_owned());
    }
    let mut moved = (Instant::now(), 0);
    loop {
        let link = server.replication.followed().as_ref().map(|it| it.state.link());
        let own = Peer::of(server);
        if link == Some(Link::Up) && is_kin(&own.history, &to.history) && position(&own) >= position(to) {
            return role::end_from(server, number).then_some(()).ok_or_else(|| MEANWHILE.to_owned());
        }
        // All keys may take as long as they take: who sends none is given up by who follows it.
        if link == Some(Link::Syncing) || own.offset != moved.1 {
            moved = (Instant::now(), own.offset);
        }
        if moved.0.elapsed() > CATCH_UP {
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
    let Some(_one) = server.replication.try_to_vote() else {
        return Err(Error::fixed("NOVOTE this server is voting"));
    };
    let (mut number, leads) = role::now(server);
    if leads {
        return Err(Error::fixed(LEADS));
    }
    if server.replication.is_undecided.load(Relaxed) {
        return Err(Error::fixed("NOVOTE this server is loading what it has on disk"));
    }
    let own = epoch_of(&server.log.position().0);
    let seen = server.replication.seen_epoch().max(own);
    if seen >= epoch || !server.replication.hear_of_epoch(epoch, own) {
        return Err(Error::new(format!("{LATER}{seen}")));
    }
    let vote = Promise { epoch, to: address.to_owned(), history: server.log.position().0 };
    let before = promise::of(server);
    if !promise::set(server, Some(vote.clone())) {
        promise::undo(server, &vote, before);
        return Err(Error::fixed("NOVOTE this server's disk fails or hangs: a vote would be forgotten"));
    }
    *server.replication.voted_for() = Some(address.to_owned());
    let follows = role::follow_from(server, address, &mut number);
    if !follows.map_err(|error| Error::new(format!("ERR {error}")))? {
        *server.replication.voted_for() = None;
        promise::undo(server, &vote, before);
        return Err(Error::new(format!("NOVOTE {MEANWHILE}")));
    }
    tracing::warn!(address, epoch, "this server leaves its primary for one that takes over");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::history::{fresh, next};

    fn peer(history: &str, offset: u64) -> Peer {
        let history = history.to_owned();
        Peer {
            leads: false,
            history,
            offset,
            is_new: false,
            follows: None,
            is_up: false,
            stands: 0,
            promised: 0,
            list: List::Unknown,
        }
    }

    fn new() -> Peer {
        Peer { is_new: true, ..peer(&fresh(1), 0) }
    }

    #[test]
    fn an_address_is_said_once() {
        assert_eq!(with_address("h:1", "-NOVOTE no"), "h:1: -NOVOTE no");
        assert_eq!(with_address("h:1", "h:1: Connection refused"), "h:1: Connection refused");
    }

    #[test]
    fn who_has_more_is_who_was_told_later_or_more() {
        let early = fresh(3);
        let (other, late) = (next(&early, 3), next(&early, 4));
        let own = peer(&early, 100);
        for (history, offset, more) in [
            (&early, 101, true),
            (&early, 100, false),
            (&early, 99, false),
            (&late, 5, true),
            (&other, 500, false),
            (&next(&early, 2), 500, false),
            (&fresh(9), 500, false),
        ] {
            assert_eq!(has_more(&peer(history, offset), &own), more, "{history} {offset}");
        }
        // One that has nothing takes what there is, whatever it is called.
        assert!(has_more(&peer(&other, 1), &new()) && has_more(&peer(&other, 0), &new()));
        assert!(!has_more(&new(), &new()) && !has_more(&new(), &own) && !has_more(&peer("?", 0), &new()));
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    /// Whether who has `own` may lead with the votes of these.
    fn may_lead(electorate: &Electorate, own: Peer, votes: &[(&str, Peer)]) -> Result<(), String> {
        let votes = votes.iter().map(|(address, peer)| (address.to_string(), peer.clone())).collect();
        Ballot { own, has_leftovers: false, votes }.check(electorate)
    }

    /// Of A with B and C, where B is to lead.
    fn electorate(others: &[&str], before: Option<&[&str]>) -> Electorate {
        let list = List::of(names(&[others, &["b"]].concat()));
        Electorate { others: names(others), before: before.map(names), list, ack: Ack::Quorum, least: 1 }
    }

    /// Who has all keys keeps them, whatever others are left with.
    #[test]
    fn who_began_with_leftovers_takes_what_most_others_have() {
        let (own, member, stray) = (peer(&fresh(9), 900), fresh(3), peer(&fresh(7), 5000));
        let (one, other) = (peer(&member, 70), peer(&next(&member, 4), 80));
        let all = [("a", one), ("b", other), ("c", stray)];
        let votes: Vec<_> = all.map(|(address, peer)| (address.to_owned(), peer)).into();
        let furthest = |has_leftovers, votes: &[(String, Peer)]| {
            let ballot = Ballot { own: own.clone(), has_leftovers, votes: votes.to_vec() };
            ballot.furthest().map(|(address, _)| address.clone())
        };
        assert_eq!(furthest(true, &votes).as_deref(), Some("b"));
        assert_eq!(furthest(true, &votes[..1]).as_deref(), Some("a"));
        assert_eq!(furthest(true, &[]), None);
        assert_eq!(furthest(false, &votes), None);
    }

    #[test]
    fn with_a_quorum_enough_are_asked_that_one_has_each_write() {
        let (line, all) = (fresh(3), electorate(&["a", "c"], None));
        let own = || peer(&line, 7);
        assert!(may_lead(&all, own(), &[]).unwrap_err().contains("only 1 of its member's 3 servers"));
        assert!(may_lead(&all, own(), &[("c", peer(&next(&line, 2), 5))]).is_ok());
        // It may have had what it has no more, or never had anything.
        for says_nothing in [peer("?", 0), new(), peer(&fresh(9), 500)] {
            assert!(may_lead(&all, own(), &[("c", says_nothing.clone())]).is_err(), "{says_nothing}");
            let both = [("c", says_nothing), ("a", own())];
            assert!(may_lead(&all, own(), &both).is_ok(), "the other two");
        }
        // It has lost its memory: it needs two that have not.
        assert!(may_lead(&all, new(), &[("a", own())]).is_err());
        assert!(may_lead(&all, new(), &[("a", own()), ("c", own())]).is_ok());
        // All is new, or all are there.
        assert!(may_lead(&all, new(), &[("c", new())]).is_ok());
        assert!(may_lead(&all, new(), &[("c", peer("?", 0))]).is_err());
        assert!(may_lead(&all, own(), &[("a", new()), ("c", new())]).is_ok());
        assert!(may_lead(&Electorate { least: 3, ..all }, own(), &[("a", own())]).is_err());
        let local = Electorate { ack: Ack::Local, ..electorate(&["a", "c"], None) };
        assert!(may_lead(&local, own(), &[]).is_ok() && may_lead(&local, new(), &[]).is_ok());
    }

    /// What was acknowledged by servers of the old list may be where the new one does not ask.
    #[test]
    fn after_an_edit_enough_of_the_old_list_are_asked_too() {
        let line = fresh(3);
        let (own, without) = (|| peer(&line, 7), electorate(&["c"], Some(&["a", "c"])));
        assert!(may_lead(&electorate(&["c"], None), own(), &[]).is_ok(), "of two, both have it");
        let why = may_lead(&without, own(), &[]).unwrap_err();
        assert!(why.contains("only 1 of its member's 3 servers of before the last edit"), "{why}");
        assert!(may_lead(&without, own(), &[("c", own())]).is_ok());
        let with_new = electorate(&["c", "d"], Some(&["a", "c"]));
        assert!(may_lead(&with_new, own(), &[("d", new())]).is_err());
        assert!(may_lead(&with_new, own(), &[("d", own())]).is_err());
        assert!(may_lead(&with_new, own(), &[("c", own())]).is_ok());
        // It has heard how far the one was that led by the new list.
        let knows = Peer { list: with_new.list.clone(), ..own() };
        assert!(may_lead(&with_new, own(), &[("d", knows)]).is_ok());
        // A newcomer does not know of whom there were.
        let newcomer = electorate(&["c"], None);
        let knows_of_before = Peer { list: List::Earlier, ..own() };
        assert!(may_lead(&newcomer, new(), &[("c", knows_of_before)]).is_err());
        assert!(may_lead(&newcomer, new(), &[("c", own())]).is_ok());
    }
}
