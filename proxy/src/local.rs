//! Commands that the proxy answers itself, and those that the session's task is to ask the pool about.

mod acl;
mod client;
mod config;
mod connection;
mod hello;
mod see;
mod server;

pub(crate) use client::line as client_line;

use std::rc::Rc;

use ringtail_protocol::command::{CommandId, PoolRule, introspect};
use ringtail_protocol::errors::{self, Error};

use crate::pass_through;
use crate::route::{self, Request};
use crate::session::{Hold, State};
use crate::worker::Worker;

/// What a local command is given.
pub(crate) struct Call<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    pub(crate) state: &'a mut State,
    pub(crate) request: Request<'a>,
}

/// How a local command ends.
type Done = Result<(), Error>;

/// Runs a command that is not sent anywhere by itself.
pub(crate) fn run(worker: &Rc<Worker>, state: &mut State, request: Request<'_>) -> Result<(), Hold> {
    match request.command.pool {
        PoolRule::Local
            if request.command.executes() != CommandId::Info && !config::is_of_members(&request) => {}
        PoolRule::Refused => {
            refuse(worker, state, &request);
            return Ok(());
        }
        _ if let Err(error) = see::may_explain(state, &request) => {
            worker.count_rejected(state, Some(request.command), error.text());
            state.reply(worker, |reply| reply.error(&error));
            return Ok(());
        }
        // What follows must see its effect, and it those of all before.
        _ => return Err(route::own(state)),
    }
    if must_be_alone(&request) && !state.sequence.is_empty() {
        return Err(Hold::Drain);
    }
    if is_to_vouch(worker, state, &request) {
        return Err(route::own(state));
    }
    let mut call = Call { worker, state, request };
    let done = dispatch(&mut call);
    let error = done.as_ref().err().map(|error| error.text().as_bytes());
    worker.count_local(call.state, request.command, error);
    if let Err(error) = done {
        call.worker.count_failed(call.worker.eyes.mark(), error.text().as_bytes());
        call.state.reply(worker, |reply| reply.error(&error));
    }
    // It was about that request alone, whatever became of it.
    call.state.vouched = None;
    Ok(())
}

/// A name and password that a server has to be asked about first.
fn is_to_vouch(worker: &Worker, state: &State, request: &Request<'_>) -> bool {
    worker.shared.settings.pass_through
        && state.vouched.is_none()
        && pass_through::credentials(request.command.executes(), &request.args).is_some()
}

/// Requests before it are on lanes of another kind than those after it.
fn must_be_alone(request: &Request<'_>) -> bool {
    matches!(request.command.executes(), CommandId::Hello | CommandId::Reset)
}

fn refuse(worker: &Rc<Worker>, state: &mut State, request: &Request<'_>) {
    let name = request.command.full_name.replace('|', " ").to_uppercase();
    let error = Error::new(format!(
        "ERR {name} does not work through a proxy: send it to the server that it is meant for"
    ));
    worker.count_rejected(state, Some(request.command), error.text());
    state.reply(worker, |reply| reply.error(&error));
}

fn dispatch(call: &mut Call<'_>) -> Done {
    match call.request.command.executes() {
        CommandId::Ping => connection::ping(call),
        CommandId::Echo => connection::echo(call),
        CommandId::Quit => connection::quit(call),
        CommandId::Reset => connection::reset(call),
        CommandId::Readonly => connection::read_from_replicas(call, true),
        CommandId::Readwrite => connection::read_from_replicas(call, false),
        CommandId::Select => connection::select(call),
        CommandId::Auth => hello::auth(call),
        CommandId::Hello => hello::hello(call),
        CommandId::Time => server::time(call),
        CommandId::Role => server::role(call),
        CommandId::Lolwut => server::lolwut(call),
        CommandId::RingtailTopology => see::topology(call),
        CommandId::RingtailMembers => see::members(call),
        CommandId::RingtailRoute => see::route(call),
        CommandId::RingtailHotkeys => see::hot_keys(call),
        CommandId::RingtailBigkeys => see::big_keys(call),
        id if see::is_observed(id) && call.request.command.name() != "help" => see::observed(call),
        CommandId::ConfigGet => config::get(call),
        CommandId::ConfigSet => config::set(call),
        CommandId::ConfigRewrite => config::rewrite(call),
        CommandId::ConfigResetstat => config::reset_stat(call),
        _ if is_of(call, CommandId::Client, CommandId::ClientHelp) => client::client(call),
        _ if is_of(call, CommandId::Acl, CommandId::AclHelp) => acl::acl(call),
        _ => introspected(call),
    }
}

/// A subcommand of `parent` other than its `HELP`.
fn is_of(call: &Call<'_>, parent: CommandId, help: CommandId) -> bool {
    call.request.command.parent == Some(parent) && call.request.command.id != help
}

/// `COMMAND` and the `HELP`s.
fn introspected(call: &mut Call<'_>) -> Done {
    let (command, args) = (call.request.command, call.request.args);
    let mut result = Ok(true);
    call.state.reply(call.worker, |reply| {
        let before = reply.len();
        result = introspect(command, &args, reply);
        if !matches!(result, Ok(true)) {
            reply.truncate(before);
            let error = result.as_ref().err().cloned().unwrap_or(errors::INTERNAL);
            reply.error(&error);
        }
    });
    Ok(())
}
