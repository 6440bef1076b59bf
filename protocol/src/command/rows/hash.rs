//! The hash group.

macro_rules! hash_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Hash {
    } } };
}
