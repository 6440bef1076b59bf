//! Commands on a cluster's members.

macro_rules! cluster_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Cluster {

Readonly = row("readonly", 1, flags!(LOADING STALE FAST))
    .about("3.0.0", "O(1)", "Lets the connection read from replicas.")
    .acl(Acl::CONNECTION);

Readwrite = row("readwrite", 1, flags!(LOADING STALE FAST))
    .about("3.0.0", "O(1)", "Has the connection read from primaries alone.")
    .acl(Acl::CONNECTION);

    } } };
}
