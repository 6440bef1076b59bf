//! AUTH and ACL: who the client is, and what users may do.

use super::{Call, Done, Mode};
use crate::access;
use crate::hub::Kind;
use ringtail_net::{limits, read_bounded, replace_file};
use ringtail_protocol::acl::{self, Context, DEFAULT_USER, GENPASS_BYTES};
use ringtail_protocol::errors::{self, Error};
use std::path::PathBuf;

/// AUTH [username] password
pub(super) fn auth(c: &mut Call<'_, '_>) -> Done {
    let args = c.args;
    match c.args.len() {
        2 if c.server.access.users().default_user().needs_no_password() => {
            return Err(errors::NO_PASSWORD_SET);
        }
        2 => log_in(c, DEFAULT_USER, &args[1])?,
        3 => log_in(c, &args[1], &args[2])?,
        _ => return Err(errors::SYNTAX),
    }
    c.reply.ok();
    Ok(())
}

/// Makes the session that user's.
pub(super) fn log_in(c: &mut Call<'_, '_>, user: &[u8], password: &[u8]) -> Done {
    let access = &c.server.access;
    if c.session.log_in(access, user, password) {
        return Ok(());
    }
    // No script may log in: it is a transaction that this is a part of.
    let context = if c.mode == Mode::Nested { Context::Multi } else { Context::Toplevel };
    access::note_bad_login(access, c.session, context, &c.args[0], user, c.command, c.view.now);
    Err(errors::WRONG_PASSWORD)
}

/// ACL WHOAMI
pub(super) fn who_am_i(c: &mut Call<'_, '_>) -> Done {
    c.reply.bulk(c.session.identity.user().name());
    Ok(())
}

/// What needs neither a file nor a connection.
pub(super) fn answer(c: &mut Call<'_, '_>) -> Done {
    match acl::run(c.command.id, &c.server.access, &c.args, c.view.now, &mut c.reply)? {
        true => Ok(()),
        false => Err(errors::INTERNAL),
    }
}

/// ACL SETUSER username [rule …]
pub(super) fn set_user(c: &mut Call<'_, '_>) -> Done {
    answer(c)?;
    let args = c.args;
    close_subscribers(c, &args[2]);
    c.session.look_at_users(&c.server.access);
    Ok(())
}

/// ACL DELUSER username [username …]
pub(super) fn del_user(c: &mut Call<'_, '_>) -> Done {
    answer(c)?;
    let names = c.args.from(2);
    close_if(c, |user| names.iter().any(|name| name == user));
    Ok(())
}

/// Closes the connections of users who are gone; the own one once it has its reply.
fn close_if(c: &mut Call<'_, '_>, is_gone: impl Fn(&[u8]) -> bool) {
    for client in c.server.clients.list() {
        if client.id != c.session.client.id && is_gone(&client.user_name()) {
            client.kill();
        }
    }
    c.session.look_at_users(&c.server.access);
}

/// Closes the user's clients that are subscribed to what it may not have any more.
fn close_subscribers(c: &mut Call<'_, '_>, name: &[u8]) {
    let user = c.server.access.users().get(name).cloned();
    let Some(user) = user.filter(|user| !user.may_use_all_channels()) else { return };
    let own = c.session.client.id;
    c.server.hub.each_subscription(|kind, channel, client| {
        if *client.user_name() == *name && !user.may_use_channel(channel, kind == Kind::Pattern) {
            if client.id == own { c.session.closing = true } else { client.kill() }
        }
    });
}

fn file(c: &Call<'_, '_>) -> Result<PathBuf, Error> {
    c.server.access.file().cloned().ok_or(acl::NO_FILE)
}

/// ACL LOAD
pub(super) fn load(c: &mut Call<'_, '_>) -> Done {
    let path = file(c)?;
    c.server.access.load(&path, read_bounded(&path, limits::ACL_FILE))?;
    close_if(c, |user| user != DEFAULT_USER);
    c.reply.ok();
    Ok(())
}

/// ACL SAVE
pub(super) fn save(c: &mut Call<'_, '_>) -> Done {
    let path = file(c)?;
    let users = c.server.access.users().save();
    c.server.access.saves(&users);
    replace_file(&path, &users).map_err(|error| {
        tracing::warn!("cannot write the ACL file {}: {error}", path.display());
        acl::NOT_SAVED
    })?;
    c.reply.ok();
    Ok(())
}

/// ACL GENPASS [bits]
pub(super) fn gen_pass(c: &mut Call<'_, '_>) -> Done {
    let mut random = [0; GENPASS_BYTES];
    getrandom::fill(&mut random).map_err(|_| errors::INTERNAL)?;
    let password = acl::generated_password(c.args.get(2), &random)?;
    c.reply.bulk(password.as_bytes());
    Ok(())
}
