//! Logs: one line an event, on stderr, so that stdout stays the program's own; for a person's eyes as compact text, for machines as JSON.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, OnceLock, PoisonError};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, registry, reload};

/// How much is logged.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what is suspect.
    #[value(alias = "warning")]
    #[serde(alias = "warning")]
    Warn,
    /// And what an operator wants to have seen: starts, stops, changes.
    #[default]
    #[value(alias = "notice")]
    #[serde(alias = "notice")]
    Info,
    /// And every connection's beginning and end.
    #[value(alias = "verbose")]
    #[serde(alias = "verbose")]
    Debug,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    fn is_json(self) -> bool {
        match self {
            Self::Auto => !io::stderr().is_terminal(),
            Self::Text => false,
            Self::Json => true,
        }
    }
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

    /// The level that is written so, or as Redis writes it.
    pub fn named(text: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(text, true).ok()
    }
}

/// What is left out, so that it can be changed.
static FILTER: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// The level to go back to from debug.
static USUAL: Mutex<Option<LogLevel>> = Mutex::new(None);

/// Starts logging, panics included. Call once, after the configuration is read.
pub fn init(level: LogLevel, format: LogFormat) {
    let (filter, handle) = reload::Layer::new(LevelFilter::from(level));
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(io::stderr);
    let lines = match format.is_json() {
        true => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        false => lines.compact().with_ansi(stderr_has_colours()).boxed(),
    };
    // A second call (two programs in one test process) keeps the first.
    if registry().with(filter).with(lines).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
    std::panic::set_hook(Box::new(log_panic));
}

/// From now on debug is logged too; or, if it is already, what was before. Says so in the log; the level from now on.
pub fn toggle_debug() -> Option<LogLevel> {
    let now = level()?;
    let mut usual = USUAL.lock().unwrap_or_else(PoisonError::into_inner);
    let next = match now {
        LogLevel::Debug => usual.take().unwrap_or_default(),
        now => {
            *usual = Some(now);
            LogLevel::Debug
        }
    };
    // While one of the two is in force that shows it.
    set_level(LogLevel::Info.max(next));
    tracing::info!("SIGUSR1: the log's level was {}, and is {}", now.name(), next.name());
    set_level(next).then_some(next)
}

/// Toggles at each SIGUSR1, which ends the process no more from now on. Runs for ever: spawn it.
///
/// # Errors
/// The handler could not be installed.
pub fn toggle_at_signals() -> io::Result<impl Future<Output = ()>> {
    let mut signals = signal(SignalKind::user_defined1())?;
    Ok(async move {
        while signals.recv().await.is_some() {
            toggle_debug();
        }
    })
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

/// The level's name, for CONFIG GET.
pub fn level_text() -> String {
    level().unwrap_or_default().name()
}

/// Logs as much from now on as the text says, for CONFIG SET.
///
/// # Errors
/// It is no level's name, or nothing is logged at all.
pub fn set_level_text(text: &str) -> Result<(), String> {
    let level = LogLevel::named(text).ok_or("argument must be 'error', 'warn', 'info' or 'debug'")?;
    if set_level(level) { Ok(()) } else { Err("nothing is logged".to_owned()) }
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
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_can_be_changed() {
        init(LogLevel::Warn, LogFormat::Auto);
        assert_eq!(level(), Some(LogLevel::Warn));
        assert!(set_level(LogLevel::Error) && !tracing::enabled!(tracing::Level::WARN));
        assert_eq!(level().map(LogLevel::name).as_deref(), Some("error"));
        assert_eq!(toggle_debug(), Some(LogLevel::Debug));
        assert!(tracing::enabled!(tracing::Level::DEBUG));
        assert_eq!((toggle_debug(), level()), (Some(LogLevel::Error), Some(LogLevel::Error)));
        assert!(set_level(LogLevel::Info) && tracing::enabled!(tracing::Level::INFO));
        assert_eq!(LogLevel::named("Debug"), Some(LogLevel::Debug));
        assert_eq!(LogLevel::named("notice"), Some(LogLevel::Info));
        assert_eq!(LogLevel::named("loud"), None);
    }
}
