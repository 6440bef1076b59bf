//! Has this server be what servers.json says: its member's primary, or a replica of it.
//!
//! The file is obeyed once, when it changes: a later FAILOVER stands until the next edit, and so does a REPLICAOF of another server. Whatever it says, two primaries of a
//! member that meet agree: the one with the earlier log was replaced, and follows. Nobody follows one whose log is earlier than the own one: it is
//! told so instead.

use super::peer::{self, List, Peer};
use super::status::{Following, Link};
use super::takeover::{self, Electorate};
use super::{depose, leads, role, switch};
use crate::log::history::{epoch_of, is_later};
use crate::log::waiting::{Ack, stamp};
use crate::server::Server;
use ringtail_cluster::{Address, Topology, Watcher};
use ringtail_net::{Problem, WatchOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// From one look to the next.
const LOOK: Duration = Duration::from_millis(100);
/// From one question to the other servers to the next.
const ASK: Duration = Duration::from_millis(500);
/// A replica may take over once it could not reach its primary for so long.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Heartbeats come more often than this.
const SILENCE: Duration = Duration::from_secs(2);
/// A replica may miss so many bytes when writes begin to be kept back for it.
const NEAR: u64 = 256 << 10;

/// How long writes may be kept back for a planned switch, and how long they go on at least before the next try.
const HOLD: Duration = Duration::from_secs(3);

/// What was told at start.
#[derive(Clone, Debug)]
pub struct Told {
    /// servers.json
    pub file: PathBuf,
    /// Where this server is in it.
    pub own: Address,
    /// How many copies of a write are wanted.
    pub ack: Ack,
}

/// What the file says that this server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A member's primary, whose replicas are there.
    Primary(Vec<String>),
    /// A replica of this primary; the member's other replicas are there.
    Replica(String, Vec<String>),
    /// It is not in the file.
    Nothing,
}

impl Part {
    /// Of the server at this address.
    pub fn of(topology: &Topology, own: &Address) -> Self {
        let Some(member) = topology.member_at(own).map(|at| &topology.members()[at]) else {
            return Self::Nothing;
        };
        let others: Vec<String> =
            member.replicas.iter().filter(|it| *it != own).map(ToString::to_string).collect();
        match member.addr == *own {
            true => Self::Primary(others),
            false => Self::Replica(member.addr.to_string(), others),
        }
    }

    /// All other servers of the member.
    pub fn others(&self) -> Vec<String> {
        match self {
            Self::Primary(others) => others.clone(),
            Self::Replica(primary, others) => std::iter::once(primary).chain(others).cloned().collect(),
            Self::Nothing => Vec::new(),
        }
    }
}

/// Of those that lead, whom a server that is `own` may follow, and the latest of them.
fn leader_of<'a>(answers: &'a [(String, Peer)], own: &Peer) -> Option<&'a str> {
    let leaders = answers.iter().filter(|(_, peer)| peer.leads && !peer.is_behind(own));
    leaders.max_by_key(|(_, peer)| (!peer.is_new, epoch_of(&peer.history))).map(|(address, _)| &**address)
}

/// The watched file.
pub struct Book {
    told: Told,
    watcher: Watcher,
}

impl Book {
    /// Reads the file.
    ///
    /// # Errors
    /// It is refused.
    pub fn open(told: Told) -> Result<Self, Problem> {
        let watcher = Watcher::start(&told.file, WatchOptions::default()).map_err(|refusal| {
            Problem::new(format!("--servers: {refusal}"), "mend the file, or start without --servers")
        })?;
        Ok(Self { told, watcher })
    }

    /// What it says now.
    pub fn part(&self) -> Part {
        Part::of(&self.watcher.topologies().current(), &self.told.own)
    }

    /// All servers of this server's member, if that is its part.
    fn servers(&self, part: &Part) -> Vec<String> {
        let own = (*part != Part::Nothing).then(|| self.told.own.to_string());
        let mut all: Vec<String> = own.into_iter().chain(part.others()).collect();
        all.sort_unstable();
        all
    }

    /// Whether the file has the server in any member, ...
    fn has(&self, address: &str) -> bool {
        Address::parse(address).is_ok_and(|it| self.watcher.topologies().current().member_at(&it).is_some())
    }

    /// ... and as a primary.
    fn has_primary(&self, address: &str) -> bool {
        self.watcher.topologies().current().members().iter().any(|member| member.addr.to_string() == address)
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.told.file
    }
}

/// Those that answer.
pub async fn ask_all(server: &Arc<Server>, addresses: Vec<String>) -> Vec<(String, Peer)> {
    let mut asked = JoinSet::new();
    for address in addresses {
        let server = Arc::clone(server);
        asked.spawn(async move { (peer::ask(&server, &address).await, address) });
    }
    let mut answers = Vec::new();
    while let Some(answer) = asked.join_next().await {
        if let Ok((Ok(peer), address)) = answer {
            answers.push((address, peer));
        }
    }
    answers
}

/// The thread that looks after it.
pub struct Steward {
    over: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Steward {
    /// Begins, once the server has begun as what it is.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(server: &Arc<Server>, book: Book, first: Part) -> std::io::Result<Self> {
        let (over, ends) = oneshot::channel();
        let server = Arc::clone(server);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("steward".to_owned()).spawn(move || {
            let mut work = Work {
                server,
                book,
                part: first,
                before: None,
                heir: None,
                target: None,
                is_due: true,
                taken: Instant::now(),
                in_touch: Instant::now(),
                asked: None,
                failed: None,
                number: 0,
                said: String::new(),
            };
            work.take(&Part::Nothing);
            // A takeover may wait long for others: it ends where it is.
            runtime.block_on(async {
                tokio::select! {
                    () = work.run() => {}
                    _ = ends => {}
                }
            });
        })?;
        Ok(Self { over, thread })
    }

    /// Ends it, and what it has begun.
    pub fn stop(self, server: &Server) {
        drop(self.over);
        let _ = switch::abort(server);
        if self.thread.join().is_err() {
            tracing::error!("the thread that looks after servers.json has panicked");
        }
    }
}

/// Whether a primary has said something of late, by whom is followed: that one may itself be a replica, of one that is away. While all keys come it
/// may be silent for as long as a script runs.
fn is_in_touch(following: &Following) -> bool {
    match following.link() {
        Link::Down => false,
        Link::Syncing => true,
        Link::Up => following.age_of_word(stamp()) < SILENCE.as_millis() as u64,
    }
}

struct Work {
    server: Arc<Server>,
    book: Book,
    part: Part,
    /// The member's other servers before the file changed, while something may be missing here that was acknowledged by these.
    before: Option<Vec<String>>,
    /// The file has this server no more, and this other one of its member is a primary.
    heir: Option<String>,
    /// The log, and how far it was, of one who leads by the file as it is now: what it had acknowledged before is in that.
    target: Option<(String, u64)>,
    /// The file has changed this server's part, and that is not so yet.
    is_due: bool,
    /// When the file changed.
    taken: Instant,
    /// When a primary was last heard, or the file changed.
    in_touch: Instant,
    /// When the others were asked.
    asked: Option<Instant>,
    /// When a planned switch, or a takeover, has come to nothing.
    failed: Option<Instant>,
    /// The number of the role that it decides by.
    number: u64,
    /// What was told last.
    said: String,
}

impl Work {
    async fn run(&mut self) {
        let mut changes = self.book.watcher.topologies().changes();
        loop {
            let part = self.book.part();
            if part != self.part {
                let before = std::mem::replace(&mut self.part, part);
                self.take(&before);
            }
            self.step().await;
            let _ = timeout(LOOK, changes.changed()).await;
        }
    }

    /// The file says something new.
    fn take(&mut self, before: &Part) {
        (self.is_due, self.taken, self.in_touch) = (true, Instant::now(), Instant::now());
        (self.asked, self.failed) = (None, None);
        self.server.replication.replaced.store(false, Relaxed);
        self.server.replication.is_named.store(self.part != Part::Nothing, Relaxed);
        self.note_list(before);
        self.heir = (self.part == Part::Nothing)
            .then(|| before.others().into_iter().find(|address| self.book.has_primary(address)))
            .flatten();
        if self.part == Part::Nothing {
            return self.leave(before);
        }
        let count = self.part.others().len() + 1;
        self.server.settings.members.store(count, Relaxed);
        self.server.log.set_copies(self.book.told.ack.copies(count));
        self.server.replication.replicas.count_only(self.part.others());
        self.server.replicas_changed();
        let file = self.book.file().display();
        match &self.part {
            Part::Replica(primary, _) => {
                tracing::info!(primary, servers = count, "{file}: this is a replica")
            }
            _ => tracing::info!(servers = count, "{file}: this is the primary"),
        }
    }

    /// The file has it in no member.
    fn leave(&self, before: &Part) {
        let (file, own) = (self.book.file().display(), &self.book.told.own);
        match &self.heir {
            Some(heir) => tracing::warn!(
                heir,
                "{file} has no member with a server at {own} any more: if this server leads, it hands over"
            ),
            None if *before == Part::Nothing => {
                tracing::warn!("{file} has no member with a server at {own}: this server stays what it is")
            }
            None => tracing::warn!(
                "{file} has no member with a server at {own} any more: this server stays what it is"
            ),
        }
    }

    /// If the member has other servers now, writes may have been acknowledged by some of those before that are not here yet.
    fn note_list(&mut self, before: &Part) {
        let (old, new) = (self.book.servers(before), self.book.servers(&self.part));
        if old == new {
            return;
        }
        self.target = None;
        let own = self.book.told.own.to_string();
        if !old.is_empty() {
            self.before.get_or_insert(old.into_iter().filter(|it| *it != own).collect());
        }
        let is_back = self
            .before
            .as_ref()
            .is_some_and(|before| before.len() + 1 == new.len() && before.iter().all(|it| new.contains(it)));
        if is_back {
            self.before = None;
        }
        *self.server.replication.list() = if self.before.is_some() { List::Earlier } else { List::Unknown };
    }

    /// All that was acknowledged by the servers of before is here.
    fn settle(&mut self) {
        (self.before, self.target) = (None, None);
        *self.server.replication.list() = self.list();
    }

    fn list(&self) -> List {
        List::of(self.book.servers(&self.part))
    }

    fn is_settled(&self) -> bool {
        *self.server.replication.list() == self.list()
    }

    /// Hears how far the one is that it follows, if that leads by the file as it is now, and settles once that is here.
    async fn come_to_terms(&mut self, followed: &str) {
        let (history, offset) = self.server.log.position();
        let is_there = |(log, end): &(String, u64)| *log == history && *end <= offset;
        if self.target.as_ref().is_some_and(is_there) && !self.server.replication.is_partial() {
            return self.settle();
        }
        if !self.may_ask() {
            return;
        }
        if let Ok(peer) = peer::ask(&self.server, followed).await
            && peer.leads
            && peer.list == self.list()
        {
            self.target = Some((peer.history, peer.offset));
        }
    }

    async fn step(&mut self) {
        let (leads, followed) = self.look();
        match (self.part.clone(), followed) {
            (part, None) if leads => self.lead(part).await,
            (Part::Nothing, _) => {}
            (_, None) => self.begin().await,
            (Part::Primary(_), Some((address, in_touch))) => self.wait_to_lead(&address, in_touch).await,
            (Part::Replica(primary, _), Some((address, in_touch))) => {
                self.move_to(&primary, &address, in_touch).await;
                if in_touch && !self.is_settled() {
                    self.come_to_terms(&address).await;
                }
            }
        }
    }

    /// Whether this server leads, and whom it follows, and whether that says anything. As of one moment: whatever is decided by it is done only if
    /// it is still so. Between the end of following and the begin of leading it would seem to do neither.
    fn look(&mut self) -> (bool, Option<(String, bool)>) {
        let replication = &self.server.replication;
        let number = replication.changing();
        self.number = *number;
        let followed = replication.followed();
        let followed = followed.as_ref().map(|it| (it.address.clone(), is_in_touch(&it.state)));
        (leads(&self.server), followed)
    }

    /// Whether it is time to ask again.
    fn may_ask(&mut self) -> bool {
        let due = self.asked.is_none_or(|asked| asked.elapsed() >= ASK);
        if due {
            self.asked = Some(Instant::now());
        }
        due
    }

    /// Says what hinders, once.
    fn say(&mut self, text: String) {
        if text != self.said {
            tracing::warn!("{text}");
            self.said = text;
        }
    }

    async fn lead(&mut self, part: Part) {
        let to = match &part {
            Part::Primary(_) => None,
            Part::Replica(primary, _) => Some(primary),
            Part::Nothing => self.heir.as_ref(),
        };
        if self.is_due
            && let Some(to) = to.cloned()
            && self.hand_over(&to)
        {
            return;
        }
        if self.may_ask() {
            self.meet_others(&part).await;
        }
        // Another one may have been heard to lead a later log.
        if part != Part::Nothing && leads(&self.server) {
            self.is_due &= part != Part::Primary(part.others());
            self.settle();
        }
    }

    /// To the replica that the file calls the primary, once it has nearly all. Whether that was tried.
    fn hand_over(&mut self, primary: &str) -> bool {
        let replicas = self.server.replication.replicas.list();
        let there = replicas.iter().find(|it| it.address == primary && it.online.load(Relaxed));
        let Some(replica) = there else {
            self.say(format!("{primary} is to be the primary, and does not follow this server yet"));
            return false;
        };
        let end = self.server.log.position().1;
        let has_failed = self.failed.is_some_and(|at| at.elapsed() < HOLD);
        // Nothing is begun that would keep the server from ending.
        if replica.acked.load(Relaxed) + NEAR < end || has_failed || self.server.shutdown.is_triggered() {
            return false;
        }
        match switch::hand_over_here(&self.server, primary, HOLD) {
            Ok(done) => {
                self.is_due = !done;
                self.failed = (!done).then(Instant::now);
            }
            Err(error) => self.say(format!("{primary} is to be the primary: {}", error.text())),
        }
        true
    }

    /// Tells the others which log is led here, and hears whether one of them has a later one: then this server leads no more.
    async fn meet_others(&mut self, part: &Part) {
        let following: Vec<String> =
            self.server.replication.replicas.list().iter().map(|it| it.address.clone()).collect();
        let others = part.others().into_iter().chain(self.heir.clone());
        let others = others.filter(|address| !following.contains(address)).collect();
        let answers = ask_all(&self.server, others).await;
        let own = Peer::of(&self.server);
        if !own.leads {
            self.asked = None;
            return;
        }
        // The file decides between those of one epoch, or of two lines. But nobody gives up what it has for one that has nothing.
        let is_primary = |address: &str| matches!(part, Part::Replica(primary, _) if primary == address);
        let leader = leader_of(&answers, &own);
        if let Some(address) = leader.filter(|it| own.is_new || is_primary(it)) {
            let is_new = answers.iter().any(|(at, peer)| at == address && peer.is_new);
            if !is_new || is_primary(address) {
                self.follow(address);
            }
        } else if *part == Part::Primary(part.others())
            && own.is_new
            && answers.iter().any(|(_, peer)| peer.has_log())
        {
            tracing::warn!(
                "other servers of this member have keys, and this one has none: it gets them before it leads"
            );
            depose(&self.server);
            self.is_due = true;
        }
    }

    /// It neither leads nor follows: it has been started, or was replaced.
    async fn begin(&mut self) {
        if !self.may_ask() {
            return;
        }
        let answers = ask_all(&self.server, self.part.others()).await;
        let own = Peer::of(&self.server);
        if let Some(address) = leader_of(&answers, &own) {
            self.follow(address);
            return;
        }
        let replaced = self.server.replication.replaced.load(Relaxed);
        let is_later = |(_, peer): &(String, Peer)| is_later(&peer.history, &own.history);
        match &self.part {
            Part::Primary(_) if !replaced || self.is_due => self.try_to_lead(1).await,
            // Who replaced it is gone, and what that had acknowledged is there.
            Part::Primary(_) if answers.iter().any(is_later) => self.end_the_interregnum("").await,
            Part::Replica(primary, _) => self.follow(&primary.clone()),
            _ => {
                self.say("this server was replaced, and no other of its member says that it leads".to_owned())
            }
        }
    }

    fn follow(&mut self, address: &str) {
        match role::follow_from(&self.server, address, &mut self.number) {
            Ok(false) => tracing::debug!(address, "not followed: this server has another role meanwhile"),
            Ok(true) => {
                self.is_due &= !matches!(&self.part, Part::Replica(primary, _) if primary == address);
                tracing::info!(primary = address, "this server follows from now on");
            }
            Err(error) => self.say(format!("no thread to follow {address} with: {error}")),
        }
    }

    /// The primary hands over by itself; one that can't be reached is done without.
    async fn wait_to_lead(&mut self, followed: &str, in_touch: bool) {
        if in_touch {
            self.in_touch = Instant::now();
        }
        let is_own = self.part.others().iter().any(|it| it == followed);
        if !is_own && self.book.has(followed) {
            // It goes on with its own keys, and this server with a copy of them.
            self.before = None;
        }
        if self.is_due && self.may_ask() {
            if self.follow_the_leader(followed).await {
                return;
            }
            let hands_over =
                is_own || self.before.as_ref().is_some_and(|it| it.iter().any(|it| it == followed));
            if in_touch && !hands_over && self.failed.is_none_or(|at| at.elapsed() > PATIENCE) {
                // It is not of this member, and will not.
                return self.try_to_lead(1).await;
            }
        }
        if self.in_touch.elapsed() < PATIENCE {
            return;
        }
        self.in_touch = Instant::now();
        match self.is_due {
            true => self.try_to_lead(1).await,
            // What is followed outside of the member was an operator's word.
            false if is_own => self.end_the_interregnum(followed).await,
            false => {}
        }
    }

    /// The file was obeyed long ago, and whom is followed since has no primary. As nobody says now who is to lead, all have to be there, so that
    /// none leads behind a link that is cut.
    async fn end_the_interregnum(&mut self, followed: &str) {
        let others = self.part.others();
        let answers = ask_all(&self.server, others.clone()).await;
        match leader_of(&answers, &Peer::of(&self.server)) {
            Some(address) if address == followed => {
                let text = format!("{address} leads, and this server has no link to it");
                return self.say(text);
            }
            Some(address) => return self.follow(address),
            None => {}
        }
        let silent: Vec<_> =
            others.iter().filter(|it| !answers.iter().any(|(address, _)| address == *it)).cloned().collect();
        match silent.is_empty() {
            true => self.try_to_lead(others.len() + 1).await,
            false => self.say(format!(
                "no server of this member leads; it may be {}, which does not answer: waiting for it, or for an edit of servers.json",
                silent.join(" or ")
            )),
        }
    }

    /// It is the one that leads that hands over, and only to who follows it, not to who follows a replica of it. Whether another one is followed
    /// now.
    async fn follow_the_leader(&mut self, followed: &str) -> bool {
        let answers = ask_all(&self.server, self.part.others()).await;
        let leader = leader_of(&answers, &Peer::of(&self.server)).filter(|address| *address != followed);
        if let Some(address) = leader {
            self.follow(address);
        }
        leader.is_some()
    }

    /// With the votes of so many servers at least, this one's too.
    async fn try_to_lead(&mut self, least: usize) {
        let electorate = Electorate {
            others: self.part.others(),
            before: self.before.clone(),
            list: self.list(),
            ack: self.book.told.ack,
            least,
        };
        match takeover::take_over(&self.server, &electorate, self.number).await {
            Ok(()) => self.is_due = false,
            Err(why) => {
                self.failed = Some(Instant::now());
                self.say(format!("this server is to be the primary, and can't be yet: {why}"));
            }
        }
    }

    /// Follows the file's primary, once that leads; and whoever leads, if whom it follows is gone.
    async fn move_to(&mut self, primary: &str, followed: &str, in_touch: bool) {
        if in_touch {
            self.in_touch = Instant::now();
        }
        if primary == followed {
            self.is_due = false;
        }
        // What is followed outside of the member was an operator's word.
        let is_lost =
            self.in_touch.elapsed() > PATIENCE && self.part.others().iter().any(|it| it == followed);
        if !(self.is_due || is_lost) || !self.may_ask() {
            return;
        }
        if is_lost && self.follow_the_leader(followed).await {
            return;
        }
        let own = Peer::of(&self.server);
        if !self.is_due {
            return;
        }
        if peer::ask(&self.server, primary).await.is_ok_and(|peer| peer.leads && !peer.is_behind(&own)) {
            self.follow(primary);
        } else if self.taken.elapsed() > PATIENCE {
            self.say(format!(
                "{primary} is to be the primary, and does not lead yet: {followed} is followed until then"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::history::{fresh, next};
    use ringtail_cluster::Servers;

    /// Whoever else leads is told instead.
    #[test]
    fn the_latest_that_leads_is_followed_and_none_that_is_behind() {
        let own = fresh(5);
        let answers: Vec<_> = [
            ("earlier", format!("primary {} 9 - down -", next(&own, 4))),
            ("same", format!("primary {own} 9 - down -")),
            ("later", format!("primary {} 9 - down -", next(&own, 6))),
            ("replica", format!("replica {} 9 - down -", next(&own, 7))),
            ("empty", format!("primary {} - - down -", next(&own, 8))),
        ]
        .map(|(address, line)| (address.to_owned(), Peer::read_from(&line).unwrap()))
        .to_vec();
        let of = |own: &str, range| {
            let own = Peer::read_from(&format!("replica {own} - down -")).unwrap();
            leader_of(&answers[range], &own)
        };
        let full = format!("{own} 9");
        assert_eq!(of(&full, 0..5), Some("later"));
        assert_eq!(of(&full, 0..2), Some("same"));
        assert_eq!((of(&full, 0..1), of(&full, 3..5)), (None, None));
        let empty = format!("{own} -");
        assert_eq!((of(&empty, 0..1), of(&empty, 3..5)), (Some("earlier"), Some("empty")));
        assert_eq!(of(&empty, 0..5), Some("later"), "rather than one that has nothing");
    }

    #[test]
    fn the_file_says_what_a_server_is() {
        let json = br#"[{"addr": "h:1"}, {"name": "a", "addr": "h:2", "replicas": ["h:3", "h:4"]}]"#;
        let servers = Servers::parse(json, Path::new("servers.json")).unwrap();
        let topology = Topology::new(servers, 1);
        let part = |own: &str| Part::of(&topology, &Address::parse(own).unwrap());
        let all = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(part("h:1"), Part::Primary(vec![]));
        assert_eq!(part("h:2"), Part::Primary(all(&["h:3", "h:4"])));
        assert_eq!(part("h:4"), Part::Replica("h:2".to_owned(), all(&["h:3"])));
        assert_eq!(part("h:5"), Part::Nothing);
        assert_eq!((part("h:4").others(), part("h:5").others()), (all(&["h:2", "h:3"]), vec![]));
    }
}
