use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Asks `condition` again and again until it holds or `bound` has passed, and
/// says which.
pub fn wait_for(bound: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + bound;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        pause(Duration::from_millis(5));
    }
}

/// Leaves the processor to the others for a while, between two looks at a
/// condition or two steps of a load; never in place of a condition.
pub fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// A port that was free a moment ago. Another process may take it before it is
/// used: whoever starts a server on it tries again with another.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port of 127.0.0.1");
    listener.local_addr().expect("the address just bound").port()
}
