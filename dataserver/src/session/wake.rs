//! Waking the tasks of many connections at once.
//!
//! A wake of another thread's task costs a system call. What a thread wakes during a [`Turn`] is therefore put off to the turn's
//! end: tasks of the same thread are woken directly, those of others are handed over in one go to the thread's [`Home`], which wakes
//! them from within.

use super::client::Client;
use crate::sync::{Mutex, MutexGuard, thread_local};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use tokio::sync::Notify;

/// A worker, as the place where tasks are woken.
#[derive(Default)]
pub struct Home {
    /// Clients whose tasks are to be woken here.
    handed_over: Mutex<Vec<Arc<Client>>>,
    notify: Notify,
}

/// A connection's task.
pub(super) struct Task {
    pub(super) waker: Waker,
    home: Option<Arc<Home>>,
}

thread_local! {
    static HOME: RefCell<Option<Arc<Home>>> = const { RefCell::new(None) };
    static TURNS: Cell<usize> = const { Cell::new(0) };
    static PUT_OFF: RefCell<Vec<Arc<Client>>> = const { RefCell::new(Vec::new()) };
}

impl Home {
    /// Makes this thread a home; [`serve`](Self::serve) is to run on it.
    pub fn settle() -> Arc<Self> {
        let home = Arc::new(Self::default());
        HOME.with(|own| *own.borrow_mut() = Some(Arc::clone(&home)));
        home
    }

    /// Wakes what other threads hand over, for ever.
    pub async fn serve(self: Arc<Self>) {
        loop {
            self.notify.notified().await;
            let clients = std::mem::take(&mut *self.lock());
            clients.iter().for_each(wake_task);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Client>>> {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self, clients: &mut Vec<Arc<Client>>) {
        self.lock().append(clients);
        self.notify.notify_one();
    }
}

impl Task {
    pub(super) fn here(waker: &Waker) -> Self {
        Self { waker: waker.clone(), home: HOME.with(|home| home.borrow().clone()) }
    }
}

/// Wakes the client's task: at the end of the thread's turn, or at once outside of any.
pub(super) fn wake(client: &Arc<Client>) {
    if TURNS.with(Cell::get) == 0 {
        wake_task(client);
    } else {
        PUT_OFF.with(|clients| clients.borrow_mut().push(Arc::clone(client)));
    }
}

fn wake_task(client: &Arc<Client>) {
    if let Some(task) = &*client.task() {
        task.waker.wake_by_ref();
    }
}

/// As long as it lives, wakes of this thread are put off.
pub struct Turn(());

impl Turn {
    /// Begins one; within another it ends with that.
    #[inline]
    pub fn begin() -> Self {
        TURNS.with(|turns| turns.set(turns.get() + 1));
        Self(())
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        let left = TURNS.with(|turns| {
            turns.set(turns.get() - 1);
            turns.get()
        });
        if left == 0 {
            let clients = PUT_OFF.with(RefCell::take);
            if !clients.is_empty() {
                wake_all(clients);
            }
        }
    }
}

/// Tasks of this thread at once, those of others by way of their homes.
fn wake_all(clients: Vec<Arc<Client>>) {
    let own = HOME.with(|home| home.borrow().clone());
    let mut away: Vec<(Arc<Home>, Vec<Arc<Client>>)> = Vec::new();
    for client in clients {
        let guard = client.task();
        let Some(task) = &*guard else { continue };
        match &task.home {
            Some(home) if own.as_ref().is_none_or(|own| !Arc::ptr_eq(own, home)) => {
                let at = away.iter().position(|(known, _)| Arc::ptr_eq(known, home)).unwrap_or_else(|| {
                    away.push((Arc::clone(home), Vec::new()));
                    away.len() - 1
                });
                drop(guard);
                away[at].1.push(client);
            }
            _ => task.waker.wake_by_ref(),
        }
    }
    for (home, mut clients) in away {
        home.hand_over(&mut clients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Clients;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn client_here(count: &Arc<Count>) -> Arc<Client> {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let client = Clients::default().register(address, address, 0);
        client.set_task(&Waker::from(Arc::clone(count)));
        client
    }

    #[test]
    fn wakes_are_put_off_to_the_end_of_the_outer_turn() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let client = client_here(&count);
        let frame: ringtail_net::outbox::Frame = Arc::from(&b"+x\r\n"[..]);
        let outer = Turn::begin();
        let inner = Turn::begin();
        client.push(&frame);
        client.push(&frame);
        drop(inner);
        assert_eq!(count.0.load(SeqCst), 0);
        drop(outer);
        assert_eq!(count.0.load(SeqCst), 1, "one wake for two messages");
        client.outbox.drain(&mut Vec::new(), usize::MAX);
        client.push(&frame);
        assert_eq!(count.0.load(SeqCst), 2, "outside of a turn at once");
    }

    #[test]
    fn tasks_of_another_thread_are_woken_by_its_home() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let there = Arc::clone(&count);
        let (home, client) =
            std::thread::spawn(move || (Home::settle(), client_here(&there))).join().unwrap();
        let frame: ringtail_net::outbox::Frame = Arc::from(&b"+x\r\n"[..]);
        let turn = Turn::begin();
        client.push(&frame);
        drop(turn);
        assert_eq!((count.0.load(SeqCst), home.lock().len()), (0, 1));
    }
}
