//! Three members, each in a network namespace of its own at the end of a virtual cable, where the network can be
//! made bad without touching anybody else's.

use ringtail_tests::harness::{Process, Signal, missing, ours, real_part, repo_file, say, scratch, wait_for};
use ringtail_tests::resp::{Conn, Value};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How many members there are.
pub(super) const MEMBERS: usize = 3;

/// Where members listen in their namespaces.
const PORT: u16 = 7000;

/// Namespaces of ours; the process that made one is in its name.
const PREFIX: &str = "ringtail-";

/// How long a process may take to begin.
const START: Duration = Duration::from_secs(10);

/// A namespace and what runs in it.
pub(super) struct Place {
    name: String,
    /// The cable's end outside of the namespace.
    device: String,
    addr: SocketAddr,
    server: Option<Process>,
    /// What makes trouble there.
    helper: Option<Process>,
}

/// `None` where there can be no namespaces, with a line that says why.
pub(super) fn members() -> Option<Vec<Place>> {
    for (program, package) in
        [("ip", "iproute2"), ("tc", "iproute2"), ("iptables", "iptables"), ("python3", "python3")]
    {
        real_part(program, package)?;
    }
    if !Path::new("/proc/self/ns/net").exists() {
        say("skipped: the kernel has no network namespaces");
        return None;
    }
    forget_those_of_the_dead();
    (0..MEMBERS).map(Place::open).collect()
}

/// A servers.json of these members, m0, m1, ...
pub(super) fn servers_json(places: &[Place]) -> PathBuf {
    let entry = |(i, place): (usize, &Place)| serde_json::json!({ "name": format!("m{i}"), "addr": place.addr.to_string() });
    let entries: Vec<_> = places.iter().enumerate().map(entry).collect();
    let path = scratch("faults").join("servers.json");
    std::fs::write(&path, serde_json::to_string(&entries).expect("JSON of strings"))
        .expect("a file below target");
    path
}

/// A run that was killed leaves its namespaces.
fn forget_those_of_the_dead() {
    let listed = run(&["ip", "netns", "list"]).unwrap_or_default();
    for name in listed.lines().filter_map(|line| line.split(' ').next()) {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            let _ = run(&["ip", "netns", "delete", name]);
        }
    }
}

/// What a command wrote, or why it failed.
fn run(words: &[&str]) -> Result<String, String> {
    // Where Debian has `ip` and its like, which is not on every user's PATH.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(words[0]).args(&words[1..]).env("PATH", path).output();
    let output = output.map_err(|error| format!("{}: {error}", words[0]))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

impl Place {
    /// A namespace, a cable to it, and a server at its end.
    fn open(index: usize) -> Option<Place> {
        let pid = std::process::id();
        let (name, device) = (format!("{PREFIX}{pid}-m{index}"), format!("rt{pid}m{index}"));
        if let Err(why) = run(&["ip", "netns", "add", &name]) {
            missing(&format!("network namespaces can't be made here, which takes root ({why})"));
            return None;
        }
        // 198.18.0.0/15 is set aside for tests of networks (RFC 2544): no real one is hidden by it.
        let net = format!("198.{}.{}.{}", 18 + (pid >> 8) % 2, pid % 256, index * 4);
        let [ours, theirs] =
            [1, 2].map(|host| format!("{}.{}", net.rsplit_once('.').expect("dots").0, index * 4 + host));
        let addr = format!("{theirs}:{PORT}").parse().expect("an address");
        let mut place = Place { name, device, addr, server: None, helper: None };
        let device = place.device.clone();
        let made = place
            .outside(&[
                "ip",
                "link",
                "add",
                &device,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                &place.name,
            ])
            .and_then(|()| place.outside(&["ip", "addr", "add", &format!("{ours}/30"), "dev", &device]))
            .and_then(|()| place.outside(&["ip", "link", "set", &device, "up"]))
            .and_then(|()| place.inside(&["ip", "link", "set", "lo", "up"]))
            .and_then(|()| place.inside(&["ip", "addr", "add", &format!("{theirs}/30"), "dev", "eth0"]))
            .and_then(|()| place.inside(&["ip", "link", "set", "eth0", "up"]));
        made.unwrap_or_else(|why| panic!("{why}"));
        place.start();
        Some(place)
    }

    fn outside(&self, words: &[&str]) -> Result<(), String> {
        run(words).map(drop)
    }

    fn inside(&self, words: &[&str]) -> Result<(), String> {
        run(&[&["ip", "netns", "exec", &self.name], words].concat()).map(drop)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Starts its server, and waits until it answers.
    pub(super) fn start(&mut self) {
        let mut command = self.command(&ours("ringtail-server"));
        command.args(["--addr", &self.addr.to_string(), "--insecure", "--threads", "1"]);
        self.server = Some(Process::start(&self.name, &mut command));
        assert!(self.comes_back(), "{} does not answer", self.name);
    }

    /// Waits until it answers somebody who comes anew.
    pub(super) fn comes_back(&self) -> bool {
        wait_for(START, || self.ask(&["PING"]).is_some_and(|answer| answer == Value::Simple("PONG".into())))
    }

    /// The answer of the member itself.
    pub(super) fn ask(&self, request: &[&str]) -> Option<Value> {
        Conn::connect_to(self.addr, Duration::from_secs(1)).and_then(|mut conn| conn.try_call(request)).ok()
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.server.iter().for_each(|server| server.signal(signal));
    }

    /// As `kill -9`.
    pub(super) fn kill(&mut self) {
        self.server = None;
    }

    /// A rule for what comes in, and one for what goes out.
    pub(super) fn rules(&self, rule: &[&str]) {
        self.rule("INPUT", rule);
        self.rule("OUTPUT", rule);
    }

    pub(super) fn rule(&self, chain: &str, rule: &[&str]) {
        self.must(&[&["iptables", "-w", "-A", chain, "-p", "tcp"], rule].concat());
    }

    pub(super) fn no_rules(&self) {
        self.must(&["iptables", "-w", "-F"]);
    }

    fn must(&self, words: &[&str]) {
        self.inside(words).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Lets only so many bits a second through, in both directions.
    pub(super) fn narrow(&self, rate: &str) {
        let shape = |device| {
            [
                "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst", "8kb", "latency",
                "200ms",
            ]
        };
        self.must(&shape("eth0"));
        self.outside(&shape(&self.device)).unwrap_or_else(|why| panic!("{why}"));
    }

    pub(super) fn widen(&self) {
        self.must(&["tc", "qdisc", "del", "dev", "eth0", "root"]);
        self.outside(&["tc", "qdisc", "del", "dev", &self.device, "root"])
            .unwrap_or_else(|why| panic!("{why}"));
    }

    /// Runs one of tests/faults there, until [`Self::no_helper`].
    pub(super) fn helper(&mut self, script: &str, seed: u64, args: &[&str]) {
        let mut command = self.command(Path::new("python3"));
        command.arg(repo_file("tests/faults").join(script)).arg(seed.to_string()).args(args);
        let helper = Process::start(script, &mut command);
        assert!(wait_for(START, || helper.output().contains("ready")), "{script}: {}", helper.output());
        self.helper = Some(helper);
    }

    pub(super) fn no_helper(&mut self) {
        self.helper = None;
    }

    /// Host and port, for a helper that takes the server's place.
    pub(super) fn host_and_port(&self) -> (String, String) {
        (self.addr.ip().to_string(), self.addr.port().to_string())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        (self.server, self.helper) = (None, None);
        if let Err(why) = run(&["ip", "netns", "delete", &self.name]) {
            say(&why);
        }
        // Goes with the namespace, but only once the kernel comes to it.
        let _ = run(&["ip", "link", "delete", &self.device]);
    }
}
