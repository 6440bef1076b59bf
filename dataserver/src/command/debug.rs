//! DEBUG, as far as it means something here and harms nobody.

use super::arguments::is;
use super::object::{encoding_of, own_size};
use super::{Call, Done};
use crate::store::view::View;
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::glob;
use ringtail_protocol::number::parse_f64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const NOT_ALLOWED: Error = Error::fixed(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

const HELP: [&str; 13] = [
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "OBJECT <key>",
    "    Show low level info about `key` and associated value.",
    "PANIC",
    "    Fail as a bug would: this connection ends, INFO counts it in `panics`, the server lives.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not accessed. Setting it to 1 reenables it.",
    "SLEEP <seconds>",
    "    Stop the worker thread of this connection for <seconds>. Decimals allowed.",
    "STRINGMATCH-LEN <pattern> <string>",
    "    Tell whether the glob-like <pattern> matches.",
    "HELP",
    "    Prints this help.",
];

/// DEBUG subcommand [argument …]
pub(super) fn debug(c: &mut Call<'_, '_>) -> Done {
    let allowed = c.server.settings.debug();
    if !(allowed == "yes" || (allowed == "local" && c.session.client.peer.ip().is_loopback())) {
        return Err(NOT_ALLOWED);
    }
    let (name, count) = (&c.args[1], c.args.len());
    match count {
        2 if is(name, "HELP") => {
            c.reply.array(HELP.len());
            HELP.iter().for_each(|line| c.reply.simple(line));
        }
        2 if is(name, "PANIC") => panic!("DEBUG PANIC"),
        3 if is(name, "OBJECT") => return object(c),
        3 if is(name, "SET-ACTIVE-EXPIRE") => {
            c.server.expires.store(&c.args[2] != b"0", Relaxed);
            c.reply.ok();
        }
        3 if is(name, "SLEEP") => {
            let seconds =
                parse_f64(&c.args[2]).filter(|s| (0.0..=1e9).contains(s)).ok_or(errors::NOT_A_FLOAT)?;
            #[expect(clippy::disallowed_methods, reason = "it is asked to hold this thread up")]
            std::thread::sleep(Duration::from_secs_f64(seconds));
            c.reply.ok();
        }
        4 if is(name, "STRINGMATCH-LEN") => c.reply.flag(glob::matches(&c.args[2], &c.args[3])),
        _ => {
            let name = printable(name, 128);
            let text =
                format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP.");
            return Err(Error::new(text));
        }
    }
    Ok(())
}

/// DEBUG OBJECT key. The serialized length is that in memory.
fn object(c: &mut Call<'_, '_>) -> Done {
    let key = c.view.key(&c.args[2]);
    // Its row has no key: what one of the subcommands takes is not what the others do.
    let mut view = View::lock(c.view.store(), c.view.counters(), c.view.now, c.view.db, false, &[key]);
    let now = view.now as u32;
    let entry = view.peek(&key).ok_or(errors::NO_SUCH_KEY)?;
    let (idle, encoding) = (now.wrapping_sub(entry.used()) / 1000, encoding_of(entry));
    let text = format!(
        "Value at:{entry:p} refcount:1 encoding:{encoding} serializedlength:{} lru:{} lru_seconds_idle:{idle}",
        own_size(entry),
        entry.used() / 1000 % (1 << 24),
    );
    c.reply.simple(&text);
    Ok(())
}
