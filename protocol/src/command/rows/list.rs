//! The list group.

macro_rules! list_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* List {
    } } };
}
