//! Geospatial indices.

macro_rules! geo_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Geo {

    } } };
}
