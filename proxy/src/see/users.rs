//! What each user's requests took.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ringtail_protocol::stats::{Counter, Histogram, Sum};

use crate::limits;

/// The name under which those are counted that come after the first [`limits::USERS_COUNTED`].
const OTHERS: &str = "(others)";

/// One worker's numbers of one user.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    micros: Counter,
    pub(super) failed: Counter,
    durations: Histogram,
}

impl Cell {
    #[inline]
    pub(super) fn ran(&self, micros: u64, calls: u32) {
        self.micros.add(micros * u64::from(calls));
        self.durations.add(micros, u64::from(calls));
    }
}

/// One worker's cells, by the users' numbers.
type Cells = Box<[OnceLock<Box<Cell>>]>;

/// All users that were seen, by number.
#[derive(Debug)]
pub(crate) struct Users {
    names: Mutex<Vec<String>>,
    cells: Box<[Cells]>,
}

/// What one user's requests took, with all workers added up.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) micros: u64,
    pub(crate) failed: u64,
    pub(crate) durations: Sum,
}

impl Users {
    pub(super) fn new(workers: usize) -> Self {
        let cells = || std::iter::repeat_with(OnceLock::new).take(limits::USERS_COUNTED + 1).collect();
        Self { names: Mutex::new(vec!["default".to_owned()]), cells: (0..workers).map(|_| cells()).collect() }
    }

    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number that a user is counted under; 0 is the default user.
    pub(crate) fn number(&self, name: &str) -> u16 {
        let mut names = self.names();
        let known = names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            let number = names.len().min(limits::USERS_COUNTED);
            if number < limits::USERS_COUNTED {
                names.push(name.to_owned());
            }
            number
        });
        number as u16
    }

    /// The name of a number.
    pub(crate) fn name(&self, number: u16) -> String {
        self.names().get(usize::from(number)).cloned().unwrap_or_else(|| OTHERS.to_owned())
    }

    /// One worker's numbers of a user.
    #[inline]
    pub(super) fn cell(&self, worker: usize, user: u16) -> &Cell {
        let user = usize::from(user).min(limits::USERS_COUNTED);
        self.cells[worker][user].get_or_init(Box::default)
    }

    /// What each did who did anything.
    pub(crate) fn told(&self) -> Vec<Told> {
        let all = (0..=limits::USERS_COUNTED).map(|user| {
            let mut told = Told { name: self.name(user as u16), ..Told::default() };
            for cell in self.cells.iter().filter_map(|cells| cells[user].get()) {
                told.micros += cell.micros.get();
                told.failed += cell.failed.get();
                told.durations.add(&cell.durations);
            }
            told
        });
        all.filter(|told| told.durations.total() > 0).collect()
    }

    pub(super) fn reset(&self) {
        for cell in self.cells.iter().flatten().filter_map(OnceLock::get) {
            cell.micros.reset();
            cell.failed.reset();
            cell.durations.reset();
        }
    }
}
