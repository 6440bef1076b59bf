//! Commands about the connection itself.

use super::{Call, Done};
use crate::command::{acl, client};
use crate::server::REDIS_VERSION;
use crate::session::ReplyMode;
use crate::store::DATABASES;
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Resp;

/// PING [message]
pub(super) fn ping(c: &mut Call<'_, '_>) -> Done {
    match c.args.len() {
        1 | 2 if c.session.is_subscriber() => {
            c.reply.array(2);
            c.reply.bulk(b"pong");
            c.reply.bulk(c.args.get(1).unwrap_or_default());
        }
        1 => c.reply.simple("PONG"),
        2 => c.reply.bulk(&c.args[1]),
        _ => return Err(errors::wrong_arity("ping")),
    }
    Ok(())
}

/// ECHO message
pub(super) fn echo(c: &mut Call<'_, '_>) -> Done {
    c.reply.bulk(&c.args[1]);
    Ok(())
}

/// QUIT
pub(super) fn quit(c: &mut Call<'_, '_>) -> Done {
    c.session.closing = true;
    c.reply.ok();
    Ok(())
}

/// RESET
pub(super) fn reset(c: &mut Call<'_, '_>) -> Done {
    c.session.select(0);
    c.session.unsubscribe_all();
    c.session.stop_tracking();
    c.session.set_resp(Resp::V2);
    c.session.reply_mode = ReplyMode::On;
    c.session.begin_as_default(&c.server.access);
    client::set_no_touch(c.session, false);
    client::set_no_evict(c.session, false);
    c.session.take_transaction();
    c.session.watches.clear(c.view);
    c.session.monitoring = None;
    c.session.set_ack(None, c.server);
    c.session.client.names().name.clear();
    c.reply.set_resp(Resp::V2);
    c.reply.simple("RESET");
    Ok(())
}

/// SELECT db
pub(super) fn select(c: &mut Call<'_, '_>) -> Done {
    let db = database(&c.args[1], errors::NOT_AN_INTEGER)?;
    c.session.select(db);
    c.reply.ok();
    Ok(())
}

/// A database's number, or the error for what is none.
pub(super) fn database(text: &[u8], not_a_number: Error) -> Result<u8, Error> {
    let n = parse_i64(text).ok_or(not_a_number)?;
    if i32::try_from(n).is_err() {
        return Err(Error::new(format!(
            "ERR value is out of range, value must between {} and {}",
            i32::MIN,
            i32::MAX
        )));
    }
    u8::try_from(n).ok().filter(|&db| db < DATABASES).ok_or(errors::DB_OUT_OF_RANGE)
}

/// What HELLO asks for.
#[derive(Default)]
struct Hello<'a> {
    auth: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

/// HELLO [protover [AUTH username password] [SETNAME clientname]]
pub(super) fn hello(c: &mut Call<'_, '_>) -> Done {
    let resp = match c.args.get(1).map(parse_i64) {
        None => c.session.resp,
        Some(Some(2)) => Resp::V2,
        Some(Some(3)) => Resp::V3,
        Some(Some(_)) => return Err(errors::NO_PROTO),
        Some(None) => return Err(errors::BAD_PROTO),
    };
    let asked = hello_options(c)?;
    if let Some((user, password)) = asked.auth {
        acl::log_in(c, user, password)?;
    }
    if !c.session.is_authenticated() {
        return Err(errors::HELLO_NO_AUTH);
    }
    if let Some(name) = asked.name {
        client::set_name(c.session, name)?;
    }
    c.session.set_resp(resp);
    c.reply.set_resp(resp);
    greet(c);
    Ok(())
}

fn hello_options<'a>(c: &Call<'a, '_>) -> Result<Hello<'a>, Error> {
    let (mut asked, mut i) = (Hello::default(), 2);
    while let Some(option) = c.args.get(i) {
        if option.eq_ignore_ascii_case(b"AUTH")
            && let (Some(user), Some(password)) = (c.args.get(i + 1), c.args.get(i + 2))
        {
            asked.auth = Some((user, password));
            i += 3;
        } else if option.eq_ignore_ascii_case(b"SETNAME")
            && let Some(name) = c.args.get(i + 1)
        {
            asked.name = Some(name);
            i += 2;
        } else {
            return Err(Error::new(format!("ERR Syntax error in HELLO option '{}'", printable(option, 128))));
        }
    }
    Ok(asked)
}

fn greet(c: &mut Call<'_, '_>) {
    let reply = &mut c.reply;
    reply.map(7);
    for (field, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.int(if c.session.resp == Resp::V3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.int(c.session.client.id as i64);
    for (field, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}
