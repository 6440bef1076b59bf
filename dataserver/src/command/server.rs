//! Commands about the server as a whole.

use super::{Call, Done};
use crate::server::{REDIS_VERSION, unix_micros};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::stats::{self, Observed};

/// SLOWLOG and LATENCY.
pub(super) fn observed(c: &mut Call<'_, '_>) -> Done {
    let (server, id, now) = (c.server, c.command.executes(), c.view.now);
    let observed = Observed { stats: &server.stats, slowlog: &server.slowlog, latency: &server.latency };
    match stats::answer(id, observed, &c.args, now, &mut c.reply) {
        Ok(true) => Ok(()),
        Ok(false) => Err(errors::INTERNAL),
        Err(error) => Err(error),
    }
}

/// TIME
pub(super) fn time(c: &mut Call<'_, '_>) -> Done {
    let now = unix_micros();
    c.reply.array(2);
    c.reply.bulk_int((now / 1_000_000) as i64);
    c.reply.bulk_int((now % 1_000_000) as i64);
    Ok(())
}

/// A ring-tailed lemur, of its tail at least.
const TAIL: &str = r"
              .--.
   /\_/\     ( () )
  ( o.o )____ `==.'
   > ^ <      `\==\
  /|   |\_______)=)
 (_|   |_)=====___/
";

/// LOLWUT [VERSION version [arguments …]]
pub(super) fn lolwut(c: &mut Call<'_, '_>) -> Done {
    if c.args.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"VERSION"))
        && let Some(version) = c.args.get(2)
    {
        parse_i64(version).ok_or(errors::NOT_AN_INTEGER)?;
    }
    let text = format!("{TAIL}\nRingtail {}, Redis ver. {REDIS_VERSION}\n", env!("CARGO_PKG_VERSION"));
    c.reply.verbatim(&text);
    Ok(())
}

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
pub(super) fn shutdown(c: &mut Call<'_, '_>) -> Done {
    let mut abort = false;
    for option in c.args.from(1).iter() {
        match &option.to_ascii_uppercase()[..] {
            b"NOSAVE" | b"NOW" | b"FORCE" => {}
            b"SAVE" => {
                return Err(Error::fixed(
                    "ERR SHUTDOWN SAVE is not possible: this server has no backup file",
                ));
            }
            b"ABORT" => abort = true,
            _ => return Err(errors::SYNTAX),
        }
    }
    if abort {
        let alone = c.args.len() == 2;
        return Err(if alone { Error::fixed("ERR No shutdown in progress.") } else { errors::SYNTAX });
    }
    tracing::info!(client = %c.session.client.peer, "stopping: SHUTDOWN");
    c.server.shutdown.trigger();
    // As in Redis, the end of the connection is the answer.
    c.session.closing = true;
    Ok(())
}

/// COMMAND, its subcommands, and every HELP.
pub(super) fn introspect(c: &mut Call<'_, '_>) -> Done {
    match ringtail_protocol::command::introspect(c.command, &c.args, &mut c.reply)? {
        true => Ok(()),
        false => Err(errors::INTERNAL),
    }
}
