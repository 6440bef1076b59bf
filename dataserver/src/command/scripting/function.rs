//! FUNCTION: libraries, which all workers share as texts.

use super::super::arguments::is;
use super::script::check_flush;
use crate::command::{Call, Done};
use crate::rdb::{Refusal, dump_libraries, restore_libraries};
use crate::script::{Library, LibrarySet, library, library_name, pool};
use crate::server::Server;
use ringtail_protocol::errors::Error;
use ringtail_protocol::glob;
use std::sync::Arc;

fn error(text: String) -> Error {
    Error::new(format!("ERR {text}"))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// FUNCTION LOAD [REPLACE] function-code
pub(in crate::command) fn load(c: &mut Call<'_, '_>) -> Done {
    let (args, options, code) = (c.args, c.args.len() - 3, c.args.len() - 1);
    let mut replace = false;
    for option in c.args.from(2).iter().take(options) {
        if !is(option, "REPLACE") {
            return Err(error(format!("Unknown option given: {}", lossy(option))));
        }
        replace = true;
    }
    let code = &args[code];
    let name = library_name(code)?;
    let exists = || c.server.scripts.libraries.read().contains(&name);
    if !replace && exists() {
        return Err(error(format!("Library '{name}' already exists")));
    }
    let new = run(c, code)?;
    lock_for_log(c);
    let mut all = c.server.scripts.libraries.write();
    if !replace && all.contains(&name) {
        return Err(error(format!("Library '{name}' already exists")));
    }
    add(&mut all, new)?;
    drop(all);
    c.view.effect_on_all(&[b"FUNCTION", b"LOAD", b"REPLACE", code]);
    c.reply.bulk(name.as_bytes());
    Ok(())
}

/// Libraries are under no key's lock: with all of them, the log has their changes in the order in which they were made.
fn lock_for_log(c: &mut Call<'_, '_>) {
    if c.view.is_logged() {
        c.view.lock_all();
    }
}

/// Runs a library's text to see what it registers.
fn run(c: &Call<'_, '_>, code: &[u8]) -> Result<Arc<Library>, Error> {
    let mut vm = pool::take()?;
    let new = library(&mut vm, &c.server.scripts, code);
    pool::give(vm);
    new.map(Arc::new)
}

/// Adds a library, or puts it in the place of one of its name, as a backup has it.
///
/// # Errors
/// It is none, or a function of another one has the same name.
pub(crate) fn add_library(server: &Server, code: &[u8]) -> Result<(), Error> {
    let mut vm = pool::take()?;
    let new = library(&mut vm, &server.scripts, code);
    pool::give(vm);
    add(&mut server.scripts.libraries.write(), Arc::new(new?))
}

fn add(all: &mut LibrarySet, library: Arc<Library>) -> Result<(), Error> {
    all.add(library).map_err(|name| error(format!("Function {name} already exists")))
}

/// FUNCTION DELETE library-name
pub(in crate::command) fn delete(c: &mut Call<'_, '_>) -> Done {
    lock_for_log(c);
    if !c.server.scripts.libraries.write().remove(&lossy(&c.args[2])) {
        return Err(Error::fixed("ERR Library not found"));
    }
    c.view.effect_on_all(&[b"FUNCTION", b"DELETE", &c.args[2]]);
    c.reply.ok();
    Ok(())
}

/// FUNCTION FLUSH [ASYNC | SYNC]
pub(in crate::command) fn flush(c: &mut Call<'_, '_>) -> Done {
    check_flush(c, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option")?;
    lock_for_log(c);
    c.server.scripts.libraries.flush();
    c.view.effect_on_all(&[b"FUNCTION", b"FLUSH"]);
    c.reply.ok();
    Ok(())
}

/// FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]
pub(in crate::command) fn list(c: &mut Call<'_, '_>) -> Done {
    let (mut with_code, mut pattern, mut i) = (false, None, 2);
    while let Some(option) = c.args.get(i) {
        if !with_code && is(option, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && is(option, "LIBRARYNAME") {
            i += 1;
            let given = c.args.get(i).ok_or(Error::fixed("ERR library name argument was not given"))?;
            pattern = Some(given);
        } else {
            return Err(error(format!("Unknown argument {}", lossy(option))));
        }
        i += 1;
    }
    let all = c.server.scripts.libraries.read();
    let matches = |one: &&Arc<Library>| pattern.is_none_or(|p| glob::matches(p, one.name.as_bytes()));
    let found: Vec<Arc<Library>> = all.iter().filter(matches).cloned().collect();
    drop(all);
    c.reply.array(found.len());
    for library in found {
        describe(c, &library, with_code);
    }
    Ok(())
}

fn describe(c: &mut Call<'_, '_>, library: &Library, with_code: bool) {
    c.reply.map(3 + usize::from(with_code));
    c.reply.bulk(b"library_name");
    c.reply.bulk(library.name.as_bytes());
    c.reply.bulk(b"engine");
    c.reply.bulk(b"LUA");
    c.reply.bulk(b"functions");
    c.reply.array(library.functions.len());
    for function in &library.functions {
        c.reply.map(3);
        c.reply.bulk(b"name");
        c.reply.bulk(function.name.as_bytes());
        c.reply.bulk(b"description");
        c.reply.bulk_or_null(function.description.as_deref().map(str::as_bytes));
        c.reply.bulk(b"flags");
        c.reply.set(function.flags.names().count());
        function.flags.names().for_each(|flag| c.reply.simple(flag));
    }
    if with_code {
        c.reply.bulk(b"library_code");
        c.reply.bulk(&library.code);
    }
}

/// FUNCTION STATS
pub(in crate::command) fn stats(c: &mut Call<'_, '_>) -> Done {
    c.reply.map(2);
    c.reply.bulk(b"running_script");
    match c.server.scripts.running.longest() {
        None => c.reply.null(),
        Some(flag) => {
            c.reply.map(3);
            c.reply.bulk(b"name");
            c.reply.bulk(flag.name.as_bytes());
            c.reply.bulk(b"command");
            c.reply.array(flag.command.len());
            flag.command.iter().for_each(|arg| c.reply.bulk(arg));
            c.reply.bulk(b"duration_ms");
            c.reply.int(flag.since.elapsed().as_millis() as i64);
        }
    }
    let (libraries, functions) = c.server.scripts.libraries.count();
    c.reply.bulk(b"engines");
    c.reply.map(1);
    c.reply.bulk(b"LUA");
    c.reply.map(2);
    c.reply.bulk(b"libraries_count");
    c.reply.count(libraries);
    c.reply.bulk(b"functions_count");
    c.reply.count(functions);
    Ok(())
}

/// FUNCTION KILL
pub(in crate::command) fn kill(c: &mut Call<'_, '_>) -> Done {
    c.server.scripts.running.kill(true)?;
    c.reply.ok();
    Ok(())
}

/// FUNCTION DUMP
pub(in crate::command) fn dump(c: &mut Call<'_, '_>) -> Done {
    let all = c.server.scripts.libraries.read();
    let payload = dump_libraries(all.iter().map(|library| &*library.code));
    drop(all);
    c.reply.bulk(&payload);
    Ok(())
}

/// FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]: all libraries of it, or none.
pub(in crate::command) fn restore(c: &mut Call<'_, '_>) -> Done {
    let policy = match c.args.get(3) {
        _ if c.args.len() > 4 => return Err(ringtail_protocol::errors::wrong_arity("function|restore")),
        None => "APPEND",
        Some(policy) => ["FLUSH", "APPEND", "REPLACE"].into_iter().find(|name| is(policy, name)).ok_or(
            Error::fixed("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."),
        )?,
    };
    let codes = restore_libraries(&c.args[2]).map_err(|refusal| match refusal {
        Refusal::VersionOrChecksum => Error::fixed("ERR DUMP payload version or checksum are wrong"),
        Refusal::Format => Error::fixed("ERR given type is not a function"),
    })?;
    let new = codes.iter().map(|code| run(c, code)).collect::<Result<Vec<_>, _>>()?;
    lock_for_log(c);
    let mut all = c.server.scripts.libraries.write();
    let mut next = if policy == "FLUSH" { LibrarySet::default() } else { all.clone() };
    for library in new {
        if policy != "REPLACE" && next.contains(&library.name) {
            return Err(error(format!("Library {} already exists", library.name)));
        }
        add(&mut next, library)?;
    }
    *all = next;
    drop(all);
    c.view.effect_on_all(&[b"FUNCTION", b"RESTORE", &c.args[2], policy.as_bytes()]);
    c.reply.ok();
    Ok(())
}
