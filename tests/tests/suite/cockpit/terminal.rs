//! What looks another way on a terminal: the REPL and `top`, on a pseudo terminal that `script` (util-linux) makes.

use super::{command, path};
use ringtail_tests::harness::{Options, Pool, Server, Signal, real_part, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A program on a terminal of 80 columns and 24 rows.
struct Screen {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    fn start(endpoint: &Endpoint, args: &[&str]) -> Option<Screen> {
        let script = real_part("script", "bsdutils")?;
        let ours = command(endpoint, args);
        let quoted: Vec<String> = std::iter::once(ours.get_program())
            .chain(ours.get_args())
            .map(|word| format!("'{}'", word.to_str().expect("UTF-8")))
            .collect();
        let line = format!(
            "stty rows 24 cols 80; b=$(stty -a); {}; e=$?; test \"$b\" = \"$(stty -a)\" && echo as before; echo ended with $e",
            quoted.join(" ")
        );
        let mut child = Command::new(script)
            .args(["-qfec", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .env("PAGER", "echo paged; cat >/dev/null")
            .env("RINGTAIL_HISTORY", scratch("repl").join("history"))
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut out = child.stdout.take().expect("a pipe");
        let seen = shown.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut bytes) {
                seen.lock().expect("no panic").extend_from_slice(&bytes[..read]);
            }
        });
        Some(Screen { child, shown })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("no panic")).into_owned()
    }

    fn keys(&mut self, keys: &str) {
        self.child.stdin.as_mut().expect("a pipe").write_all(keys.as_bytes()).expect("it reads");
    }

    /// Waits until the screen has shown this since the last `forget`.
    fn wait(&self, part: &str) {
        let came = wait_for(Duration::from_secs(20), || self.text().contains(part));
        assert!(came, "{part:?} did not come: {}", self.text().escape_debug());
    }

    fn forget(&self) {
        self.shown.lock().expect("no panic").clear();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn top_leaves_the_terminal_as_it_was() {
    let pool = Pool::start(&Options::default());
    for key in ["q", "\x03"] {
        let Some(mut screen) = Screen::start(&pool.endpoint, &["top", "--interval", "200ms"]) else { return };
        screen.wait("\x1b[?1049h");
        screen.wait("pool of 3, 3 up");
        screen.keys("c ");
        screen.wait("HELD");
        screen.keys(key);
        screen.wait("\x1b[?1049l");
        screen.wait("as before");
        screen.wait("ended with 0");
    }
}

#[test]
fn top_can_be_left_while_the_server_is_silent() {
    let server = Server::start(&Options::default());
    for key in ["q", "\x03"] {
        let Some(mut screen) = Screen::start(&server.endpoint, &["top", "--interval", "200ms"]) else {
            return;
        };
        screen.wait("q quits");
        server.process.signal(Signal::Stop);
        screen.wait("OLD: no answer");
        screen.keys(key);
        screen.wait("as before");
        screen.wait("ended with 0");
        server.process.signal(Signal::Continue);
    }
}

#[test]
fn a_transaction_does_not_go_on_by_another_connection() {
    let server = Server::start(&Options::default());
    let Some(mut screen) = Screen::start(&server.endpoint, &[]) else { return };
    let mut conn = server.endpoint.open();
    let cut = |conn: &mut Conn| {
        assert!(conn.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).int() > 0)
    };
    screen.wait("Connected");
    screen.keys("multi\r");
    screen.wait("(TX)");
    cut(&mut conn);
    screen.keys("set x 1\r");
    screen.wait("the transaction is gone");
    screen.forget();
    screen.keys("watch y\r");
    screen.wait("OK");
    cut(&mut conn);
    screen.keys("multi\r");
    screen.wait("WATCH is gone");
    // A tool in a transaction works on the database that was selected.
    let file = scratch("repl").join("one.jsonl");
    std::fs::write(&file, "{\"key\":\"k\",\"type\":\"string\",\"value\":\"v\"}\n").expect("a file");
    screen.keys(&format!("select 3\rmulti\rimport {}\r", path(&file)));
    screen.wait("1 key imported");
    screen.keys("discard\rexit\r");
    screen.wait("ended with 0");
    assert_eq!(conn.call(&["DBSIZE"]).int(), 0);
    assert!(conn.call(&["SELECT", "3"]).is_ok());
    assert_eq!(conn.call(&["DBSIZE"]).int(), 1);
}

#[test]
fn the_repl_completes_pages_and_connects_again() {
    let pool = Pool::start(&Options::default());
    let mut conn = pool.endpoint.open();
    conn.call(&["SET", "a-key-of-its-own", "v"]);
    let Some(mut screen) = Screen::start(&pool.endpoint, &[]) else { return };
    screen.wait("Connected");
    screen.keys("get a-key-o\t");
    screen.wait("a-key-of-its-own");
    screen.keys("\r");
    screen.wait("\"v\"");
    screen.keys("topology\r");
    screen.wait("3 of 3 members up");
    screen.keys("plan\r");
    screen.wait("Usage: ringtail plan");
    screen.keys("command list\r");
    screen.wait("paged");
    screen.forget();
    conn.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    screen.keys("ping\r");
    screen.wait("connected again");
    // Nothing of ours comes between MULTI and EXEC.
    screen.forget();
    screen.keys("multi\rset b 1\rscan --total\rexec\r");
    screen.wait("1) OK");
    assert!(!screen.text().contains("2) "), "{}", screen.text().escape_debug());
    screen.keys("exit\r");
    screen.wait("ended with 0");
}
