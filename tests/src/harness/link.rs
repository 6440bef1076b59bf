//! A link between two programs on which a test makes trouble: what connects to its port is passed on to another, as fast and as far as
//! the test says.

use super::pause;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often it is looked whether there is trouble.
const LOOK: Duration = Duration::from_millis(5);

/// How bytes fare in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// They arrive.
    #[default]
    Open,
    /// Each piece takes so much longer, and the next waits for it.
    Slow(Duration),
    /// They arrive later, when there is another way.
    Still,
    /// They are lost. Since a stream can't go on behind a gap, its connection ends when there is another way.
    Lossy,
}

/// One link that has a port of its own.
pub struct Link {
    wire: Arc<Wire>,
    listener: Listener,
}

impl Link {
    /// A link to a port of this machine, in order.
    pub fn to(target: u16) -> Link {
        let wire = Arc::new(Wire::default());
        wire.leads_to(target);
        let own = Arc::clone(&wire);
        Link { wire, listener: Listener::start(move |from| pass_on(from, &own)) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.listener.port
    }
}

impl Deref for Link {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut();
    }
}

/// What a link is made of.
#[derive(Default)]
pub struct Wire {
    target: AtomicU16,
    ways: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// To the target, and from it.
    ways: [Way; 2],
    /// Nobody is let in.
    is_cut: bool,
    /// How often it was cut: a connection ends when that is another number than at its beginning.
    cuts: u64,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes to this port of this machine.
    pub(super) fn leads_to(&self, target: u16) {
        self.target.store(target, Relaxed);
    }

    /// How bytes fare from now on: to the target, and from it.
    pub fn set(&self, ways: [Way; 2]) {
        self.state().ways = ways;
    }

    /// Ends all connections, and lets nobody in until it is healed.
    pub fn cut(&self) {
        let mut state = self.state();
        state.is_cut = true;
        state.cuts += 1;
    }

    /// In order again.
    pub fn heal(&self) {
        let mut state = self.state();
        state.is_cut = false;
        state.ways = [Way::Open; 2];
    }
}

/// A port at which somebody is let in until this is dropped.
pub(super) struct Listener {
    pub(super) port: u16,
    over: Arc<AtomicBool>,
}

impl Listener {
    pub(super) fn start(let_in: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its own address").port();
        listener.set_nonblocking(true).expect("a socket that does not wait");
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        std::thread::spawn(move || {
            while !ends.load(Relaxed) {
                match listener.accept() {
                    Ok((from, _)) => let_in(from),
                    Err(_) => pause(LOOK),
                }
            }
        });
        Self { port, over }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
    }
}

/// Connects somebody with the target, unless the link is cut.
pub(super) fn pass_on(from: TcpStream, wire: &Arc<Wire>) {
    let cuts = {
        let state = wire.state();
        if state.is_cut {
            return;
        }
        state.cuts
    };
    let Ok(to) = TcpStream::connect(("127.0.0.1", wire.target.load(Relaxed))) else { return };
    let ends = [(from.try_clone(), to.try_clone()), (Ok(to), Ok(from))];
    for (direction, (from, to)) in ends.into_iter().enumerate() {
        if let (Ok(from), Ok(to)) = (from, to) {
            let pump = Pump { wire: Arc::clone(wire), direction, cuts, from, to };
            std::thread::spawn(move || pump.run());
        }
    }
}

/// One direction of one connection.
struct Pump {
    wire: Arc<Wire>,
    direction: usize,
    cuts: u64,
    from: TcpStream,
    to: TcpStream,
}

impl Pump {
    fn run(mut self) {
        let _ = self.from.set_nonblocking(false).and_then(|()| self.from.set_read_timeout(Some(LOOK)));
        let _ = (self.from.set_nodelay(true), self.to.set_nodelay(true));
        let (mut piece, mut has_lost) = (vec![0; 64 << 10], false);
        while let Some(way) = self.way() {
            if has_lost && way != Way::Lossy {
                break;
            }
            match self.from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) if !self.pass(&piece[..length], &mut has_lost) => break,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = (self.from.shutdown(Shutdown::Both), self.to.shutdown(Shutdown::Both));
    }

    /// How bytes fare; `None` when the link was cut.
    fn way(&self) -> Option<Way> {
        let state = self.wire.state();
        (state.cuts == self.cuts).then_some(state.ways[self.direction])
    }

    /// Whether the connection goes on.
    fn pass(&mut self, piece: &[u8], has_lost: &mut bool) -> bool {
        loop {
            match self.way() {
                None => return false,
                Some(Way::Still) => pause(LOOK),
                Some(Way::Lossy) => {
                    *has_lost = true;
                    return true;
                }
                // What comes behind a gap must not arrive.
                Some(_) if *has_lost => return false,
                Some(Way::Slow(time)) => {
                    pause(time);
                    return self.way().is_some() && self.to.write_all(piece).is_ok();
                }
                Some(Way::Open) => return self.to.write_all(piece).is_ok(),
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Instant;

    /// Answers each byte with the next one.
    pub(in super::super) fn target() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&[byte[0] + 1]).is_ok() {}
                });
            }
        });
        port
    }

    pub(in super::super) fn open(port: u16) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream
    }

    pub(in super::super) fn answer(stream: &mut TcpStream) -> std::io::Result<u8> {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    pub(in super::super) fn ask(stream: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        stream.write_all(&[byte])?;
        answer(stream)
    }

    fn is_silent(answer: std::io::Result<u8>) -> bool {
        answer.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    #[test]
    fn bytes_are_late_or_wait() {
        let link = Link::to(target());
        let mut stream = open(link.port());
        assert_eq!(ask(&mut stream, 1).unwrap(), 2);
        link.set([Way::Open, Way::Slow(Duration::from_millis(60))]);
        let begun = Instant::now();
        assert_eq!(ask(&mut stream, 2).unwrap(), 3);
        assert!(begun.elapsed() >= Duration::from_millis(60));
        for ways in [[Way::Still, Way::Open], [Way::Open, Way::Still]] {
            link.set(ways);
            assert!(is_silent(ask(&mut stream, 3)));
            link.heal();
            assert_eq!(answer(&mut stream).unwrap(), 4);
        }
    }

    #[test]
    fn what_was_lost_ends_the_connection() {
        let link = Link::to(target());
        let mut stream = open(link.port());
        link.set([Way::Open, Way::Lossy]);
        assert!(is_silent(ask(&mut stream, 1)));
        link.heal();
        assert!(answer(&mut stream).is_err_and(|error| error.kind() == ErrorKind::UnexpectedEof));
        assert_eq!(ask(&mut open(link.port()), 1).unwrap(), 2);
    }

    #[test]
    fn a_cut_ends_all_and_lets_nobody_in() {
        let link = Link::to(target());
        let mut stream = open(link.port());
        assert_eq!(ask(&mut stream, 1).unwrap(), 2);
        link.cut();
        assert!(answer(&mut stream).is_err() && ask(&mut open(link.port()), 1).is_err());
        link.heal();
        assert_eq!(ask(&mut open(link.port()), 1).unwrap(), 2);
    }
}
