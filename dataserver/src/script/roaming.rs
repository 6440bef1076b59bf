//! The permission to wait for a lock while holding others. One script has it at a time, and whoever else locks several groups
//! lets them go instead of waiting; so nobody ever waits for somebody who waits for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Holder {
    #[default]
    Nobody,
    /// A script that runs: it is over soon, or pauses.
    Running,
    /// A script that is paused.
    Paused,
}

/// How long a thread waits for a script that runs, before its client is put back instead.
const PATIENCE: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(crate) struct Roaming {
    holder: Mutex<Holder>,
    freed: Condvar,
}

/// The permission, until it is dropped.
pub(crate) struct Permit(Arc<Roaming>);

impl Roaming {
    fn holder(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The permission, if nobody has it.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Permit> {
        let mut holder = self.holder();
        if *holder != Holder::Nobody {
            return None;
        }
        *holder = Holder::Running;
        Some(Permit(Arc::clone(self)))
    }

    /// The same, and waits for a script that runs; not for one that is paused. The caller holds no lock.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Permit> {
        let running = |holder: &mut Holder| *holder == Holder::Running;
        let waited = self.freed.wait_timeout_while(self.holder(), PATIENCE, running);
        let (mut holder, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *holder != Holder::Nobody {
            return None;
        }
        *holder = Holder::Running;
        Some(Permit(Arc::clone(self)))
    }

    fn set(&self, to: Holder) {
        *self.holder() = to;
        if to != Holder::Running {
            self.freed.notify_all();
        }
    }
}

impl Permit {
    /// Its script pauses: nobody waits for that.
    pub(crate) fn pause(&self) {
        self.0.set(Holder::Paused);
    }

    /// It goes on.
    pub(crate) fn go_on(&self) {
        self.0.set(Holder::Running);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.set(Holder::Nobody);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time() {
        let roaming = Arc::new(Roaming::default());
        let permit = roaming.try_take().unwrap();
        assert!(roaming.try_take().is_none() && roaming.take().is_none());
        permit.pause();
        assert!(roaming.take().is_none());
        permit.go_on();
        let waiting = {
            let roaming = Arc::clone(&roaming);
            std::thread::spawn(move || (0..1000).any(|_| roaming.take().is_some()))
        };
        drop(permit);
        assert!(waiting.join().unwrap());
        assert!(roaming.try_take().is_some());
    }
}
