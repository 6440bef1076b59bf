//! SCRIPT: the texts that all workers share.

use super::super::arguments::is;
use crate::command::{Call, Done};
use crate::script::{Compiled, Scripts, Vm, hex, parse_hex, pool, script, sha1};
use ringtail_protocol::errors::{self, Error};

/// Compiles a text, and keeps it for all workers: for ever, if `stays`.
///
/// # Errors
/// It is no script.
pub(super) fn compile(vm: &mut Vm, scripts: &Scripts, text: &[u8], stays: bool) -> Result<Compiled, Error> {
    let sha = sha1(text);
    let shared = match scripts.cache.find(&sha) {
        Some(known) if !stays => known,
        _ => {
            let new = script(text, sha)?;
            // Only what compiles is kept.
            vm.compiles(&new)?;
            scripts.cache.keep(new, stays)
        }
    };
    vm.add(shared)
}

/// SCRIPT LOAD script
pub(in crate::command) fn load(c: &mut Call<'_, '_>) -> Done {
    let mut vm = pool::take()?;
    vm.be_of(c.server.scripts.cache.age());
    let compiled = compile(&mut vm, &c.server.scripts, &c.args[2], true);
    pool::give(vm);
    c.reply.bulk(hex(&compiled?.script.sha).as_bytes());
    Ok(())
}

/// SCRIPT EXISTS sha1 [sha1 ...]
pub(in crate::command) fn exists(c: &mut Call<'_, '_>) -> Done {
    let asked = c.args.from(2);
    c.reply.array(asked.len());
    for text in asked.iter() {
        let known = parse_hex(text).is_some_and(|sha| c.server.scripts.cache.find(&sha).is_some());
        c.reply.flag(known);
    }
    Ok(())
}

/// SCRIPT SHOW sha1, by which a proxy brings a script to where it is missing.
pub(in crate::command) fn show(c: &mut Call<'_, '_>) -> Done {
    let known = parse_hex(&c.args[2]).and_then(|sha| c.server.scripts.cache.find(&sha));
    c.reply.bulk(&known.ok_or(errors::NO_SCRIPT)?.text);
    Ok(())
}

/// SCRIPT FLUSH [ASYNC | SYNC]
pub(in crate::command) fn flush(c: &mut Call<'_, '_>) -> Done {
    check_flush(c, "ERR SCRIPT FLUSH only support SYNC|ASYNC option")?;
    c.server.scripts.cache.flush();
    c.reply.ok();
    Ok(())
}

/// Whether a FLUSH has at most one option that it knows. Both free at once: the texts are few.
pub(super) fn check_flush(c: &Call<'_, '_>, error: &'static str) -> Done {
    match (c.args.len(), c.args.get(2)) {
        (2, _) => Ok(()),
        (3, Some(option)) if is(option, "SYNC") || is(option, "ASYNC") => Ok(()),
        _ => Err(Error::fixed(error)),
    }
}

/// SCRIPT KILL
pub(in crate::command) fn kill(c: &mut Call<'_, '_>) -> Done {
    c.server.scripts.running.kill(false)?;
    c.reply.ok();
    Ok(())
}

/// SCRIPT DEBUG YES | SYNC | NO: there is no debugger, so that only NO means something.
pub(in crate::command) fn debug(c: &mut Call<'_, '_>) -> Done {
    let mode = &c.args[2];
    if is(mode, "NO") {
        c.reply.ok();
        return Ok(());
    }
    let known = is(mode, "YES") || is(mode, "SYNC");
    Err(Error::fixed(if known {
        "ERR the Lua debugger is not supported"
    } else {
        "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    }))
}
