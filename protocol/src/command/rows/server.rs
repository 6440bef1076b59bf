//! The server group.

macro_rules! server_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Server {

Dbsize = row("dbsize", 1, flags!(READONLY FAST))
    .about("1.0.0", "O(1)", "Returns how many keys the database has.")
    .pool(PoolRule::Everywhere(Join::Sum));

    } } };
}
