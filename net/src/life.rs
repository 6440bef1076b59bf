//! The main thread of a running program: accepts connections until a signal, then lets those that there are end; tells systemd of it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{spawn_blocking, spawn_local};
use tokio::time::sleep;

use crate::limits;
use crate::listener::{Door, Listener};
use crate::logging;
use crate::notify::{self, Notifier};
use crate::reload::Reloader;
use crate::shutdown::{Hangups, Shutdown};
use crate::workers::{self, Pulses, Workers};

/// What the main thread looks after.
pub struct Life {
    /// Where connections come from.
    pub listener: Listener,
    /// Where others come from, that are served in another way.
    pub side: Option<Listener>,
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
    /// Told once it is ready for clients, if it is not as soon as it listens; dropped if it never will be.
    pub until_ready: Option<oneshot::Receiver<()>>,
    /// Called once it listens and is ready.
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
        let Self {
            listener,
            side,
            workers,
            shutdown,
            reloader,
            on_hangup,
            drain,
            until_ready,
            on_ready,
            status,
        } = self;
        let teller = Rc::new(Teller { notifier: Notifier::from_env(), status, is_ready: Cell::new(false) });
        let notifier = &teller.notifier;
        spawn_local(shutdown.clone().on_signals());
        spawn_local(logging::toggle_at_signals()?);
        let reload = Reload { reloader, on_hangup, teller: Rc::clone(&teller) };
        spawn_local(reload.at_hangups(Hangups::new()?));
        let acceptor = listener.open()?;
        let side = side.map(Listener::open).transpose()?;
        match until_ready {
            Some(told) => _ = spawn_local(Rc::clone(&teller).begin(told, on_ready)),
            None => teller.begun(on_ready),
        }
        if let Some(within) = notify::watchdog() {
            spawn_local(guard(Rc::clone(&teller), within, workers.pulses()));
        }
        let beside = async {
            if let Some(side) = side {
                side.deal(Door::Side, &workers, &shutdown).await;
            }
        };
        tokio::join!(acceptor.deal(Door::Main, &workers, &shutdown), beside);
        let connections = workers.live_connections().load(std::sync::atomic::Ordering::Relaxed);
        let said = format!("{connections} connections may end within {} s", drain.as_secs());
        tracing::info!("no more connections are accepted; {said}");
        notifier.stopping(&said);
        if !shutdown.is_triggered() {
            // Who has connected a moment ago is about to ask, and would be refused.
            sleep(limits::FIRST_REQUEST).await;
        }
        shutdown.trigger();
        // On another thread, so that a second signal is heard meanwhile.
        Ok(spawn_blocking(|| workers.join()).await.unwrap_or(false))
    }
}

/// What the service manager is told of being ready.
struct Teller {
    notifier: Notifier,
    status: String,
    is_ready: Cell<bool>,
}

/// How often the manager is told that the start goes on, ...
const STARTING: Duration = Duration::from_secs(10);
/// ... and for how long it is to wait for the next word.
const PATIENCE: Duration = Duration::from_secs(60);

impl Teller {
    /// Waits until it is ready. A start that takes long is not given up for that: it says that it goes on.
    async fn begin(self: Rc<Self>, mut told: oneshot::Receiver<()>, on_ready: Box<dyn FnOnce()>) {
        let mut interval = tokio::time::interval(STARTING);
        // The first comes at once.
        interval.tick().await;
        loop {
            tokio::select! {
                ready = &mut told => {
                    if ready.is_ok() {
                        self.begun(on_ready);
                    }
                    return;
                }
                _ = interval.tick() => self.notifier.starting(PATIENCE),
            }
        }
    }

    fn begun(&self, on_ready: Box<dyn FnOnce()>) {
        on_ready();
        self.is_ready.set(true);
        self.notifier.ready(&self.status);
    }
}

struct Reload {
    reloader: Reloader,
    on_hangup: Box<dyn Fn()>,
    teller: Rc<Teller>,
}

impl Reload {
    async fn at_hangups(self, mut hangups: Hangups) {
        loop {
            hangups.next().await;
            let Teller { notifier, status, is_ready } = &*self.teller;
            if is_ready.get() {
                notifier.reloading();
            }
            (self.on_hangup)();
            self.reloader.read_again().await;
            if is_ready.get() {
                notifier.ready(status);
            }
        }
    }
}

/// Tells the manager that we live, as long as every worker's thread still takes its turns.
async fn guard(teller: Rc<Teller>, within: Duration, pulses: Pulses) {
    let seen = RefCell::new(vec![0; pulses.len()]);
    let mut interval = tokio::time::interval(within / 2);
    loop {
        interval.tick().await;
        let now = pulses.now();
        let stuck = now.iter().zip(seen.borrow().iter()).position(|(now, before)| now == before);
        match stuck {
            None => teller.notifier.alive(),
            Some(worker) => {
                tracing::error!(worker, "a worker takes no turns: the watchdog is not told that we live")
            }
        }
        *seen.borrow_mut() = now;
    }
}
