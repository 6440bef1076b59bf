//! Connections that are bound to the primary (RINGTAIL PRIMARY): what comes on them runs only while this server leads. When it leads no
//! more, what was not run is sent back as it came, and whoever is at the other end has it run by the new primary, in the same order.
//!
//! ```text
//! -NOTPRIMARY host:port n     in the place of the first answer that does not come; n bytes were taken since RINGTAIL PRIMARY
//! bytes                       all that came behind those n, and all that still comes
//! ```

use crate::execute::NOW_A_REPLICA;
use crate::server::Server;
use crate::session::wake::Turn;
use crate::transaction::MAX_QUEUED;
use ringtail_net::Stream;
use ringtail_protocol::command::{Command, CommandId, Flags, Group};
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::{Args, Batch};
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// How long who gets its requests back may take for a piece of them, and to close the connection afterwards.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that are sent back at once.
const PIECE: usize = 64 << 10;

/// Bytes of a transaction that may be kept to be sent back: far beyond what is run. Its connection is closed then.
const UNFINISHED_MOST: usize = if cfg!(test) { 1000 } else { MAX_QUEUED };

/// What is known of a bound connection.
#[derive(Debug, Default)]
pub struct Bound {
    /// Bytes of requests that were dealt with since it was bound.
    taken: u64,
    /// The last of them, of a transaction that has not been run yet.
    unfinished: Vec<u8>,
    /// It was bound by a request of the batch that runs.
    fresh: bool,
}

impl Bound {
    /// Of a connection whose present request binds it.
    pub fn new() -> Box<Self> {
        Box::new(Self { fresh: true, ..Self::default() })
    }

    /// The first `ran` requests of the batch, found in `bytes`, were dealt with: afterwards the session is in a transaction or not.
    pub fn dealt_with(&mut self, batch: &Batch, ran: usize, bytes: &[u8], in_transaction: bool) {
        let begin = if std::mem::take(&mut self.fresh) { behind_binding(batch, ran, bytes) } else { 0 };
        let end = batch.end_of(ran);
        self.taken += (end - begin) as u64;
        if !in_transaction {
            self.unfinished = Vec::new();
        } else if let Some(multi) = last(batch, ran, bytes, is_multi) {
            self.unfinished = bytes[batch.end_of(multi)..end].to_vec();
        } else {
            self.unfinished.extend_from_slice(&bytes[begin..end]);
        }
    }

    /// Whether its transaction is larger than any that would be run.
    pub fn is_too_large(&self) -> bool {
        self.unfinished.len() > UNFINISHED_MOST
    }

    /// What begins to go back: the line, and what was not run; `input` was not even taken.
    pub fn not_run(self, primary: &str, input: &[u8]) -> Vec<u8> {
        let run = self.taken - self.unfinished.len() as u64;
        let mut out = format!("-NOTPRIMARY {primary} {run}\r\n").into_bytes();
        out.extend_from_slice(&self.unfinished);
        out.extend_from_slice(input);
        out
    }
}

fn behind_binding(batch: &Batch, ran: usize, bytes: &[u8]) -> usize {
    last(batch, ran, bytes, is_binding).map_or(0, |at| batch.end_of(at + 1))
}

fn last(batch: &Batch, ran: usize, bytes: &[u8], is: impl Fn(&Args<'_>) -> bool) -> Option<usize> {
    batch.requests()[..ran].iter().rposition(|request| is(&batch.args(request, bytes)))
}

fn is_multi(args: &Args<'_>) -> bool {
    args[0].eq_ignore_ascii_case(b"multi")
}

fn is_binding(args: &Args<'_>) -> bool {
    args[0].eq_ignore_ascii_case(b"ringtail")
        && args.get(1).is_some_and(|sub| sub.eq_ignore_ascii_case(b"primary"))
}

/// Whether a server that does not lead runs it on a bound connection all the same: it is about the connection or the server.
pub fn runs_anywhere(command: &Command) -> bool {
    match command.group {
        Group::Connection => true,
        Group::Transactions => matches!(
            command.id,
            CommandId::RingtailAck
                | CommandId::RingtailPeer
                | CommandId::RingtailPrimary
                | CommandId::RingtailSnapshot
                | CommandId::RingtailSync
                | CommandId::RingtailVote
        ),
        _ => {
            command.flags.contains(Flags::LOADING)
                && command.key_specs.is_empty()
                && !command.flags.contains(Flags::MAY_REPLICATE)
        }
    }
}

/// What a bound connection is told by a server that does not lead.
pub fn not_primary(server: &Server) -> Error {
    Error::new(format!("NOTPRIMARY {} leads; nothing was done", leader(server)))
}

/// Ends what clients wait for at a server that leads no more: what comes to its keys comes to the primary's, and is taken there.
pub fn end_waiting(server: &Server) {
    let _turn = Turn::begin();
    for client in server.clients.list() {
        let Some(waiter) = client.waiter().clone() else { continue };
        let error = match client.is_bound() {
            true => not_primary(server),
            false if waiter.command.flags.contains(Flags::WRITE) => NOW_A_REPLICA,
            false => continue,
        };
        let mut reply = Vec::new();
        Reply::new(&mut reply, Resp::V2).error(&error);
        waiter.end(Some(reply));
    }
}

/// Who leads, as far as this server knows.
pub fn leader(server: &Server) -> String {
    server.replication.followed().as_ref().map_or_else(|| "?".to_owned(), |it| it.address.clone())
}

/// Sends back what was not run, and all that still comes, until the other end closes.
///
/// # Errors
/// The connection broke, or nobody takes what is sent.
pub async fn give_back(stream: &mut Stream, mut out: Vec<u8>) -> io::Result<()> {
    loop {
        within(stream.write_all(&out)).await?;
        out.clear();
        within(stream.readable()).await?;
        match stream.try_read(&mut out, PIECE) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn within(done: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(PATIENCE, done).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_protocol::command::{COMMANDS, Found, find};
    use ringtail_protocol::limits::RequestLimits;
    use ringtail_protocol::request::{OwnedRequest, Parser};

    fn batch(bytes: &mut [u8]) -> Batch {
        let mut batch = Batch::default();
        Parser::default().parse(bytes, RequestLimits::FULL, &mut batch);
        batch
    }

    fn said(bound: Bound) -> String {
        String::from_utf8(bound.not_run("a:1", b"")).unwrap()
    }

    fn one(words: &[&str]) -> String {
        let mut out = Vec::new();
        ringtail_protocol::reply::write_request(&mut out, words.iter().map(|word| word.as_bytes()));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_counted_begins_behind_the_binding() {
        let get = one(&["GET", "k"]);
        let mut bytes = [get.clone(), one(&["RINGTAIL", "primary"]), get.clone()].concat().into_bytes();
        let (mut bound, batch) = (*Bound::new(), batch(&mut bytes));
        bound.dealt_with(&batch, 3, &bytes, false);
        assert_eq!(said(bound), format!("-NOTPRIMARY a:1 {}\r\n", get.len()));
    }

    #[test]
    fn a_transaction_that_was_not_run_goes_back_from_its_multi_on() {
        let (get, multi, set) = (one(&["GET", "k"]), one(&["multi"]), one(&["SET", "k", "v"]));
        let mut first = [get.clone(), multi.clone(), set.clone()].concat().into_bytes();
        let mut bound = Bound::default();
        let of_first = batch(&mut first);
        bound.dealt_with(&of_first, 3, &first, true);
        let mut second = set.clone().into_bytes();
        let of_second = batch(&mut second);
        bound.dealt_with(&of_second, 1, &second, true);
        assert_eq!(said(bound), format!("-NOTPRIMARY a:1 {}\r\n{multi}{set}{set}", get.len()));
    }

    #[test]
    fn a_transaction_that_has_no_end_is_not_kept() {
        let set = one(&["SET", "k", &"v".repeat(100)]);
        let mut bound = Bound::default();
        let ran = (1..100).find(|_| {
            let mut bytes = set.clone().into_bytes();
            bound.dealt_with(&batch(&mut bytes), 1, &bytes, true);
            bound.is_too_large()
        });
        assert_eq!(ran, Some(UNFINISHED_MOST / set.len() + 1));
    }

    #[test]
    fn a_transaction_that_was_run_does_not_go_back() {
        let mut bytes = [one(&["MULTI"]), one(&["SET", "k", "v"]), one(&["EXEC"])].concat().into_bytes();
        let (mut bound, batch) = (Bound::default(), batch(&mut bytes));
        bound.dealt_with(&batch, 2, &bytes[..batch.end_of(2)], true);
        let length = bytes.len();
        bound.dealt_with(&self::batch(&mut one(&["EXEC"]).into_bytes()), 1, one(&["EXEC"]).as_bytes(), false);
        assert_eq!(said(bound), format!("-NOTPRIMARY a:1 {length}\r\n"));
    }

    #[test]
    fn what_is_about_keys_runs_at_the_primary_alone() {
        let anywhere = |line: &str| {
            let request = OwnedRequest::new(line.split(' ').map(str::as_bytes));
            match find(&request.args()) {
                Found::Command(command) => runs_anywhere(command),
                _ => panic!("{line} is no command"),
            }
        };
        for line in
            ["PING", "SELECT 1", "AUTH a", "HELLO 3", "CLIENT ID", "INFO", "CONFIG GET a", "RINGTAIL PRIMARY"]
        {
            assert!(anywhere(line), "{line}");
        }
        for line in [
            "GET k",
            "SET k v",
            "MULTI",
            "EXEC",
            "WATCH k",
            "DBSIZE",
            "SCAN 0",
            "FLUSHALL",
            "EVAL a 0",
            "PUBLISH a b",
        ] {
            assert!(!anywhere(line), "{line}");
        }
        assert!(
            COMMANDS
                .iter()
                .filter(|command| command.flags.contains(Flags::WRITE))
                .all(|it| !runs_anywhere(it))
        );
    }
}
