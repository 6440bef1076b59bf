use super::process::Process;
use super::{Certs, free_port, ours, wait_for};
use crate::resp::{Conn, Endpoint, Value};
use std::process::Command;
use std::time::Duration;

/// How long a program may take from its start to its first answer.
const START: Duration = Duration::from_secs(10);
/// How long loading what is on disk may take.
const LOADED: Duration = Duration::from_secs(60);

/// Starts tried, each on another port, before a test gives up.
const TRIES: usize = 5;

/// How a Ringtail program is started beside its address.
#[derive(Default, Clone)]
pub struct Options {
    /// TLS with these certificates.
    pub certs: Option<Certs>,
    /// Whether clients show their own certificate.
    pub identity: bool,
    /// A password that clients must send.
    pub password: Option<String>,
    /// Further arguments.
    pub args: Vec<String>,
}

impl Options {
    /// Plaintext, no password, these arguments.
    pub fn args(args: &[&str]) -> Options {
        Options { args: args.iter().map(|a| a.to_string()).collect(), ..Options::default() }
    }

    /// With TLS as well.
    pub fn with_certs(mut self, certs: &Certs) -> Options {
        self.certs = Some(certs.clone());
        self
    }

    pub(super) fn apply(&self, command: &mut Command) {
        if let Some(certs) = &self.certs {
            command.arg("--cert").arg(certs.server_cert()).arg("--key").arg(certs.server_key());
        }
        if let Some(password) = &self.password {
            command.arg("--requirepass-file").arg(super::certs::secret_file(password));
        }
        command.args(&self.args);
    }

    pub(super) fn endpoint(&self, port: u16) -> Endpoint {
        let tls =
            self.certs.as_ref().map(|certs| if self.identity { certs.identity() } else { certs.trust() });
        Endpoint { port, tls, password: self.password.clone() }
    }
}

/// One ringtail-server.
pub struct Server {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub endpoint: Endpoint,
    options: Options,
}

impl Server {
    /// Starts it on a free port and waits for its first answer.
    pub fn start(options: &Options) -> Server {
        let (process, endpoint) = start_on_free_port("ringtail-server", |port| command(options, port));
        Server { process, endpoint, options: options.clone() }
    }

    /// Waits until it has loaded what is on disk, and connects.
    pub fn loaded(&self) -> Conn {
        let mut conn = self.endpoint.open();
        // One that wants copies may have nobody yet to have them.
        let is_loaded =
            wait_for(LOADED, || conn.run("EXISTS k").error().is_none_or(|why| !why.starts_with("LOADING")));
        assert!(is_loaded, "it loads for {LOADED:?}:\n{}", self.process.output());
        conn
    }

    /// Starts it again on its port, after its end.
    pub fn restart(&mut self) {
        let (mut command, endpoint) = command(&self.options, self.endpoint.port);
        self.process = start_again("ringtail-server", &mut command, &endpoint);
    }

    /// The same with other arguments.
    pub fn restart_with(&mut self, args: &[&str]) {
        self.options.args = Options::args(args).args;
        self.restart();
    }
}

fn command(options: &Options, port: u16) -> (Command, Endpoint) {
    let mut command = Command::new(ours("ringtail-server"));
    command.args(["--addr", &format!("127.0.0.1:{port}")]);
    options.apply(&mut command);
    (command, options.endpoint(port))
}

/// Starts what `make` describes on a free port, on another one if that was
/// taken meanwhile, and waits until it answers.
pub(super) fn start_on_free_port(
    name: &str,
    make: impl Fn(u16) -> (Command, Endpoint),
) -> (Process, Endpoint) {
    let mut last = String::new();
    for _ in 0..TRIES {
        let (mut command, endpoint) = make(free_port());
        let mut process = Process::start(name, &mut command);
        match await_answer(&mut process, &endpoint) {
            Ok(()) => return (process, endpoint),
            Err(why) => last = why,
        }
        if !last.to_lowercase().contains("in use") {
            break;
        }
    }
    panic!("{name}: {last}");
}

/// Starts what ran on this port before, and waits until it answers.
pub(super) fn start_again(name: &str, command: &mut Command, endpoint: &Endpoint) -> Process {
    let mut process = Process::start(name, command);
    await_answer(&mut process, endpoint).unwrap_or_else(|why| panic!("{name}: {why}"));
    process
}

fn await_answer(process: &mut Process, endpoint: &Endpoint) -> Result<(), String> {
    let mut exit = None;
    let answers = wait_for(START, || {
        exit = process.exited();
        exit.is_some() || answers(endpoint)
    });
    match (exit, answers) {
        (Some(code), _) => Err(format!("ended at its start with code {code}:\n{}", process.output())),
        (None, false) => Err(format!("no answer within {START:?}:\n{}", process.output())),
        (None, true) => Ok(()),
    }
}

fn answers(endpoint: &Endpoint) -> bool {
    let reply = endpoint.connect().and_then(|mut conn| conn.try_call(&["PING"]));
    reply.is_ok_and(|reply| reply == Value::Simple("PONG".into()))
}
