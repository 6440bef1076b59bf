//! Values that are more than a short string.

use crate::store::memory::class_size;

/// A value with an allocation of its own.
#[derive(Clone)]
pub enum Object {
    /// A string too long to stand beside its key.
    Bytes(Vec<u8>),
}

impl Object {
    /// Redis's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "string",
        }
    }

    /// Allocations that freeing it takes, about.
    pub fn parts(&self) -> usize {
        match self {
            Self::Bytes(_) => 1,
        }
    }

    /// Bytes that it holds, exactly or, for what has many parts, by a sample.
    pub fn size_estimate(&self) -> usize {
        let own = class_size(size_of::<Self>());
        own + match self {
            Self::Bytes(bytes) => class_size(bytes.capacity()),
        }
    }
}
