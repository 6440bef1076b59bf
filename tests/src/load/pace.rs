//! A rate that all connections share: when each batch is due.

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::unix::pipe::Receiver;

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
    /// The runtime's own timers are too coarse: a millisecond. A timer's descriptor is read from as a pipe is.
    timer: Receiver,
}

impl Turns {
    /// A connection that goes at this pace.
    pub fn new(pace: Rc<Pace>) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { pace, timer: Receiver::from_owned_fd_unchecked(timer)? })
    }

    /// Waits for the next turn: when its request began to wait. That is when it was due, if no connection was free
    /// then; and now, if there was one: that this program was woken late is not the server's doing.
    pub async fn next(&self) -> io::Result<Instant> {
        let due = self.pace.next.get();
        self.pace.next.set(due + self.pace.every);
        match due.checked_duration_since(Instant::now()) {
            None | Some(Duration::ZERO) => Ok(due),
            Some(wait) => {
                self.sleep(wait).await?;
                Ok(Instant::now())
            }
        }
    }

    async fn sleep(&self, wait: Duration) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        let once = Itimerspec { it_interval: zero, it_value: wait };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        loop {
            self.timer.readable().await?;
            match self.timer.try_read(&mut [0; 8]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other.map(drop),
            }
        }
    }
}
