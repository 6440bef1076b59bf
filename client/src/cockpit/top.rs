//! `ringtail top`: a live screen.

mod frame;
mod terminal;

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ringtail::{Client, Error, Value};
use ringtail_net::Problem;
use ringtail_net::units::Time;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::members::MemberFlags;
use super::sample::{Sample, Watcher};
use super::value::{field, number};
use super::{Context, interval_of, print};
use frame::{HotKey, Order, Size, View};
use terminal::Terminal;

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail top                       q or Ctrl-C ends it
  ringtail top --interval 5s
  ringtail top > now.txt             one picture, when stdout is no terminal

Keys: c members by commands, l by latency, m by memory, e by evictions, n by name; space holds the picture; q quits. Memory, hits and \
evictions of a pool are what its members say, so they must be reachable from here; with --member-tls and its like if they are spoken \
to in another way than the proxy. p50 and p99 of commands are of the time \
since the last picture (Redis before 7: since the start, or CONFIG RESETSTAT), to the next power of two; those of members since the start.

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

/// Hot keys that are asked for.
const HOT: &str = "40";
/// The longest wait for what the server says of itself, in the live picture. A proxy waits for its members first.
const PATIENCE: Duration = Duration::from_secs(10);
/// A look that takes so much longer than the interval is told in the picture.
const LATE: Duration = Duration::from_secs(2);
/// The size of the picture where there is no terminal.
const PLAIN: Size = Size { width: 120, height: 60 };

#[derive(Debug, Args)]
pub(crate) struct TopTool {
    /// How long to wait between two pictures, 100ms at least: 1s, 500ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval_of)]
    interval: Time,
    #[command(flatten)]
    members: MemberFlags,
}

pub(super) async fn run(tool: &TopTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let client = context.client().await?;
    let live = stdout().is_terminal();
    let client = if live { client.with_timeout(Some(PATIENCE)) } else { client };
    let watcher = Watcher::new(client.clone(), tool.members.options(context)?).with_latencies();
    let mut looker = Looker { client, watcher };
    let mut top = Top { context, order: Order::Name, held: false, silent: None, shown: None };
    let wait = tool.interval.0;
    let before = looker.look().await.map_err(|error| context.problem(&error))?;
    if live {
        top.live(looker, before, wait).await?
    } else {
        top.once(looker, before, wait).await?
    }
    Ok(ExitCode::SUCCESS)
}

/// What was seen: of the server and its pool, and the hot keys.
type Look = (Sample, Vec<HotKey>);

struct Looker {
    client: Client,
    watcher: Watcher,
}

struct Top<'c> {
    context: &'c Context<'c>,
    order: Order,
    held: bool,
    /// Why there is no new picture.
    silent: Option<String>,
    /// The last two looks, and the hot keys.
    shown: Option<(Sample, Sample, Vec<HotKey>)>,
}

#[derive(PartialEq, Eq)]
enum Next {
    Draw,
    Wait,
    Leave,
}

impl Looker {
    async fn look(&mut self) -> Result<Look, Error> {
        let seen = self.watcher.look().await?;
        Ok((seen, self.hot_keys().await))
    }

    /// What the proxy knows; nothing of other servers.
    async fn hot_keys(&self) -> Vec<HotKey> {
        let Ok(value) = self.client.cmd(["RINGTAIL", "HOTKEYS", "COUNT", HOT]).await else {
            return Vec::new();
        };
        let key = |found: &Value| HotKey {
            key: field(found, "key").and_then(Value::as_bytes).unwrap_or_default().to_vec(),
            rate: number(found, "requests-per-second"),
            writes: number(found, "writes-percent"),
        };
        value.as_array().unwrap_or_default().iter().map(key).collect()
    }

    /// Looks again and again, beside whoever draws: a server that does not answer must not keep keys and signals waiting.
    fn start(mut self, wait: Duration) -> Looks {
        let (sender, looks) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            // The first picture comes soon, with what little has happened until then.
            sleep(Duration::from_millis(100).min(wait)).await;
            let mut ticks = interval(wait);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if sender.send(self.look().await).await.is_err() {
                    return;
                }
            }
        });
        Looks { looks, task: task.abort_handle() }
    }
}

/// The looks of a task that ends with this.
struct Looks {
    looks: mpsc::Receiver<Result<Look, Error>>,
    task: AbortHandle,
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Top<'_> {
    async fn once(&mut self, mut looker: Looker, (before, _): Look, wait: Duration) -> Result<(), Problem> {
        sleep(wait).await;
        let (now, hot) = looker.look().await.map_err(|error| self.context.problem(&error))?;
        self.shown = Some((before, now, hot));
        print(self.lines(PLAIN, false).join("\n") + "\n")
    }

    async fn live(&mut self, looker: Looker, (before, hot): Look, wait: Duration) -> Result<(), Problem> {
        let mut terminal = Terminal::enter()?;
        let unavailable = |error: std::io::Error| Problem::new(error.to_string(), "free some descriptors");
        let mut ended = signal(SignalKind::terminate()).map_err(unavailable)?;
        let mut resized = signal(SignalKind::window_change()).map_err(unavailable)?;
        self.shown = Some((before.clone(), before, hot));
        let mut looks = looker.start(wait);
        let mut heard = Instant::now();
        loop {
            terminal.draw(&self.lines(terminal.size(), self.context.settings.style.colour))?;
            tokio::select! {
                Some(look) = looks.looks.recv() => {
                    heard = Instant::now();
                    self.take(look)?;
                }
                () = sleep(Duration::from_secs(1)) => if heard.elapsed() > wait + LATE {
                    self.silent = Some(format!("no answer for {} s", heard.elapsed().as_secs()));
                },
                key = terminal.key() => match key.map(|key| self.key(key)) {
                    Some(Next::Draw | Next::Wait) => {}
                    Some(Next::Leave) | None => return Ok(()),
                },
                _ = resized.recv() => {}
                _ = ended.recv() => return Ok(()),
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
        }
    }

    /// The next picture. What the server refuses ends it; what it does not answer may come again.
    fn take(&mut self, look: Result<Look, Error>) -> Result<(), Problem> {
        match look {
            Ok(_) if self.held => {}
            Ok((now, hot)) => {
                let before = self.shown.take().map_or_else(|| now.clone(), |(_, before, _)| before);
                (self.silent, self.shown) = (None, Some((before, now, hot)));
            }
            Err(error @ (Error::Timeout { .. } | Error::Lost { .. } | Error::Connect { .. })) => {
                self.silent = Some(error.to_string());
            }
            Err(error) => return Err(self.context.problem(&error)),
        }
        Ok(())
    }

    fn key(&mut self, key: u8) -> Next {
        let order = match key {
            b'q' | b'Q' | 3 => return Next::Leave,
            b' ' => {
                self.held = !self.held;
                return Next::Draw;
            }
            b'n' => Order::Name,
            b'c' => Order::Commands,
            b'l' => Order::Latency,
            b'm' => Order::Memory,
            b'e' => Order::Evictions,
            _ => return Next::Wait,
        };
        self.order = order;
        Next::Draw
    }

    fn lines(&self, size: Size, colour: bool) -> Vec<String> {
        let Some((before, now, hot)) = &self.shown else { return Vec::new() };
        let addr = self.context.addr();
        let (order, held, silent) = (self.order, self.held, self.silent.as_deref());
        View { addr, before, now, hot, order, held, silent, colour }.lines(size)
    }
}
