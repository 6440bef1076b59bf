//! AUTH and HELLO: who the client is, and which version of the protocol it speaks.

use ringtail_protocol::acl::DEFAULT_USER;
use ringtail_protocol::errors::{BAD_PROTO, Error, HELLO_NO_AUTH, NO_PASSWORD_SET, NO_PROTO, SYNTAX};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Resp;

use super::client::valid_name;
use super::{Call, Done};
use crate::whole::REDIS_VERSION;

pub(super) fn auth(call: &mut Call<'_>) -> Done {
    let args = call.request.args;
    match args.len() {
        2 if call.worker.shared.access.users().default_user().needs_no_password() => {
            return Err(NO_PASSWORD_SET);
        }
        2 => authenticate(call, DEFAULT_USER, &args[1])?,
        3 => authenticate(call, &args[1], &args[2])?,
        _ => return Err(SYNTAX),
    }
    call.state.reply(call.worker, |reply| reply.ok());
    Ok(())
}

fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Done {
    let (command, args) = (call.request.command, call.request.args);
    call.state.log_in(call.worker, command, &args[0], (user, password))
}

/// What a HELLO asks for.
#[derive(Default)]
struct Wishes<'a> {
    resp: Option<Resp>,
    auth: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

/// All is checked before anything is changed.
pub(super) fn hello(call: &mut Call<'_>) -> Done {
    let words: Vec<&[u8]> = call.request.args.iter().skip(1).collect();
    let wishes = wishes(&words)?;
    if let Some((user, password)) = wishes.auth {
        authenticate(call, user, password)?;
    }
    if !call.state.is_authenticated() {
        return Err(HELLO_NO_AUTH);
    }
    if let Some(name) = wishes.name {
        let name = valid_name(name, "Client names")?;
        call.state.client.names().name = name;
    }
    if let Some(resp) = wishes.resp {
        let other = resp != call.state.resp;
        call.state.set_resp(resp);
        if other {
            call.state.track_anew(call.worker);
        }
    }
    introduce(call);
    Ok(())
}

fn wishes<'a>(words: &[&'a [u8]]) -> Result<Wishes<'a>, Error> {
    let mut wishes = Wishes::default();
    let Some((version, mut rest)) = words.split_first() else { return Ok(wishes) };
    wishes.resp = Some(match parse_i64(version) {
        Some(2) => Resp::V2,
        Some(3) => Resp::V3,
        Some(_) => return Err(NO_PROTO),
        None => return Err(BAD_PROTO),
    });
    while let Some((option, after)) = rest.split_first() {
        rest = match after {
            [user, password, rest @ ..] if option.eq_ignore_ascii_case(b"AUTH") => {
                wishes.auth = Some((user, password));
                rest
            }
            [name, rest @ ..] if option.eq_ignore_ascii_case(b"SETNAME") => {
                wishes.name = Some(name);
                rest
            }
            _ => {
                let option = ringtail_protocol::errors::printable(option, 128);
                return Err(Error::new(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        };
    }
    Ok(wishes)
}

fn introduce(call: &mut Call<'_>) {
    let (id, resp) = (call.state.client.id as i64, call.state.resp);
    call.state.reply(call.worker, |reply| {
        reply.map(7);
        for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"proto");
        reply.int(if resp == Resp::V3 { 3 } else { 2 });
        reply.bulk(b"id");
        reply.int(id);
        for (name, value) in [("mode", "standalone"), ("role", "master")] {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"modules");
        reply.array(0);
    });
}
