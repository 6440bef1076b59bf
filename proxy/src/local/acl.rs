//! AUTH's other half: ACL, on the users of this proxy.

use std::path::PathBuf;
use std::sync::Arc;

use ringtail_net::{limits, read_bounded, replace_file};
use ringtail_protocol::acl::{self, DEFAULT_USER, GENPASS_BYTES};
use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;

use super::{Call, Done};
use crate::access::{close_if, wake_subscribers};
use crate::shared::unix_time;

/// With `--acl-pass-through`, the users are the servers'.
const PASSED: Error =
    Error::fixed("ERR users are the servers' own (--acl-pass-through): send this to each of them");

pub(super) fn acl(call: &mut Call<'_>) -> Done {
    let of_connection = [CommandId::AclWhoami, CommandId::AclGenpass, CommandId::AclCat];
    if call.worker.shared.settings.pass_through && !of_connection.contains(&call.request.command.id) {
        return Err(PASSED);
    }
    match call.request.command.id {
        CommandId::AclWhoami => who_am_i(call),
        CommandId::AclGenpass => gen_pass(call),
        CommandId::AclLoad => load(call),
        CommandId::AclSave => save(call),
        _ => by_users(call),
    }
}

fn who_am_i(call: &mut Call<'_>) -> Done {
    let user = Arc::clone(call.state.identity.user());
    call.state.reply(call.worker, |reply| reply.bulk(user.name()));
    Ok(())
}

/// What needs neither a file nor a connection; then those who are gone are closed.
fn by_users(call: &mut Call<'_>) -> Done {
    let (id, args) = (call.request.command.id, call.request.args);
    let (access, now) = (&call.worker.shared.access, unix_time().as_millis() as u64);
    let run = |reply: &mut Reply<'_>| match acl::run(id, access, &args, now, reply) {
        Ok(true) => {}
        Ok(false) => reply.error(&errors::INTERNAL),
        Err(error) => reply.error(&error),
    };
    call.state.reply(call.worker, run);
    if id == CommandId::AclDeluser {
        let is_gone =
            |user: &[u8]| args.iter().skip(2).any(|name| name == user) && access.users().get(user).is_none();
        close_if(&call.worker.shared.clients.list(), call.state.client.id, is_gone);
    }
    if id == CommandId::AclSetuser {
        wake_subscribers(&call.worker.shared.clients.list());
    }
    call.state.look_at_users(call.worker);
    Ok(())
}

fn file(call: &Call<'_>) -> Result<PathBuf, Error> {
    call.worker.shared.access.file().cloned().ok_or(acl::NO_FILE)
}

fn load(call: &mut Call<'_>) -> Done {
    let path = file(call)?;
    let shared = &call.worker.shared;
    shared.access.load(&path, read_bounded(&path, limits::ACL_FILE))?;
    let clients = shared.clients.list();
    close_if(&clients, call.state.client.id, |user| user != DEFAULT_USER);
    wake_subscribers(&clients);
    ok(call);
    call.state.look_at_users(call.worker);
    Ok(())
}

fn save(call: &mut Call<'_>) -> Done {
    let path = file(call)?;
    let access = &call.worker.shared.access;
    let users = access.users().save();
    access.saves(&users);
    replace_file(&path, &users).map_err(|error| {
        tracing::warn!("cannot write the ACL file {}: {error}", path.display());
        acl::NOT_SAVED
    })?;
    ok(call);
    Ok(())
}

fn ok(call: &mut Call<'_>) {
    call.state.reply(call.worker, |reply| reply.ok());
}

fn gen_pass(call: &mut Call<'_>) -> Done {
    let mut random = [0; GENPASS_BYTES];
    getrandom::fill(&mut random).map_err(|_| errors::INTERNAL)?;
    let password = acl::generated_password(call.request.args.get(2), &random)?;
    call.state.reply(call.worker, |reply| reply.bulk(password.as_bytes()));
    Ok(())
}
