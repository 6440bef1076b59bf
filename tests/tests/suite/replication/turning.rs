//! Clients of a proxy, while the primary behind it becomes another one.

use super::{WITHIN, equal, in_step, info, replica_of, server};
use ringtail_tests::harness::{
    Options, Process, Server, free_port, ours, pause, scratch, start_proxy, wait_for,
};
use ringtail_tests::resp::{Conn, Endpoint, Value, request};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Two servers of one member, a member of one server, and a proxy before them.
struct Turning {
    servers: [Server; 2],
    single: Server,
    proxy: Process,
    endpoint: Endpoint,
    file: PathBuf,
    /// The primary is changed by an edit of the file, else by FAILOVER.
    by_edit: bool,
}

impl Turning {
    fn by_failover() -> Self {
        let primary = server(&[]);
        let replica = replica_of(&primary.endpoint, &[]);
        Self::before([primary, replica], scratch("turning").join("servers.json"), false)
    }

    fn by_edit() -> Self {
        let file = scratch("turning").join("servers.json");
        // They look for themselves in it once it is edited.
        std::fs::write(&file, r#"[{"addr":"127.0.0.1:1"}]"#).expect("servers.json");
        let servers = [(); 2].map(|()| server(&["--servers", file.to_str().expect("a path")]));
        Self::before(servers, file, true)
    }

    fn before(servers: [Server; 2], file: PathBuf, by_edit: bool) -> Self {
        let single = server(&[]);
        write(&file, [&servers[0], &servers[1]], &single);
        in_step(&servers[0], &servers[1]);
        // On a busy machine a pause may be long, and is no error.
        let options = Options::args(&["--threads", "2", "--timeout", "10s"]);
        let (proxy, endpoint) = start_proxy(&options, &file);
        Self { servers, single, proxy, endpoint, file, by_edit }
    }

    /// Has a proxy before them whose users are the servers'. To who has not said who it is it says nothing else.
    fn pass_users_through(&mut self) {
        self.endpoint = Endpoint { port: free_port(), tls: None, password: None };
        let mut command = Command::new(ours("ringtail-proxy"));
        command
            .args(["--addr", &format!("127.0.0.1:{}", self.endpoint.port)])
            .arg("--servers")
            .arg(&self.file);
        command.args(["--threads", "2", "--timeout", "10s", "--acl-pass-through"]);
        self.proxy = Process::start("ringtail-proxy", &mut command);
        let lets_in = || {
            self.endpoint
                .connect()
                .is_ok_and(|mut conn| conn.try_call(&["PING"]).is_ok_and(|it| it.error().is_some()))
        };
        assert!(wait_for(WITHIN, lets_in), "{}", self.proxy.output());
    }

    /// Hands over so many times, with a pause before each.
    fn to_and_fro(&self, times: usize) {
        for at in 0..times {
            pause(Duration::from_millis(150));
            let (old, new) = (&self.servers[at % 2], &self.servers[(at + 1) % 2]);
            match self.by_edit {
                true => write(&self.file, [new, old], &self.single),
                false => assert!(old.endpoint.open().run("FAILOVER").is_ok()),
            }
            let (old, new) = (&old.endpoint, &new.endpoint);
            let is = |at: &Endpoint, role| info(&mut at.open(), "role") == role;
            assert!(wait_for(WITHIN, || is(new, "master") && is(old, "slave")), "it is not handed over");
            let follows = || info(&mut old.open(), "master_link_status") == "up";
            assert!(wait_for(WITHIN, follows), "the old primary does not follow");
        }
    }

    /// Runs `work` in so many clients until the primary has been handed over so many times: what they counted.
    fn meanwhile(
        &self,
        clients: usize,
        times: usize,
        work: impl Fn(&mut Conn, usize, &AtomicBool) -> i64 + Sync,
    ) -> Vec<i64> {
        let over = AtomicBool::new(false);
        let (over, work, endpoint) = (&over, &work, &self.endpoint);
        std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..clients).map(|id| scope.spawn(move || work(&mut endpoint.open(), id, over))).collect();
            // However it goes, the clients end.
            let ends = End(over);
            self.to_and_fro(times);
            drop(ends);
            all.into_iter().map(|client| client.join().expect("a client")).collect()
        })
    }
}

/// Writes a servers.json in which the first of the pair leads.
fn write(file: &Path, pair: [&Server; 2], single: &Server) {
    let [first, second, single] =
        [pair[0], pair[1], single].map(|server| format!("127.0.0.1:{}", server.endpoint.port));
    let json = format!(
        r#"[{{"name":"pair","addr":"{first}","replicas":["{second}"]}}, {{"name":"single","addr":"{single}"}}]"#
    );
    let new = file.with_extension("new");
    std::fs::write(&new, json).and_then(|()| std::fs::rename(&new, file)).expect("servers.json");
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn words(line: &str) -> Vec<u8> {
    request(&line.split(' ').collect::<Vec<_>>())
}

fn int(answer: &Value) -> i64 {
    assert!(answer.error().is_none(), "{answer}");
    answer.int()
}

/// Counts in a database and at a key of its own, in a pipeline of single requests and transactions: each answer is the next number.
fn count(conn: &mut Conn, id: usize, over: &AtomicBool) -> i64 {
    assert!(conn.run(&format!("SELECT {}", id % 4)).is_ok());
    let (mut sent, mut last) = (0, 0);
    let incr = words(&format!("INCR own{id}"));
    let round = [&incr[..], &words("MULTI"), &incr, &words("INCR all"), &words("EXEC"), &incr].concat();
    while !over.load(Relaxed) {
        for _ in 0..20 {
            conn.send(&round).expect("the proxy takes it");
            sent += 3;
        }
        while last < sent {
            last += 3;
            assert_eq!(int(&conn.read().expect("an answer")), last - 2);
            for wanted in ["OK", "QUEUED", "QUEUED"] {
                assert_eq!(conn.read().expect("an answer").text(), wanted);
            }
            let done = conn.read().expect("an answer");
            assert!(done.error().is_none(), "{done}");
            assert_eq!(done.items()[0].int(), last - 1);
            assert_eq!(int(&conn.read().expect("an answer")), last);
        }
    }
    last
}

#[test]
fn pipelines_go_on_without_an_error_a_loss_or_another_order() {
    let all = Turning::by_failover();
    let counted = all.meanwhile(8, 8, count);
    check(&all, &counted);
}

#[test]
fn an_edit_that_swaps_primary_and_replica_is_a_pause() {
    let all = Turning::by_edit();
    let counted = all.meanwhile(8, 4, count);
    check(&all, &counted);
}

fn check(all: &Turning, counted: &[i64]) {
    let mut conn = all.endpoint.open();
    for (id, counted) in counted.iter().enumerate() {
        assert!(*counted > 0);
        assert!(conn.run(&format!("SELECT {}", id % 4)).is_ok());
        assert_eq!(conn.run(&format!("GET own{id}")).text(), counted.to_string(), "client {id}");
    }
    for db in 0..4 {
        assert!(conn.run(&format!("SELECT {db}")).is_ok());
        let sum: i64 = counted.iter().skip(db).step_by(4).map(|counted| counted / 3).sum();
        assert_eq!(conn.run("GET all").text(), sum.to_string(), "database {db}");
    }
    let turns =
        all.proxy.output().lines().filter(|line| line.contains("member turned to its new primary")).count();
    assert!(turns >= 4, "{turns} turns:\n{}", all.proxy.output());
    equal(&all.servers[0], &all.servers[1]);
}

/// What needs a connection of its own, over members too: scripts, transactions of several members, commands that wait, large values, WATCH.
fn count_in_other_ways(conn: &mut Conn, id: usize, over: &AtomicBool) -> i64 {
    let (mut done, large) = (0, "x".repeat(300 << 10));
    let keys: Vec<String> = (0..8).map(|n| format!("k{n}:{id}")).collect();
    while !over.load(Relaxed) {
        done += 1;
        let script = "return redis.call('INCR', KEYS[1])";
        assert_eq!(int(&conn.call(&["EVAL", script, "1", &format!("script{id}")])), done);
        assert!(conn.run("MULTI").is_ok());
        keys.iter().for_each(|key| assert_eq!(conn.call(&["INCR", key]).text(), "QUEUED"));
        let exec = conn.run("EXEC");
        assert!(exec.error().is_none(), "{exec}");
        exec.items().iter().for_each(|answer| assert_eq!(int(answer), done));
        let list = format!("list{id}");
        assert_eq!(int(&conn.call(&["RPUSH", &list, &done.to_string()])), 1);
        assert_eq!(conn.call(&["BLPOP", &list, "0"]).items()[1].text(), done.to_string());
        assert!(conn.call(&["SET", &format!("large{id}"), &large]).is_ok());
        assert_eq!(conn.call(&["GET", &format!("large{id}")]).text().len(), large.len());
        while !watched_incr(conn, &format!("watched{id}"), done) {}
        let size = conn.run("DBSIZE");
        assert!(size.error().is_none(), "{size}");
    }
    done
}

/// An increment by WATCH; whether it was done.
fn watched_incr(conn: &mut Conn, key: &str, to: i64) -> bool {
    assert!(conn.call(&["WATCH", key]).is_ok());
    let before = conn.call(&["GET", key]);
    assert!(before.error().is_none(), "{before}");
    let number = before.bytes().map_or(0, |_| before.text().parse().expect("a number"));
    assert_eq!(number, to - 1);
    assert!(conn.run("MULTI").is_ok());
    assert_eq!(conn.call(&["SET", key, &to.to_string()]).text(), "QUEUED");
    let exec = conn.run("EXEC");
    assert!(exec.error().is_none(), "{exec}");
    !matches!(exec, Value::Nil | Value::NilArray)
}

#[test]
fn what_needs_a_connection_of_its_own_goes_on_too() {
    let all = Turning::by_failover();
    let counted = all.meanwhile(4, 6, count_in_other_ways);
    let mut conn = all.endpoint.open();
    for (id, counted) in counted.iter().enumerate() {
        assert!(*counted > 0);
        for key in [format!("script{id}"), format!("k3:{id}"), format!("watched{id}")] {
            assert_eq!(conn.call(&["GET", &key]).text(), counted.to_string(), "{key}");
        }
    }
    equal(&all.servers[0], &all.servers[1]);
}

#[test]
fn who_waits_and_who_listens_goes_on_at_the_new_primary() {
    let all = Turning::by_failover();
    let (mut waits, mut listens, mut conn) = (all.endpoint.open(), all.endpoint.open(), all.endpoint.open());
    waits.set_patience(WITHIN);
    let lists: Vec<String> = (0..8).map(|n| format!("list{n}")).collect();
    waits.send(&request(&["BLPOP", &lists[0], "0"])).expect("sent");
    assert_eq!(listens.run("SUBSCRIBE news").items()[1].text(), "news");
    all.to_and_fro(1);
    assert_eq!(int(&conn.call(&["RPUSH", &lists[0], "element"])), 1);
    assert_eq!(waits.read().expect("an answer").items()[1].text(), "element");
    let heard = wait_for(WITHIN, || int(&conn.run("PUBLISH news flash")) > 0);
    assert!(heard, "nobody listens at the new primary");
    assert_eq!(listens.read().expect("a message").items()[2].text(), "flash");
}

/// Connections of a user turn as others do, whatever the user may run.
#[test]
fn users_that_the_servers_know_turn_with_the_primary() {
    let mut all = Turning::by_failover();
    for server in all.servers.iter().chain([&all.single]) {
        let rules = "ACL SETUSER lim on nopass ~* -@all +@connection +@read +@write";
        assert!(server.endpoint.open().run(rules).is_ok());
    }
    all.pass_users_through();
    all.meanwhile(2, 3, |conn, id, over| {
        assert!(conn.run("AUTH lim any").is_ok());
        let mut last = 0;
        while !over.load(Relaxed) {
            last += 1;
            for n in 0..8 {
                assert_eq!(int(&conn.run(&format!("INCR user{id}-{n}"))), last);
            }
        }
        last
    });
}
