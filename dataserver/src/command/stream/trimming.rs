//! The options that XADD and XTRIM share, and XTRIM.

use super::super::arguments::{int, is};
use super::super::{Call, Done};
use super::ids::{self, Wanted};
use crate::event;
use crate::value::stream::{Keep, Log, Stream};
use ringtail_protocol::errors::{self, Error};
use std::sync::atomic::Ordering::Relaxed;

const TWO_STRATEGIES: Error =
    Error::fixed("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
const NEGATIVE_LENGTH: Error = Error::fixed("ERR The MAXLEN argument must be >= 0.");
const NEGATIVE_LIMIT: Error = Error::fixed("ERR The LIMIT argument must be >= 0.");
const LIMIT_ALONE: Error =
    Error::fixed("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
const NO_STRATEGY: Error = Error::fixed("ERR syntax error, XTRIM must be called with a trimming strategy");
const LIMIT_OF_EXACT: Error =
    Error::fixed("ERR syntax error, LIMIT cannot be used without the special ~ option");

/// Blocks that are trimmed at once, and entries where a block may have any number, unless LIMIT says otherwise.
const BLOCKS: usize = 100;
const ENTRIES: usize = 10_000;
const MOST: usize = 1_000_000;

/// How to trim.
#[derive(Clone, Copy)]
pub(super) struct Trim {
    keep: Keep,
    /// In whole blocks only.
    whole: bool,
    /// Entries that go at most; 0 = any number.
    limit: usize,
}

impl Trim {
    /// How many entries went.
    pub(super) fn apply(&self, log: &mut Log) -> usize {
        log.trim(self.keep, self.whole, self.limit)
    }
}

/// What XADD's and XTRIM's options say.
pub(super) struct Options {
    pub(super) trim: Option<Trim>,
    /// XADD makes no stream.
    pub(super) no_stream: bool,
    /// Which argument is XADD's id; for XTRIM, the number of arguments.
    pub(super) at: usize,
    /// The id, unless it is `*`.
    pub(super) id: Option<Wanted>,
}

/// What was read so far.
#[derive(Default)]
struct Seen {
    keep: Option<Keep>,
    whole: bool,
    limit: Option<usize>,
}

/// The options from the second argument on, up to XADD's id.
pub(super) fn options(c: &Call<'_, '_>, adds: bool) -> Result<Options, Error> {
    let (mut seen, mut no_stream, mut id, mut i) = (Seen::default(), false, None, 2);
    while let Some(option) = c.args.get(i) {
        let more = c.args.len() - i > 1;
        if adds && option == b"*" {
            break;
        } else if more && (is(option, "MAXLEN") || is(option, "MINID")) {
            i = strategy(c, i, &mut seen)?;
        } else if more && is(option, "LIMIT") {
            seen.limit = Some(usize::try_from(int(&c.args[i + 1])?).map_err(|_| NEGATIVE_LIMIT)?);
            i += 2;
        } else if adds && is(option, "NOMKSTREAM") {
            no_stream = true;
            i += 1;
        } else if adds {
            id = Some(ids::wanted(option)?);
            break;
        } else {
            return Err(errors::SYNTAX);
        }
    }
    Ok(Options { trim: trim_of(c, &seen, adds)?, no_stream, at: i, id })
}

/// `MAXLEN [= | ~] length` or `MINID [= | ~] id`; where it ends.
fn strategy(c: &Call<'_, '_>, at: usize, seen: &mut Seen) -> Result<usize, Error> {
    if seen.keep.is_some() {
        return Err(TWO_STRATEGIES);
    }
    let sign = c.args.get(at + 2).and(c.args.get(at + 1)).filter(|sign| matches!(sign, [b'~' | b'=']));
    seen.whole = sign == Some(b"~");
    let at_value = at + 1 + usize::from(sign.is_some());
    let value = &c.args[at_value];
    seen.keep = Some(if is(&c.args[at], "MAXLEN") {
        Keep::Newest(u64::try_from(int(value)?).map_err(|_| NEGATIVE_LENGTH)?)
    } else {
        Keep::From(ids::strict(value, 0)?)
    });
    Ok(at_value + 1)
}

fn trim_of(c: &Call<'_, '_>, seen: &Seen, adds: bool) -> Result<Option<Trim>, Error> {
    let Some(keep) = seen.keep else {
        return match seen.limit {
            Some(1..) => Err(LIMIT_ALONE),
            _ if !adds => Err(NO_STRATEGY),
            Some(0) => Err(LIMIT_OF_EXACT),
            None => Ok(None),
        };
    };
    if seen.limit.is_some() && !seen.whole {
        return Err(LIMIT_OF_EXACT);
    }
    let usual = || match c.server.settings.shapes.stream_entries.load(Relaxed) {
        0 => ENTRIES,
        entries => entries.saturating_mul(BLOCKS).min(MOST),
    };
    let limit = if seen.whole { seen.limit.unwrap_or_else(usual) } else { 0 };
    Ok(Some(Trim { keep, whole: seen.whole, limit }))
}

/// XTRIM key MAXLEN|MINID [= | ~] threshold [LIMIT count]
pub(in super::super) fn trim(c: &mut Call<'_, '_>) -> Done {
    let trim = options(c, false)?.trim;
    let stream = c.view.write_as::<Stream>(&c.keys[0])?;
    let trimmed = stream.zip(trim).map(|(stream, trim)| (trim.apply(&mut stream.log), stream.log.len()));
    let (removed, left) = trimmed.unwrap_or_default();
    if removed > 0 {
        c.view.changed(&c.keys[0], event::XTRIM);
        say_trim(c, left);
    }
    c.reply.count(removed);
    Ok(())
}

/// Says to the log how many entries are left: where whole blocks end is another matter elsewhere.
pub(super) fn say_trim(c: &mut Call<'_, '_>, left: usize) {
    let (key, mut digits) = (&c.keys[0], itoa::Buffer::new());
    c.view.say(key, &[b"XTRIM", key.bytes, b"MAXLEN", digits.format(left).as_bytes()]);
}
