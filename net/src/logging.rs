//! Logs: one compact line an event, on stderr, so that stdout stays the program's own.

use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, registry, reload};

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

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

impl LogLevel {
    /// As it is written.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The level that is written so.
    pub fn named(text: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(text, true).ok()
    }
}

/// What is left out, so that it can be changed.
static FILTER: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts logging, panics included. Call once, after the configuration is read.
pub fn init(level: LogLevel) {
    let (filter, handle) = reload::Layer::new(LevelFilter::from(level));
    let lines = tracing_subscriber::fmt::layer()
        .compact()
        .with_target(false)
        .with_ansi(stderr_has_colours())
        .with_writer(std::io::stderr);
    // A second call (two programs in one test process) keeps the first.
    if registry().with(filter).with(lines).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
    std::panic::set_hook(Box::new(log_panic));
}

/// How much is logged now; `None` before [`init`].
pub fn level() -> Option<LogLevel> {
    let filter = FILTER.get()?.clone_current()?;
    LogLevel::value_variants().iter().copied().find(|level| LevelFilter::from(*level) == filter)
}

/// Logs more or less from now on. `false` before [`init`].
pub fn set_level(level: LogLevel) -> bool {
    FILTER.get().is_some_and(|filter| filter.reload(LevelFilter::from(level)).is_ok())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_can_be_changed() {
        init(LogLevel::Warn);
        assert_eq!(level(), Some(LogLevel::Warn));
        assert!(set_level(LogLevel::Error) && !tracing::enabled!(tracing::Level::WARN));
        assert_eq!(level().map(LogLevel::name).as_deref(), Some("error"));
        assert!(set_level(LogLevel::Info) && tracing::enabled!(tracing::Level::INFO));
        assert_eq!(LogLevel::named("Debug"), Some(LogLevel::Debug));
        assert_eq!(LogLevel::named("loud"), None);
    }
}
