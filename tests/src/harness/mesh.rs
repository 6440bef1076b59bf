//! Servers with a link between any two, where all know each by one address: which link a connection takes depends on the process that makes it.

use super::link::{Listener, Way, Wire, pass_on};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The links, and where each server is reached by the others.
pub struct Mesh {
    shared: Arc<Shared>,
    doors: Vec<Listener>,
}

struct Shared {
    /// The servers' processes; 0 = none was started.
    processes: Vec<AtomicU32>,
    /// By who connects and whom to.
    wires: Vec<Vec<Arc<Wire>>>,
}

impl Mesh {
    /// For so many servers, all links in order.
    pub fn of(servers: usize) -> Self {
        let wires = (0..servers).map(|_| (0..servers).map(|_| Arc::default()).collect()).collect();
        let processes = (0..servers).map(|_| AtomicU32::new(0)).collect();
        let shared = Arc::new(Shared { processes, wires });
        let doors = (0..servers).map(|to| door(&shared, to)).collect();
        Self { shared, doors }
    }

    /// The port at which others reach this one.
    pub fn port(&self, server: usize) -> u16 {
        self.doors[server].port
    }

    /// It was started: this is its process, and where that listens.
    pub fn is_at(&self, server: usize, process: u32, port: u16) {
        self.shared.processes[server].store(process, Relaxed);
        self.shared.wires.iter().for_each(|wires| wires[server].leads_to(port));
    }

    /// How bytes fare from now on between two: to the second, and to the first.
    pub fn set(&self, one: usize, other: usize, [there, back]: [Way; 2]) {
        let [wire, reverse] = self.between(one, other);
        wire.set([there, back]);
        reverse.set([back, there]);
    }

    /// Ends all connections of these two with each other, and lets none be made until it is healed.
    pub fn cut(&self, one: usize, other: usize) {
        self.between(one, other).iter().for_each(|wire| wire.cut());
    }

    /// In order again.
    pub fn heal(&self, one: usize, other: usize) {
        self.between(one, other).iter().for_each(|wire| wire.heal());
    }

    fn between(&self, one: usize, other: usize) -> [&Wire; 2] {
        [(one, other), (other, one)].map(|(from, to)| &*self.shared.wires[from][to])
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.shared.wires.iter().flatten().for_each(|wire| wire.cut());
    }
}

fn door(shared: &Arc<Shared>, to: usize) -> Listener {
    let shared = Arc::clone(shared);
    Listener::start(move |from| {
        // Whoever is gone again, or was started a moment ago, comes back.
        if let Some(who) = shared.who(&from) {
            pass_on(from, &shared.wires[who][to]);
        }
    })
}

impl Shared {
    /// Which server has the other end of a connection.
    fn who(&self, stream: &TcpStream) -> Option<usize> {
        let (theirs, ours) = (stream.peer_addr().ok()?.port(), stream.local_addr().ok()?.port());
        let socket =
            format!("socket:[{}]", inode(&std::fs::read_to_string("/proc/net/tcp").ok()?, theirs, ours)?);
        self.processes.iter().position(|process| has(process.load(Relaxed), &socket))
    }
}

/// The socket at one end of a connection of this machine with itself, by that end's port and the other one's, in the kernel's table.
fn inode(table: &str, own: u16, other: u16) -> Option<&str> {
    let (own, other) = (format!("0100007F:{own:04X}"), format!("0100007F:{other:04X}"));
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words.get(1..3)? == [&*own, &*other]).then(|| words.get(9).copied())?
    })
}

/// Whether a process has it open.
fn has(process: u32, socket: &str) -> bool {
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    open.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|what| what.as_os_str() == socket)
}

#[cfg(test)]
mod tests {
    use super::super::link::tests::{answer, ask, open, target};
    use super::*;

    #[test]
    fn the_link_is_told_by_who_connects() {
        let mesh = Mesh::of(3);
        mesh.is_at(1, 0, target());
        let mut stranger = open(mesh.port(1));
        assert!(ask(&mut stranger, 1).is_err(), "nobody that is known");
        mesh.is_at(2, std::process::id(), 0);
        let mut stream = open(mesh.port(1));
        assert_eq!(ask(&mut stream, 1).unwrap(), 2);
        mesh.cut(0, 1);
        assert_eq!(ask(&mut stream, 2).unwrap(), 3, "another's link");
        mesh.cut(1, 2);
        assert!(answer(&mut stream).is_err() && ask(&mut open(mesh.port(1)), 1).is_err());
        mesh.heal(2, 1);
        assert_eq!(ask(&mut open(mesh.port(1)), 1).unwrap(), 2);
    }

    #[test]
    fn each_direction_of_a_link_has_its_way() {
        let mesh = Mesh::of(2);
        mesh.is_at(1, 0, target());
        mesh.is_at(0, std::process::id(), 0);
        for ways in [[Way::Still, Way::Open], [Way::Open, Way::Still]] {
            let mut stream = open(mesh.port(1));
            mesh.set(0, 1, ways);
            assert!(ask(&mut stream, 1).is_err());
            mesh.heal(0, 1);
            assert_eq!(answer(&mut stream).unwrap(), 2);
            mesh.set(1, 0, [ways[1], ways[0]]);
            assert!(ask(&mut stream, 2).is_err());
            mesh.heal(0, 1);
            assert_eq!(answer(&mut stream).unwrap(), 3);
        }
    }
}
