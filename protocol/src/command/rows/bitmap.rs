//! Bitmaps.

macro_rules! bitmap_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Bitmap {

    } } };
}
