//! Errors in one line: what happened, why, and what to do.

use std::io::ErrorKind;
use std::process::ExitCode;

use ringtail::Error;
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, USAGE, fail};

use crate::PROGRAM;
use crate::args::Settings;

/// Prints the error, and returns the exit code that it means.
pub(crate) fn end(error: &Error, settings: &Settings) -> ExitCode {
    let code = if matches!(error, Error::Options { .. }) { USAGE } else { RUNTIME };
    fail(PROGRAM, code, &problem(error, settings))
}

/// The error and the remedy that fits these settings.
pub(crate) fn problem(error: &Error, settings: &Settings) -> Problem {
    let addr = settings.options.addr();
    match error {
        Error::Connect { kind, text } => connect(*kind, text, settings),
        Error::Auth(text) => Problem::new(
            format!("{addr} refuses the login ({text})"),
            "check --user and the password (--password-file, --ask-password or RINGTAIL_PASSWORD)",
        ),
        Error::Timeout { .. } => Problem::new(
            format!("{addr}: {error}"),
            "look whether the server is overloaded, or give --timeout more seconds",
        ),
        Error::Lost { .. } => Problem::new(format!("{addr}: {error}"), "look at the server's log"),
        Error::Options { text, hint } => Problem::new(text, hint),
        Error::Reply(_) | Error::Unsupported(_) => {
            Problem::new(error.to_string(), "use another client for it")
        }
    }
}

fn connect(kind: ErrorKind, text: &str, settings: &Settings) -> Problem {
    let has = |part: &str| text.contains(part);
    if kind == ErrorKind::ConnectionRefused && !has("the server says") {
        return Problem::new(
            format!("nothing listens at {}", settings.options.addr()),
            "start the pool with `make run`, or name another server with --addr",
        );
    }
    let cannot = format!("cannot connect to {text}");
    match &settings.trust {
        _ if has("DB index") => Problem::new(cannot, "give another database with --db"),
        _ if has("the server says") => Problem::new(cannot, "look at the server's log"),
        _ if kind == ErrorKind::InvalidInput => Problem::new(cannot, "give --addr HOST:PORT"),
        // A plaintext port answers in the clear, or with this alert.
        Some(_) if has("does not speak TLS") || has("UnexpectedMessage") => {
            Problem::new(cannot, "for a server without TLS add --plaintext")
        }
        Some(trust) if has("certificate") || has("TLS") || has("CA") => {
            Problem::new(format!("{cannot} (verified by {trust})"), certificate_hint(text))
        }
        None if has("speaks TLS")
            || kind == ErrorKind::UnexpectedEof
            || kind == ErrorKind::ConnectionReset =>
        {
            Problem::new(cannot, "if it wants TLS, leave --plaintext away and name its CA with --cacert")
        }
        _ if kind == ErrorKind::TimedOut => Problem::new(
            cannot,
            "check the address and whether it speaks TLS (--plaintext if not), or give --timeout more seconds",
        ),
        _ => Problem::new(cannot, "check the address, or name another with --addr"),
    }
}

fn certificate_hint(text: &str) -> &'static str {
    let about_ours = ["client certificate", "our certificate", "UnknownCA"];
    if about_ours.iter().any(|part| text.contains(part)) {
        "give --cert and --key that the server's client CA signed"
    } else {
        "name the CA that signed the server's certificate with --cacert"
    }
}
