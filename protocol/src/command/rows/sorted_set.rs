//! Sorted sets.

macro_rules! sorted_set_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* SortedSet {

    } } };
}
