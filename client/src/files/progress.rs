//! How far a task is, for whoever looks at a terminal.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const OF_KNOWN_LENGTH: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const OF_UNKNOWN_LENGTH: &str = "{msg} {spinner} {bytes} {bytes_per_sec} {elapsed}";

/// A bar on stderr; nothing at all where that is no terminal.
#[derive(Clone)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// For so many bytes, if it is known how many.
    pub(super) fn new(what: &'static str, bytes: Option<u64>) -> Self {
        if !stderr().is_terminal() {
            return Self(None);
        }
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), OF_KNOWN_LENGTH),
            None => (ProgressBar::new_spinner(), OF_UNKNOWN_LENGTH),
        };
        bar.enable_steady_tick(Duration::from_millis(200));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(Some(bar.with_message(what)))
    }

    pub(super) fn set(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    /// Takes the bar away, before something else is printed.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
