//! Clients that go on while something happens to what they speak to.

use ringtail_tests::harness::pause;
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One round of a client: a SET and a GET of the same key, in one write.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// When its last reply came.
    pub(crate) at: Instant,
    /// From the write to the last reply.
    pub(crate) took: Duration,
    /// The first error reply, or what broke the connection.
    pub(crate) trouble: Option<Trouble>,
}

/// What kept a round from its values.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// An error reply.
    Error(String),
    /// The connection ended.
    Broken(String),
}

/// One client's view, when it has ended.
#[derive(Default)]
pub(crate) struct Log {
    /// In order.
    pub(crate) rounds: Vec<Round>,
    /// Replies that belong to another request. Never right, whatever happens.
    pub(crate) wrong: Vec<String>,
}

impl Log {
    /// The rounds that failed, with what they said.
    pub(crate) fn troubles(&self) -> Vec<&Round> {
        self.rounds.iter().filter(|round| round.trouble.is_some()).collect()
    }

    /// The longest that a round took.
    pub(crate) fn slowest(&self) -> Duration {
        self.rounds.iter().map(|round| round.took).max().unwrap_or_default()
    }
}

/// A client on a thread of its own, until it is stopped.
pub(crate) struct Client {
    stop: Arc<AtomicBool>,
    fine: Arc<AtomicU64>,
    thread: JoinHandle<Log>,
}

impl Client {
    /// Starts it on these keys, which no other client may use.
    pub(crate) fn start(endpoint: &Endpoint, keys: Vec<String>) -> Client {
        let (stop, fine) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (endpoint, stopped, counted) = (endpoint.clone(), stop.clone(), fine.clone());
        let thread = std::thread::spawn(move || go_on(&endpoint, &keys, &stopped, &counted));
        Client { stop, fine, thread }
    }

    /// How many of its rounds went well.
    pub(crate) fn fine(&self) -> u64 {
        self.fine.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub(crate) fn stop(self) -> Log {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a client")
    }
}

fn go_on(endpoint: &Endpoint, keys: &[String], stop: &AtomicBool, fine: &AtomicU64) -> Log {
    let mut log = Log::default();
    let mut conn = None;
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let round = one_round(endpoint, &mut conn, &keys[n % keys.len()], n, &mut log.wrong);
        fine.fetch_add(u64::from(round.trouble.is_none()), Ordering::Relaxed);
        log.rounds.push(round);
        pause(Duration::from_millis(2));
    }
    log
}

fn one_round(
    endpoint: &Endpoint,
    conn: &mut Option<Conn>,
    key: &str,
    n: usize,
    wrong: &mut Vec<String>,
) -> Round {
    let started = Instant::now();
    let trouble = match ask(endpoint, conn, key, n) {
        Ok(replies) => judge(key, &replies, wrong),
        Err(e) => {
            *conn = None;
            Some(Trouble::Broken(e.to_string()))
        }
    };
    Round { at: Instant::now(), took: started.elapsed(), trouble }
}

fn ask(endpoint: &Endpoint, conn: &mut Option<Conn>, key: &str, n: usize) -> std::io::Result<Vec<Value>> {
    if conn.is_none() {
        *conn = Some(endpoint.connect()?);
    }
    let conn = conn.as_mut().expect("just set");
    let value = format!("{key}:{n}");
    conn.try_pipeline(&[vec!["SET", key, &value], vec!["GET", key]])
}

/// A SET answers OK, a GET the key's own value or nothing; else it is an error
/// or the reply to something else.
fn judge(key: &str, replies: &[Value], wrong: &mut Vec<String>) -> Option<Trouble> {
    let [set, get] = replies else { return None };
    let own = |value: &Value| value.bytes().is_some_and(|b| b.starts_with(format!("{key}:").as_bytes()));
    if !(set.is_ok() || set.error().is_some()) {
        wrong.push(format!("SET {key}: {set}"));
    }
    if !(*get == Value::Nil || get.error().is_some() || own(get)) {
        wrong.push(format!("GET {key}: {get}"));
    }
    set.error().or(get.error()).map(|text| Trouble::Error(text.into()))
}
