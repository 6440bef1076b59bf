//! Commands that can't be run by HTTP: those that leave something in the session, which many requests of different clients may share
//! one after the other, and those whose answers never end.

use ringtail_protocol::command::{Command, CommandId, Flags, Found, find};
use ringtail_protocol::number::parse_double;

use crate::limits;
use crate::problem::Problem;

/// Refuses what can't be run.
///
/// # Errors
/// Why not.
pub(crate) fn check(args: &[&[u8]]) -> Result<(), Problem> {
    if args.is_empty() {
        return Err(Problem::bad("a command is empty"));
    }
    let Found::Command(command) = find(args) else { return Ok(()) };
    if let Some(why) = why_not(command.executes()) {
        let name = command.full_name.to_uppercase().replace('|', " ");
        return Err(Problem::bad(format!("{name} can't be run by HTTP: {why}")));
    }
    match command.flags.contains(Flags::BLOCKING) || waits_for_copies(command) {
        true => check_wait(command, args),
        false => Ok(()),
    }
}

fn waits_for_copies(command: &Command) -> bool {
    matches!(command.id, CommandId::Wait | CommandId::Waitaof)
}

fn why_not(id: CommandId) -> Option<&'static str> {
    use CommandId as Id;
    Some(match id {
        Id::Subscribe
        | Id::Unsubscribe
        | Id::Psubscribe
        | Id::Punsubscribe
        | Id::Ssubscribe
        | Id::Sunsubscribe => "messages need a connection of Redis's protocol",
        Id::Monitor | Id::RingtailSync => "its answer never ends",
        Id::Multi | Id::Exec | Id::Discard => "send the transaction as one, to /multi-exec",
        Id::Watch | Id::Unwatch => "use If-Match with an ETag",
        Id::Auth | Id::Hello => "say who you are by the Authorization field",
        Id::Select => "there is only database 0 here",
        Id::Reset | Id::Quit => "connections are HTTP's to keep and to end",
        Id::ClientReply
        | Id::ClientTracking
        | Id::ClientCaching
        | Id::ClientSetname
        | Id::ClientSetinfo
        | Id::ClientNoEvict
        | Id::ClientNoTouch
        | Id::Readonly
        | Id::Readwrite => "it would be in force for whoever comes next on this connection",
        Id::RingtailLock
        | Id::RingtailTrylock
        | Id::RingtailExec
        | Id::RingtailRelease
        | Id::RingtailUnlock
        | Id::RingtailAck
        | Id::RingtailPeer
        | Id::RingtailPrimary
        | Id::RingtailVote => "it is for proxies and servers among themselves",
        _ => return None,
    })
}

/// A command that waits is to say for how long, and not for too long.
fn check_wait(command: &Command, args: &[&[u8]]) -> Result<(), Problem> {
    let (at, unit) = match command.executes() {
        CommandId::Blmpop | CommandId::Bzmpop => (1, 1.0),
        CommandId::Wait | CommandId::Waitaof => (args.len() - 1, 0.001),
        CommandId::Xread | CommandId::Xreadgroup => {
            // Without it, it doesn't wait. (A key of this name is behind STREAMS.)
            let options = args.iter().take_while(|word| !word.eq_ignore_ascii_case(b"STREAMS"));
            let Some(block) = options.enumerate().find(|(_, word)| word.eq_ignore_ascii_case(b"BLOCK"))
            else {
                return Ok(());
            };
            (block.0 + 1, 0.001)
        }
        _ => (args.len() - 1, 1.0),
    };
    // What is no number is refused by who runs it.
    let Some(time) = args.get(at).and_then(|time| parse_double(time)) else { return Ok(()) };
    let seconds = time * unit;
    if seconds <= 0.0 || seconds > limits::WAIT.as_secs_f64() {
        let most = limits::WAIT.as_secs();
        return Err(Problem::bad(format!("by HTTP a command waits for at most {most} s, and not for ever")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(line: &str) -> bool {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        check(&args).is_err()
    }

    #[test]
    fn what_outlives_the_request_is_refused() {
        for line in [
            "subscribe c",
            "MONITOR",
            "multi",
            "WATCH k",
            "AUTH pw",
            "HELLO 3",
            "SELECT 1",
            "QUIT",
            "RESET",
            "client reply off",
            "CLIENT TRACKING on",
            "client no-touch on",
            "CLIENT NO-EVICT on",
            "RINGTAIL LOCK 1 a",
            "EXEC",
        ] {
            assert!(is_refused(line), "{line}");
        }
        for line in ["GET k", "CLIENT LIST", "PUBLISH c m", "nonsense", "PUBSUB CHANNELS", "EVAL x 0"] {
            assert!(!is_refused(line), "{line}");
        }
        assert!(check(&[]).is_err());
    }

    #[test]
    fn waiting_is_bounded() {
        for line in [
            "BLPOP k 0",
            "BLPOP k 31",
            "BLMOVE a b LEFT LEFT 0",
            "BLMPOP 0 1 k LEFT",
            "XREAD BLOCK 0 STREAMS s $",
            "BLPOP k -1",
            "XREAD BLOCK 31000 STREAMS s $",
            "WAIT 1 0",
            "BLPOP k inf",
        ] {
            assert!(is_refused(line), "{line}");
        }
        for line in [
            "BLPOP k 30",
            "BLMPOP 0.5 1 k LEFT",
            "XREAD BLOCK 100 STREAMS s $",
            "XREAD STREAMS BLOCK 0",
            "BLPOP k x",
            "WAIT 1 100",
            "XREAD COUNT 1 STREAMS s 0",
        ] {
            assert!(!is_refused(line), "{line}");
        }
    }
}
