//! The connection group.

macro_rules! connection_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Connection {
    } } };
}
