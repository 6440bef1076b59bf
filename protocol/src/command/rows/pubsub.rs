//! Publish and subscribe.

macro_rules! pubsub_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* PubSub {

    } } };
}
