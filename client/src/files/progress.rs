//! How far a task is, for whoever looks at a terminal.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const OF_KNOWN_LENGTH: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const OF_KEYS: &str = "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
const OF_SOME_KEYS: &str = "{msg} {spinner} {human_pos} {per_sec} {elapsed}";
const OF_UNKNOWN_LENGTH: &str = "{msg} {spinner} {bytes} {bytes_per_sec} {elapsed}";

/// A bar on stderr; nothing at all where that is no terminal.
#[derive(Clone)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// For so many bytes, if it is known how many.
    pub(crate) fn new(what: &'static str, bytes: Option<u64>) -> Self {
        Self::with(what, bytes, bytes.map_or(OF_UNKNOWN_LENGTH, |_| OF_KNOWN_LENGTH))
    }

    /// For so many keys, if it is known how many.
    pub(crate) fn of_keys(what: &'static str, keys: Option<u64>) -> Self {
        Self::with(what, keys, keys.map_or(OF_SOME_KEYS, |_| OF_KEYS))
    }

    fn with(what: &'static str, length: Option<u64>, template: &str) -> Self {
        if !stderr().is_terminal() {
            return Self(None);
        }
        let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        bar.enable_steady_tick(Duration::from_millis(200));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(Some(bar.with_message(what)))
    }

    pub(crate) fn set(&self, position: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(position);
        }
    }

    /// Takes the bar away while something is printed.
    pub(crate) fn hidden<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away, before something else is printed.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
