//! HyperLogLog.

macro_rules! hyperloglog_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* HyperLogLog {

    } } };
}
