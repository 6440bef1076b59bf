//! A link between two programs on which a test makes trouble: what connects to its port is passed on to another, as fast and as far as
//! the test says.

use super::pause;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
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

/// One link.
pub struct Link {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    ways: Mutex<State>,
    over: AtomicBool,
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

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// A link to a port of this machine, in order.
    pub fn to(target: u16) -> Link {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its own address").port();
        listener.set_nonblocking(true).expect("a socket that does not wait");
        let shared = Arc::new(Shared { target, ways: Mutex::default(), over: AtomicBool::new(false) });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &own));
        Link { port, shared }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How bytes fare from now on: to the target, and from it.
    pub fn set(&self, ways: [Way; 2]) {
        self.shared.state().ways = ways;
    }

    /// Ends all connections, and lets nobody in until it is healed.
    pub fn cut(&self) {
        let mut state = self.shared.state();
        state.is_cut = true;
        state.cuts += 1;
    }

    /// In order again.
    pub fn heal(&self) {
        let mut state = self.shared.state();
        state.is_cut = false;
        state.ways = [Way::Open; 2];
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut();
        self.shared.over.store(true, Relaxed);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.over.load(Relaxed) {
        match listener.accept() {
            Ok((from, _)) => pass_on(from, shared),
            Err(_) => pause(LOOK),
        }
    }
}

/// Connects somebody with the target, unless the link is cut.
fn pass_on(from: TcpStream, shared: &Arc<Shared>) {
    let cuts = {
        let state = shared.state();
        if state.is_cut {
            return;
        }
        state.cuts
    };
    let Ok(to) = TcpStream::connect(("127.0.0.1", shared.target)) else { return };
    let ends = [(from.try_clone(), to.try_clone()), (Ok(to), Ok(from))];
    for (direction, (from, to)) in ends.into_iter().enumerate() {
        if let (Ok(from), Ok(to)) = (from, to) {
            let pump = Pump { shared: Arc::clone(shared), direction, cuts, from, to };
            std::thread::spawn(move || pump.run());
        }
    }
}

/// One direction of one connection.
struct Pump {
    shared: Arc<Shared>,
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
        let state = self.shared.state();
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
mod tests {
    use super::*;
    use std::time::Instant;

    /// Answers each byte with the next one.
    fn target() -> u16 {
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

    fn open(link: &Link) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", link.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream
    }

    fn answer(stream: &mut TcpStream) -> std::io::Result<u8> {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn ask(stream: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        stream.write_all(&[byte])?;
        answer(stream)
    }

    fn is_silent(answer: std::io::Result<u8>) -> bool {
        answer.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    #[test]
    fn bytes_are_late_or_wait() {
        let link = Link::to(target());
        let mut stream = open(&link);
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
        let mut stream = open(&link);
        link.set([Way::Open, Way::Lossy]);
        assert!(is_silent(ask(&mut stream, 1)));
        link.heal();
        assert!(answer(&mut stream).is_err_and(|error| error.kind() == ErrorKind::UnexpectedEof));
        assert_eq!(ask(&mut open(&link), 1).unwrap(), 2);
    }

    #[test]
    fn a_cut_ends_all_and_lets_nobody_in() {
        let link = Link::to(target());
        let mut stream = open(&link);
        assert_eq!(ask(&mut stream, 1).unwrap(), 2);
        link.cut();
        assert!(answer(&mut stream).is_err() && ask(&mut open(&link), 1).is_err());
        link.heal();
        assert_eq!(ask(&mut open(&link), 1).unwrap(), 2);
    }
}
