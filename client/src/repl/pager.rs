//! Replies that are longer than the screen go to a pager.

use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::process::{Command, Stdio};

use rustix::termios::tcgetwinsize;

/// What is run when PAGER is not set.
const PAGER: &str = "less -R";

/// Prints a reply, through the pager if it does not fit the screen.
pub(super) fn show(bytes: &[u8]) {
    let pager = pager(std::env::var("PAGER").ok());
    if let Some(pager) = pager.filter(|_| is_too_long(bytes))
        && page(&pager, bytes).is_ok_and(|worked| worked)
    {
        return;
    }
    super::print(bytes);
}

/// The pager's command line; `None` if none is wanted.
fn pager(variable: Option<String>) -> Option<String> {
    let pager = variable.unwrap_or_else(|| PAGER.into());
    (!matches!(pager.trim(), "" | "cat")).then_some(pager)
}

fn is_too_long(bytes: &[u8]) -> bool {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return false;
    }
    // A terminal that tells no size has no screen that could be full.
    let Ok(size) = tcgetwinsize(stdout()) else { return false };
    size.ws_row > 0 && rows(bytes, usize::from(size.ws_col)) >= usize::from(size.ws_row)
}

/// Rows of the screen that the text takes.
fn rows(bytes: &[u8], width: usize) -> usize {
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|&byte| byte == b'\n');
    let row = |line: &[u8]| String::from_utf8_lossy(line).chars().count().div_ceil(width.max(1)).max(1);
    lines.map(row).sum()
}

/// Whether the pager could be run. It reads keys itself until it is left.
fn page(pager: &str, bytes: &[u8]) -> io::Result<bool> {
    let mut child = Command::new("sh").args(["-c", pager]).stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // Who leaves it early has read enough.
        let _ = input.write_all(bytes);
    }
    // The shell says 127 when there is no such program, 126 when it can't be run.
    Ok(!matches!(child.wait()?.code(), Some(126 | 127)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_wrap_take_several_rows() {
        assert_eq!(rows(b"a\nb\n", 80), 2);
        assert_eq!(rows(b"\n\n", 80), 2);
        assert_eq!(rows(&[b'x'; 161], 80), 3);
        assert_eq!(rows(b"", 0), 1);
    }

    #[test]
    fn no_pager_can_be_asked_for() {
        assert_eq!(pager(None).as_deref(), Some("less -R"));
        assert_eq!(pager(Some("more".into())).as_deref(), Some("more"));
        assert_eq!((pager(Some(String::new())), pager(Some("cat".into()))), (None, None));
    }

    #[test]
    fn a_pager_that_is_not_there_is_noticed() {
        assert!(!page("no-such-pager-of-ringtail 2>/dev/null", b"x").unwrap());
        assert!(page("cat > /dev/null", b"x").unwrap());
    }
}
