//! What threads share state by; the models exchange it.

pub(crate) use ringtail_net::sync::{Mutex, MutexGuard, RwLock, atomic, thread_local, yield_now};
