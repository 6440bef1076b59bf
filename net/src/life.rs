//! The main thread of a running program: accepts connections until a signal, then lets those that there are end; tells systemd of it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{spawn_blocking, spawn_local};

use crate::listener::Listener;
use crate::notify::{self, Notifier};
use crate::reload::Reloader;
use crate::shutdown::{Hangups, Shutdown};
use crate::workers::{self, Pulses, Workers};

/// What the main thread looks after.
pub struct Life {
    /// Where connections come from.
    pub listener: Listener,
    /// Who serves them.
    pub workers: Workers,
    /// Ends it.
    pub shutdown: Shutdown,
    /// The files that SIGHUP has read again, as do their changes.
    pub reloader: Reloader,
    /// What else SIGHUP does.
    pub on_hangup: Box<dyn Fn()>,
    /// How long the workers give their connections to come to an end, to be said in the log.
    pub drain: Duration,
    /// Called once it listens.
    pub on_ready: Box<dyn FnOnce()>,
    /// What systemd shows of it: `ready, TLS on 127.0.0.1:9443`.
    pub status: String,
}

impl Life {
    /// Runs until the end of all connections. Whether all workers ended well.
    ///
    /// # Errors
    /// The system refused what the runtime or the signal handlers need.
    pub fn run(self) -> io::Result<bool> {
        workers::runtime()?.block_on(self.live())
    }

    async fn live(self) -> io::Result<bool> {
        let Self { listener, workers, shutdown, reloader, on_hangup, drain, on_ready, status } = self;
        let notifier = Rc::new(Notifier::from_env());
        spawn_local(shutdown.clone().on_signals());
        let reload = Reload { reloader, on_hangup, notifier: Rc::clone(&notifier), status: status.clone() };
        spawn_local(reload.at_hangups(Hangups::new()?));
        let acceptor = listener.open()?;
        on_ready();
        notifier.ready(&status);
        if let Some(within) = notify::watchdog() {
            spawn_local(guard(Rc::clone(&notifier), within, workers.pulses()));
        }
        acceptor.deal(&workers, &shutdown).await;
        let connections = workers.live_connections().load(std::sync::atomic::Ordering::Relaxed);
        let said = format!("{connections} connections may end within {} s", drain.as_secs());
        tracing::info!("no more connections are accepted; {said}");
        notifier.stopping(&said);
        shutdown.trigger();
        // On another thread, so that a second signal is heard meanwhile.
        Ok(spawn_blocking(|| workers.join()).await.unwrap_or(false))
    }
}

struct Reload {
    reloader: Reloader,
    on_hangup: Box<dyn Fn()>,
    notifier: Rc<Notifier>,
    status: String,
}

impl Reload {
    async fn at_hangups(self, mut hangups: Hangups) {
        loop {
            hangups.next().await;
            self.notifier.reloading();
            (self.on_hangup)();
            self.reloader.read_again().await;
            self.notifier.ready(&self.status);
        }
    }
}

/// Tells the manager that we live, as long as every worker's thread still takes its turns.
async fn guard(notifier: Rc<Notifier>, within: Duration, pulses: Pulses) {
    let seen = RefCell::new(vec![0; pulses.len()]);
    let mut interval = tokio::time::interval(within / 2);
    loop {
        interval.tick().await;
        let now = pulses.now();
        let stuck = now.iter().zip(seen.borrow().iter()).position(|(now, before)| now == before);
        match stuck {
            None => notifier.alive(),
            Some(worker) => {
                tracing::error!(worker, "a worker takes no turns: the watchdog is not told that we live")
            }
        }
        *seen.borrow_mut() = now;
    }
}
