//! SORT's options.

use super::super::Call;
use super::super::arguments::{int, is};
use super::pattern::Pattern;
use ringtail_protocol::acl::Permission;
use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{self, Error};
use std::ops::Range;

/// What elements are sorted by.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// Themselves.
    Element,
    /// Nothing: they stay in the order that they have.
    Nothing,
    /// What the keys hold that this pattern makes of them.
    Pattern(Pattern<'a>),
}

/// What SORT is asked for.
pub(super) struct Options<'a> {
    pub(super) by: By<'a>,
    pub(super) descending: bool,
    pub(super) alpha: bool,
    /// What is wanted of each element, if not the element; none for a pattern that names no key.
    pub(super) gets: Vec<Option<Pattern<'a>>>,
    /// Whether the last key is where the result goes.
    pub(super) stores: bool,
    offset: i64,
    count: i64,
}

impl<'a> Options<'a> {
    pub(super) fn of(c: &Call<'a, '_>) -> Result<Self, Error> {
        let (args, by) = (c.args, By::Element);
        let mut options = Self {
            by,
            descending: false,
            alpha: false,
            gets: Vec::new(),
            stores: false,
            offset: 0,
            count: -1,
        };
        let mut i = 2;
        while let Some(option) = args.get(i) {
            let value = args.get(i + 1);
            i += match value {
                _ if is(option, "ASC") => options.turned(false),
                _ if is(option, "DESC") => options.turned(true),
                _ if is(option, "ALPHA") => {
                    options.alpha = true;
                    1
                }
                Some(offset) if is(option, "LIMIT") => {
                    let count = args.get(i + 2).ok_or(errors::SYNTAX)?;
                    (options.offset, options.count) = (int(offset)?, int(count)?);
                    3
                }
                Some(_) if is(option, "STORE") && c.command.executes() == CommandId::Sort => {
                    options.stores = true;
                    2
                }
                Some(pattern) if is(option, "BY") => {
                    if pattern.contains(&b'*') {
                        check_every_key(c, "BY")?;
                    }
                    options.by = Pattern::of(pattern).map_or(By::Nothing, By::Pattern);
                    2
                }
                Some(pattern) if is(option, "GET") => {
                    check_every_key(c, "GET")?;
                    options.gets.push(if pattern == b"#" {
                        Some(Pattern::Element)
                    } else {
                        Pattern::of(pattern)
                    });
                    2
                }
                _ => return Err(errors::SYNTAX),
            };
        }
        Ok(options)
    }

    fn turned(&mut self, descending: bool) -> usize {
        self.descending = descending;
        1
    }

    /// Whether keys are looked up that the request does not name.
    pub(super) fn looks_keys_up(&self) -> bool {
        let others = |get: &Option<Pattern<'_>>| matches!(get, Some(Pattern::Keys { .. }));
        matches!(self.by, By::Pattern(_)) || self.gets.iter().any(others)
    }

    /// Which of `len` elements are wanted.
    pub(super) fn range(&self, len: usize) -> Range<usize> {
        let within = |n: i64| usize::try_from(n).unwrap_or(0).min(len);
        let start = within(self.offset);
        let end = if self.count < 0 { len } else { (start + within(self.count)).min(len) };
        start..end
    }
}

/// Keys that a pattern makes are not checked one by one: their user must be allowed all.
fn check_every_key(c: &Call<'_, '_>, option: &str) -> Result<(), Error> {
    let user = c.session.identity.user();
    if user.is_unrestricted() || user.may_with_every_key(c.command, &c.args, Permission::READ) {
        return Ok(());
    }
    Err(Error::new(format!("ERR {option} option of SORT denied due to insufficient ACL permissions.")))
}
