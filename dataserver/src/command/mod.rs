//! The commands: one function each, from a [`Call`] to its reply. No sockets, no clock, no globals.

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
        _ => Err(errors::INTERNAL),
    }
}
