//! Transactions.

macro_rules! transactions_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Transactions {

    } } };
}
