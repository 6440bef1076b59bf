//! A rate that all connections share: when each batch is due.

use ringtail::measure::Timer;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The times at which batches are due, handed out one after the other to whoever asks.
pub struct Pace {
    every: Duration,
    next: Cell<Instant>,
}

impl Pace {
    /// One batch each `every`, from now on.
    pub fn new(every: Duration) -> Self {
        Self { every, next: Cell::new(Instant::now()) }
    }
}

/// One connection's turns.
pub struct Turns {
    pace: Rc<Pace>,
    timer: Timer,
}

impl Turns {
    /// A connection that goes at this pace.
    pub fn new(pace: Rc<Pace>) -> io::Result<Self> {
        Ok(Self { pace, timer: Timer::new()? })
    }

    /// Waits for the next turn: when its request began to wait. That is when it was due, if no connection was free
    /// then; and now, if there was one: that this program was woken late is not the server's doing.
    pub async fn next(&self) -> io::Result<Instant> {
        let due = self.pace.next.get();
        self.pace.next.set(due + self.pace.every);
        match due.checked_duration_since(Instant::now()) {
            None | Some(Duration::ZERO) => Ok(due),
            Some(_) => {
                self.timer.sleep_until(due).await?;
                Ok(Instant::now())
            }
        }
    }
}
