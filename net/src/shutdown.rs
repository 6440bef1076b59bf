//! How a program ends: one signal that every task can see.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit;

/// A switch that is thrown once. Clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    thrown: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A switch that has not been thrown.
    pub fn new() -> Self {
        Self { thrown: Arc::new(watch::Sender::new(false)) }
    }

    /// Throws it; again changes nothing.
    pub fn trigger(&self) {
        self.thrown.send_replace(true);
    }

    /// Whether it has been thrown.
    pub fn is_triggered(&self) -> bool {
        *self.thrown.borrow()
    }

    /// Waits until it is thrown. Cancel-safe.
    pub async fn wait(&self) {
        // It cannot close while `self` holds the sender.
        let _ = self.thrown.subscribe().wait_for(|thrown| *thrown).await;
    }

    /// Throws the switch at the first SIGINT or SIGTERM; at the second ends the process at once.
    /// Runs for ever: spawn it.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub async fn on_signals(self) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping; a second signal stops at once");
        self.trigger();
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(exit::INTERRUPTED);
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
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
