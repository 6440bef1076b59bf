//! Walks whose readers are slow.

use super::*;
use crate::command::testing::Harness;
use crate::session::Wait;
use std::time::Instant;

/// Bytes of a long name.
const NAME: usize = 12_000;

/// Takes what is written so slowly that so many keys come and go meanwhile.
struct Slow {
    clients: Harness,
    keys: u64,
    every: u64,
    writes: u64,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        for _ in 0..if self.writes.is_multiple_of(self.every) { self.keys } else { 0 } {
            self.clients.now += 1;
            let key = format!("{}:{}", "k".repeat(NAME), self.clients.now).into_bytes();
            self.clients.run_args(&[b"SET", &key, b"v"]);
            self.clients.run_args(&[b"DEL", &key]);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn save_while(keys: u64, every: u64) -> Result<u64, Failed> {
    let mut clients = Harness::new();
    for key in 0..10_000 {
        clients.run(&format!("SET {key} v"));
    }
    let server = Arc::clone(&clients.server);
    server.log.set_backlog(1 << 20);
    let out = Slow { clients, keys, every, writes: 0 };
    save(&server, out, &Progress::default()).map(|(out, _)| out.writes / every * keys)
}

#[test]
fn who_is_slow_has_room_for_so_many_names_and_is_given_up_beyond() {
    match save_while(50, 1) {
        Err(Failed::Overrun(most)) => assert_eq!(most, NOTES_LEAST),
        other => panic!("{:?}", other.map_err(|failed| failed.to_string())),
    }
    // Names that take more than there is room for at once: they are written as it goes.
    let names = save_while(1, 3).expect("all is written");
    assert!(names as usize * NAME > 3 * NOTES_LEAST, "{names} are too few to say anything");
}

/// Takes what is written while a client changes the keys, all of them again and again.
struct Busy {
    client: Harness,
    keys: u64,
    value: Vec<u8>,
    next: u64,
    /// Keys that are changed at each write, ...
    each: u64,
    /// ... unless the client is kept back, as it is mostly not.
    heeds: bool,
    until: Option<Instant>,
    waits: u64,
}

impl Busy {
    fn of(keys: u64, value: usize) -> (Arc<Server>, Self) {
        let client = Harness::new();
        let (server, value) = (Arc::clone(&client.server), vec![b'v'; value]);
        let mut busy = Self { client, keys, value, next: 0, each: 0, heeds: false, until: None, waits: 0 };
        (0..keys).for_each(|_| busy.set());
        (server, busy)
    }

    fn set(&mut self) {
        let key = (self.next % self.keys).to_string();
        self.client.run_args(&[b"SET", key.as_bytes(), &self.value]);
        let Wait::Parked(until) = std::mem::take(&mut self.client.session.wait) else {
            (self.next, self.until) = (self.next + 1, None);
            return;
        };
        let until = until.expect("a moment");
        let wait = until.saturating_duration_since(Instant::now());
        assert!(wait < Duration::from_millis(4), "for {wait:?}");
        assert!(self.until.is_none(), "it was kept back already");
        (self.until, self.waits) = (Some(until), self.waits + 1);
    }
}

impl Write for Busy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.heeds {
            rest(Duration::from_micros(50));
        }
        for _ in 0..self.each {
            if self.heeds && self.until.is_some_and(|until| Instant::now() < until) {
                break;
            }
            self.set();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_outrun(ended: Result<(Busy, Saved), Failed>) -> bool {
    match ended {
        Ok((busy, _)) => panic!("saved after {} changes", busy.next),
        Err(failed) => failed.to_string().starts_with("keys change faster than they can be written: "),
    }
}

#[test]
fn who_changes_keys_faster_than_they_are_written_is_slowed_down() {
    let (server, mut busy) = Busy::of(1500, 1);
    (busy.each, busy.heeds) = (1, true);
    let ended = save(&server, busy, &Progress::default());
    let (mut busy, saved) = ended.unwrap_or_else(|failed| panic!("{failed}"));
    assert!(busy.waits > 10 && saved.written.records > 3 * 1500, "{} waits, {saved:?}", busy.waits);
    // Afterwards nobody is.
    assert!(!server.pause.is_on());
    busy.waits = 0;
    (0..1000).for_each(|_| busy.set());
    assert_eq!(busy.waits, 0);
}

/// The same with so much room for what is taken while writes are kept back.
fn save_with_room(server: &Server, out: Busy, held: usize) -> Result<(Busy, Saved), Failed> {
    let (walk, progress) = (server.store.begin_walk(NOTES_LEAST), Progress::default());
    let ended = Saving { held, ..Saving::new(server, &walk, &progress, &|| ()) }.run(out);
    server.store.end_walk(&walk);
    ended
}

#[test]
fn what_is_written_while_nothing_changes_is_bounded() {
    // So many, and so large: there is no end to it, and it is not written in one go.
    for (keys, value) in [(4 * LAST as u64, 1), (LAST as u64 / 2, 32 << 10)] {
        let (server, mut busy) = Busy::of(keys, value);
        busy.each = 2;
        assert!(is_outrun(save_with_room(&server, busy, 0)), "{keys} keys");
        // Unless there is room for it in memory: it is taken while all writes are kept back, and then nobody is.
        let (server, mut busy) = Busy::of(keys, value);
        busy.each = 2;
        let ended = save_with_room(&server, busy, 16 << 20);
        assert!(ended.is_ok(), "{keys} keys: {:?}", ended.map_err(|failed| failed.to_string()).err());
        assert!(!server.pause.is_on());
    }
    // One key may be as large as it likes.
    let (server, mut busy) = Busy::of(1, 3 * LAST_BYTES);
    busy.each = 1;
    assert!(save(&server, busy, &Progress::default()).is_ok());
}

/// The name and offset of a log in which nothing is written would be those of many states.
#[test]
fn a_state_that_is_in_no_log_says_of_none() {
    let mut client = Harness::new();
    client.run("SET k v");
    let server = Arc::clone(&client.server);
    let history = || {
        let (bytes, saved) = save(&server, Vec::new(), &Progress::default()).expect("it is written");
        let mut reader = ringtail_backup::Reader::open(&bytes[..]).expect("a backup");
        while reader.next().expect("a block").is_some() {}
        let footer = reader.footer().expect("a footer").history.clone();
        (String::from_utf8(footer).expect("a name"), saved.history)
    };
    assert_eq!(history().0, "");
    server.log.begin_backlog();
    let (said, own) = history();
    assert_eq!(said, own);
}
