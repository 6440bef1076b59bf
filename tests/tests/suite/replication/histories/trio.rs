//! Three servers with the same keys, the links between them, and an operator who knows who leads.

use super::super::{WITHIN, equal, info, offset, server};
use super::clients::Board;
use super::rules::Rules;
use ringtail_tests::harness::{Link, Server, free_port, say, scratch, wait_for};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

/// How many there are.
pub(super) const SERVERS: usize = 3;

/// How long FAILOVER may take.
const HAND_OVER: Duration = Duration::from_secs(1);

pub(super) struct Trio {
    servers: Vec<Server>,
    /// By who follows and who is followed.
    links: Vec<Vec<Link>>,
    /// Where packets can be dropped.
    rules: Option<Rules>,
    dirs: Option<PathBuf>,
    pub(super) leader: usize,
    /// The name of the leader's log.
    history: String,
    /// Who may have lost what it had, and has not got all of it again.
    recovering: [bool; SERVERS],
    pub(super) board: Arc<Board>,
    began: Instant,
    /// What was done to them.
    pub(super) story: Vec<String>,
}

impl Trio {
    /// The first leads. With a disk, all write logs.
    pub(super) fn start(with_disk: bool) -> Self {
        let dirs = with_disk.then(|| scratch("histories"));
        let servers: Vec<Server> =
            (0..SERVERS).map(|id| server(&words(&arguments(&dirs, id, None)))).collect();
        let ports: Vec<u16> = servers.iter().map(|server| server.endpoint.port).collect();
        let links = (0..SERVERS).map(|_| ports.iter().map(|port| Link::to(*port)).collect()).collect();
        let mut trio = Self {
            servers,
            links,
            rules: Rules::begin(),
            dirs,
            leader: 0,
            history: String::new(),
            recovering: [false; SERVERS],
            board: Arc::new(Board::of(&ports)),
            began: Instant::now(),
            story: Vec::new(),
        };
        trio.history = trio.field(0, "master_replid");
        (1..SERVERS).for_each(|id| trio.follow(id));
        trio.recovering = [false, true, true];
        trio.settle();
        trio
    }

    pub(super) fn tell(&mut self, what: &str) {
        self.story.push(format!("{:>6} ms: {what}", self.began.elapsed().as_millis()));
    }

    /// Those that do not lead.
    pub(super) fn others(&self) -> Vec<usize> {
        (0..SERVERS).filter(|id| *id != self.leader).collect()
    }

    /// The link by which one follows the leader.
    pub(super) fn link(&self, id: usize) -> &Link {
        &self.links[id][self.leader]
    }

    pub(super) fn server(&self, id: usize) -> &Server {
        &self.servers[id]
    }

    pub(super) fn heal(&self) {
        self.rules.iter().for_each(Rules::heal);
        self.links.iter().flatten().for_each(|link| link.heal());
    }

    /// Loses packets of the link by which one follows the leader: those to the leader, those from it, or both.
    pub(super) fn lose(&mut self, id: usize, to: bool, from: bool) {
        self.tell(&format!("lose packets of {id}: to the leader {to}, from it {from}"));
        let (Some(rules), port) = (&self.rules, self.link(id).port()) else { return };
        let lost = [("--dport", to), ("--sport", from)].into_iter().filter(|(_, lost)| *lost);
        lost.for_each(|(direction, _)| rules.lose(direction, port));
    }

    fn field(&self, id: usize, field: &str) -> String {
        info(&mut self.servers[id].endpoint.open(), field)
    }

    fn order(&self, id: usize, line: &str) {
        let mut conn = self.servers[id].endpoint.open();
        let mut said = conn.run(line);
        // One that was started a moment ago loads its files.
        let done = wait_for(WITHIN, || {
            let is_loading = said.error().is_some_and(|why| why.starts_with("LOADING"));
            if is_loading {
                said = conn.run(line);
            }
            !is_loading
        });
        assert!(done && said.error().is_none(), "{line}: {said}");
    }

    fn follow(&self, id: usize) {
        self.order(id, &format!("REPLICAOF 127.0.0.1 {}", self.link(id).port()));
    }

    /// Waits until all have what was acknowledged. Two servers that have lost their memory at once are more than a quorum of three bears.
    pub(super) fn settle(&mut self) {
        for id in (0..SERVERS).filter(|id| self.recovering[*id]) {
            self.link(id).heal();
            self.rules.iter().for_each(Rules::heal);
            let is_back = wait_for(WITHIN, || {
                self.field(id, "role") == "slave" && self.field(id, "master_link_status") == "up"
            });
            assert!(is_back, "{id} does not follow");
        }
        self.recovering = [false; SERVERS];
    }

    /// `kill -9`, and back as an empty replica, or with what was on its disk.
    pub(super) fn kill(&mut self, id: usize) {
        self.settle();
        self.tell(&format!("kill {id}"));
        self.servers[id].process.kill();
        self.recovering[id] = true;
    }

    pub(super) fn restart(&mut self, id: usize) {
        self.tell(&format!("restart {id}"));
        let link = self.link(id).port();
        let arguments = arguments(&self.dirs, id, Some(link));
        self.servers[id].restart_with(&[&["--threads", "2"][..], &words(&arguments)].concat());
    }

    /// Has the furthest of the others lead, once the one that led can't any more.
    pub(super) fn promote_furthest(&mut self) {
        let (others, old) = (self.others(), self.leader);
        let place = |id: &usize| {
            let mut conn = self.servers[*id].endpoint.open();
            // Offsets of another log say nothing.
            (info(&mut conn, "master_replid") == self.history, offset(&mut conn))
        };
        let places: Vec<_> = others.iter().map(|id| (place(id), *id)).collect();
        let ((_, end), furthest) = places.iter().max().expect("two others");
        self.tell(&format!("{furthest} leads from {end} on, of {places:?}"));
        self.order(*furthest, "REPLICAOF NO ONE");
        self.leads(*furthest);
        others.into_iter().filter(|id| id != furthest).for_each(|id| self.follow(id));
        self.recovering[old] = true;
    }

    fn leads(&mut self, id: usize) {
        self.leader = id;
        // It has what was acknowledged, whatever it had lost before.
        self.recovering[id] = false;
        self.history = self.field(id, "master_replid");
        assert_eq!(self.field(id, "role"), "master");
        self.board.leader.store(id, SeqCst);
    }

    /// The leader is told to follow another, who leads then.
    pub(super) fn depose(&mut self) {
        self.settle();
        let old = self.leader;
        self.tell(&format!("depose {old}"));
        self.order(old, &format!("REPLICAOF 127.0.0.1 {}", free_port()));
        self.promote_furthest();
        self.follow(old);
    }

    /// FAILOVER, which may come to nothing.
    pub(super) fn hand_over(&mut self) {
        let old = self.leader;
        let request = format!("FAILOVER TIMEOUT {}", HAND_OVER.as_millis());
        let said = self.servers[old].endpoint.open().run(&request);
        self.tell(&format!("{old} hands over: {said}"));
        if said.error().is_some() {
            return;
        }
        let is_over = || {
            let is_leader = self.field(old, "role") == "master";
            !is_leader || self.field(old, "master_failover_state") == "no-failover"
        };
        assert!(wait_for(WITHIN, is_over), "it hands over without an end");
        if self.field(old, "role") == "master" {
            return self.tell("it leads on");
        }
        let port: u16 = self.field(old, "master_port").parse().expect("a port");
        let new = self.servers.iter().position(|server| server.endpoint.port == port).expect("one of three");
        if !wait_for(2 * HAND_OVER, || self.field(new, "role") == "master") {
            self.tell(&format!("{new} was not reached by its order to lead"));
            self.order(new, "REPLICAOF NO ONE");
        }
        self.tell(&format!("{new} leads"));
        self.leads(new);
        self.others().into_iter().for_each(|id| self.follow(id));
        self.recovering[old] = true;
    }

    /// All in order again, and the same everywhere.
    pub(super) fn end(&mut self) {
        self.heal();
        self.others().into_iter().for_each(|id| self.recovering[id] = true);
        self.settle();
        let leader = &self.servers[self.leader];
        self.others().into_iter().for_each(|id| equal(leader, &self.servers[id]));
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        self.servers.iter_mut().for_each(|server| server.process.kill());
        if std::thread::panicking() {
            say(&self.story.join("\n"));
        } else if let Some(dirs) = &self.dirs {
            let _ = std::fs::remove_dir_all(dirs);
        }
    }
}

fn arguments(dirs: &Option<PathBuf>, id: usize, primary: Option<u16>) -> Vec<String> {
    let mut all = format!("--ack quorum --copies {SERVERS}");
    if let Some(dirs) = dirs {
        all += &format!(" --log everysec --dir {}", dirs.join(id.to_string()).display());
    }
    if let Some(port) = primary {
        all += &format!(" --replicaof 127.0.0.1:{port}");
    }
    all.split(' ').map(str::to_owned).collect()
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}
