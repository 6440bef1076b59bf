//! The string group.

macro_rules! string_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* String {

Get = row("get", 2, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns the value of a string.")
    .keys(&[KeySpec::one(1, key_flags!(RO ACCESS))])
    .args(&[KEY]);

    } } };
}
