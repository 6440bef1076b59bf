//! Requests as bytes, and what the client must know of them.

use ringtail_protocol::command::{Flags, Found, find};
use ringtail_protocol::reply::write_request;
use ringtail_protocol::value::Value;

use crate::error::Error;
use crate::options::Credentials;

/// One or more requests that are sent as one piece.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: usize,
    /// Some request may change something, so they must not be sent twice.
    writes: bool,
    /// What a success changes about the connection, by the request's index.
    effects: Vec<(usize, Effect)>,
}

/// What has to be done again on a new connection.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Select(u32),
    Auth(Credentials),
    Reset,
}

/// Commands whose answers do not come one for one and in order.
const OWN_CONNECTION: [&str; 9] = [
    "subscribe",
    "unsubscribe",
    "psubscribe",
    "punsubscribe",
    "ssubscribe",
    "sunsubscribe",
    "monitor",
    "sync",
    "psync",
];

impl Requests {
    /// Adds a request.
    ///
    /// # Errors
    /// It is empty, or does not fit a shared connection.
    pub(crate) fn push<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> Result<(), Error> {
        let args: Vec<A> = args.into_iter().collect();
        let Some(name) = args.first() else {
            return Err(Error::Unsupported("a request needs a command's name"));
        };
        if needs_own_connection(name.as_ref(), args.get(1).map(AsRef::as_ref)) {
            return Err(Error::Unsupported(
                "this command needs a connection of its own, which this client does not have",
            ));
        }
        write_request(&mut self.bytes, args.iter().map(AsRef::as_ref));
        self.writes |= !only_reads(&args);
        if let Some(effect) = Effect::of(&args) {
            self.effects.push((self.count, effect));
        }
        self.count += 1;
        Ok(())
    }

    /// Whether executing them twice is the same as once.
    pub(crate) fn only_read(&self) -> bool {
        !self.writes
    }

    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// What the success of request `index` changes.
    pub(crate) fn effect(&self, index: usize, answer: &Value) -> Option<&Effect> {
        let (_, effect) = self.effects.iter().find(|(at, _)| *at == index)?;
        matches!(answer, Value::Simple(text) if text == b"OK" || text == b"RESET").then_some(effect)
    }
}

fn needs_own_connection(name: &[u8], second: Option<&[u8]>) -> bool {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    let replies_stop = || is("client") && second.is_some_and(|word| word.eq_ignore_ascii_case(b"reply"));
    OWN_CONNECTION.iter().any(|wanted| is(wanted)) || replies_stop()
}

fn only_reads<A: AsRef<[u8]>>(args: &[A]) -> bool {
    matches!(find(args), Found::Command(command) if command.flags.contains(Flags::READONLY))
}

impl Effect {
    fn of<A: AsRef<[u8]>>(args: &[A]) -> Option<Self> {
        let arg = |i: usize| args.get(i).map(AsRef::as_ref);
        let name = arg(0)?;
        if name.eq_ignore_ascii_case(b"select") && args.len() == 2 {
            return std::str::from_utf8(arg(1)?).ok()?.parse().ok().map(Self::Select);
        }
        if name.eq_ignore_ascii_case(b"reset") {
            return Some(Self::Reset);
        }
        if !name.eq_ignore_ascii_case(b"auth") {
            return None;
        }
        match args.len() {
            2 => Some(Self::Auth(Credentials::new(None, arg(1)?))),
            3 => Some(Self::Auth(Credentials::new(arg(1), arg(2)?))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(args: &[&str]) -> Result<Requests, Error> {
        let mut requests = Requests::default();
        requests.push(args).map(|()| requests)
    }

    #[test]
    fn reads_are_known_from_the_table() {
        assert!(made(&["get", "k"]).unwrap().only_read());
        for write in [&["set", "k", "v"][..], &["incr", "k"], &["eval", "x", "0"], &["nosuch"]] {
            assert!(!made(write).unwrap().only_read(), "{write:?}");
        }
    }

    #[test]
    fn what_breaks_the_order_of_answers_is_refused() {
        for args in [&["SUBSCRIBE", "c"][..], &["monitor"], &["CLIENT", "reply", "off"], &[]] {
            assert!(matches!(made(args), Err(Error::Unsupported(_))), "{args:?}");
        }
        assert!(made(&["client", "list"]).is_ok());
    }

    #[test]
    fn only_success_has_an_effect() {
        let requests = made(&["select", "3"]).unwrap();
        assert!(matches!(requests.effect(0, &Value::Simple("OK".into())), Some(Effect::Select(3))));
        assert!(requests.effect(0, &Value::Error("ERR DB index is out of range".into())).is_none());
    }
}
