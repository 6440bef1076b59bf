//! Names of keys for completion, asked of the server while a line is typed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as blocking;
use std::time::Duration;

use ringtail::Client;
use ringtail_protocol::command::{Arg, ArgKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::hint::{command_of, expected};
use crate::format::quote;
use crate::words::split;

/// How long whoever pressed Tab waits at most.
const WAIT: Duration = Duration::from_millis(200);
/// Keys that are offered.
const MOST: usize = 50;
/// Keys that the server looks at in one go.
const COUNT: &str = "1000";

/// The beginning of a key, and where its names go.
pub(super) struct Wanted {
    begun: String,
    names: blocking::SyncSender<Vec<String>>,
}

/// The editor's side.
#[derive(Clone)]
pub(super) struct Keys(mpsc::Sender<Wanted>);

impl Keys {
    /// Starts the other side, which asks by `client` unless it is bound to its connection by MULTI or WATCH.
    pub(super) fn start(client: Client, bound: Arc<AtomicBool>) -> Self {
        let (sender, mut wanted) = mpsc::channel::<Wanted>(1);
        tokio::spawn(async move {
            while let Some(Wanted { begun, names }) = wanted.recv().await {
                let found = match bound.load(Ordering::Acquire) || !client.is_connected() {
                    true => Vec::new(),
                    false => find(&client, &begun).await,
                };
                // Who asked may have stopped waiting.
                let _ = names.try_send(found);
            }
        });
        Self(sender)
    }

    /// Keys that may stand at the end of the line, as they must be typed.
    pub(super) fn complete(&self, line: &str) -> Vec<String> {
        let Some(begun) = begun_key(line) else { return Vec::new() };
        let (names, found) = blocking::sync_channel(1);
        if self.0.try_send(Wanted { begun: begun.to_owned(), names }).is_err() {
            return Vec::new();
        }
        found.recv_timeout(WAIT + WAIT / 2).unwrap_or_default()
    }
}

/// What is typed of a key, if a key may stand there and no quote is begun.
fn begun_key(line: &str) -> Option<&str> {
    let start = line.rfind([' ', '\t', '\n'])? + 1;
    let begun = &line[start..];
    let before = split(&line.as_bytes()[..start]).ok()?;
    let (command, args) = command_of(&before)?;
    let takes = expected(command.args, args).first().is_some_and(|next| is_key(next.arg()));
    (takes && !begun.contains(['"', '\'', '\\'])).then_some(begun)
}

fn is_key(arg: &Arg) -> bool {
    match arg.kind {
        ArgKind::Key => true,
        ArgKind::Block => arg.args.first().is_some_and(is_key),
        _ => false,
    }
}

/// What SCAN finds in time.
async fn find(client: &Client, begun: &str) -> Vec<String> {
    let deadline = Instant::now() + WAIT;
    let pattern = format!("{}*", escaped(begun));
    let mut cursor = "0".to_owned();
    let mut found = BTreeSet::new();
    loop {
        let page = client.cmd(["SCAN", &cursor, "MATCH", &pattern, "COUNT", COUNT]);
        let Ok(Ok(page)) = timeout_at(deadline, page).await else { break };
        let Some([next, names]) = page.as_array() else { break };
        let names = names.as_array().unwrap_or_default().iter().filter_map(|name| name.as_bytes());
        found.extend(names.map(typed));
        cursor = next.as_str().unwrap_or("0").to_owned();
        if cursor == "0" || found.len() >= MOST {
            break;
        }
    }
    found.into_iter().take(MOST).collect()
}

/// The text as a pattern that nothing but itself fits.
fn escaped(text: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// The key as it is typed: in quotes where it needs them.
fn typed(key: &[u8]) -> String {
    let plain =
        !key.is_empty() && key.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\'));
    let mut text = Vec::new();
    if plain {
        text.extend_from_slice(key);
    } else {
        quote(&mut text, key);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_offered_where_keys_stand() {
        for (line, want) in [
            ("get us", Some("us")),
            ("get ", Some("")),
            ("mget a b", Some("b")),
            ("mset a 1 b", Some("b")),
            ("set k v", None),
            ("get k x", None),
            ("get", None),
            ("nosuch k", None),
            ("get \"us", None),
            ("object encoding k", Some("k")),
        ] {
            assert_eq!(begun_key(line), want, "{line}");
        }
    }

    #[test]
    fn names_are_typed_so_that_they_mean_themselves() {
        assert_eq!([typed(b"user:1"), typed(b"a b"), typed(b"\xff")], ["user:1", "\"a b\"", "\"\\xff\""]);
        assert_eq!(escaped("a*[b]"), "a\\*\\[b\\]");
    }
}
