//! Worker threads: each one a tokio runtime of its own, so that a connection's task never leaves its thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::limits;
use crate::listener::{Accepted, Dealer, Door};
use crate::notify;
use crate::shutdown::Shutdown;

/// What a worker is given.
#[derive(Debug)]
pub struct WorkerContext {
    /// 0 for the first worker.
    pub index: usize,
    /// The connections that fall to this worker.
    pub connections: mpsc::Receiver<Accepted>,
    /// Thrown when the program ends.
    pub shutdown: Shutdown,
    panics: Arc<AtomicU64>,
    pulse: Arc<AtomicU64>,
}

/// The running worker threads.
#[derive(Debug)]
pub struct Workers {
    queues: Vec<mpsc::Sender<Accepted>>,
    threads: Vec<JoinHandle<()>>,
    live: Arc<AtomicUsize>,
    panics: Arc<AtomicU64>,
    pulses: Vec<Arc<AtomicU64>>,
    shutdown: Shutdown,
}

/// Numbers that go up while the workers' threads take turns; they stand still where no watchdog is asked for.
#[derive(Debug)]
pub(crate) struct Pulses(Vec<Arc<AtomicU64>>);

impl Pulses {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn now(&self) -> Vec<u64> {
        self.0.iter().map(|pulse| pulse.load(Ordering::Relaxed)).collect()
    }
}

/// A current-thread runtime with `spawn_local`, IO and timers: for a worker, or for the main thread.
///
/// # Errors
/// The system refused epoll or a descriptor.
pub fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

impl Workers {
    /// Starts `count` threads named `NAME-INDEX`; each runs the future that `body` makes of its context.
    ///
    /// # Errors
    /// A thread could not be started.
    pub fn spawn<B, F>(name: &str, count: usize, shutdown: &Shutdown, body: B) -> io::Result<Self>
    where
        B: Fn(WorkerContext) -> F + Send + Sync + 'static,
        F: Future<Output = ()>,
    {
        let body = Arc::new(body);
        let mut workers = Self {
            queues: Vec::new(),
            threads: Vec::new(),
            live: Arc::default(),
            panics: Arc::default(),
            pulses: (0..count).map(|_| Arc::new(AtomicU64::new(1))).collect(),
            shutdown: shutdown.clone(),
        };
        for index in 0..count {
            let context = workers.open_queue(index);
            let body = Arc::clone(&body);
            let thread = std::thread::Builder::new().name(format!("{name}-{index}"));
            workers.threads.push(thread.spawn(move || run(context, &*body))?);
        }
        Ok(workers)
    }

    fn open_queue(&mut self, index: usize) -> WorkerContext {
        let (queue, connections) = mpsc::channel(limits::WORKER_QUEUE);
        self.queues.push(queue);
        WorkerContext {
            index,
            connections,
            shutdown: self.shutdown.clone(),
            panics: Arc::clone(&self.panics),
            pulse: Arc::clone(&self.pulses[index]),
        }
    }

    pub(crate) fn pulses(&self) -> Pulses {
        Pulses(self.pulses.clone())
    }

    pub(crate) fn dealer(&self, door: Door) -> Dealer {
        let live = Arc::clone(&self.live);
        Dealer { queues: self.queues.clone(), turn: self.queues.len() - 1, live, door }
    }

    /// How many connections are alive, counted from accept to the stream's end.
    pub fn live_connections(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.live)
    }

    /// How many connections ended by a panic in their task.
    pub fn panics(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.panics)
    }

    /// Waits until every worker has ended; throw the shutdown first. `false` if one of them panicked.
    pub fn join(self) -> bool {
        drop(self.queues);
        let panicked = self.threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        panicked == 0
    }
}

/// A worker that dies takes the program down with it: its share of the connections would hang for ever.
struct EndAll(Shutdown);

impl Drop for EndAll {
    fn drop(&mut self) {
        self.0.trigger();
    }
}

fn run<F: Future<Output = ()>>(context: WorkerContext, body: impl Fn(WorkerContext) -> F) {
    let _end_all = EndAll(context.shutdown.clone());
    match runtime() {
        Ok(runtime) => runtime.block_on(body(context)),
        Err(error) => tracing::error!(%error, worker = context.index, "a worker cannot start"),
    }
}

impl WorkerContext {
    /// Runs one task for each connection until shutdown, then leaves the tasks `drain` to end by themselves
    /// and aborts the rest. A panic ends only its own connection; it is counted and logged.
    pub async fn serve<C, F>(mut self, drain: Duration, connection: C)
    where
        C: Fn(Accepted) -> F,
        F: Future<Output = ()> + 'static,
    {
        let mut tasks = JoinSet::new();
        let shutdown = self.shutdown.clone();
        if let Some(within) = notify::watchdog() {
            tokio::task::spawn_local(beat(Arc::clone(&self.pulse), within / 8));
        }
        let mut stop = std::pin::pin!(shutdown.wait());
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(accepted) = self.connections.recv() => {
                    tasks.spawn_local(connection(accepted));
                }
                Some(ended) = tasks.join_next() => self.note_end(&ended),
            }
        }
        // What was dealt before the listener closed.
        while let Ok(accepted) = self.connections.try_recv() {
            tasks.spawn_local(connection(accepted));
        }
        let drained = async {
            while let Some(ended) = tasks.join_next().await {
                self.note_end(&ended);
            }
        };
        let _ = tokio::time::timeout(drain, drained).await;
        if !tasks.is_empty() {
            tracing::warn!(
                worker = self.index,
                connections = tasks.len(),
                "cut off: they did not end in time"
            );
        }
    }

    fn note_end(&self, ended: &Result<(), JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            self.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(worker = self.index, "a connection ended by a panic: {error}");
        }
    }
}

async fn beat(pulse: Arc<AtomicU64>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        pulse.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
