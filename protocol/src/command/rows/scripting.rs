//! Scripts and functions.

macro_rules! scripting_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Scripting {

    } } };
}
