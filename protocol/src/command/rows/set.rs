//! Sets.

macro_rules! set_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Set {

    } } };
}
