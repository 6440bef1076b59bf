//! Who may do what: a session's user ([`Identity`]), and notes of what was refused to it.

use crate::command::client;
use crate::hub::Kind;
use crate::server::Server;
use crate::session::{Client, Gates, Session};
use ringtail_net::{Problem, Secret, limits, read_bounded};
use ringtail_protocol::acl::{Access, Context, DEFAULT_USER, Denied, Identity, Look, Origin, Reason, Users};
use ringtail_protocol::command::{Arguments, Command};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

/// The users that the options describe: those of a file or of a list, and the default user's password.
///
/// # Errors
/// They contradict each other, or a rule is wrong.
pub fn users_of(
    file: Option<&Path>,
    lines: Option<&[String]>,
    password: Option<&Secret>,
) -> Result<Users, Problem> {
    let file = file.map(|path| (path, read_bounded(path, limits::ACL_FILE)));
    let origin = Origin { file, lines, password: password.map(Secret::expose) };
    Users::begin(origin).map_err(|refused| Problem::new(refused.what, refused.hint))
}

/// The ACL file has changed: takes its users. Who is in it no more is disconnected, and who is subscribed to what it may not have now.
///
/// # Errors
/// The file can't be read, or a line is wrong: everything stays.
pub fn reload(server: &Server, path: &Path) -> Result<(), Problem> {
    let taken = server.access.reload(path, read_bounded(path, limits::ACL_FILE));
    if !taken.map_err(|why| Problem::new(why, "correct the ACL file"))? {
        return Ok(());
    }
    let user_of = |client: &Client| server.access.users().get(&client.user_name()).cloned();
    let clients = server.clients.list();
    clients.iter().filter(|client| user_of(client).is_none()).for_each(|client| client.kill());
    server.hub.each_subscription(|kind, channel, client| {
        let is_pattern = kind == Kind::Pattern;
        if user_of(client).is_some_and(|user| !user.may_use_channel(channel, is_pattern)) {
            client.kill();
        }
    });
    Ok(())
}

/// Notes what was refused to a session at `now`, for ACL LOG and INFO.
pub fn note<A: Arguments + ?Sized>(
    access: &Access,
    session: &Session,
    context: Context,
    denied: Denied,
    command: &Command,
    request: &A,
    now: u64,
) {
    let object = match denied.reason {
        Reason::Command => command.full_name.as_bytes(),
        _ => request.argument(denied.argument).unwrap_or_default(),
    };
    note_as(access, session, context, denied.reason, object, session.identity.user().name(), command, now);
}

/// Notes that a name and password were wrong; `given` is what AUTH or HELLO was called.
pub fn note_bad_login(
    access: &Access,
    session: &Session,
    context: Context,
    given: &[u8],
    user: &[u8],
    command: &Command,
    now: u64,
) {
    note_as(access, session, context, Reason::Auth, given, user, command, now);
}

#[expect(clippy::too_many_arguments, reason = "an entry has so many fields")]
fn note_as(
    access: &Access,
    session: &Session,
    context: Context,
    reason: Reason,
    object: &[u8],
    user: &[u8],
    command: &Command,
    now: u64,
) {
    session.client.command.store(command.id as u16, Relaxed);
    let line = client::line(&session.client, now);
    access.log().add(reason, context, object, user, line, now);
}

impl Client {
    /// The name of its user.
    pub fn user_name(&self) -> Box<[u8]> {
        self.names().user.as_ref().map_or(DEFAULT_USER.into(), |user| user.name().into())
    }
}

impl Session {
    /// Whether its user may run this request. For what is not asked before a command runs: at EXEC, and in scripts.
    ///
    /// # Errors
    /// What of it is not allowed; [`note`] is to be told.
    #[inline]
    pub fn may<A: Arguments + ?Sized>(&self, command: &Command, request: &A) -> Result<(), Denied> {
        match self.gates.contains(Gates::RESTRICTED) {
            true => self.identity.user().may(command, request),
            false => Ok(()),
        }
    }

    /// Where a command comes from that this client sends now.
    pub fn context(&self) -> Context {
        if self.gates.contains(Gates::MULTI) { Context::Multi } else { Context::Toplevel }
    }

    /// Becomes the user that this name and password let in, if they do.
    pub fn log_in(&mut self, access: &Access, name: &[u8], password: &[u8]) -> bool {
        let let_in = self.identity.log_in(access, name, password);
        if let_in {
            self.client.names().user = self.identity.named_user();
            self.note_identity();
        }
        let_in
    }

    /// Becomes the default user, as a client that just came.
    pub fn begin_as_default(&mut self, access: &Access) {
        self.identity = Identity::of_default(access);
        self.client.names().user = None;
        self.note_identity();
    }

    /// Its user is another, or may do something else.
    pub fn note_identity(&mut self) {
        self.set_authenticated(self.identity.is_authenticated());
        self.gates.set(Gates::RESTRICTED, !self.identity.user().is_unrestricted());
    }

    /// Looks again at its user if any has changed. One whose user is gone is to end.
    #[inline]
    pub fn look_at_users(&mut self, access: &Access) {
        match self.identity.look(access) {
            Look::Same => {}
            Look::Changed => self.note_identity(),
            Look::Gone => {
                self.set_authenticated(false);
                self.closing = true;
            }
        }
    }
}
