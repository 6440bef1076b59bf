//! SORT and SORT_RO.

mod options;
mod order;
mod pattern;

use super::{Call, Done};
use crate::event;
use crate::store::entry::Value;
use crate::value::Object;
use crate::value::list::{End, Limit, List};
use options::{By, Options};
use order::{Elements, Weights};
use pattern::Pattern;
use ringtail_protocol::errors::{self, Error};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

const NOT_DOUBLES: Error = Error::fixed("ERR One or more scores can't be converted into double");

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]
pub(super) fn sort(c: &mut Call<'_, '_>) -> Done {
    let mut options = Options::of(c)?;
    if options.looks_keys_up() {
        // Which keys these are is known when elements are, and the elements must not change before they are looked up.
        c.view.lock_all();
    }
    let (elements, shown) = load(c, &mut options)?;
    let order = match weigh(c, &elements, &options)? {
        Some(weights) => order::sorted(&elements, &weights, options.descending, shown),
        None => shown.collect(),
    };
    if options.stores {
        store(c, &elements, &order, &options)
    } else {
        answer(c, &elements, &order, &options)
    }
}

/// The elements of the key, and which of them are wanted once they are in order. Of what stays in the order that it has, no others
/// are loaded.
fn load(c: &mut Call<'_, '_>, options: &mut Options<'_>) -> Result<(Elements, Range<usize>), Error> {
    let mut elements = Elements::default();
    let value = c.view.read(&c.keys[0]).map(|entry| entry.value());
    let object = match value {
        None => return Ok((elements, 0..0)),
        Some(Value::Bytes(_)) => return Err(errors::WRONG_TYPE),
        Some(Value::Object(object)) => object,
    };
    match object {
        Object::List(list) => {
            let range = options.range(list.len());
            if !matches!(options.by, By::Nothing) {
                list.iter().for_each(|element| elements.push(element));
                return Ok((elements, range));
            }
            let (skip, take) = (range.start, range.len());
            if options.descending {
                list.iter().rev().skip(skip).take(take).for_each(|element| elements.push(element));
            } else {
                list.iter_from(skip).take(take).for_each(|element| elements.push(element));
            }
            Ok((elements, 0..take))
        }
        Object::SortedSet(set) => {
            let (range, len) = (options.range(set.len()), set.len());
            if !matches!(options.by, By::Nothing) {
                set.each(0..len, false, |(_, member)| elements.push(member));
                return Ok((elements, range));
            }
            let ranks = if options.descending { len - range.end..len - range.start } else { range.clone() };
            set.each(ranks, options.descending, |(_, member)| elements.push(member));
            Ok((elements, 0..range.len()))
        }
        Object::Set(members) => {
            if options.stores && matches!(options.by, By::Nothing) {
                // A set has no order that would be the same tomorrow.
                (options.by, options.alpha) = (By::Element, true);
            }
            let mut digits = itoa::Buffer::new();
            members.for_each(|item| elements.push(item.bytes(&mut digits)));
            Ok((elements, options.range(members.len())))
        }
        _ => Err(errors::WRONG_TYPE),
    }
}

/// What the elements are sorted by, if they are.
fn weigh(c: &mut Call<'_, '_>, elements: &Elements, options: &Options<'_>) -> Result<Option<Weights>, Error> {
    let pattern = match options.by {
        By::Nothing => return Ok(None),
        By::Element if options.alpha => return Ok(Some(Weights::Own)),
        By::Element => {
            let numbers = elements.iter().map(order::number).collect::<Option<_>>();
            return numbers.map(|numbers| Some(Weights::Numbers(numbers))).ok_or(NOT_DOUBLES);
        }
        By::Pattern(pattern) => pattern,
    };
    let mut name = Vec::new();
    if options.alpha {
        let text = |element| pattern.value(c.view, element, &mut name).map(<[u8]>::to_vec);
        return Ok(Some(Weights::Texts(elements.iter().map(text).collect())));
    }
    // A key that is missing weighs nothing.
    let number = |element| pattern.value(c.view, element, &mut name).map_or(Some(0.0), order::number);
    let numbers = elements.iter().map(number).collect::<Option<_>>();
    numbers.map(|numbers| Some(Weights::Numbers(numbers))).ok_or(NOT_DOUBLES)
}

/// Calls `give` with each value that is asked for of an element: itself, unless there are GETs.
fn each_value(
    c: &mut Call<'_, '_>,
    element: &[u8],
    gets: &[Option<Pattern<'_>>],
    mut give: impl FnMut(&mut Call<'_, '_>, Option<&[u8]>),
) {
    if gets.is_empty() {
        return give(c, Some(element));
    }
    let mut name = Vec::new();
    for get in gets {
        match get {
            Some(Pattern::Element) => give(c, Some(element)),
            Some(pattern) => {
                let value = pattern.value(c.view, element, &mut name).map(<[u8]>::to_vec);
                give(c, value.as_deref());
            }
            None => give(c, None),
        }
    }
}

fn answer(c: &mut Call<'_, '_>, elements: &Elements, order: &[usize], options: &Options<'_>) -> Done {
    c.reply.array(order.len() * options.gets.len().max(1));
    for &at in order {
        each_value(c, elements.get(at), &options.gets, |c, value| c.reply.bulk_or_null(value));
        if c.reply.is_too_long() {
            return Err(errors::REPLY_TOO_LONG);
        }
    }
    Ok(())
}

/// Puts a list of what would be answered under the last key; what is missing is an empty string there.
fn store(c: &mut Call<'_, '_>, elements: &Elements, order: &[usize], options: &Options<'_>) -> Done {
    let limit = Limit::new(c.server.settings.shapes.list_size.load(Relaxed));
    let mut list = List::default();
    for &at in order {
        each_value(c, elements.get(at), &options.gets, |_, value| {
            list.push(End::Tail, value.unwrap_or_default(), limit);
        });
    }
    c.reply.count(list.len());
    c.stored(1, Some(list).filter(|list| !list.is_empty()), event::SORTSTORE);
    Ok(())
}
