//! The commands: one function each, from a [`Call`] to its reply. No sockets, no clock, no globals.

mod client;
mod config;
mod connection;
mod info;
mod server;
mod string;

use crate::server::Server;
use crate::session::Session;
use crate::store::Key;
use crate::store::view::View;
use ringtail_protocol::command::{Command, CommandId};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::Args;

/// What a command is given.
pub struct Call<'a, 's> {
    /// The store, with the groups of its keys locked.
    pub view: View<'s>,
    /// Its keys, in the order of its key specs.
    pub keys: &'a [Key<'a>],
    /// Its arguments, the name first.
    pub args: Args<'a>,
    /// Where its reply goes.
    pub reply: Reply<'a>,
    /// Who asks.
    pub session: &'a mut Session,
    /// What all workers share.
    pub server: &'s Server,
    /// Its row.
    pub command: &'static Command,
}

/// How a command ends; an error takes back what it has replied so far.
pub type Done = Result<(), Error>;

/// Runs a command whose number of arguments is right.
#[inline]
pub fn run(call: &mut Call<'_, '_>) -> Done {
    match call.command.executes() {
        CommandId::Get => string::get(call),
        CommandId::Set => string::set(call),
        other => run_about_server(other, call),
    }
}

/// Commands about connections and the server, which touch no key.
fn run_about_server(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Ping => connection::ping(call),
        CommandId::Echo => connection::echo(call),
        CommandId::Quit => connection::quit(call),
        CommandId::Reset => connection::reset(call),
        CommandId::Select => connection::select(call),
        CommandId::Auth => connection::auth(call),
        CommandId::Hello => connection::hello(call),
        CommandId::ClientId => client::id(call),
        CommandId::ClientGetname => client::get_name(call),
        CommandId::ClientSetname => client::set_name_command(call),
        CommandId::ClientSetinfo => client::set_info(call),
        CommandId::ClientInfo => client::info(call),
        CommandId::ClientList => client::list(call),
        CommandId::ClientKill => client::kill(call),
        CommandId::ClientReply => client::reply(call),
        CommandId::ClientNoEvict => client::no_evict(call),
        CommandId::ClientNoTouch => client::no_touch(call),
        CommandId::ConfigGet => config::get(call),
        CommandId::ConfigSet => config::set(call),
        CommandId::ConfigResetstat => config::reset_stat(call),
        CommandId::Info => info::info(call),
        CommandId::Time => server::time(call),
        CommandId::Role => server::role(call),
        CommandId::Lolwut => server::lolwut(call),
        CommandId::Shutdown => server::shutdown(call),
        // A container that is named alone.
        CommandId::Client | CommandId::Config | CommandId::Object | CommandId::Memory => {
            Err(errors::wrong_arity(call.command.full_name))
        }
        _ => server::introspect(call),
    }
}
