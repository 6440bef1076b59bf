//! The patterns of BY and GET: names of keys, and of fields in hashes, with `*` for the element.

use crate::store::view::View;
use crate::value::fields::Fields;

/// A pattern.
#[derive(Clone, Copy)]
pub(super) enum Pattern<'p> {
    /// `#`: the element itself.
    Element,
    /// Keys' names.
    Keys {
        /// What stands before the element.
        before: &'p [u8],
        /// What stands behind it.
        after: &'p [u8],
        /// The field, when the keys are of hashes.
        field: Option<&'p [u8]>,
    },
}

impl<'p> Pattern<'p> {
    /// The pattern of this text, if there is a `*` in it.
    pub(super) fn of(text: &'p [u8]) -> Option<Self> {
        let star = text.iter().position(|&byte| byte == b'*')?;
        let (before, rest) = (&text[..star], &text[star + 1..]);
        let arrow = rest.windows(2).position(|two| two == b"->").filter(|at| at + 2 < rest.len());
        let (after, field) = match arrow {
            Some(at) => (&rest[..at], Some(&rest[at + 2..])),
            None => (rest, None),
        };
        Some(Self::Keys { before, after, field })
    }

    /// What an element's key holds, if it is there and of the right type. `name` is where the key's name is written.
    pub(super) fn value<'v>(
        self,
        view: &'v mut View<'_>,
        element: &'v [u8],
        name: &mut Vec<u8>,
    ) -> Option<&'v [u8]> {
        let Self::Keys { before, after, field } = self else { return Some(element) };
        name.clear();
        [before, element, after].iter().for_each(|part| name.extend_from_slice(part));
        let key = view.key(name);
        let Some(field) = field else { return view.read_bytes(&key).ok().flatten() };
        let hasher = view.hasher();
        view.read_as::<Fields>(&key).ok().flatten()?.get(field, hasher)
    }
}
