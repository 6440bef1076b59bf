//! Errors in one line: what happened, why, and what to do.

use std::io::ErrorKind;

use ringtail::Error;
use ringtail_net::Problem;

use crate::args::Settings;

/// The error and the remedy that fits these settings.
pub(crate) fn problem(error: &Error, settings: &Settings) -> Problem {
    let addr = settings.options.addr();
    match error {
        Error::Connect { kind, text } => connect(*kind, text, settings),
        Error::Auth(text) => Problem::new(
            format!("{addr} refuses the login: {text}"),
            "check --user and the password (--password-file, --ask-password or RINGTAIL_PASSWORD)",
        ),
        Error::Timeout { .. } => Problem::new(
            format!("{addr}: {error}"),
            "look whether the server is overloaded, or give --timeout more seconds",
        ),
        Error::Lost { .. } => Problem::new(format!("{addr}: {error}"), "look at the server's log"),
        Error::Options(text) => Problem::new(text.clone(), "give other flags"),
        Error::Reply(_) | Error::Unsupported(_) => Problem::new(error.to_string(), "see `help`"),
    }
}

fn connect(kind: ErrorKind, text: &str, settings: &Settings) -> Problem {
    let addr = settings.options.addr();
    if kind == ErrorKind::ConnectionRefused && !text.contains("the server says") {
        return Problem::new(
            format!("nothing listens at {addr}"),
            "start the pool with `make run`, or name another server with --addr",
        );
    }
    let text = format!("cannot connect to {text}");
    match &settings.trust {
        _ if text.contains("does not speak TLS") => {
            Problem::new(text, "for a server without TLS add --plaintext")
        }
        None if text.contains("speaks TLS") || kind == ErrorKind::UnexpectedEof => {
            Problem::new(text, "if it wants TLS, leave --plaintext away and name its CA with --cacert")
        }
        Some(trust) if text.contains("certificate") || text.contains("TLS") => {
            Problem::new(format!("{text} (verified by {trust})"), "name the CA that signed it with --cacert")
        }
        _ if kind == ErrorKind::TimedOut => Problem::new(
            text,
            "check the address and whether it speaks TLS (--plaintext if not), or give --timeout more seconds",
        ),
        _ => Problem::new(text, "check the address, or name another with --addr"),
    }
}
