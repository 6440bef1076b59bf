use super::wait_for;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// As much of a process's output as is kept for the report of a failure.
const KEPT_LINES: usize = 2000;

/// How Ringtail's programs are told how to write their logs.
const LOG_FORMAT: &str = "RINGTAIL_LOG_FORMAT";

/// How long one may take to stand still that is told to.
const STOP: Duration = Duration::from_secs(10);

/// A child process. Dropping it kills it; when that happens because a test
/// failed, what it wrote is printed.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
}

/// What a test may send to a process, by its name for `kill`.
#[derive(Clone, Copy)]
pub enum Signal {
    /// Freezes it.
    Stop,
    /// Thaws it.
    Continue,
    /// Asks for a reload.
    Hangup,
    /// Asks it to end.
    Terminate,
    /// Ctrl-C.
    Interrupt,
    /// Toggles the log's debug level.
    User1,
}

impl Signal {
    fn flag(self) -> &'static str {
        match self {
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
            Signal::Hangup => "-HUP",
            Signal::Terminate => "-TERM",
            Signal::Interrupt => "-INT",
            Signal::User1 => "-USR1",
        }
    }
}

impl Process {
    /// Starts a command, its output collected.
    pub fn start(name: &str, command: &mut Command) -> Process {
        Process::start_with(name, command, Stdio::null())
    }

    /// As `start`, with something for it to read from (or a socket) as its descriptor 0.
    pub fn start_with(name: &str, command: &mut Command, stdin: Stdio) -> Process {
        // What tests look for in logs is text, unless they ask for something else.
        if command.get_envs().all(|(name, _)| name != LOG_FORMAT) {
            command.env(LOG_FORMAT, "text");
        }
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("can't start {name}: {e}"));
        let output = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take(), &output);
        collect(child.stderr.take(), &output);
        Process { name: name.into(), child, output }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has written so far (the last 2000 lines).
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// The exit code, once it has ended by itself; -1 for a signal's doing.
    pub fn exited(&mut self) -> Option<i32> {
        let status = self.child.try_wait().expect("the state of a child process")?;
        Some(status.code().unwrap_or(-1))
    }

    /// Waits for its end and returns the exit code.
    pub fn wait_exit(&mut self, bound: Duration) -> Option<i32> {
        wait_for(bound, || self.exited().is_some());
        self.exited()
    }

    /// Sends a signal. One that is to stop stands still afterwards, all of its threads.
    pub fn signal(&self, signal: Signal) {
        let done = Command::new("kill").args([signal.flag(), &self.id().to_string()]).status();
        assert!(done.is_ok_and(|s| s.success()), "can't signal {}", self.name);
        if matches!(signal, Signal::Stop) {
            let stands_still = wait_for(STOP, || self.stands_still());
            assert!(stands_still, "{} goes on", self.name);
        }
    }

    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id())).into_iter().flatten().flatten();
        let stat = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("stat"));
        // The state stands behind the name, which is in parentheses.
        let state =
            |text: String| text.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        threads
            .map(stat)
            .filter_map(Result::ok)
            .all(|text| matches!(state(text), Some('T' | 't' | 'X' | 'Z')))
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        let path = format!("/proc/{}/statm", self.id());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let pages = text.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
        pages.expect("resident pages in statm") * 4096
    }

    /// The highest resident memory it has had, in bytes.
    pub fn peak_rss(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("VmHWM in status") * 1024
    }
}

fn collect(from: Option<impl Read + Send + 'static>, into: &Arc<Mutex<Vec<String>>>) {
    let Some(from) = from else { return };
    let into = into.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut lines = into.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == KEPT_LINES {
                lines.remove(0);
            }
            lines.push(line);
        }
    });
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- output of {} ---\n{}\n---", self.name, self.output());
        }
    }
}
