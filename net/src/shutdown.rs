//! How a program ends: one signal that every task can see.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    /// No more connections are accepted.
    Asked,
    /// Connections end between two requests.
    Thrown,
}

/// A switch that is thrown once, in two steps: first it is asked for, so that the listener closes, then it is thrown. Clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    phase: Arc<watch::Sender<Phase>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A switch that has not been thrown.
    pub fn new() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Running)) }
    }

    /// Asks for it: whoever accepts connections throws it when it has stopped.
    pub fn ask(&self) {
        self.reach(Phase::Asked);
    }

    /// Throws it; again changes nothing.
    pub fn trigger(&self) {
        self.reach(Phase::Thrown);
    }

    fn reach(&self, phase: Phase) {
        self.phase.send_modify(|now| *now = (*now).max(phase));
    }

    /// Whether it has been thrown.
    pub fn is_triggered(&self) -> bool {
        *self.phase.borrow() == Phase::Thrown
    }

    /// Whether it has been asked for.
    pub fn is_asked(&self) -> bool {
        *self.phase.borrow() >= Phase::Asked
    }

    /// Waits until it is asked for or thrown. Cancel-safe.
    pub async fn asked(&self) {
        self.reached(Phase::Asked).await;
    }

    /// Waits until it is thrown. Cancel-safe.
    pub async fn wait(&self) {
        self.reached(Phase::Thrown).await;
    }

    async fn reached(&self, phase: Phase) {
        // It cannot close while `self` holds the sender.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Asks for the end at the first SIGINT or SIGTERM; at the second ends the process at once: with 0 for a SIGTERM, which a
    /// manager sends that has waited long enough, and [`exit::INTERRUPTED`] for a SIGINT.
    /// Runs for ever: spawn it.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub async fn on_signals(self) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping; a second signal stops at once");
        self.ask();
        let code = either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopped at once by a second signal");
        std::process::exit(code);
    }
}

/// The exit code that belongs to the signal that came.
async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> i32 {
    tokio::select! {
        _ = interrupt.recv() => exit::INTERRUPTED,
        _ = terminate.recv() => 0,
    }
}

/// SIGHUP as events: read the files again.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Starts listening; from now on SIGHUP no longer ends the process.
    ///
    /// # Errors
    /// The handler could not be installed.
    pub fn new() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// The next SIGHUP. Cancel-safe; several that come together count as one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests;
