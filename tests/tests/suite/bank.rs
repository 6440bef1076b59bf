//! A bank whose accounts are spread over all members: money moves between them by MULTI and by WATCH, and no audit ever
//! sees a coin too many or too few, but for the transfers that were reported to be half done.

use ringtail_tests::harness::{Options, Pool, Signal, pause, say, start_proxy, wait_for};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const ACCOUNTS: usize = 24;
const START: i64 = 1000;
const CLIENTS: u64 = 6;
const AUDITORS: u64 = 2;

fn account(index: usize) -> String {
    format!("account:{index}")
}

/// What all clients of one bank count together.
#[derive(Default)]
struct Books {
    stop: AtomicBool,
    transfers: AtomicU64,
    refused: AtomicU64,
    audits: AtomicU64,
    /// Money moves between all accounts, not only between those that are audited.
    all: AtomicBool,
    /// Coins of transfers of which a half may be missing.
    in_doubt: AtomicI64,
    doubts: AtomicU64,
}

impl Books {
    /// What EXEC answered: whether the transfer was made.
    fn note(&self, answer: &Result<Value, std::io::Error>, amount: i64) {
        match answer {
            Ok(Value::Array(_)) => {
                self.transfers.fetch_add(1, SeqCst);
            }
            Ok(Value::NilArray) => {
                self.refused.fetch_add(1, SeqCst);
            }
            // Nothing was sent, or nothing was run: so the error says, and so it must be.
            Ok(Value::Error(text)) if text.starts_with("EXECABORT") || text.contains("nothing was sent") => {
                self.refused.fetch_add(1, SeqCst);
            }
            _ => {
                self.in_doubt.fetch_add(amount, SeqCst);
                self.doubts.fetch_add(1, SeqCst);
            }
        }
    }
}

/// One client: a connection to one of the proxies, made anew when it breaks.
struct Teller<'a> {
    proxies: &'a [Endpoint],
    conn: Option<Conn>,
    random: fastrand::Rng,
    books: &'a Books,
}

impl Teller<'_> {
    fn conn(&mut self) -> Option<&mut Conn> {
        if self.conn.is_none() {
            let at = self.random.usize(..self.proxies.len());
            self.conn = self.proxies[at].connect().ok();
        }
        self.conn.as_mut()
    }

    fn call(&mut self, words: &[&str]) -> Result<Value, std::io::Error> {
        let Some(conn) = self.conn() else { return Err(std::io::Error::other("no proxy")) };
        let answer = conn.try_call(words);
        if answer.is_err() {
            self.conn = None;
        }
        answer
    }

    /// MULTI: from one account to another.
    fn transfer(&mut self, from: &str, to: &str, amount: i64) {
        let coins = amount.to_string();
        let requests =
            [vec!["MULTI"], vec!["DECRBY", from, &coins], vec!["INCRBY", to, &coins], vec!["EXEC"]];
        let Some(conn) = self.conn() else { return };
        let answers = conn.try_pipeline(&requests);
        if answers.is_err() {
            self.conn = None;
        }
        self.books.note(&answers.map(|mut answers| answers.remove(3)), amount);
    }

    /// WATCH, read both, and write what they should be: nothing if somebody else was faster.
    fn swap(&mut self, from: &str, to: &str, amount: i64) {
        let Some((left, right)) = self.watched(from, to) else {
            self.conn = None;
            return;
        };
        let (left, right) = ((left - amount).to_string(), (right + amount).to_string());
        let requests = [vec!["MULTI"], vec!["SET", from, &left], vec!["SET", to, &right], vec!["EXEC"]];
        let Some(conn) = self.conn.as_mut() else { return };
        let answers = conn.try_pipeline(&requests);
        if answers.is_err() {
            self.conn = None;
        }
        self.books.note(&answers.map(|mut answers| answers.remove(3)), amount);
    }

    fn watched(&mut self, from: &str, to: &str) -> Option<(i64, i64)> {
        self.call(&["WATCH", from, to]).ok().filter(Value::is_ok)?;
        let number = |value: Value| value.bytes().and_then(|_| value.text().parse::<i64>().ok());
        let left = self.call(&["GET", from]).ok().and_then(number)?;
        let right = self.call(&["GET", to]).ok().and_then(number)?;
        Some((left, right))
    }

    fn run(mut self, all: &[String], audited: &[String]) {
        while !self.books.stop.load(SeqCst) {
            let accounts = if self.books.all.load(SeqCst) { all } else { audited };
            let (from, to) = (self.random.usize(..accounts.len()), self.random.usize(..accounts.len()));
            let amount = self.random.i64(1..10);
            if from == to {
                continue;
            }
            match self.random.bool() {
                true => self.transfer(&accounts[from], &accounts[to], amount),
                false => self.swap(&accounts[from], &accounts[to], amount),
            }
        }
    }

    /// Adds up these accounts, again and again.
    fn audit(mut self, accounts: &[String]) {
        let expected = START * accounts.len() as i64;
        while !self.books.stop.load(SeqCst) {
            let Some(sum) = self.sum(accounts) else { continue };
            self.books.audits.fetch_add(1, SeqCst);
            // Doubts are noted when the answer is there, which may be after the audit that sees them.
            let explained = wait_for(Duration::from_secs(5), || {
                (sum - expected).abs() <= self.books.in_doubt.load(SeqCst)
            });
            assert!(
                explained,
                "an audit found {sum} of {expected} coins, {} in doubt",
                self.books.in_doubt.load(SeqCst)
            );
        }
    }

    fn sum(&mut self, accounts: &[String]) -> Option<i64> {
        let mget: Vec<&str> = std::iter::once("MGET").chain(accounts.iter().map(String::as_str)).collect();
        let requests = [vec!["MULTI"], mget, vec!["EXEC"]];
        let answers = self.conn()?.try_pipeline(&requests);
        let Ok(mut answers) = answers else {
            self.conn = None;
            return None;
        };
        match answers.remove(2) {
            Value::Array(replies) => match &replies[0] {
                Value::Array(values) => {
                    Some(values.iter().map(|value| value.text().parse::<i64>().expect("a balance")).sum())
                }
                other => panic!("MGET in a transaction: {other}"),
            },
            // A member that suffers: no audit, but no wrong one either.
            _ => None,
        }
    }
}

/// Opens the accounts, and gives those that none of the members at `lost` hold.
fn open_accounts(pool: &Pool, lost: Option<usize>) -> Vec<String> {
    let mut conn = pool.endpoint.open();
    for index in 0..ACCOUNTS {
        assert!(conn.run(&format!("SET {} {START}", account(index))).is_ok());
    }
    let ports = pool.members.ports();
    let held = |member: usize| -> Vec<String> {
        pool.members.endpoint(member).open().run("KEYS account:*").items().iter().map(Value::text).collect()
    };
    let members: Vec<Vec<String>> = (0..ports.len()).map(held).collect();
    assert!(members.iter().all(|held| held.len() >= 2), "each member has accounts: {members:?}");
    members.into_iter().enumerate().filter(|(at, _)| Some(*at) != lost).flat_map(|(_, held)| held).collect()
}

/// Has clients transfer between accounts, and auditors add up `audited`, while `events` happen.
fn run(proxies: &[Endpoint], audited: &[String], events: impl FnOnce(&Books)) -> Books {
    let books = Books::default();
    let all: Vec<String> = (0..ACCOUNTS).map(account).collect();
    std::thread::scope(|scope| {
        for seed in 0..CLIENTS + AUDITORS {
            let teller =
                Teller { proxies, conn: None, random: fastrand::Rng::with_seed(seed), books: &books };
            let (all, audited) = (&all, &audited);
            scope
                .spawn(move || if seed < CLIENTS { teller.run(all, audited) } else { teller.audit(audited) });
        }
        events(&books);
        books.stop.store(true, SeqCst);
    });
    say(&format!(
        "bank: {} transfers, {} refused, {} audits, {} in doubt",
        books.transfers.load(SeqCst),
        books.refused.load(SeqCst),
        books.audits.load(SeqCst),
        books.doubts.load(SeqCst)
    ));
    books
}

/// Waits until so many more transfers were made, and audits.
fn more(books: &Books, transfers: u64, audits: u64) {
    let (made, seen) = (books.transfers.load(SeqCst), books.audits.load(SeqCst));
    let on = wait_for(Duration::from_secs(30), || {
        books.transfers.load(SeqCst) >= made + transfers && books.audits.load(SeqCst) >= seen + audits
    });
    assert!(on, "the bank does not get on");
}

#[test]
fn every_audit_is_right() {
    let pool = Pool::start(&Options::default());
    let accounts = open_accounts(&pool, None);
    let books = run(std::slice::from_ref(&pool.endpoint), &accounts, |books| more(books, 500, 50));
    assert_eq!(books.doubts.load(SeqCst), 0);
}

#[test]
fn audits_are_right_while_members_freeze_and_proxies_die() {
    let mut pool = Pool::start(&Options::args(&["--timeout", "500ms"]));
    let accounts = open_accounts(&pool, None);
    let (mut second, other) = start_proxy(&Options::args(&["--timeout", "500ms"]), &pool.servers_json);
    let proxies = [pool.endpoint.clone(), other];
    run(&proxies, &accounts, |books| {
        more(books, 100, 10);
        for member in [0, 2] {
            pool.members.process(member).signal(Signal::Stop);
            pause(Duration::from_millis(900));
            pool.members.process(member).signal(Signal::Continue);
            more(books, 50, 5);
        }
        second.kill();
        more(books, 100, 10);
    });
}

#[test]
fn a_member_that_dies_takes_its_own_accounts_and_no_others() {
    let mut pool = Pool::start(&Options::args(&["--timeout", "500ms"]));
    let lost = 1;
    let audited = open_accounts(&pool, Some(lost));
    let endpoint = pool.endpoint.clone();
    run(std::slice::from_ref(&endpoint), &audited, |books| {
        more(books, 100, 10);
        pool.members.process(lost).kill();
        // From now on each transfer to or from an account of the dead member must change nothing.
        books.all.store(true, SeqCst);
        let audits = books.audits.load(SeqCst);
        assert!(wait_for(Duration::from_secs(20), || books.audits.load(SeqCst) >= audits + 20));
    });
}
