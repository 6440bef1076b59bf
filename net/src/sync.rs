//! What threads share state by. It is the standard library's, but for the models of the data server: they are built with the feature
//! `shuttle`, whose threads run one at a time and change places at each use of these, in an order that it chooses.

#[cfg(feature = "shuttle")]
pub use shuttle::{
    sync::{Mutex, MutexGuard, RwLock, atomic},
    thread::yield_now,
    thread_local,
};
#[cfg(not(feature = "shuttle"))]
pub use std::{
    sync::{Mutex, MutexGuard, RwLock, atomic},
    thread::yield_now,
    thread_local,
};
