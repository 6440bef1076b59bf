//! Errors in one line: what happened, why, and what to do.

use std::io::ErrorKind;
use std::process::ExitCode;

use ringtail::Error;
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, USAGE, fail};

use crate::PROGRAM;
use crate::args::DEFAULT_ADDR;
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
            Problem::new(error.to_string(), "use another client for it, such as redis-cli")
        }
    }
}

fn connect(kind: ErrorKind, text: &str, settings: &Settings) -> Problem {
    let has = |part: &str| text.contains(part);
    if kind == ErrorKind::ConnectionRefused && !has("the server says") {
        // Who names a server does not mean the pool of `make run`.
        let advice = match settings.options.addr() == DEFAULT_ADDR {
            true => "start the pool with `make run`, or name another server with --addr",
            false => "start that server, or name another one with --addr",
        };
        return Problem::new(format!("nothing listens at {}", settings.options.addr()), advice);
    }
    let cannot = format!("cannot connect to {}", without_advice(text));
    match &settings.trust {
        _ if has("DB index") => Problem::new(cannot, "give another database with --db"),
        _ if has("the server says") => Problem::new(cannot, "look at the server's log"),
        _ if kind == ErrorKind::InvalidInput => Problem::new(cannot, "give --addr HOST:PORT"),
        // A plaintext port answers in the clear, or with this alert.
        Some(_) if has("does not speak TLS") || has("UnexpectedMessage") => {
            Problem::new(cannot, "for a server without TLS add --plaintext")
        }
        Some(_) if has("certificate") || has("TLS") || has("CA") => Problem::new(cannot, tls_hint(text)),
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

/// What `net` advises is meant for every program; ours names the flags.
fn without_advice(text: &str) -> &str {
    let advice = [": give the file", ": connect "].into_iter().filter_map(|advice| text.find(advice)).min();
    &text[..advice.unwrap_or(text.len())]
}

fn tls_hint(text: &str) -> &'static str {
    let has_any = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has_any(&["client certificate", "our certificate"]) {
        "give --cert and --key of a certificate that the server's client CA signed"
    } else if has_any(&["not signed by"]) {
        "name the CA that signed it with --cacert"
    } else if has_any(&["is not for", "another name"]) {
        "give --addr a name that it is for"
    } else {
        "look at the server's certificate and log"
    }
}
