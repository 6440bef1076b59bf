//! Values that are more than a short string.

pub mod bits;
pub mod fields;
pub mod hll;
pub mod list;
pub mod members;
pub mod packed;
pub mod pairs;
pub mod stream;
pub mod zset;

use crate::store::memory::class_size;
use fields::{Fields, Timed};
use list::List;
use members::Members;
use stream::Stream;
use zset::SortedSet;

/// A value with an allocation of its own.
#[derive(Clone)]
pub enum Object {
    /// A string too long to stand beside its key.
    Bytes(Vec<u8>),
    /// A list.
    List(List),
    /// A hash.
    Hash(Fields),
    /// A set.
    Set(Members),
    /// A stream.
    Stream(Box<Stream>),
    /// A sorted set.
    SortedSet(SortedSet),
}

// Each small list and hash pays for it once.
const _: () = assert!(size_of::<Object>() <= 32);

/// A type of objects, told from the others.
pub trait Kind: Default {
    /// This type's value, if the object is one.
    fn of(object: &Object) -> Option<&Self>;
    /// The same, to be changed.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
    /// As an object.
    fn into_object(self) -> Object;
}

macro_rules! kind {
    ($type:ty, $variant:ident) => {
        impl Kind for $type {
            #[inline]
            fn of(object: &Object) -> Option<&Self> {
                if let Object::$variant(value) = object { Some(value) } else { None }
            }

            #[inline]
            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                if let Object::$variant(value) = object { Some(value) } else { None }
            }

            fn into_object(self) -> Object {
                Object::$variant(self)
            }
        }
    };
}

kind!(List, List);
kind!(Fields, Hash);
kind!(Members, Set);
kind!(SortedSet, SortedSet);

impl Kind for Stream {
    #[inline]
    fn of(object: &Object) -> Option<&Self> {
        if let Object::Stream(stream) = object { Some(stream) } else { None }
    }

    #[inline]
    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::Stream(stream) = object { Some(stream) } else { None }
    }

    fn into_object(self) -> Object {
        Object::Stream(Box::new(self))
    }
}

impl Object {
    /// Redis's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "string",
            Self::List(_) => "list",
            Self::Hash(_) => "hash",
            Self::Set(_) => "set",
            Self::Stream(_) => "stream",
            Self::SortedSet(_) => "zset",
        }
    }

    /// Redis's name of the form that the value has, as OBJECT ENCODING tells it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "raw",
            Self::List(list) => list.encoding(),
            Self::Hash(fields) => fields.encoding(),
            Self::Set(members) => members.encoding(),
            Self::Stream(_) => "stream",
            Self::SortedSet(set) => set.encoding(),
        }
    }

    /// The hash of which fields expire, if it is one.
    pub fn timed(&self) -> Option<&Timed> {
        if let Self::Hash(Fields::Timed(timed)) = self { Some(timed) } else { None }
    }

    /// The same, to be changed.
    pub fn timed_mut(&mut self) -> Option<&mut Timed> {
        if let Self::Hash(Fields::Timed(timed)) = self { Some(timed) } else { None }
    }

    /// Allocations that freeing it takes, about.
    pub fn parts(&self) -> usize {
        match self {
            Self::Bytes(_) => 1,
            Self::List(list) => list.parts(),
            Self::Hash(fields) => fields.parts(),
            Self::Set(members) => members.parts(),
            Self::Stream(stream) => stream.parts(),
            Self::SortedSet(set) => set.parts(),
        }
    }

    /// Bytes that it holds outside itself, exactly or, for what has many parts, by a sample.
    pub fn size_estimate(&self) -> usize {
        match self {
            Self::Bytes(bytes) => class_size(bytes.capacity()),
            Self::List(list) => list.size(),
            Self::Hash(fields) => fields.size_estimate(),
            Self::Set(members) => members.size_estimate(),
            Self::Stream(stream) => stream.size_estimate(),
            Self::SortedSet(set) => set.size_estimate(),
        }
    }
}
