//! The machines of a worker: one, unless a script runs long or inside of a transaction, whose machine is then its own.

use super::vm::Vm;
use ringtail_protocol::errors::Error;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Most machines of a worker: so many scripts may run long at once.
const MOST: usize = 64;
/// Machines that are kept when nothing runs.
const KEPT: usize = 4;

/// Bytes of all machines, nearly.
static BYTES: AtomicI64 = AtomicI64::new(0);

/// What a machine has to gain or lose before it is counted again.
const COUNTED: i64 = 64 * 1024;

thread_local! {
    #[expect(clippy::vec_box, reason = "a machine is large, and moves between here and who runs it")]
    static IDLE: RefCell<Vec<Box<Vm>>> = const { RefCell::new(Vec::new()) };
    static OUT: Cell<usize> = const { Cell::new(0) };
}

/// A machine that nothing runs in; [`give`] it back, or drop it by [`lose`].
///
/// # Errors
/// There are as many as may be, or there is no memory.
#[inline]
pub(crate) fn take() -> Result<Box<Vm>, Error> {
    if OUT.get() >= MOST {
        return Err(Error::fixed("BUSY too many scripts run for long on this thread"));
    }
    let idle = IDLE.with_borrow_mut(Vec::pop);
    let vm = match idle {
        Some(vm) => vm,
        None => Box::new(Vm::new().ok_or(Error::fixed("OOM no memory for a script"))?),
    };
    OUT.set(OUT.get() + 1);
    Ok(vm)
}

/// Gives a machine back.
#[inline]
pub(crate) fn give(mut vm: Box<Vm>) {
    let now = vm.bytes() as i64;
    if (now - vm.counted).abs() >= COUNTED {
        count(&mut vm, now);
    }
    OUT.set(OUT.get().saturating_sub(1));
    IDLE.with_borrow_mut(|idle| {
        if idle.len() < KEPT {
            idle.push(vm);
        } else {
            count(&mut vm, 0);
        }
    });
}

/// Drops a machine whose script will never end.
pub(crate) fn lose(mut vm: Box<Vm>) {
    count(&mut vm, 0);
    OUT.set(OUT.get().saturating_sub(1));
    drop(vm);
}

fn count(vm: &mut Vm, now: i64) {
    BYTES.fetch_add(now - vm.counted, Relaxed);
    vm.counted = now;
}

/// Bytes of all machines of the program, to within 64 KiB for each.
pub(crate) fn bytes() -> u64 {
    BYTES.load(Relaxed).try_into().unwrap_or(0)
}
