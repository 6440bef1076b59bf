//! `--acl-pass-through`: who a client is, the servers say, and what it may do, too.
//!
//! AUTH is asked of a server. Then the session moves, with nothing of it on its way, to a [`Worker`] of that user's own on the same
//! thread: lanes, dedicated connections and subscriber links that are authenticated as that user. So every rule of the servers
//! holds for whatever the client sends, and nothing else of the proxy knows of it.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ringtail_net::Secret;
use ringtail_protocol::acl::{DEFAULT_USER, Users};
use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Resp;
use ringtail_protocol::request::Args;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits;
use crate::worker::Worker;

/// A name and password that a server let in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: Box<[u8]>,
    pub(crate) password: Secret,
}

/// The users' workers of one thread.
pub(crate) struct Logins {
    guests: RefCell<Vec<Guest>>,
    made: Cell<usize>,
    most: Cell<usize>,
}

impl Default for Logins {
    fn default() -> Self {
        Self { guests: RefCell::default(), made: Cell::new(0), most: Cell::new(limits::PASSED_USERS) }
    }
}

struct Guest {
    worker: Rc<Worker>,
    /// Its own tasks, which end with it.
    _tasks: JoinSet<()>,
}

impl Guest {
    /// A user may have several passwords; who shows another has other connections, since either may be taken away.
    fn is_of(&self, login: &Login) -> bool {
        let own = self.worker.login.as_ref().filter(|own| own.user == login.user);
        own.is_some_and(|own| own.password.matches(login.password.expose()))
    }
}

/// What a session that has moved keeps of where it is.
pub(crate) struct Home(Rc<Worker>);

impl Home {
    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.0
    }

    fn new(worker: &Rc<Worker>) -> Self {
        worker.sessions.set(worker.sessions.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.0.sessions.set(self.0.sessions.get() - 1);
    }
}

/// What local users may do: what changes the proxy itself is for nobody, since no server says who may.
const RULES: &str = "on resetpass ~* &* +@all -config|set -config|resetstat -config|rewrite -client|kill -client|unblock -acl|log";

/// The users to begin with: a default one that has to log in.
pub(crate) fn users() -> Users {
    let mut users = Users::default();
    add(&mut users, DEFAULT_USER);
    users
}

fn add(users: &mut Users, name: &[u8]) {
    if let Err(error) = users.set(name, RULES.split(' ').map(str::as_bytes)) {
        tracing::error!("a user can't be made: {error}");
    }
}

/// Name and password of AUTH, or of HELLO's AUTH; `None` if there are none, or they are wrong in form.
pub(crate) fn credentials<'a>(id: CommandId, args: &Args<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let words: Vec<&[u8]> = args.iter().collect();
    match (id, &words[..]) {
        (CommandId::Auth, [_, password]) => Some((DEFAULT_USER, password)),
        (CommandId::Auth, [_, user, password]) => Some((user, password)),
        (CommandId::Hello, [_, _, options @ ..]) => {
            let at = options.iter().position(|word| word.eq_ignore_ascii_case(b"AUTH"))?;
            Some((options.get(at + 1)?, options.get(at + 2)?))
        }
        _ => None,
    }
}

/// Asks the servers whether they let this user in; then its worker.
pub(crate) async fn vouch(worker: &Rc<Worker>, login: Login) -> Result<Home, Error> {
    ask(worker, &login).await?;
    let access = &worker.shared.access;
    if access.users().get(&login.user).is_none() {
        access.change(|users| add(users, &login.user));
    }
    worker.logins.home(worker, login)
}

/// The first server that answers is right.
async fn ask(worker: &Rc<Worker>, login: &Login) -> Result<(), Error> {
    let mut why = "there is none".to_owned();
    for member in worker.members() {
        let opened = member.leader.open(&worker.shared, Some(login), Resp::V2);
        match timeout(worker.timeout(), opened).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error.to_string().contains("WRONGPASS") => return Err(errors::WRONG_PASSWORD),
            Ok(Err(error)) => why = format!("{}: {error}", member.label()),
            Err(_) => why = format!("{} does not answer", member.label()),
        }
    }
    Err(Error::new(format!("ERR no server could be asked who you are ({why}); a retry is safe")))
}

impl Logins {
    fn home(self: &Rc<Self>, worker: &Rc<Worker>, login: Login) -> Result<Home, Error> {
        let mut guests = self.guests.borrow_mut();
        if let Some(guest) = guests.iter().find(|guest| guest.is_of(&login)) {
            return Ok(Home::new(&guest.worker));
        }
        if guests.len() >= self.most.get() {
            let gone = guests.extract_if(.., |guest| guest.worker.sessions.get() == 0);
            gone.for_each(|guest| guest.worker.end());
        }
        if guests.len() >= self.most.get() {
            return Err(Error::fixed("ERR too many users at once for --acl-pass-through; try again later"));
        }
        self.made.set(self.made.get() + 1);
        let (worker, tasks) = worker.start_for(login, self.made.get());
        let home = Home::new(&worker);
        guests.push(Guest { worker, _tasks: tasks });
        Ok(home)
    }
}
