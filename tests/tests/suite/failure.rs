//! A member that dies, hangs or comes back under load: the others are not held
//! up, its own requests are answered by an error in time, and it works again
//! soon after.

use crate::traffic::{Client, Log, Round, Trouble};
use ringtail_tests::harness::{Options, Pool, Signal, pause, say, wait_for};
use std::time::{Duration, Instant};

/// The deadline of a request in these tests.
const DEADLINE: Duration = Duration::from_secs(1);

/// How much later a loaded machine may be than the clock says.
const SLACK: Duration = Duration::from_millis(700);

/// What is promised after a member's return.
const BACK: Duration = Duration::from_secs(1);

fn options() -> Options {
    Options::args(&["--timeout", "1s"])
}

/// Keys by the member that holds them.
fn keys_by_member(pool: &Pool) -> Vec<Vec<String>> {
    let mut conn = pool.endpoint.open();
    for i in 0..120 {
        assert!(conn.run(&format!("SET key{i} key{i}:0")).is_ok());
    }
    let ports = pool.members.ports();
    let held = |member| {
        let keys = pool.members.endpoint(member).open().run("KEYS *");
        keys.items().iter().map(|key| key.text()).collect::<Vec<_>>()
    };
    (0..ports.len()).map(held).collect()
}

/// Two clients of the member that is about to suffer, and two of the others.
struct Load {
    victim: Vec<Client>,
    others: Vec<Client>,
}

impl Load {
    fn start(pool: &Pool, victim: usize) -> Load {
        let held = keys_by_member(pool);
        let others: Vec<String> = held
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != victim)
            .flat_map(|(_, keys)| keys.clone())
            .collect();
        let load = Load { victim: clients(pool, &held[victim]), others: clients(pool, &others) };
        load.settle();
        load
    }

    /// Waits until every client is well under way.
    fn settle(&self) {
        let all = || self.victim.iter().chain(&self.others);
        let before: Vec<u64> = all().map(Client::fine).collect();
        let on = wait_for(Duration::from_secs(10), || {
            all().zip(&before).all(|(client, before)| client.fine() > before + 50)
        });
        assert!(on, "the clients do not get on");
    }

    fn stop(self) -> (Vec<Log>, Vec<Log>) {
        let stop = |clients: Vec<Client>| clients.into_iter().map(Client::stop).collect();
        (stop(self.victim), stop(self.others))
    }
}

fn clients(pool: &Pool, keys: &[String]) -> Vec<Client> {
    let half = keys.len() / 2;
    assert!(half > 0, "a member holds none of 120 keys");
    [&keys[..half], &keys[half..]].map(|keys| Client::start(&pool.endpoint, keys.to_vec())).into()
}

/// What must hold however a member suffered between `down` and `back`.
fn judge(what: &str, load: Load, down: Instant, back: Instant, address: &str) {
    let (victim, others) = load.stop();
    for log in victim.iter().chain(&others) {
        assert!(log.wrong.is_empty(), "{what}: wrong replies: {:?}", log.wrong);
    }
    for log in &others {
        assert!(log.troubles().is_empty(), "{what}: the others fail: {:?}", log.troubles());
        assert!(log.slowest() < SLACK, "{what}: the others wait {:?}", log.slowest());
    }
    for log in &victim {
        assert!(log.slowest() < DEADLINE + SLACK, "{what}: a request took {:?}", log.slowest());
        let troubles = log.troubles();
        assert!(!troubles.is_empty(), "{what}: nothing happened to the member");
        troubles.iter().for_each(|round| clear(what, round, address));
        let outside = troubles.iter().find(|round| round.at < down || round.at > back + BACK);
        assert!(outside.is_none(), "{what}: fails {:?} after the return", outside.map(|r| r.at - back));
    }
    let again = victim.iter().flat_map(|log| &log.rounds).filter(|r| r.at > back && r.trouble.is_none());
    let first = again.map(|round| round.at - back).min().expect("rounds after the return");
    say(&format!("{what}: works again {first:?} after its return; others at most {:?}", others[0].slowest()));
}

/// An error says which member it is about, and the client keeps its connection.
fn clear(what: &str, round: &Round, address: &str) {
    match &round.trouble {
        Some(Trouble::Error(text)) => {
            assert!(text.contains(address), "{what}: an error that names no member: {text}")
        }
        Some(Trouble::Broken(why)) => panic!("{what}: a client lost its connection: {why}"),
        None => {}
    }
}

fn killed_and_restarted(what: &str, mut pool: Pool) {
    let load = Load::start(&pool, 0);
    let address = format!("127.0.0.1:{}", pool.members.ports()[0]);
    let down = Instant::now();
    pool.members.process(0).kill();
    pause(Duration::from_millis(1500));
    pool.members.restart(0);
    let back = Instant::now();
    pause(BACK);
    load.settle();
    judge(what, load, down, back, &address);
    assert_eq!(pool.process.exited(), None, "{what}: the proxy has ended");
}

fn frozen_and_thawed(what: &str, mut pool: Pool) {
    let load = Load::start(&pool, 1);
    let address = format!("127.0.0.1:{}", pool.members.ports()[1]);
    let down = Instant::now();
    pool.members.process(1).signal(Signal::Stop);
    pause(DEADLINE * 3);
    pool.members.process(1).signal(Signal::Continue);
    let back = Instant::now();
    pause(BACK);
    load.settle();
    judge(what, load, down, back, &address);
    assert_eq!(pool.process.exited(), None, "{what}: the proxy has ended");
}

#[test]
fn a_member_killed_under_load() {
    killed_and_restarted("kill -9", Pool::start(&options()));
}

#[test]
fn a_member_frozen_under_load() {
    frozen_and_thawed("SIGSTOP", Pool::start(&options()));
}

#[test]
fn a_stock_member_killed_under_load() {
    let Some(pool) = Pool::of_redis(&options()) else { return };
    killed_and_restarted("kill -9 of redis-server", pool);
}

#[test]
fn a_stock_member_frozen_under_load() {
    let Some(pool) = Pool::of_redis(&options()) else { return };
    frozen_and_thawed("SIGSTOP of redis-server", pool);
}

#[test]
fn all_members_down_and_back() {
    let mut pool = Pool::start(&options());
    let mut conn = pool.endpoint.open();
    (0..3).for_each(|member| pool.members.process(member).kill());
    for i in 0..20 {
        let asked = Instant::now();
        let reply = conn.run(&format!("GET key{i}"));
        assert!(reply.error().is_some(), "{reply} from a dead member");
        assert!(asked.elapsed() < DEADLINE + SLACK);
    }
    assert_eq!(conn.run("PING").text(), "PONG");
    (0..3).for_each(|member| pool.members.restart(member));
    let fine = wait_for(BACK + SLACK, || (0..20).all(|i| conn.run(&format!("GET key{i}")).error().is_none()));
    assert!(fine, "the pool does not come back");
}

#[test]
fn a_split_command_with_a_dead_member_says_so() {
    let mut pool = Pool::start(&options());
    let held = keys_by_member(&pool);
    let address = format!("127.0.0.1:{}", pool.members.ports()[2]);
    pool.members.process(2).kill();
    let mut conn = pool.endpoint.open();
    let (alive, dead) = (&held[0][0], &held[2][0]);
    // The tag keeps what is deleted on the members of the keys that stay.
    let gone = format!("DEL {{{alive}}}x {{{dead}}}x");
    for command in [format!("MGET {alive} {dead}"), gone, "DBSIZE".into()] {
        let reply = conn.run(&command);
        let error = reply.error().unwrap_or_else(|| panic!("{command}: {reply} though a member is dead"));
        assert!(error.contains(&address), "{command}: {error}");
    }
    assert_eq!(conn.run(&format!("GET {alive}")).text(), format!("{alive}:0"));
}
