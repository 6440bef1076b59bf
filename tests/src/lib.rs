//! See the package description.

pub mod load;
