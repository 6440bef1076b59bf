//! Streams.

macro_rules! stream_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Stream {

    } } };
}
