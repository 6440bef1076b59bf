//! PFDEBUG and PFSELFTEST, which Redis's own tests of its HyperLogLogs use.

use super::super::arguments::is;
use super::super::{Call, Done};
use super::{put, sketch};
use crate::value::hll::{self, Corrupt};
use ringtail_protocol::errors::{Error, printable};
use std::borrow::Cow;

const NO_SUCH_KEY: Error = Error::fixed("ERR The specified key does not exist");
const NOT_SPARSE: Error = Error::fixed("ERR HLL encoding is not sparse");

/// PFDEBUG <GETREG | DECODE | ENCODING | TODENSE> key
pub(in super::super) fn debug(c: &mut Call<'_, '_>) -> Done {
    let word = &c.args[1];
    let entry = c.view.write(&c.keys[0]).ok_or(NO_SUCH_KEY)?;
    let bytes = sketch(entry.bytes())?;
    let dense = hll::is_dense(bytes);
    match () {
        () if is(word, "GETREG") => {
            let all = if dense { hll::registers(bytes) } else { hll::registers(&made_dense(c)?) };
            c.reply.array(all.len());
            all.iter().for_each(|&value| c.reply.int(value.into()));
        }
        () if is(word, "DECODE") && dense => return Err(NOT_SPARSE),
        () if is(word, "DECODE") => c.reply.bulk(hll::decoded(bytes).as_bytes()),
        () if is(word, "ENCODING") => c.reply.simple(if dense { "dense" } else { "sparse" }),
        () if is(word, "TODENSE") => {
            if !dense {
                made_dense(c)?;
            }
            c.reply.flag(!dense);
        }
        () => return Err(Error::new(format!("ERR Unknown PFDEBUG subcommand '{}'", printable(word, 128)))),
    }
    Ok(())
}

/// Writes out the registers of the first key's sketch, and returns what it is now.
fn made_dense(c: &mut Call<'_, '_>) -> Result<Vec<u8>, Error> {
    let entry = c.view.peek(&c.keys[0]).ok_or(NO_SUCH_KEY)?;
    let dense = hll::written_out(sketch(entry.bytes())?)?;
    put(c, dense.clone());
    c.view.altered(&c.keys[0]);
    Ok(dense)
}

/// Elements of the largest set that PFSELFTEST counts.
const TESTED: u64 = 100_000;
/// Standard errors that an estimate may be off.
const TOLERATED: f64 = 6.0;

/// PFSELFTEST
pub(in super::super) fn self_test(c: &mut Call<'_, '_>) -> Done {
    let most = super::most(c);
    let failed = |what: String| Error::new(format!("ERR TESTFAILED {what}"));
    check_counts(most).map_err(|_| failed("corrupt sketch".into()))?.map_err(failed)?;
    c.reply.ok();
    Ok(())
}

/// Counts sets of growing size in both encodings: they agree, and are near. Otherwise, what is wrong.
fn check_counts(most: usize) -> Result<Result<(), String>, Corrupt> {
    let (mut sparse, mut dense) = (Cow::Owned(hll::empty()), hll::written_out(&hll::empty())?);
    let (seed, mut next) = (fastrand::u64(..), 1);
    for n in 1..=TESTED {
        let element = (n ^ seed).to_le_bytes();
        hll::add_dense(&mut dense, &element);
        hll::add(&mut sparse, &element, most)?;
        if n < next {
            continue;
        }
        next *= 10;
        let count = hll::count(&dense)?;
        if hll::count(&sparse)? != count {
            return Ok(Err("dense/sparse disagree".into()));
        }
        let allowed = (TOLERATED * 1.04 / 128.0 * n as f64).ceil() as u64;
        if count.abs_diff(n) > allowed {
            return Ok(Err(format!("Too big error. card:{n} abserr:{}", count.abs_diff(n))));
        }
    }
    Ok(Ok(()))
}
