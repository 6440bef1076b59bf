use std::process::{Command, Stdio};

use super::*;
use crate::testing::Scratch;

const ROLE: &str = "RINGTAIL_TEST_NOTIFY_ROLE";

/// What the child of the tests below does, with the environment that systemd would give it.
#[test]
fn child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let notifier = Notifier::from_env();
    notifier.ready("ready, plaintext");
    notifier.reloading();
    notifier.ready("ready, plaintext");
    notifier.alive();
    notifier.stopping("1 connection");
    println!("watchdog {:?}", watchdog());
}

fn run(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "notify::tests::child", "--nocapture"]).env(ROLE, "1").stderr(Stdio::null());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn datagrams(socket: &UnixDatagram) -> Vec<String> {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let next = || {
        let mut bytes = [0; 512];
        let read = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    };
    (0..5).map(|_| next()).collect()
}

fn expect(said: &[String], before: i64) {
    let micros = said[1].lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!((before..=monotonic_micros()).contains(&micros.parse().unwrap()), "{micros}");
    let ready = "READY=1\nSTATUS=ready, plaintext";
    assert!(said[1].starts_with("RELOADING=1\n"), "{said:?}");
    assert_eq!([&said[0], &said[2]], [ready, ready]);
    assert_eq!([&said[3], &said[4]], ["WATCHDOG=1", "STOPPING=1\nSTATUS=1 connection"]);
}

#[test]
fn the_manager_is_told_by_path_and_by_abstract_name() {
    let scratch = Scratch::new();
    let path = scratch.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let before = monotonic_micros();
    run(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    expect(&datagrams(&socket), before);

    let name = format!("ringtail-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    run(&[("NOTIFY_SOCKET", &format!("@{name}"))]);
    expect(&datagrams(&socket), before);
}

#[test]
fn without_a_manager_nothing_is_missed() {
    run(&[("NOTIFY_SOCKET", "")]);
    run(&[("NOTIFY_SOCKET", "/nowhere/notify")]);
}

#[test]
fn the_watchdog_is_of_the_process_that_it_names() {
    assert!(run(&[("WATCHDOG_USEC", "2000000")]).contains("watchdog Some(2s)"));
    for environment in
        [&[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "1")][..], &[("WATCHDOG_USEC", "0")], &[]]
    {
        assert!(run(environment).contains("watchdog None"), "{environment:?}");
    }
}
