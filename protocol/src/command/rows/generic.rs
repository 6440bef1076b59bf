//! Commands on keys of any type.

macro_rules! generic_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Generic {

Del = row("del", -2, flags!(WRITE))
    .about("1.0.0", "O(N), N keys; O(M) more for a list or hash of M elements", "Deletes keys.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(RM DELETE))])
    .args(&[KEY.many()])
    .pool(PoolRule::Split(Join::Sum));

    } } };
}
