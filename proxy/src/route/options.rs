//! Options that one lane or one member can't serve.

use ringtail_cluster::{slot_of, slot_of_all};
use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::Error;
use ringtail_protocol::request::Args;

use super::Request;

/// An error if the request has such an option.
#[cold]
pub(super) fn check(request: &Request<'_>) -> Result<(), Error> {
    match request.command.executes() {
        CommandId::Sort | CommandId::SortRo => patterns_stay_in_the_slot(request.args),
        _ => Ok(()),
    }
}

/// Whether it has an option by which it waits: who waits on a lane would let all others of the lane wait.
pub(super) fn waits(request: &Request<'_>) -> bool {
    if !matches!(request.command.executes(), CommandId::Xread | CommandId::Xreadgroup) {
        return false;
    }
    let mut at = 1;
    while let Some(option) = request.args.get(at) {
        at += match () {
            () if is(option, "BLOCK") => return true,
            () if is(option, "NOACK") => 1,
            () if is(option, "COUNT") => 2,
            () if is(option, "GROUP") => 3,
            () => break,
        };
    }
    false
}

/// A member looks for the patterns' keys among its own, and would take those of others for missing.
fn patterns_stay_in_the_slot(args: Args<'_>) -> Result<(), Error> {
    let slot = slot_of(&args[1]);
    let mut at = 2;
    while let Some(option) = args.get(at) {
        at += match args.get(at + 1) {
            Some(_) if is(option, "LIMIT") => 3,
            Some(_) if is(option, "STORE") => 2,
            Some(by) if is(option, "BY") => stays("BY", by, slot)?,
            Some(get) if is(option, "GET") => stays("GET", get, slot)?,
            _ => 1,
        };
    }
    Ok(())
}

/// How many arguments the option has with its name.
fn stays(option: &str, pattern: &[u8], slot: u16) -> Result<usize, Error> {
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else { return Ok(2) };
    if slot_of_all(&pattern[..star]) == Some(slot) {
        return Ok(2);
    }
    Err(Error::new(format!(
        "ERR {option} option of SORT denied in cluster mode when keys formed by the pattern may be in different slots."
    )))
}

fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}
