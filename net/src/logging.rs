//! Logs: one compact line an event, on stderr, so that stdout stays the program's own.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing::Level;

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what is suspect.
    Warn,
    /// And what an operator wants to have seen: starts, stops, changes.
    #[default]
    Info,
    /// And every connection's beginning and end.
    Debug,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Starts logging, panics included. Call once, after the configuration is read.
pub fn init(level: LogLevel) {
    let subscriber = tracing_subscriber::fmt()
        .compact()
        .with_max_level(Level::from(level))
        .with_target(false)
        .with_ansi(stderr_has_colours())
        .with_writer(std::io::stderr)
        .finish();
    // A second call (two programs in one test process) keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(log_panic));
}

/// One line, where the default hook would write several.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
    let text = panic.payload_as_str().unwrap_or("no text").replace('\n', " ");
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(thread, place, "panic: {text}");
    if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
        tracing::error!("{backtrace}");
    }
}

/// Colours only for a person's eyes: a terminal, and no NO_COLOR (no-color.org: any text but an empty one).
pub fn stderr_has_colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
