//! As systemd runs it: told by datagrams what happens, with the socket that it opened.

use super::{Program, SOON, plain};
use ringtail_tests::harness::{Process, Signal, wait_for};
use ringtail_tests::resp::Endpoint;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};

/// What a service manager has of a service.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn new() -> Manager {
        let name = format!("ringtail-suite-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        socket.set_read_timeout(Some(SOON)).expect("a time");
        Manager { socket, name: format!("@{name}") }
    }

    /// The next datagram that is no sign of life, or the next that is.
    fn next(&self, is_alive: bool) -> String {
        loop {
            let mut bytes = [0; 1024];
            let read = self.socket.recv(&mut bytes).expect("a datagram");
            let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
            if (text == "WATCHDOG=1") == is_alive {
                return text;
            }
        }
    }
}

#[test]
fn the_manager_hears_of_every_change() {
    for program in Program::both() {
        let (manager, endpoint) = (Manager::new(), plain());
        let mut command = program.command(&["--addr", &format!("127.0.0.1:{}", endpoint.port)]);
        command.env("NOTIFY_SOCKET", &manager.name).env("WATCHDOG_USEC", "1000000");
        let mut process = Process::start(program.name, &mut command);
        assert!(manager.next(false).starts_with("READY=1\nSTATUS=ready, plaintext on 127.0.0.1:"));
        endpoint.open();
        process.signal(Signal::Hangup);
        let reloading = manager.next(false);
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        assert!(manager.next(false).starts_with("READY=1\n"));
        manager.next(true);
        manager.next(true);
        process.signal(Signal::Terminate);
        let stopping = manager.next(false);
        assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
        assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
    }
}

#[test]
fn the_socket_of_a_socket_unit_is_taken() {
    for program in Program::both() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let endpoint = Endpoint::plain(listener.local_addr().expect("its address").port());
        let inner = program.command(&[]);
        let words = std::iter::once(inner.get_program()).chain(inner.get_args());
        let mut command = Command::new("sh");
        // systemd puts the first socket at 3, and says for which process.
        command.args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&0 0</dev/null", "sh"]).args(words);
        program.run(&mut command, Stdio::from(OwnedFd::from(listener)), &endpoint);
    }
}

#[test]
fn what_is_no_listening_socket_is_refused() {
    for program in Program::both() {
        for fd in ["0", "77"] {
            let mut process = Process::start(program.name, &mut program.command(&["--listen-fd", fd]));
            assert_eq!(process.wait_exit(SOON), Some(2), "{}", process.output());
            let said = || process.output().contains(&format!("--listen-fd {fd}: "));
            assert!(wait_for(SOON, said), "{}", process.output());
        }
    }
}
